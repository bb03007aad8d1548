//! The admin port, and the way out.

use std::time::Duration;

use switchboard::http::Settings;
use tokio::time::timeout;

use crate::wire::{Client, Wire, post};

const HEAD: &str = "content-type: application/json\r\n";

fn ask(query: &str) -> Vec<u8> {
    post(HEAD, format!(r#"{{"query":"{query}"}}"#))
}

async fn ended(wire: Wire) {
    timeout(Duration::from_secs(5), wire.task)
        .await
        .expect("the server ends")
        .unwrap();
}

#[tokio::test]
async fn probes_say_up_and_nothing_else() {
    let wire = Wire::start().await;

    for path in ["/live", "/ready"] {
        let reply = wire.probe(path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "up\n"), "{path}");
    }
    assert_eq!(wire.probe("/").await.status, 404);
}

#[tokio::test]
async fn the_public_port_has_no_admin_paths() {
    let wire = Wire::start().await;

    for path in ["/live", "/ready", "/metrics", "/debug/pprof", "/config", "/graphiql"] {
        assert_eq!(wire.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn metrics_count_requests_by_surface_and_outcome() {
    let wire = Wire::start().await;
    wire.ask("{ data }", "").await;
    wire.ask("{ partial }", "").await;
    wire.ask("{ partial }", "accept: text/html\r\n").await;
    wire.get("/nowhere").await;

    let metrics = wire.probe("/metrics").await;

    assert_eq!(
        metrics.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let count = |labels: &str| {
        let line = metrics
            .body
            .lines()
            .find(|line| line.starts_with(&format!("switchboard_requests_total{{{labels}}}")));
        line.unwrap_or_else(|| panic!("{labels}: {}", metrics.body))
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(count(r#"surface="web",outcome="data""#), "1");
    assert_eq!(count(r#"surface="web",outcome="partial""#), "1");
    assert_eq!(count(r#"surface="web",outcome="refused""#), "1");
    assert_eq!(count(r#"surface="mobile",outcome="data""#), "0");
    assert_eq!(count(r#"surface="-",outcome="refused""#), "1");
    assert!(
        metrics
            .body
            .contains(r#"switchboard_request_duration_seconds_count{surface="web"} 3"#),
        "{}",
        metrics.body
    );
    assert!(
        metrics
            .body
            .contains(r#"switchboard_requests_in_flight{surface="web"} 0"#),
        "{}",
        metrics.body
    );
}

#[tokio::test]
async fn requests_in_flight_end_before_the_server_does() {
    let wire = Wire::start().await;
    let mut busy = Client::connect(wire.address).await;
    busy.send(ask("{ wait }")).await;
    wire.script.begun.notified().await;
    let mut idle = Client::connect(wire.address).await;
    idle.send(ask("{ data }")).await;
    idle.reply().await.unwrap();

    wire.stop.send(()).await.unwrap();

    assert_eq!(idle.closed().await, "", "idle connections are closed");
    let not_ready = wire.probe("/ready").await;
    assert_eq!((not_ready.status, not_ready.body.as_str()), (503, "down\n"));
    assert_eq!(wire.probe("/live").await.status, 200);
    assert!(
        tokio::net::TcpStream::connect(wire.address).await.is_err(),
        "nothing new is accepted"
    );
    wire.script.go.notify_one();
    let answer = busy.closed().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(r#"{"data":"waited"}"#),
        "{answer}"
    );
    ended(wire).await;
}

#[tokio::test]
async fn the_drain_time_is_the_longest_a_request_may_hold_the_server() {
    let wire = Wire::with(Settings {
        drain_timeout: Duration::from_millis(200),
        ..Settings::default()
    })
    .await;
    let mut busy = Client::connect(wire.address).await;
    busy.send(ask("{ hang }")).await;
    wire.script.begun.notified().await;

    wire.stop.send(()).await.unwrap();

    assert_eq!(busy.closed().await, "");
    ended(wire).await;
}

#[tokio::test]
async fn the_second_signal_forces() {
    let wire = Wire::start().await;
    let mut busy = Client::connect(wire.address).await;
    busy.send(ask("{ hang }")).await;
    wire.script.begun.notified().await;

    wire.stop.send(()).await.unwrap();
    wire.stop.send(()).await.unwrap();

    assert_eq!(busy.closed().await, "");
    ended(wire).await;
}

#[tokio::test]
async fn connections_that_were_opened_in_time_are_served() {
    let wire = Wire::with(Settings {
        shutdown_delay: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    wire.stop.send(()).await.unwrap();
    while wire.probe("/ready").await.status == 200 {}

    let reply = wire.ask("{ data }", "").await;

    assert_eq!(reply.status, 200, "a balancer has that long to notice");
    ended(wire).await;
}

#[tokio::test]
async fn the_second_signal_forces_while_a_balancer_is_waited_for_too() {
    let wire = Wire::with(Settings {
        shutdown_delay: Duration::from_secs(600),
        ..Settings::default()
    })
    .await;
    let mut busy = Client::connect(wire.address).await;
    busy.send(ask("{ hang }")).await;
    wire.script.begun.notified().await;

    wire.stop.send(()).await.unwrap();
    while wire.probe("/ready").await.status == 200 {}
    wire.stop.send(()).await.unwrap();

    assert_eq!(busy.closed().await, "");
    ended(wire).await;
}
