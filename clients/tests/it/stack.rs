//! What stands around every client.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Response;
use http_body_util::Full;
use switchboard_clients::{
    CallError, Registry, Safety,
    registry::{RegistryError, SourceSettings, TransportSettings},
};
use tokio::time::Instant;

use crate::support::{After, Scheme, Source, get, kind, send};

#[tokio::test]
async fn a_full_source_refuses_at_once_and_takes_calls_again_later() {
    let source = Source::bytes(Scheme::Http, b"", After::Hang).await;
    let mut settings = source.settings();
    settings.calls_in_flight_max = 3;
    settings.call_timeout = Duration::from_millis(200);
    let client = settings.client().unwrap();
    let started = Instant::now();
    let held: Vec<_> = (0..3)
        .map(|_| tokio::spawn(send_owned(client.clone(), source.uri("/"))))
        .collect();
    tokio::task::yield_now().await;

    let outcome = send(&client, get(source.uri("/"))).await;

    assert!(matches!(outcome, Err(CallError::Limited { limit: 3 })), "{outcome:?}");
    assert!(started.elapsed() < Duration::from_millis(100));
    join_all(held).await;
    assert_eq!(
        kind(&send(&client, get(source.uri("/"))).await),
        "Timeout",
        "there is room again"
    );
}

async fn send_owned(client: std::sync::Arc<dyn switchboard_clients::Client>, uri: http::Uri) {
    let _ = send(&client, get(uri)).await;
}

#[tokio::test]
async fn a_dropped_call_gives_its_place_back() {
    let source = Source::bytes(Scheme::Http, b"", After::Hang).await;
    let mut settings = source.settings();
    settings.calls_in_flight_max = 1;
    settings.call_timeout = Duration::from_millis(100);
    let client = settings.client().unwrap();
    for _ in 0..3 {
        let call = send(&client, get(source.uri("/")));
        assert!(tokio::time::timeout(Duration::from_millis(10), call).await.is_err());
    }

    assert_eq!(kind(&send(&client, get(source.uri("/"))).await), "Timeout");
}

#[tokio::test]
async fn a_call_past_its_deadline_is_not_sent() {
    let source = Source::http(Scheme::Http, &[], |_| Response::new(Full::<Bytes>::default())).await;
    let client = source.client();

    let outcome = client.call(get(source.uri("/")), Safety::Once, Instant::now()).await;

    assert!(matches!(outcome, Err(CallError::NoTime)), "{outcome:?}");
    assert_eq!(source.seen.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn sources_are_found_by_name_and_by_number() {
    let sources = ["users", "orders"].map(|name| SourceSettings::new(name, TransportSettings::Rest));
    let registry = Registry::build(&sources).unwrap();

    assert_eq!(registry.len(), 2);
    assert_eq!(registry.number("orders"), Some(1));
    assert!(registry.get("users").is_some() && registry.at(0).is_some());
    assert!(registry.get("other").is_none() && registry.at(2).is_none());
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let twice = ["a", "a"].map(|name| SourceSettings::new(name, TransportSettings::Rest));
    assert!(matches!(Registry::build(&twice), Err(RegistryError::Duplicate(name)) if name == "a"));

    for address in ["catalog:50051", "/path", "ftp://catalog", "http://catalog/?q"] {
        let grpc = SourceSettings::new(
            "a",
            TransportSettings::Grpc {
                address: address.parse().unwrap(),
            },
        );
        assert!(
            matches!(Registry::build(&[grpc]), Err(RegistryError::Address { .. })),
            "{address}"
        );
    }

    let mut tls = SourceSettings::new("a", TransportSettings::Rest);
    tls.tls.authorities_pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
    assert!(matches!(Registry::build(&[tls]), Err(RegistryError::Tls { .. })));
}
