//! When calls are refused, and when they are made again.

use std::{sync::Arc, time::Duration};

use switchboard_clients::{
    Breakers, CallError, Safety,
    policy::{Breaker, Resilience, Retry, Tightening},
    registry::SourceSettings,
};
use tokio::time::advance;

use crate::script::{Script, Step, ask, ask_often, ask_within, breaker, get, millis, open_for, settings, state, word};

/// A breaker alone.
fn breaking(breaker: Breaker) -> Resilience {
    Resilience {
        retry: Retry::off(),
        breaker: Some(breaker),
        ..Resilience::default()
    }
}

fn standard() -> Resilience {
    breaking(Breaker::default())
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_open_it_and_nothing_is_sent_then() {
    let source = Script::always(Step::status(500));
    let client = source.client(standard());

    let outcomes = ask_often(&client, 100).await;

    assert_eq!(format!("{outcomes:?}"), r#"{"500": 5, "CircuitOpen": 95}"#);
    assert_eq!(source.tries(), 5);
    let state = state(&client);
    assert_eq!((state.refused_open, state.endpoints[0].opened), (95, 1));
}

#[tokio::test(start_paused = true)]
async fn half_of_ten_calls_failing_opens_it() {
    let source = Script::new(|number| if number % 2 == 1 { Step::status(503) } else { Step::ok() });
    let client = source.client(standard());

    let outcomes = ask_often(&client, 30).await;

    assert_eq!(format!("{outcomes:?}"), r#"{"200": 5, "503": 5, "CircuitOpen": 20}"#);
}

#[tokio::test(start_paused = true)]
async fn fewer_failures_do_not() {
    let source = Script::new(|number| if number % 5 >= 3 { Step::status(503) } else { Step::ok() });
    let client = source.client(standard());

    let outcomes = ask_often(&client, 500).await;

    assert_eq!(format!("{outcomes:?}"), r#"{"200": 300, "503": 200}"#);
}

#[tokio::test(start_paused = true)]
async fn what_was_long_ago_does_not_count() {
    let source = Script::always(Step::status(500));
    let client = source.client(standard());
    for _ in 0..10 {
        assert_eq!(word(&ask(&client).await), "500");
        advance(Duration::from_secs(61)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_calls_own_fault_is_not_the_sources() {
    for status in [400, 401, 403, 404, 409, 422, 429, 301] {
        let source = Script::always(Step::status(status));
        let client = source.client(standard());
        ask_often(&client, 50).await;
        assert_eq!(breaker(&client), "closed", "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_counts_where_that_is_set() {
    let source = Script::always(Step::status(429));
    let client = source.client(breaking(Breaker {
        counts_rate_limits: true,
        ..Breaker::default()
    }));
    ask_often(&client, 10).await;
    assert_eq!(breaker(&client), "open");
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_broken_answer_counts() {
    for step in [
        Step::refused(),
        Step::broken(),
        Step::hang(),
        Step::error(CallError::TooLarge { limit: 1 }),
    ] {
        let source = Script::always(step.clone());
        let client = source.client(standard());
        ask_often(&client, 5).await;
        assert_eq!(breaker(&client), "open", "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_it_though_they_succeed() {
    let source = Script::new(|number| Step::ok().after(millis(if number % 3 == 0 { 10 } else { 300 })));
    let client = source.client(breaking(Breaker {
        slow_after: Some(millis(200)),
        ..Breaker::default()
    }));

    let outcomes = ask_often(&client, 20).await;

    assert_eq!(breaker(&client), "open");
    assert_eq!(
        outcomes["200"], 11,
        "two of three of them are slow, 60 % are enough: {outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn it_opens_for_thirty_seconds_then_twice_as_long_up_to_five_minutes() {
    let source = Script::always(Step::status(500));
    let client = source.client(standard());
    ask_often(&client, 5).await;
    for seconds in [30, 60, 120, 240, 300, 300, 300] {
        let left = open_for(&client).as_secs_f64();
        let expected = f64::from(seconds);
        assert!(
            left >= expected * 0.8 - 0.01 && left <= expected * 1.2,
            "{left} for {seconds}"
        );
        advance(open_for(&client) - millis(1)).await;
        assert_eq!(word(&ask(&client).await), "CircuitOpen");
        advance(millis(2)).await;
        let before = source.tries();
        assert_eq!(word(&ask(&client).await), "500");
        assert_eq!(word(&ask(&client).await), "CircuitOpen");
        assert_eq!(source.tries(), before + 1, "one probe");
    }
}

#[tokio::test(start_paused = true)]
async fn three_probes_one_at_a_time_close_it() {
    let source = Script::always(Step::status(500));
    let client = source.client(standard());
    ask_often(&client, 5).await;
    source.now(Step::ok().after(millis(50)));
    advance(open_for(&client) + millis(1)).await;

    for _ in 0..3 {
        let crowd: Vec<_> = (0..20)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { word(&ask(&client).await) })
            })
            .collect();
        let mut outcomes = Vec::new();
        for one in crowd {
            outcomes.push(one.await.unwrap());
        }
        assert_eq!(
            outcomes.iter().filter(|outcome| *outcome == "200").count(),
            1,
            "{outcomes:?}"
        );
    }

    assert_eq!(breaker(&client), "closed");
    assert_eq!(source.tries(), 8);
    let outcomes = ask_often(&client, 10).await;
    assert_eq!(format!("{outcomes:?}"), r#"{"200": 10}"#);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_lets_another_follow() {
    let source = Script::always(Step::status(500));
    let client = source.client(standard());
    ask_often(&client, 5).await;
    source.now(Step::hang());
    advance(open_for(&client) + millis(1)).await;
    assert!(tokio::time::timeout(millis(10), ask(&client)).await.is_err());

    source.now(Step::ok());
    assert_eq!(word(&ask(&client).await), "200");
    assert_eq!(breaker(&client), "half_open");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_time_left_is_not_the_sources_fault() {
    let source = Script::always(Step::hang());
    let client = source.client(standard());
    for _ in 0..20 {
        let result = ask_within(&client, get(), Safety::Repeatable, millis(20)).await;
        assert_eq!(word(&result), "Timeout");
    }
    assert_eq!(breaker(&client), "closed");
}

#[tokio::test(start_paused = true)]
async fn no_retry_goes_where_it_has_opened() {
    let source = Script::always(Step::status(503));
    let client = source.client(Resilience::standard());

    let outcomes = ask_often(&client, 20).await;

    assert_eq!(source.tries(), 5, "{outcomes:?}");
    assert_eq!(
        outcomes["503"], 2,
        "what the source said is told, not that it was not asked a third time"
    );
}

#[tokio::test(start_paused = true)]
async fn answers_that_cannot_be_read_open_it() {
    let source = Script::always(Step::ok());
    let client = source.client(standard());
    let mut asked = 0;
    while let Ok(reply) = ask(&client).await {
        client.discredit(&reply);
        asked += 1;
        assert!(asked <= 5);
    }
    assert_eq!((asked, breaker(&client)), (5, "open"));
    assert_eq!(state(&client).endpoints[0].failures, 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_read_is_one_call_and_not_two() {
    let source = Script::always(Step::ok());
    let client = source.client(breaking(Breaker {
        in_a_row: 0,
        ..Breaker::default()
    }));
    let mut calls = 0;
    for round in 0..20 {
        for good in [true, true, false, true, false] {
            let reply = ask(&client).await.expect("a closed breaker");
            calls += 1;
            if !good {
                client.discredit(&reply);
                // Those who joined the call say it as well.
                client.discredit(&reply);
            }
        }
        assert_eq!(breaker(&client), "closed", "round {round}");
    }
    let endpoint = &state(&client).endpoints[0];
    assert_eq!((endpoint.tries, endpoint.failures), (calls, calls * 2 / 5));
    // Eight of the latest twenty, then ten.
    while let Ok(reply) = ask(&client).await {
        client.discredit(&reply);
        calls += 1;
    }
    assert_eq!((calls, breaker(&client)), (102, "open"));
}

#[tokio::test(start_paused = true)]
async fn probes_that_cannot_be_read_do_not_close_it() {
    let source = Script::always(Step::status(500));
    let client = source.client(standard());
    ask_often(&client, 5).await;
    source.now(Step::ok());
    for times in 1..5 {
        advance(open_for(&client) + millis(1)).await;
        for probe in 0..3 {
            let reply = ask(&client).await.expect("a probe");
            if probe == 2 || times % 2 == 0 {
                client.discredit(&reply);
                break;
            }
        }
        let expected = 30 * (1 << times);
        let open_for = open_for(&client).as_secs_f64();
        assert!(
            (f64::from(expected.min(300)) * 0.79..f64::from(expected.min(300)) * 1.21).contains(&open_for),
            "{times}: {open_for}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_address_share_what_they_learn_of_it() {
    let (source, breakers) = (Script::always(Step::status(500)), Arc::<Breakers>::default());
    let client = |name: &str, place: &str, change: fn(&mut Breaker)| {
        let mut rules = Breaker::default();
        change(&mut rules);
        let settings = SourceSettings {
            name: name.to_owned(),
            place: place.to_owned(),
            breakers: Some(breakers.clone()),
            ..settings(breaking(rules))
        };
        crate::script::client(vec![source.clone()], settings)
    };
    let of_mobile = client("shop", "http://shop", |_| {});
    let of_web = client("shop", "http://shop", |_| {});
    let others = [
        client("other", "http://shop", |_| {}),
        client("shop", "http://elsewhere", |_| {}),
        client("shop", "http://shop", |rules| rules.window = 30),
    ];

    ask_often(&of_mobile, 5).await;

    assert_eq!((breaker(&of_mobile), breaker(&of_web)), ("open", "open"));
    assert_eq!(word(&ask(&of_web).await), "CircuitOpen");
    for other in &others {
        assert_eq!(breaker(other), "closed");
    }
    assert_eq!(source.tries(), 5);
    // It lasts as long as anybody has it.
    drop((of_mobile, of_web));
    assert_eq!(breaker(&client("shop", "http://shop", |_| {})), "closed");
}

#[tokio::test(start_paused = true)]
async fn a_connector_may_have_one_of_its_own_that_leaves_the_others_alone() {
    let source = Script::always(Step::status(500));
    let all = source.client(Resilience {
        retry: Retry::off(),
        breaker: None,
        ..Resilience::default()
    });
    let one = all
        .tightened(&Tightening {
            name: "Query.one".to_owned(),
            breaker: Some(Breaker::default()),
            ..Tightening::default()
        })
        .unwrap();

    let outcomes = ask_often(&one, 10).await;

    assert_eq!(format!("{outcomes:?}"), r#"{"500": 5, "CircuitOpen": 5}"#);
    assert_eq!(word(&ask(&all).await), "500");
    let connectors = state(&all).connectors;
    assert_eq!(
        (connectors.len(), &*connectors[0].name, connectors[0].breaker.as_str()),
        (1, "Query.one", "open")
    );
}

#[tokio::test(start_paused = true)]
async fn a_connector_is_held_to_its_own_time_tries_and_places() {
    let source = Script::always(Step::hang());
    let all = source.client(Resilience {
        breaker: None,
        ..Resilience::standard()
    });
    let one = all
        .tightened(&Tightening {
            name: "Query.one".to_owned(),
            call_timeout: Some(millis(100)),
            retry: Some(Retry::off()),
            calls_in_flight_max: Some(1),
            ..Tightening::default()
        })
        .unwrap();
    let first = tokio::spawn({
        let one = one.clone();
        async move { ask(&one).await }
    });
    tokio::task::yield_now().await;

    assert!(matches!(ask(&one).await, Err(CallError::Limited { limit: 1 })));
    let first = first.await.unwrap();
    assert!(
        matches!(first, Err(CallError::Timeout(time)) if time == millis(100)),
        "{first:?}"
    );
    assert_eq!(source.tries(), 1);
}

/// A client whose breaker has just closed after a failure of its source.
async fn just_closed(source: &Script) -> std::sync::Arc<dyn switchboard_clients::Client> {
    let client = source.client(standard());
    ask_often(&client, 5).await;
    source.now(Step::ok());
    advance(open_for(&client) + millis(1)).await;
    ask_often(&client, 3).await;
    assert_eq!(breaker(&client), "closed");
    client
}

#[tokio::test(start_paused = true)]
async fn to_a_source_that_is_back_calls_come_back_by_and_by() {
    let source = Script::always(Step::status(500));
    let client = just_closed(&source).await;

    let mut by_second = Vec::new();
    for _ in 0..6 {
        let before = source.tries();
        for _ in 0..1_000 {
            ask(&client).await.ok();
            advance(millis(1)).await;
        }
        by_second.push(source.tries() - before);
    }

    // A tenth at first, all of them after five seconds.
    for (tries, share) in by_second.iter().zip([0.19, 0.37, 0.55, 0.73, 0.91, 1.0]) {
        assert!((*tries as f64 / 1_000.0 - share).abs() < 0.03, "{by_second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_few_calls_has_all_of_them_back_at_once() {
    let source = Script::always(Step::status(500));
    let client = just_closed(&source).await;
    for _ in 0..50 {
        // What an operation asks for at once, twice a second.
        for _ in 0..10 {
            assert_eq!(word(&ask(&client).await), "200");
        }
        advance(millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_again_while_its_calls_come_back_is_left_alone_again() {
    let source = Script::always(Step::status(500));
    let client = just_closed(&source).await;
    advance(millis(500)).await;
    source.now(Step::status(500));

    let outcomes = ask_often(&client, 10).await;

    assert_eq!(format!("{outcomes:?}"), r#"{"500": 5, "CircuitOpen": 5}"#);
}
