use bytes::BytesMut;

use super::{Framing, Head, take_chunk_size};

fn head(text: &str) -> Result<Option<Head>, String> {
    Head::take(&mut BytesMut::from(text)).map_err(|broken| format!("{broken:?}"))
}

fn framing(headers: &str) -> (Framing, bool) {
    let head = head(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).unwrap().unwrap();
    (head.framing, head.keeps_alive)
}

#[test]
fn a_body_ends_where_its_head_says() {
    assert_eq!(framing("content-length: 12\r\n"), (Framing::Length(12), true));
    assert_eq!(
        framing("content-length: 7\r\nContent-Length: 7\r\n"),
        (Framing::Length(7), true)
    );
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), (Framing::Chunked, true));
    assert_eq!(framing(""), (Framing::Close, false));
}

#[test]
fn a_connection_is_kept_only_where_both_sides_agree_on_its_state() {
    assert!(!framing("content-length: 1\r\nconnection: x, Close\r\n").1);
    assert!(!framing("content-length: 1\r\ntransfer-encoding: chunked\r\n").1);
    let old = |headers: &str| {
        head(&format!("HTTP/1.0 200 OK\r\n{headers}\r\n"))
            .unwrap()
            .unwrap()
            .keeps_alive
    };
    assert!(!old("content-length: 1\r\n"));
    assert!(old("content-length: 1\r\nconnection: keep-alive\r\n"));
}

#[test]
fn a_head_that_says_two_things_of_its_body_is_refused() {
    for headers in [
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: 1, 2\r\n",
        "content-length: +1\r\n",
        "content-length: -1\r\n",
        "content-length: 0x1\r\n",
        "content-length: \r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\n",
        "a: b\r\n c\r\n",
        "no colon\r\n",
    ] {
        let outcome = head(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n"));
        assert!(outcome.is_err(), "{headers:?}: {outcome:?}");
    }
}

#[test]
fn statuses_without_a_body_have_none_whatever_they_say() {
    for status in [204, 304] {
        let head = head(&format!("HTTP/1.1 {status} X\r\ncontent-length: 5\r\n\r\n"))
            .unwrap()
            .unwrap();
        assert_eq!(head.framing, Framing::Length(0));
    }
}

#[test]
fn half_a_head_is_waited_for_and_what_follows_one_is_left() {
    let mut buffer = BytesMut::from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r");
    assert!(Head::take(&mut buffer).unwrap().is_none());
    buffer.extend_from_slice(b"\nab");
    let head = Head::take(&mut buffer).unwrap().unwrap();
    assert_eq!(head.headers["content-length"], "2");
    assert_eq!(buffer, "ab");
}

#[test]
fn sizes_of_chunks_are_hexadecimal_numbers_that_end_soon() {
    let take = |text: &str| take_chunk_size(&mut BytesMut::from(text)).map_err(|broken| format!("{broken:?}"));
    assert_eq!(take("1a;x=y\r\n"), Ok(Some(26)));
    assert_eq!(take("1a"), Ok(None));
    assert!(take("x\r\n").is_err());
    assert!(take("11111111111111111\r\n").is_err());
    assert!(take(&format!("1;{}", "x".repeat(5000))).is_err());
}
