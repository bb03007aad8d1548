//! A source with several addresses.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use switchboard_clients::{
    Client, Safety,
    policy::{Balance, Breaker, Resilience, Retry},
};
use tokio::time::advance;

use crate::script::{Script, Step, ask, ask_often, ask_within, client, get, millis, settings, state, word};

fn all(steps: [Step; 3], resilience: Resilience) -> (Vec<Script>, Arc<dyn Client>) {
    let scripts: Vec<Script> = steps.into_iter().map(Script::always).collect();
    let client = client(scripts.clone(), settings(resilience));
    (scripts, client)
}

fn tries(scripts: &[Script]) -> Vec<usize> {
    scripts.iter().map(Script::tries).collect()
}

fn words(client: &Arc<dyn Client>) -> Vec<&'static str> {
    let endpoints = state(client).endpoints;
    endpoints.iter().map(|endpoint| endpoint.breaker.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_are_spread_evenly() {
    for balance in [Balance::LeastInFlight, Balance::RoundRobin] {
        let (scripts, client) = all(
            [Step::ok(), Step::ok(), Step::ok()],
            Resilience {
                balance,
                ..Resilience::standard()
            },
        );
        ask_often(&client, 30).await;
        assert_eq!(tries(&scripts), [10, 10, 10], "{balance:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_one_gets_less() {
    let slow = Step::ok().after(millis(500));
    let fast = || Step::ok().after(millis(10));
    let (scripts, client) = all([slow, fast(), fast()], Resilience::standard());
    let mut under_way = Vec::new();
    for _ in 0..300 {
        let client = client.clone();
        under_way.push(tokio::spawn(async move { ask(&client).await.is_ok() }));
        tokio::time::sleep(millis(5)).await;
    }
    for call in under_way {
        assert!(call.await.unwrap());
    }
    let tries = tries(&scripts);
    assert!(tries[0] < 60, "{tries:?}");
}

#[tokio::test(start_paused = true)]
async fn one_bad_of_three_costs_no_answer_and_is_left_alone() {
    let (scripts, client) = all([Step::status(500), Step::ok(), Step::ok()], Resilience::standard());

    let outcomes = ask_often(&client, 300).await;

    assert_eq!(format!("{outcomes:?}"), r#"{"200": 300}"#);
    assert_eq!(tries(&scripts)[0], 5);
    assert_eq!(words(&client), ["open", "closed", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_one_gets_one_probe_each_time_it_is_open() {
    let (scripts, client) = all([Step::refused(), Step::ok(), Step::ok()], Resilience::standard());
    ask_often(&client, 30).await;
    assert_eq!(tries(&scripts)[0], 5);
    advance(Duration::from_secs(37)).await;

    let outcomes = ask_often(&client, 100).await;

    assert_eq!(
        format!("{outcomes:?}"),
        r#"{"200": 100}"#,
        "the probe is repeated elsewhere"
    );
    assert_eq!(tries(&scripts)[0], 6);
    scripts[0].now(Step::ok());
    advance(Duration::from_secs(80)).await;
    ask_often(&client, 100).await;
    assert_eq!(words(&client), ["closed", "closed", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_repeated_is_no_probe() {
    let (scripts, client) = all([Step::refused(), Step::ok(), Step::ok()], Resilience::standard());
    ask_often(&client, 30).await;
    scripts[0].now(Step::status(500));
    advance(Duration::from_secs(37)).await;
    for _ in 0..30 {
        let result = ask_within(&client, get(), Safety::Once, Duration::from_secs(5)).await;
        assert_eq!(word(&result), "200");
    }
    assert_eq!(tries(&scripts)[0], 5);
}

#[tokio::test(start_paused = true)]
async fn all_down_is_refused_at_once() {
    let (scripts, client) = all(
        [Step::refused(), Step::refused(), Step::refused()],
        Resilience::standard(),
    );
    let outcomes = ask_often(&client, 100).await;

    assert_eq!(tries(&scripts), [5, 5, 5], "{outcomes:?}");
    assert_eq!(word(&ask(&client).await), "CircuitOpen");
    assert_eq!(words(&client), ["open", "open", "open"]);
}

#[tokio::test(start_paused = true)]
async fn not_more_than_half_are_left_out_for_failing_now_and_then() {
    let flaky = || Script::new(|number| if number % 2 == 1 { Step::status(500) } else { Step::ok() });
    let scripts = vec![flaky(), flaky(), flaky(), flaky()];
    let client = client(
        scripts.clone(),
        settings(Resilience {
            retry: Retry::off(),
            breaker: Some(Breaker::default()),
            balance: Balance::RoundRobin,
            ..Resilience::default()
        }),
    );

    let outcomes = ask_often(&client, 400).await;

    let words: BTreeMap<&str, usize> = words(&client).into_iter().fold(BTreeMap::new(), |mut words, word| {
        *words.entry(word).or_default() += 1;
        words
    });
    assert_eq!(words["open"], 2, "{outcomes:?}");
    assert_eq!(words["closed"], 2);
    assert!(!outcomes.contains_key("CircuitOpen"));
}

#[tokio::test(start_paused = true)]
async fn one_that_becomes_ten_times_as_slow_is_seen_by_less_than_one_call_in_a_hundred() {
    let well = || Step::ok().after(millis(20));
    let (scripts, client) = all([well(), well(), well()], Resilience::standard());
    let load = async |calls: u32| {
        let mut under_way = Vec::new();
        for _ in 0..calls {
            let client = client.clone();
            under_way.push(tokio::spawn(async move { ask(&client).await.is_ok() }));
            tokio::time::sleep(millis(10)).await;
        }
        for call in under_way {
            assert!(call.await.unwrap());
        }
    };
    load(500).await;
    let before = tries(&scripts);
    assert!(before.iter().all(|tries| (150..184).contains(tries)), "{before:?}");
    scripts[1].now(Step::ok().after(millis(200)));

    load(4_000).await;
    let slow = tries(&scripts)[1] - before[1];
    assert!((1..40).contains(&slow), "{slow}");

    // Well again, it has its share again.
    scripts[1].now(well());
    load(12_000).await;
    let share = tries(&scripts)[1] - before[1] - slow;
    assert!(share > 2_000, "{share}");
}

#[tokio::test(start_paused = true)]
async fn failing_fast_is_no_virtue() {
    // One of four fails, too seldom for a breaker, and at once.
    let flaky = Script::new(|number| match number % 4 {
        3 => Step::status(500),
        _ => Step::ok().after(millis(20)),
    });
    let well = || Script::always(Step::ok().after(millis(20)));
    let scripts = vec![flaky, well(), well()];
    let client = client(scripts.clone(), settings(Resilience::standard()));

    ask_often(&client, 600).await;

    let tries = tries(&scripts);
    let all: usize = tries.iter().sum();
    assert!(tries[0] * 3 <= all + 30, "not more than its share: {tries:?}");
}
