//! When a call is made again.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use prost::Message;
use switchboard_clients::{
    Call, CallError, Safety,
    policy::{Breaker, Kind, Resilience, Retry},
};
use tokio::time::Instant;

use crate::script::{
    Script, Step, ask, ask_within, breaker, client, get, grpc, millis, open_for, settings, state, word,
};

/// Retries alone.
fn retrying() -> Resilience {
    Resilience {
        breaker: None,
        ..Resilience::standard()
    }
}

/// How often a source is asked that always answers so.
async fn tries_of(step: Step, call: Call, safety: Safety) -> usize {
    let source = Script::always(step);
    let client = source.client(retrying());
    let _ = ask_within(&client, call, safety, Duration::from_secs(5)).await;
    source.tries()
}

#[tokio::test(start_paused = true)]
async fn what_may_be_over_in_a_moment_is_tried_again_and_nothing_else() {
    let protocol = || Step::error(CallError::Protocol(Arc::new(std::io::Error::other("?"))));
    for (step, tries) in [
        (Step::refused(), 3),
        (Step::broken(), 2),
        (Step::hang(), 2),
        (protocol(), 2),
        (Step::error(CallError::TooLarge { limit: 1 }), 1),
        (Step::status(500), 2),
        (Step::status(502), 3),
        (Step::status(503), 3),
        (Step::status(504), 3),
        (Step::status(501), 1),
        (Step::status(400), 1),
        (Step::status(401), 1),
        (Step::status(404), 1),
        (Step::status(429), 1),
        (Step::status(302), 1),
        (Step::ok(), 1),
    ] {
        let name = format!("{step:?}");
        assert_eq!(tries_of(step, get(), Safety::Repeatable).await, tries, "{name}");
    }
    // UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNKNOWN, NOT_FOUND, OK
    for (status, tries) in [(14, 3), (4, 2), (8, 1), (13, 1), (2, 1), (5, 1), (0, 1)] {
        let step = Step::status(status);
        assert_eq!(tries_of(step, grpc(), Safety::Repeatable).await, tries, "gRPC {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_change_something_is_made_again_only_if_nothing_was_sent() {
    for step in [Step::broken(), Step::hang(), Step::status(503)] {
        assert_eq!(tries_of(step, get(), Safety::Once).await, 1);
    }
    assert_eq!(tries_of(Step::refused(), get(), Safety::Once).await, 3);
}

#[tokio::test(start_paused = true)]
async fn pauses_are_random_and_double() {
    let mut longest = [Duration::ZERO; 2];
    for _ in 0..200 {
        let started = Instant::now();
        let source = Script::new(move |_| Step::status(503));
        let client = source.client(retrying());
        let result = ask(&client).await;

        assert_eq!(word(&result), "503");
        let took = started.elapsed();
        assert!(took <= millis(100 + 200 + 2), "{took:?}");
        longest[0] = longest[0].max(took);
        longest[1] = longest[1].max(millis(302).saturating_sub(took));
    }
    assert!(longest[0] > millis(150), "sometimes long: {longest:?}");
    assert!(longest[1] > millis(150), "sometimes short: {longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_succeeds_is_the_answer() {
    let source = Script::new(|number| if number < 2 { Step::status(503) } else { Step::ok() });
    let client = source.client(retrying());

    assert_eq!(word(&ask(&client).await), "200");
    let state = state(&client);
    assert_eq!((state.calls, state.tries, state.retries), (1, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn no_try_outlives_the_deadline() {
    let source = Script::always(Step::hang());
    let client = source.client(retrying());
    let started = Instant::now();

    let result = ask_within(&client, get(), Safety::Repeatable, millis(1_300)).await;

    assert_eq!(word(&result), "Timeout");
    assert!(started.elapsed() <= millis(1_301), "{:?}", started.elapsed());
    assert!(source.tries() <= 2);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_once_if_there_is_time() {
    for (status, header) in [(503, "1"), (429, "1"), (503, " 1 ")] {
        let source = Script::new(move |number| match number {
            0 => Step::status(status).header("retry-after", header.trim()),
            _ => Step::ok(),
        });
        let client = source.client(retrying());
        let started = Instant::now();

        assert_eq!(word(&ask(&client).await), "200");
        assert!(started.elapsed() >= millis(1000), "{:?}", started.elapsed());
    }
    let again = Step::status(503).header("retry-after", "1");
    assert_eq!(tries_of(again, get(), Safety::Repeatable).await, 2, "once");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_that_cannot_be_read_was_not_said() {
    for garbage in ["soon", "-1", "1.5", "", "Mon, 32 Foo 2026 00:00:00 GMT"] {
        let step = Step::status(503).header("retry-after", garbage);
        assert_eq!(tries_of(step, get(), Safety::Repeatable).await, 3, "{garbage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_after_opens_the_breaker_for_a_minute_at_most() {
    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30));
    let late = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100_000));
    for (header, range) in [
        ("10".to_owned(), millis(10_000)..=millis(10_000)),
        ("3600".to_owned(), millis(60_000)..=millis(60_000)),
        ("99999999999999999999999".to_owned(), millis(60_000)..=millis(60_000)),
        (soon, millis(20_000)..=millis(30_000)),
        (late, millis(60_000)..=millis(60_000)),
    ] {
        let source = Script::always(Step::status(503).header("retry-after", &header));
        let client = source.client(Resilience::standard());

        assert_eq!(word(&ask(&client).await), "503", "{header}");
        assert_eq!(source.tries(), 1, "{header}");
        assert!(range.contains(&open_for(&client)), "{header}: {:?}", open_for(&client));
        assert_eq!(word(&ask(&client).await), "CircuitOpen", "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_keeps_others_out_only_where_that_is_set() {
    let limited = || Script::always(Step::status(429).header("retry-after", "20"));
    let source = limited();
    let one = source.client(Resilience::standard());
    assert_eq!(word(&ask(&one).await), "429");
    assert_eq!(breaker(&one), "closed");

    let source = limited();
    let mut rules = Resilience::standard();
    rules.breaker = Some(Breaker {
        counts_rate_limits: true,
        ..Breaker::default()
    });
    let all = source.client(rules);
    assert_eq!(word(&ask(&all).await), "429");
    assert_eq!(word(&ask(&all).await), "RateLimited");
    assert_eq!(source.tries(), 1);
}

#[tokio::test(start_paused = true)]
async fn grpc_pushback_and_retry_info_are_obeyed() {
    for (status, value) in [(14, "700"), (8, "700")] {
        let source = Script::new(move |number| match number {
            0 => Step::status(status).trailer("grpc-retry-pushback-ms", value),
            _ => Step::status(0),
        });
        let client = source.client(retrying());
        let started = Instant::now();
        let result = ask_within(&client, grpc(), Safety::Repeatable, Duration::from_secs(5)).await;
        assert_eq!(result.unwrap().status, 0);
        assert!(started.elapsed() >= millis(700));
    }
    for never in ["-1", "soon"] {
        let step = Step::status(14).trailer("grpc-retry-pushback-ms", never);
        assert_eq!(tries_of(step, grpc(), Safety::Repeatable).await, 1, "{never}");
    }
    let source = Script::new(move |number| match number {
        0 => Step::status(8).details(retry_info(2)),
        _ => Step::status(0),
    });
    let client = source.client(retrying());
    let started = Instant::now();
    let result = ask_within(&client, grpc(), Safety::Repeatable, Duration::from_secs(5)).await;
    assert_eq!(result.unwrap().status, 0);
    assert!(started.elapsed() >= millis(2000));
    // What is wrong with the call itself is no reason to stay away from the source.
    let source = Script::always(Step::status(3).details(retry_info(3)));
    let client = source.client(Resilience::standard());
    let _ = ask_within(&client, grpc(), Safety::Repeatable, millis(100)).await;
    assert_eq!((source.tries(), breaker(&client)), (1, "closed"));
    // Details that are none say nothing.
    let step = Step::status(14).details(b"\xFF\xFF".to_vec());
    assert_eq!(tries_of(step, grpc(), Safety::Repeatable).await, 3);
}

/// `google.rpc.Status` with a `RetryInfo`.
fn retry_info(seconds: i64) -> Vec<u8> {
    let delay = prost_types::Duration { seconds, nanos: 0 }.encode_to_vec();
    let mut info = vec![0x0A, delay.len() as u8];
    info.extend(delay);
    let any = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: info,
    }
    .encode_to_vec();
    let mut status = vec![0x08, 8, 0x1A, any.len() as u8];
    status.extend(any);
    status
}

#[tokio::test(start_paused = true)]
async fn kinds_that_are_named_are_the_only_ones() {
    let rules = |kinds: &[Kind]| Resilience {
        retry: Retry {
            on: Some(kinds.iter().copied().collect()),
            ..Retry::default()
        },
        ..Resilience::default()
    };
    for (kinds, step, tries) in [
        (&[Kind::Timeout][..], Step::hang(), 3),
        (&[Kind::Timeout], Step::status(503), 1),
        (&[Kind::NotFound], Step::status(404), 3),
        (&[Kind::Http4xx], Step::status(409), 3),
        (&[Kind::Http4xx], Step::status(404), 1),
        (&[], Step::refused(), 1),
    ] {
        let source = Script::always(step.clone());
        let _ = ask(&source.client(rules(kinds))).await;
        assert_eq!(source.tries(), tries, "{kinds:?} {step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn http_5xx_and_grpc_status_include_what_is_unavailable() {
    for (kind, call, status) in [(Kind::Http5xx, get(), 503), (Kind::GrpcStatus, grpc(), 14)] {
        let source = Script::always(Step::status(status));
        let rules = Resilience {
            retry: Retry {
                on: Some([kind].into_iter().collect()),
                ..Retry::default()
            },
            ..Resilience::default()
        };
        let client = source.client(rules);
        let _ = ask_within(&client, call, Safety::Repeatable, Duration::from_secs(5)).await;
        assert_eq!(source.tries(), 3, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_for_good_gets_hardly_more_calls_than_without_retries() {
    let source = Script::always(Step::status(503));
    let client = source.client(retrying());
    let calls = 5_000;
    // 500 a second, whatever the answers.
    let mut under_way = Vec::new();
    for _ in 0..calls {
        let client = client.clone();
        under_way.push(tokio::spawn(async move { ask(&client).await.is_ok() }));
        tokio::time::sleep(millis(2)).await;
    }
    for call in under_way {
        call.await.unwrap();
    }
    assert!(
        source.tries() <= calls + calls / 20,
        "{} tries of {calls} calls",
        source.tries()
    );
    assert!(state(&client).retries_refused > 0);
}

#[tokio::test(start_paused = true)]
async fn retries_stay_within_a_tenth_when_every_third_call_fails() {
    let source = Script::new(|number| {
        if number.is_multiple_of(3) {
            Step::status(503)
        } else {
            Step::ok()
        }
    });
    let client = source.client(retrying());
    for _ in 0..3_000 {
        let _ = ask(&client).await;
    }
    let state = state(&client);
    let saved = 10 + 300 + 3000 * 3 / 10;
    assert!(state.retries <= saved, "{} retries", state.retries);
    assert!(state.tries <= 3_000 + state.retries);
}

#[tokio::test(start_paused = true)]
async fn the_time_left_travels_with_the_call() {
    let source = Script::new(|number| if number == 0 { Step::status(503) } else { Step::ok() });
    let mut rules = retrying();
    rules.deadline_header = Some(http::HeaderName::from_static("x-time-left-ms"));
    let client = client(vec![source.clone()], settings(rules));

    ask_within(&client, get(), Safety::Repeatable, millis(800))
        .await
        .unwrap();

    let left: Vec<u64> = source
        .seen()
        .iter()
        .map(|call| match call {
            Call::Http { headers, .. } => headers["x-time-left-ms"].to_str().unwrap().parse().unwrap(),
            Call::Grpc { .. } | Call::Local(_) => panic!("a REST call"),
        })
        .collect();
    assert_eq!(left[0], 800);
    assert!(left[1] <= 800 && left[1] >= 690, "{left:?}");
}
