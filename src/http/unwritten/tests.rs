use super::*;

fn unwritten(limit: usize) -> Arc<Unwritten> {
    Unwritten::new(limit, Gauge::default())
}

#[test]
fn an_answer_is_counted_once_until_its_last_client_has_it() {
    let unwritten = unwritten(200_000);
    let answer = Bytes::from(vec![b'x'; 100_000]);

    let counted = [unwritten.count(answer.clone()), unwritten.count(answer.clone())];
    assert_eq!(counted[0], answer);
    assert!(unwritten.has_room(100_000));
    assert!(!unwritten.has_room(100_001));
    assert!(unwritten.has_room(COUNTED_BYTES_MIN - 1), "small ones are not counted");

    let [first, second] = counted;
    let piece = first.slice(..10);
    drop((first, second));
    assert!(!unwritten.has_room(200_000), "a piece holds all of it");
    drop(piece);
    assert!(unwritten.has_room(200_000));
    assert_eq!(unwritten.gauge.get(), 0);
}

#[test]
fn without_a_limit_there_is_always_room() {
    let unwritten = unwritten(0);
    let _counted = unwritten.count(Bytes::from(vec![b'x'; 100_000]));
    assert!(unwritten.has_room(usize::MAX));
    assert_eq!(unwritten.gauge.get(), 100_000);
}
