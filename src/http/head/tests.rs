use super::{Fault, HeadReader, Progress};

fn read_whole(head: &str) -> Progress {
    HeadReader::default().read(head.as_bytes())
}

fn read_bytewise(head: &str) -> Progress {
    let mut reader = HeadReader::default();
    head.bytes()
        .map(|byte| reader.read(&[byte]))
        .find(|progress| *progress != Progress::Partial)
        .unwrap_or(Progress::Partial)
}

#[test]
fn a_head_reads_the_same_whole_or_byte_by_byte() {
    let heads = [
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n",
            Progress::Complete(None),
        ),
        ("\r\nGET / HTTP/1.0\r\n\r\n", Progress::Complete(None)),
        ("GET / HTTP/1.1\r\nhost: a\r\n", Progress::Partial),
        (
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            Progress::Complete(Some(Fault::BareLineFeed)),
        ),
        (
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            Progress::Complete(Some(Fault::BareLineFeed)),
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n",
            Progress::Complete(Some(Fault::TwoLengths)),
        ),
        (
            "POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\nContent-Length: 2\r\n\r\n",
            Progress::Complete(Some(Fault::TwoLengths)),
        ),
        (
            "POST / HTTP/1.1\r\ncontent-length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            Progress::Complete(Some(Fault::TwoLengths)),
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\nx-content-length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            Progress::Complete(None),
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            Progress::Complete(Some(Fault::Coding)),
        ),
        ("GET / HTTP/1.1\r\n\r\n", Progress::Complete(Some(Fault::Host))),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
            Progress::Complete(Some(Fault::Host)),
        ),
        (
            "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n",
            Progress::Complete(Some(Fault::Host)),
        ),
        (
            "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n",
            Progress::Complete(Some(Fault::Host)),
        ),
        (
            "GET / HTTP/1.1\r\nhost: u@a\r\n\r\n",
            Progress::Complete(Some(Fault::Host)),
        ),
        ("GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n", Progress::Complete(None)),
        // What has no name to be called by says so.
        ("GET / HTTP/1.1\r\nhost:\r\n\r\n", Progress::Complete(None)),
    ];

    for (head, expected) in heads {
        assert_eq!(read_whole(head), expected, "{head:?}");
        assert_eq!(read_bytewise(head), expected, "{head:?}");
    }
}

#[test]
fn the_body_is_not_read_as_head() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 40\r\n\r\n\ncontent-length: 1\n\n";

    assert_eq!(read_whole(head), Progress::Complete(None));
}

#[test]
fn the_preface_of_http2_is_told_apart() {
    assert_eq!(read_whole("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Progress::Http2);
    assert_eq!(read_bytewise("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Progress::Http2);
}
