use super::*;

const WAIT: Duration = Duration::from_millis(250);

/// Plays a server that answers so many a second, looked at by everybody who comes: when it was first crowded, and how often it was in all.
fn play(rate: f64, mut arrivals: impl FnMut(f64, &Counted) -> f64, seconds: f64) -> (Option<f64>, usize) {
    let (mut crowd, start) = (Crowd::new(WAIT), Instant::now());
    let (mut counted, mut inside, mut first, mut looks) = (Counted::default(), 0.0_f64, None, 0);
    let (mut came, mut at) = (0.0, 0.0);
    while at < seconds {
        at += 0.001;
        inside = (inside - rate / 1_000.0).max(0.0);
        let more = arrivals(at, &counted);
        came += more;
        inside += more;
        counted.came = came as u64;
        let is_there = crowd.look(
            Counted {
                inside: inside as u64,
                ..counted
            },
            inside / rate > 0.025,
            start + Duration::from_secs_f64(at),
        );
        if is_there {
            first.get_or_insert(at);
            looks += 1;
            // Nobody waits for longer than 25 ms.
            let most = rate * 0.025;
            if inside > most {
                counted.refused += (inside - most) as u64;
                inside = most;
            }
        }
    }
    (first, looks)
}

#[test]
fn ten_times_too_many_are_seen_within_moments() {
    let (first, looks) = play(450.0, |_, _| 4.5, 5.0);

    assert!(first.is_some_and(|at| at < 0.4), "{first:?}");
    assert!(looks > 4_500, "and all the time: {looks}");
}

#[test]
fn a_few_too_many_are_seen_by_and_by() {
    let (first, _) = play(1_000.0, |_, _| 1.06, 5.0);

    assert!(first.is_some_and(|at| at < 1.5), "{first:?}");
}

#[test]
fn as_many_as_can_be_answered_are_not_too_many() {
    assert_eq!(play(450.0, |_, _| 0.449, 20.0), (None, 0));
}

#[test]
fn clients_that_ask_again_when_they_are_answered_are_not_too_many_however_long_they_wait() {
    // All at once, and one after the other for half a second.
    for ramp in [0.001, 0.5] {
        let (clients, rate) = (100.0, 450.0);
        let arrivals = |at: f64, _: &Counted| match at <= ramp {
            true => clients / (ramp * 1_000.0),
            false => rate / 1_000.0,
        };
        let (first, _) = play(rate, arrivals, 10.0);
        // Whoever comes one after the other cannot be told from a crowd while the last have not come.
        assert!(first.is_none() || ramp > 0.1, "{ramp}: {first:?}");
    }
}

#[test]
fn a_burst_is_no_crowd() {
    let arrivals = |at: f64, _: &Counted| match at % 1.0 < 0.02 {
        true => 4.0,
        false => 0.1,
    };

    assert_eq!(play(450.0, arrivals, 20.0), (None, 0));
}

#[test]
fn a_crowd_that_is_gone_is_forgotten() {
    let (first, looks) = play(450.0, |at, _| if at < 2.0 { 2.0 } else { 0.2 }, 10.0);

    assert!(first.is_some());
    assert!(looks < 2_600, "{looks}");
}
