//! Where a request came from: the connection's address, or what our own proxies say of it.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address. Each proxy appends whom it got the request from, so with `proxies` of our own the entry that many from the right is the last that one
/// of them has written; what is left of it anybody may have. Nothing else that a client may send is looked at.
pub(super) fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    if proxies == 0 {
        return peer;
    }
    let lines = headers.get_all(X_FORWARDED_FOR).iter().map(|line| line.as_bytes());
    let entries: Vec<&[u8]> = lines.flat_map(|line| line.split(|byte| *byte == b',')).collect();
    // Fewer than there are proxies: it came in behind the first of them.
    let entry = entries.len().checked_sub(proxies.min(entries.len()))?;
    entries.get(entry).and_then(|entry| address(entry)).or(peer)
}

/// An address as proxies write it: with or without a port, IPv6 in brackets or not.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry.trim_ascii()).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok()
}

#[cfg(test)]
mod tests;
