//! Whose bucket a request takes from: the user's, the program's, or the address's.

use std::{
    hash::{BuildHasher as _, Hasher as _},
    net::IpAddr,
};

use sha2::{Digest as _, Sha256};

use crate::identity::{Caller, network};

/// A client, told apart from all others. It says nothing about them: a hash with a salt of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(pub(super) u128);

/// What makes keys unpredictable outside.
#[derive(Debug)]
pub(super) struct Salt([u8; 16]);

// === impl Salt ===

impl Salt {
    pub(super) fn new() -> Self {
        let random = || std::hash::RandomState::new().build_hasher().finish();
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&random().to_le_bytes());
        salt[8..].copy_from_slice(&random().to_le_bytes());
        Self(salt)
    }

    /// The token's subject, else the API key, else the address: for IPv6 the first 64 bits of it, since who has one has all beside it.
    pub(super) fn key(&self, caller: &Caller, address: Option<IpAddr>) -> ClientKey {
        let mut hash = Sha256::new_with_prefix(self.0);
        let mut account = Vec::new();
        if caller.write_account(&mut account) {
            hash.update([1]);
            hash.update(account);
        } else {
            hash.update([0]);
            match address.map(network) {
                Some(IpAddr::V4(address)) => hash.update(address.octets()),
                Some(IpAddr::V6(address)) => hash.update(address.octets()),
                None => {}
            }
        }
        let digest = hash.finalize();
        let (half, _) = digest.split_at(16);
        ClientKey(half.iter().fold(0, |key, byte| key << 8 | u128::from(*byte)))
    }
}
