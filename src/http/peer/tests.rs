use http::{HeaderMap, HeaderValue};

use super::*;

/// The address that lines of `X-Forwarded-For` lead to.
fn seen(lines: &[&str], proxies: usize) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).expect("a value"));
    }
    let peer = Some(IpAddr::from([10, 0, 0, 1]));
    client_address(peer, &headers, proxies).map_or_else(String::new, |address| address.to_string())
}

#[test]
fn without_proxies_only_the_connection_counts() {
    assert_eq!(seen(&["1.1.1.1"], 0), "10.0.0.1");
    assert_eq!(seen(&[], 0), "10.0.0.1");
}

#[test]
fn with_proxies_the_entry_counts_that_the_outermost_of_them_wrote() {
    assert_eq!(seen(&["6.6.6.6, 1.1.1.1"], 1), "1.1.1.1");
    assert_eq!(seen(&["6.6.6.6, 7.7.7.7", "1.1.1.1,2.2.2.2"], 2), "1.1.1.1");
    assert_eq!(seen(&["2.2.2.2"], 2), "2.2.2.2", "it came in behind the first");
    assert_eq!(seen(&[], 2), "10.0.0.1", "it came in behind both");
}

#[test]
fn entries_may_have_ports_and_what_is_no_address_is_not_believed() {
    assert_eq!(seen(&["1.1.1.1:4711"], 1), "1.1.1.1");
    assert_eq!(seen(&["[2001:db8::1]:443"], 1), "2001:db8::1");
    assert_eq!(seen(&["[2001:db8::1]"], 1), "2001:db8::1");
    assert_eq!(seen(&[" 2001:db8::1 "], 1), "2001:db8::1");
    for odd in ["unknown", "", "1.1.1", "1.1.1.1, _hidden", "\"1.1.1.1\""] {
        assert_eq!(seen(&[odd], 1), "10.0.0.1", "{odd:?}");
    }
}
