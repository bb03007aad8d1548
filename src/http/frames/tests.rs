use super::*;

fn frame(kind: u8, length: u8) -> Vec<u8> {
    [&[0, 0, length, kind, 0, 0, 0, 0, 1][..], &vec![kind; length.into()]].concat()
}

#[test]
fn all_but_bodies_is_counted_however_it_comes() {
    let bytes = [
        &PREFACE[..],
        &frame(4, 0),
        &frame(1, 200),
        &frame(DATA, 255),
        &frame(DATA, 0),
        &frame(6, 8),
    ]
    .concat();
    let expected = (5 * HEADER + 200 + 8) as u64;

    for size in [1, 2, 7, 9, 10, 64, bytes.len()] {
        let mut reader = FrameReader::default();
        let counted: u64 = bytes.chunks(size).map(|piece| reader.read(piece)).sum();
        assert_eq!(counted, expected, "in pieces of {size}");
    }
}
