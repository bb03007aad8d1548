//! More to do than can be done: who is answered, who waits, who is sent away.

use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use serde_json::json;
use switchboard::engine::overload::{Limiter, MaxInFlight, Place, Priority, Settings, Shed};
use tokio::{task::JoinHandle, time::Instant};

use crate::support::busy::{Busy, all_answered, thing};

const RULES: &str = "operations: ops, priority: { critical: [Buy], sheddable: [Extras] }";

#[tokio::test]
async fn who_waits_too_long_is_told_to_come_back() {
    let server = Busy::start("max_in_flight: 2, queue_timeout: 50ms", "").await;
    let filling = server.fill(2).await;

    let late = server.ask(&thing(9)).await;

    assert_eq!(late.refusal(), (503, "REQUEST_CONCURRENCY_LIMITED".to_owned()));
    assert_eq!(
        (late.header("retry-after"), late.header("cache-control")),
        (Some("1"), Some("no-store"))
    );
    insta::assert_snapshot!(late.text, @r#"{"errors":[{"message":"There is too much to do right now; try again in a moment.","extensions":{"code":"REQUEST_CONCURRENCY_LIMITED"}}]}"#);
    assert_eq!(server.api.calls(), 2, "nothing was called for it");
    server
        .until(r#"switchboard_overload_shed_total{priority="normal",reason="late"} 1"#)
        .await;
    server.api.release();
    all_answered(filling).await;
}

#[tokio::test]
async fn who_waits_gets_the_next_place() {
    let server = Busy::start("max_in_flight: 1, queue_timeout: 20s", "").await;
    let filling = server.fill(1).await;
    let waiting = (10..15).map(|id| server.asking(thing(id))).collect();
    server.until("switchboard_overload_waiting 5.0").await;

    server.api.release();

    all_answered(filling).await;
    all_answered(waiting).await;
    server.until("switchboard_overload_in_flight 0.0").await;
    server.until("switchboard_overload_waiting 0.0").await;
    server.until("switchboard_overload_limit 1.0").await;
}

#[tokio::test]
async fn answers_from_memory_and_of_others_need_no_place() {
    let server = Busy::start("max_in_flight: 2, queue_timeout: 50ms", "").await;
    server.ask("{ kept { id } }").await.data();
    let filling = server.fill(2).await;

    server.ask("{ kept { id } }").await.data();
    let same = (0..20).map(|_| server.asking(thing(0))).collect();
    server
        .until(r#"switchboard_requests_in_flight{surface="app"} 22"#)
        .await;
    server.until("switchboard_overload_waiting 0.0").await;

    server.api.release();
    all_answered(filling).await;
    all_answered(same).await;
    assert_eq!(server.api.calls_to("GET /things/{id}"), 2);
}

#[tokio::test]
async fn critical_operations_go_first_and_sheddable_ones_do_not_wait() {
    let server = Busy::start("max_in_flight: 1, queue_timeout: 20s", RULES).await;
    let filling = server.fill(1).await;
    let mut waiting = vec![server.asking(thing(2))];
    server.until("switchboard_overload_waiting 1.0").await;

    let extras = server.ask("query Extras { thing(id: 101) { id } }").await;
    waiting.push(server.asking("query Buy { thing(id: 100) { id } }"));
    server.until("switchboard_overload_waiting 2.0").await;

    assert_eq!(extras.refusal(), (503, "REQUEST_CONCURRENCY_LIMITED".to_owned()));
    server
        .until(r#"switchboard_overload_shed_total{priority="sheddable",reason="full"} 1"#)
        .await;
    server.api.release();
    all_answered(filling).await;
    all_answered(waiting).await;
    assert_eq!(paths(&server), ["/things/0", "/things/100", "/things/2"]);
}

#[tokio::test]
async fn a_class_of_clients_goes_first_and_another_has_to_go() {
    // The hash is that of `key-shop`.
    let classes = "max_in_flight: 1, queue_timeout: 20s }\n\
        auth: { api_keys: { keys: { shop: { sha256: \"0c21e3e42e4e7f8e5804de6e2b86484e5248f6ccae2e4f8bfe962f2f0f621006\" } } } }\n\
        classes: { shops: { api_keys: [shop] }, scrapers: { clients: [scraper] }";
    let surface = "classes: { shops: { priority: critical }, scrapers: { priority: sheddable } }";
    let server = Busy::start(classes, surface).await;
    let filling = server.fill(1).await;
    let mut waiting = vec![server.asking(thing(2))];
    server.until("switchboard_overload_waiting 1.0").await;

    let scraper = [("apollographql-client-name", "scraper")];
    let sent_away = server.ask_with(&scraper, &thing(3)).await;
    waiting.push(server.asking_with(&[("x-api-key", "key-shop")], thing(4)));
    server.until("switchboard_overload_waiting 2.0").await;

    assert_eq!(sent_away.refusal(), (503, "REQUEST_CONCURRENCY_LIMITED".to_owned()));
    server.api.release();
    all_answered(filling).await;
    all_answered(waiting).await;
    assert_eq!(paths(&server), ["/things/0", "/things/4", "/things/2"]);
}

#[tokio::test]
async fn nobody_goes_first_by_calling_his_operation_like_a_critical_one() {
    let server = Busy::start("max_in_flight: 1, queue_timeout: 20s", RULES).await;
    let filling = server.fill(1).await;
    let mut waiting = vec![server.asking(thing(2))];
    server.until("switchboard_overload_waiting 1.0").await;

    waiting.push(server.asking("query Buy { thing(id: 3) { id } }"));
    server.until("switchboard_overload_waiting 2.0").await;

    server.api.release();
    all_answered(filling).await;
    all_answered(waiting).await;
    assert_eq!(paths(&server), ["/things/0", "/things/2", "/things/3"]);
}

#[tokio::test]
async fn what_is_not_listed_can_be_what_goes_first_when_there_is_too_much() {
    let rules = "operations: ops, priority: { unlisted: sheddable }";
    let server = Busy::start("max_in_flight: 1, queue_timeout: 20s", rules).await;
    server.api.hold();
    let mut asked = vec![server.asking("query Browse { thing(id: 102) { id } }")];
    server.api.wait_for_calls(1).await;

    assert_eq!(server.ask(&thing(2)).await.refusal().0, 503);
    asked.push(server.asking("query Buy { thing(id: 100) { id } }"));
    server.until("switchboard_overload_waiting 1.0").await;

    server.api.release();
    all_answered(asked).await;
}

#[tokio::test]
async fn while_requests_are_sent_away_what_costs_more_than_that_is_refused_first() {
    // One place and one who waits.
    let server = Busy::start("max_in_flight: 1, queue_timeout: 20s", "").await;
    let mut asked = server.fill(1).await;
    asked.extend((1..=1_024).map(|id| server.asking(thing(id))));
    server.until("switchboard_overload_waiting 1024.0").await;
    let shed = async |query: &str| server.ask(query).await.refusal();
    let refused = (503, "REQUEST_CONCURRENCY_LIMITED".to_owned());
    assert_eq!(
        shed("mutation { rename(id: 1) { id } }").await,
        refused,
        "the line is full"
    );

    // Neither is looked at: one is no GraphQL, the other no JSON.
    assert_eq!(shed("{ nobody has seen this").await, refused);
    let large = reqwest::Client::new()
        .post(server.server.url("app"))
        .header("content-type", "application/json")
        .body("x".repeat(20_000));
    let answer = large.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );

    server.api.release();
    all_answered(asked).await;
    let small = server.ask("{ nobody has seen this").await;
    assert_eq!(
        small.refusal().1,
        "GRAPHQL_PARSE_FAILED",
        "and when that is over, it is looked at"
    );
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back_and_a_mutation_keeps_it_to_its_end() {
    let server = Busy::start("max_in_flight: 2, queue_timeout: 20s", "").await;
    let mut filling = server.fill(1).await;
    filling.push(server.asking("mutation { rename(id: 1) { id } }"));
    server.until("switchboard_overload_in_flight 2.0").await;

    filling.iter().for_each(JoinHandle::abort);

    server.until("switchboard_overload_in_flight 1.0").await;
    server.api.release();
    server.until("switchboard_overload_in_flight 0.0").await;
    assert_eq!(server.api.calls_to("POST /things/{id}"), 1);
}

#[tokio::test]
async fn a_limit_of_zero_is_none() {
    let server = Busy::start("max_in_flight: 0", "").await;
    let filling = server.fill(100).await;

    assert!(!server.metrics().await.contains("overload"));
    server.api.release();
    all_answered(filling).await;
}

#[tokio::test]
async fn answers_that_there_is_no_memory_for_have_failed_and_all_of_it_comes_back() {
    let server = Busy::start("source_bytes: 100000", "cache_bytes: 0").await;
    let large = json!({ "id": "1", "rest": "x".repeat(60_000) });
    server.api.on_json("GET /things/{id}", large);
    server.ask(&thing(0)).await.data();
    server.until("switchboard_source_bytes_used 0.0").await;

    server.api.hold();
    let (first, second) = (server.asking(thing(1)), server.asking(thing(1_000)));
    server.api.wait_for_calls(3).await;
    server.api.release();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());

    // Whether they met is the scheduler's affair; one that is too large by itself always meets itself.
    for answer in [first, second] {
        let errors = &answer.json()["errors"];
        assert!(
            errors.is_null() || errors[0]["extensions"]["code"] == "REQUEST_CONCURRENCY_LIMITED",
            "{answer:?}"
        );
    }
    server
        .api
        .on_json("GET /things/{id}", json!({ "id": "1", "rest": "x".repeat(100_000) }));
    let refused = server.ask(&thing(2)).await;
    let answer = refused.json();
    assert_eq!(answer["data"], json!({ "thing": null }));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "REQUEST_CONCURRENCY_LIMITED");
    server.until("switchboard_source_bytes_refused_total 1").await;
    server.until("switchboard_source_bytes_used 0.0").await;
    server.api.on_json("GET /things/{id}", json!({ "id": "1" }));
    server.ask(&thing(3)).await.data();
}

fn paths(server: &Busy) -> Vec<String> {
    server.api.log().into_iter().map(|call| call.path_and_query).collect()
}

// The limiter by itself, in time of its own.

fn limiter(places: usize) -> Arc<Limiter> {
    Limiter::new(&Settings {
        max_in_flight: MaxInFlight::AtMost(places),
        queue_timeout: Duration::from_millis(100),
        source_bytes: 0,
    })
    .expect("a limit")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn entering(limiter: &Arc<Limiter>, priority: Priority) -> JoinHandle<Result<Place, Shed>> {
    let limiter = limiter.clone();
    tokio::spawn(async move { limiter.enter(priority, soon()).await })
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn places_come_back_however_they_end() {
    let limiter = limiter(2);
    let first = limiter.enter(Priority::Normal, soon()).await.unwrap();
    let second = limiter.enter(Priority::Normal, soon()).await.unwrap();

    let given_up = entering(&limiter, Priority::Normal);
    let waiting = entering(&limiter, Priority::Normal);
    settle().await;
    given_up.abort();
    settle().await;
    first.finish(&AtomicU32::new(0), true);
    let third = waiting.await.unwrap().unwrap();
    assert_eq!((limiter.in_flight(), limiter.waiting()), (2, 0));

    drop((second, third));
    assert_eq!((limiter.in_flight(), limiter.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_place_given_to_one_who_has_just_left_goes_to_the_next() {
    let limiter = limiter(1);
    let held = limiter.enter(Priority::Normal, soon()).await.unwrap();
    let leaving = entering(&limiter, Priority::Normal);
    let next = entering(&limiter, Priority::Normal);
    settle().await;

    // Given, and never taken: the task is gone before it runs again.
    drop(held);
    leaving.abort();

    assert!(next.await.unwrap().is_ok());
    settle().await;
    assert_eq!(limiter.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_the_places_is_not_for_sheddable_ones() {
    let limiter = limiter(5);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(limiter.enter(Priority::Sheddable, soon()).await.unwrap());
    }

    assert_eq!(
        limiter.enter(Priority::Sheddable, soon()).await.unwrap_err(),
        Shed::Full
    );
    assert!(!limiter.is_shedding(), "others are still answered");
    held.push(limiter.enter(Priority::Normal, soon()).await.unwrap());
    assert_eq!(limiter.shed(Priority::Sheddable), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_stands_while_more_come_than_leave_sends_them_away_at_once() {
    let limiter = limiter(1);
    // Twenty times a second the place becomes free, a hundred want it.
    let work = |limiter: Arc<Limiter>, priority| async move {
        let started = Instant::now();
        let entered = limiter.enter(priority, soon()).await;
        let waited = started.elapsed();
        if let Ok(place) = entered {
            tokio::time::sleep(Duration::from_millis(50)).await;
            place.finish(&AtomicU32::new(0), true);
            return Ok(waited);
        }
        Err(waited)
    };
    let mut tasks = Vec::new();
    for number in 0..1_000_u32 {
        let priority = if number % 50 == 0 {
            Priority::Critical
        } else {
            Priority::Normal
        };
        tasks.push((priority, tokio::spawn(work(limiter.clone(), priority))));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (mut late, mut critical) = (0, 0);
    for (number, (priority, task)) in tasks.into_iter().enumerate() {
        let ended = task.await.unwrap();
        let is_settled = number > 500;
        late += u32::from(
            is_settled && priority == Priority::Normal && ended.is_err_and(|waited| waited > Duration::from_millis(12)),
        );
        critical += u32::from(is_settled && priority == Priority::Critical && ended.is_err());
    }

    assert_eq!(
        (late, critical),
        (0, 0),
        "nobody waits for nothing, and the critical are answered"
    );
}
