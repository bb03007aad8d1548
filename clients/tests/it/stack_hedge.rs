//! A second try beside a slow first; and a limit on calls in flight that follows the source.

use std::{sync::Arc, time::Duration};

use switchboard_clients::{
    Client, Safety,
    policy::{Resilience, Retry},
};
use tokio::time::Instant;

use crate::script::{Script, Step, ask, ask_often, ask_within, client, get, millis, settings, state};

fn hedging() -> Resilience {
    Resilience {
        hedge: true,
        ..Resilience::standard()
    }
}

/// Four calls in a hundred take ten times as long.
fn gray() -> Script {
    Script::new(|number| Step::ok().after(millis(if number % 25 == 24 { 100 } else { 10 })))
}

async fn slowest(client: &Arc<dyn Client>, calls: usize) -> (Duration, usize) {
    let (mut slowest, mut slow) = (Duration::ZERO, 0);
    for _ in 0..calls {
        let started = Instant::now();
        ask(client).await.unwrap();
        slowest = slowest.max(started.elapsed());
        slow += usize::from(started.elapsed() > millis(50));
    }
    (slowest, slow)
}

#[tokio::test(start_paused = true)]
async fn a_late_call_is_made_again_and_the_first_answer_counts() {
    let source = Script::new(|number| Step::ok().after(millis(if number == 100 { 900 } else { 10 })));
    let client = source.client(hedging());
    ask_often(&client, 100).await;
    let started = Instant::now();

    ask(&client).await.unwrap();

    assert!(started.elapsed() < millis(40), "{:?}", started.elapsed());
    let state = state(&client);
    assert_eq!((state.hedges, state.hedges_won), (1, 1));
    assert_eq!(source.under_way(), 0, "the loser is dropped");
    assert_eq!(state.in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn at_most_one_call_in_twenty_is_hedged() {
    let source = gray();
    let client = source.client(hedging());
    let (_, slow) = slowest(&client, 2_000).await;
    let hedges = state(&client).hedges;
    assert!(hedges <= 2_000 / 20 + 10, "{hedges}");
    assert!(hedges > 50, "{hedges}");
    assert!(slow < 20, "{slow} of 80 late calls are still late");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_repeated_is_not_hedged() {
    let source = gray();
    let client = source.client(hedging());
    for _ in 0..200 {
        ask_within(&client, get(), Safety::Once, Duration::from_secs(5))
            .await
            .unwrap();
    }
    assert_eq!((state(&client).hedges, source.tries()), (0, 200));
}

#[tokio::test(start_paused = true)]
async fn without_being_asked_for_nothing_is_hedged() {
    let source = gray();
    let client = source.client(Resilience::standard());
    ask_often(&client, 200).await;
    assert_eq!((state(&client).hedges, source.tries()), (0, 200));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_goes_to_another_address() {
    let one = Script::always(Step::ok().after(millis(10)));
    let other = one.clone();
    let slow = Script::always(Step::ok().after(millis(10)));
    let client = client(vec![one, slow.clone()], settings(hedging()));
    ask_often(&client, 200).await;
    slow.now(Step::ok().after(millis(900)));
    let (slowest, _) = slowest(&client, 10).await;
    assert!(slowest < millis(40), "{slowest:?}");
    assert!(other.tries() > 100);
}

#[tokio::test(start_paused = true)]
async fn when_both_fail_the_call_fails() {
    let source = Script::new(|number| match number {
        0..100 => Step::ok().after(millis(10)),
        100 => Step::status(500).after(millis(500)),
        _ => Step::status(500).after(millis(100)),
    });
    let mut rules = hedging();
    rules.retry = Retry::off();
    let client = source.client(rules);
    ask_often(&client, 100).await;

    assert_eq!(ask(&client).await.unwrap().status, 500);
    assert_eq!(source.under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_adapts_follows_rate_and_latency() {
    let source = Script::always(Step::ok().after(millis(200)));
    let mut settings = settings(Resilience {
        adapts_in_flight: true,
        ..Resilience::standard()
    });
    settings.calls_in_flight_max = 256;
    let client = client(vec![source], settings);
    let mut under_way = Vec::new();
    // 500 a second, 200 ms each: a hundred in flight.
    for _ in 0..2_500 {
        let client = client.clone();
        under_way.push(tokio::spawn(async move { ask(&client).await.is_ok() }));
        tokio::time::sleep(millis(2)).await;
    }
    let limit = state(&client).in_flight_max;
    for call in under_way {
        assert!(call.await.unwrap());
    }
    assert!((110..=180).contains(&limit), "{limit}");
}
