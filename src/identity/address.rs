//! Whom an address belongs to.

use std::net::{IpAddr, Ipv6Addr};

/// The network that counts as one client: who has one address of IPv6 has the 2^64 beside it. One of IPv4 that is written as IPv6 is what it is.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}
