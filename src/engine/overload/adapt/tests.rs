//! The limit over sources that are played: so many calls at once, each so long, the rest wait.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::*;

/// A server with one plan over one source, in time of its own.
struct Played {
    adapt: Adapt,
    usual: AtomicU32,
    now: Instant,
    /// When each lane of the source is free.
    lanes: BinaryHeap<Reverse<Instant>>,
    service: Duration,
    /// End and beginning of what is under way.
    under_way: BinaryHeap<Reverse<(Instant, Instant)>>,
    random: u32,
}

/// What became of the requests of some seconds.
#[derive(Debug, Default)]
struct Seen {
    answered: usize,
    refused: usize,
    took: Vec<Duration>,
}

// === impl Played ===

impl Played {
    fn new(lanes: usize, service_ms: u64) -> Self {
        let adapt = Adapt::new(None);
        let now = adapt.born;
        Self {
            adapt,
            usual: AtomicU32::new(0),
            now,
            lanes: (0..lanes).map(|_| Reverse(now)).collect(),
            service: Duration::from_millis(service_ms),
            under_way: BinaryHeap::new(),
            random: 1,
        }
    }

    /// Requests at this rate for so many seconds.
    fn run(&mut self, rate: u32, seconds: u32) -> Seen {
        let mut seen = Seen::default();
        for _ in 0..rate * seconds {
            self.now += Duration::from_secs(1) / rate;
            self.end_those_done(&mut seen);
            if self.under_way.len() >= self.adapt.limit() {
                seen.refused += 1;
                continue;
            }
            let Reverse(free) = self.lanes.pop().expect("a source has lanes");
            let end = free.max(self.now) + self.service.mul_f64(self.jitter());
            self.lanes.push(Reverse(end));
            self.under_way.push(Reverse((end, self.now)));
        }
        seen
    }

    fn end_those_done(&mut self, seen: &mut Seen) {
        while let Some(Reverse((end, begun))) = self.under_way.peek().copied().filter(|next| next.0.0 <= self.now) {
            let sample = Sample {
                took: end - begun,
                in_flight: self.under_way.len(),
                usual: &self.usual,
                is_whole: true,
            };
            self.adapt.record(&sample, end);
            self.under_way.pop();
            seen.answered += 1;
            seen.took.push(end - begun);
        }
    }

    /// Between 0.7 and 1.3, always the same row.
    fn jitter(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        0.7 + 0.6 * f64::from(self.random) / f64::from(u32::MAX)
    }
}

// === impl Seen ===

impl Seen {
    fn p99(&mut self) -> Duration {
        self.took.sort();
        self.took[self.took.len() * 99 / 100]
    }
}

#[test]
fn far_more_than_a_source_can_do_is_held_where_it_is_busy_and_not_crowded() {
    for factor in [2, 10, 20] {
        // 16 at once for 20 ms: 800 a second.
        let mut played = Played::new(16, 20);
        let calm = played.run(400, 3);
        assert_eq!(calm.refused, 0);

        played.run(800 * factor, 4);
        let mut seen = played.run(800 * factor, 10);

        assert!(seen.answered >= 7_600, "{factor}: {} answers", seen.answered);
        assert!(seen.p99() <= Duration::from_millis(60), "{factor}: {:?}", seen.p99());
    }
}

#[test]
fn a_start_in_the_middle_of_it_comes_to_the_same() {
    let mut played = Played::new(16, 20);

    played.run(8_000, 20);
    let mut seen = played.run(8_000, 10);

    assert!(seen.answered >= 7_200, "{} answers", seen.answered);
    assert!(seen.p99() <= Duration::from_millis(80), "{:?}", seen.p99());
}

#[test]
fn a_source_that_has_become_slower_gets_the_places_that_it_needs_now() {
    let mut played = Played::new(100_000, 50);
    let before = played.run(2_000, 5);
    assert_eq!(before.refused, 0);

    played.service = Duration::from_millis(400);
    played.run(2_000, 10);
    let after = played.run(2_000, 5);

    assert_eq!(after.refused, 0, "{} places", played.adapt.limit());
}

#[test]
fn one_that_can_do_more_again_is_asked_for_more() {
    let mut played = Played::new(16, 20);
    played.run(400, 3);
    played.run(8_000, 10);
    let narrow = played.adapt.limit();

    let now = played.now;
    played.lanes.extend((0..84).map(|_| Reverse(now)));
    played.run(8_000, 5);
    let seen = played.run(8_000, 5);

    assert!(narrow < 40, "{narrow}");
    // 100 at once: 5,000 a second.
    assert!(seen.answered >= 23_000, "{} answers", seen.answered);
}

#[test]
fn where_there_is_room_nothing_is_cut_however_slow_it_is() {
    let mut played = Played::new(100_000, 10);
    played.run(1_000, 3);

    played.service = Duration::from_millis(100);
    let seen = played.run(1_000, 10);

    assert_eq!((seen.refused, played.adapt.limit()), (0, BEGIN));
}

#[test]
fn a_source_that_can_do_little_is_not_crowded_either() {
    // Four at once for 8 ms: 500 a second.
    let mut played = Played::new(4, 8);
    played.run(400, 5);

    played.run(5_000, 5);
    let mut seen = played.run(5_000, 60);

    assert!(seen.answered >= 28_500, "{} answers", seen.answered);
    assert!(seen.p99() <= Duration::from_millis(24), "{:?}", seen.p99());
}

#[test]
fn where_the_limit_is_least_it_is_found_out_that_a_source_is_slow_for_another_reason() {
    let mut played = Played::new(4, 8);
    played.run(400, 5);
    played.run(5_000, 5);
    assert!(played.adapt.limit() <= LEAST * 2, "{}", played.adapt.limit());

    let now = played.now;
    played.lanes.extend((0..10_000).map(|_| Reverse(now)));
    played.service = Duration::from_millis(60);
    played.run(2_000, 60);
    let seen = played.run(2_000, 5);

    assert_eq!(seen.refused, 0, "{} places", played.adapt.limit());
}
