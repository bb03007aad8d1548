//! Metadata as it goes and comes: text, or bytes in base64.

use http::{HeaderName, HeaderValue};
use switchboard_clients::grpc::metadata::{MetadataError, incoming, outgoing};

fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

fn sent(of: &'static str, value: &[u8]) -> Result<String, MetadataError> {
    let value = HeaderValue::from_bytes(value).unwrap();
    outgoing(&name(of), &value).map(|value| value.to_str().unwrap().to_owned())
}

fn received(of: &'static str, value: &[u8]) -> Vec<String> {
    incoming(&name(of), &HeaderValue::from_bytes(value).unwrap()).collect()
}

#[test]
fn bytes_are_taken_in_either_alphabet_padded_or_not_and_sent_without_padding() {
    for text in ["+/8=", "+/8", "-_8=", "-_8"] {
        assert_eq!(sent("x-bin", text.as_bytes()).unwrap(), "+/8", "{text}");
    }
    assert_eq!(sent("x-bin", b"").unwrap(), "");
    for text in ["a", "a b=", "+_8=", "AQI=,AQI="] {
        assert_eq!(sent("x-bin", text.as_bytes()), Err(MetadataError::NotBase64), "{text}");
    }
}

#[test]
fn text_is_ascii() {
    assert_eq!(sent("x-user", b"a, b=~").unwrap(), "a, b=~");
    assert_eq!(sent("x-user", "é".as_bytes()), Err(MetadataError::NotAscii));
    assert_eq!(sent("x-user", b"a\tb"), Err(MetadataError::NotAscii));
}

#[test]
fn received_bytes_are_padded_and_taken_apart_where_they_were_joined() {
    assert_eq!(received("x-bin", b"+/8,AQI=, AQ"), ["+/8=", "AQI=", "AQ=="]);
    assert_eq!(received("x-bin", b"not base64!"), ["not base64!"]);
    assert_eq!(received("x-list", b"a,b"), ["a,b"]);
}
