use super::{Fault, HeadReader, Progress};

fn read_whole(head: &str) -> Progress {
    HeadReader::default().read(head.as_bytes(), true)
}

fn read_bytewise(head: &str) -> Progress {
    let mut reader = HeadReader::default();
    head.bytes()
        .map(|byte| reader.read(&[byte], true))
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
fn heads_behind_one_another_are_each_looked_at() {
    let good = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n\n\n\n";
    let bad = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n";
    let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    for heads in [
        format!("{good}{bad}"),
        format!("{get}{bad}{get}"),
        format!("{get}{good}{get}{bad}"),
    ] {
        assert_eq!(
            read_whole(&heads),
            Progress::Complete(Some(Fault::TwoLengths)),
            "{heads:?}"
        );
        let mut reader = HeadReader::default();
        let faults: Vec<_> = heads.bytes().map(|byte| reader.read(&[byte], false)).collect();
        assert!(
            faults.contains(&Progress::Complete(Some(Fault::TwoLengths))),
            "{heads:?}"
        );
    }
    assert_eq!(read_whole(&format!("{good}{get}{good}")), Progress::Complete(None));
}

#[test]
fn a_body_in_chunks_is_passed_over_until_its_request_is_over() {
    let mut reader = HeadReader::default();
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\n\n\r\n";
    assert_eq!(reader.read(head.as_bytes(), true), Progress::Complete(None));
    assert_eq!(reader.read(b"1\r\n\n\r\n0\r\n\r\n", false), Progress::Partial);
    assert!(!reader.is_in_head());

    let next = "GET / HTTP/1.1\r\nhost: a\n\r\n";
    assert_eq!(
        reader.read(next.as_bytes(), true),
        Progress::Complete(Some(Fault::BareLineFeed))
    );
}
