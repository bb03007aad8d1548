//! What a REST backend can do wrong, on the wire, and what the client is told: one test for each fault.
//!
//! Each says the error, the tries that the backend saw, and whether they count for its breaker. Beside the field that fails there is always one that
//! does not, from another backend.

use std::time::Duration;

use serde_json::json;
use switchboard_harness::{Answer, Fault, FaultProxy, MockRest, Plan};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::faulty::{Faulty, TRY, degraded, errors, kind};

mod answers;
mod changes;
mod names;

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" }) @source(name: "well", http: { baseURL: "http://unused" })
    type Query {
      thing: Thing @connect(source: "api", http: { GET: "/thing" }, selection: "id name size colour tags")
      must: Thing! @connect(source: "api", http: { GET: "/thing" }, selection: "id name size colour tags")
      mustExist: Thing! @connect(source: "api", http: { GET: "/thing" }, selection: "id name", isSuccess: "$status->in([200, 404])")
      known: Thing @connect(source: "api", http: { GET: "/thing", headers: [{ name: "if-none-match", value: "\"v1\"" }] }, selection: "id")
      absent: Thing @connect(source: "api", http: { GET: "/thing" }, selection: "id name", isSuccess: "$status->in([200, 404])")
      things: [Thing] @connect(source: "api", http: { GET: "/things" }, selection: "id name need")
      stubs: [Stub] @connect(source: "well", http: { GET: "/stubs" }, selection: "id")
      well: Int @connect(source: "well", http: { GET: "/well" }, selection: "$") }
    type Mutation { add: Thing @connect(source: "api", http: { POST: "/thing" }, selection: "id name") }
    type Thing { id: ID! name: String size: Int colour: Colour tags: [String!] need: String! }
    enum Colour { RED GREEN }
    type Stub @connect(source: "api", http: { POST: "/batch", body: "ids: $batch.id" }, batch: { maxSize: 50 }, selection: "id name")
      { id: ID! name: String }
"#;

/// A backend behind a proxy, one that works, and a server in front of both.
struct Setup {
    api: MockRest,
    well: MockRest,
    proxy: FaultProxy,
    server: Faulty,
}

async fn setup(plan: Plan) -> Setup {
    let (api, well) = (MockRest::start().await, MockRest::start().await);
    for method in ["GET", "POST"] {
        let thing = json!({ "id": 1, "name": "Lamp", "size": 3, "colour": "RED", "tags": ["a"] });
        api.on_json(&format!("{method} /thing"), thing);
    }
    well.on_json("GET /well", json!(1));
    well.on_json("GET /stubs", json!([{ "id": 1 }, { "id": 2 }, { "id": 3 }]));
    let proxy = FaultProxy::start(api.address(), plan).await;
    let server = Faulty::new(SDL, &[("api", vec![proxy.url()]), ("well", vec![well.url()])]);
    Setup {
        api,
        well,
        proxy,
        server,
    }
}

/// Asks for the thing and for what works; the thing has failed with `error`, after `tries`, `failures` of them its backend's fault.
async fn fails(plan: Plan, error: &str, tries: u64, failures: u64) -> Setup {
    let setup = setup(plan).await;
    let answer = setup.server.ask("{ thing { id } well }").await;

    assert_eq!(answer["data"], json!({ "thing": null, "well": 1 }));
    assert_eq!(errors(&answer), [format!("{error} thing")], "{answer}");
    let kind = kind(error, |status| match status {
        400..500 => "HTTP_4XX",
        500.. => "HTTP_5XX",
        _ => "INVALID_RESPONSE",
    });
    assert_eq!(degraded(&answer), [format!("api {kind} NULL thing")], "{answer}");
    let endpoint = setup.server.endpoint("api");
    assert_eq!((endpoint.tries, endpoint.failures), (tries, failures), "{endpoint:?}");
    assert_eq!(setup.well.calls(), 1);
    setup
}

/// The next request finds the backend well and nothing of what was before.
async fn recovers(setup: &Setup) {
    setup.proxy.set(Plan::none());
    let answer = setup.server.ask("{ thing { id name } }").await;
    assert_eq!(answer, json!({ "data": { "thing": { "id": "1", "name": "Lamp" } } }));
}

// F1
#[tokio::test]
async fn refused_connections_are_tried_three_times_mutations_too() {
    let setup = setup(Plan::none()).await;
    setup.proxy.refuse().await;

    let answer = setup.server.ask("{ thing { id } well }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_UNAVAILABLE thing"]);
    assert_eq!(setup.server.endpoint("api").tries, 3);

    let answer = setup.server.ask("mutation { add { id } }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_UNAVAILABLE add"]);
    let endpoint = setup.server.endpoint("api");
    assert_eq!(
        (endpoint.tries, endpoint.failures, endpoint.breaker.as_str()),
        (5, 5, "open")
    );
}

// F1
#[tokio::test]
async fn another_address_is_asked_first() {
    let api = MockRest::start().await;
    api.on_json("GET /thing", json!({ "id": 1 }));
    let gone = FaultProxy::start(api.address(), Plan::none()).await;
    gone.refuse().await;
    let server = Faulty::new(SDL, &[("api", vec![gone.url(), api.url()]), ("well", vec![api.url()])]);
    for _ in 0..4 {
        let answer = server.ask("{ thing { id } }").await;
        assert_eq!(answer, json!({ "data": { "thing": { "id": "1" } } }));
    }
    assert_eq!(api.calls(), 4);
}

// F3
#[tokio::test]
async fn a_peer_that_does_not_speak_tls_is_not_asked_in_the_clear_and_not_twice() {
    let api = MockRest::start().await;
    let https = vec![api.url().replace("http:", "https:")];
    let server = Faulty::new(SDL, &[("api", https), ("well", vec![api.url()])]);

    let answer = server.ask("{ thing { id } }").await;

    assert_eq!(errors(&answer), ["UPSTREAM_UNAVAILABLE thing"]);
    assert!(!answer.to_string().contains("TLS"), "{answer}");
    let endpoint = server.endpoint("api");
    assert_eq!((endpoint.tries, endpoint.failures, api.calls()), (1, 1, 0));
}

// F4
#[tokio::test]
async fn a_host_that_swallows_packets_is_a_time_out() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        held.push(stream);
    }
    let well = MockRest::start().await;
    let server = Faulty::new(
        SDL,
        &[("api", vec![format!("http://{address}")]), ("well", vec![well.url()])],
    );

    let answer = server.ask("{ thing { id } }").await;

    assert_eq!(errors(&answer), ["UPSTREAM_TIMEOUT thing"]);
    assert_eq!(server.endpoint("api").tries, 2);
}

// F5
#[tokio::test]
async fn a_backend_that_hangs_is_a_time_out_and_its_connection_is_not_used_again() {
    let setup = fails(Plan::always(Fault::Hang), "UPSTREAM_TIMEOUT", 2, 2).await;
    let before = setup.proxy.connections();
    recovers(&setup).await;
    assert!(setup.proxy.connections() > before);
}

// F6
#[tokio::test]
async fn slow_headers_are_a_time_out() {
    fails(Plan::always(Fault::SlowHeader(TRY * 20)), "UPSTREAM_TIMEOUT", 2, 2).await;
}

// F7
#[tokio::test]
async fn a_slow_body_is_a_time_out() {
    fails(Plan::always(Fault::SlowBody(TRY / 2)), "UPSTREAM_TIMEOUT", 2, 2).await;
}

// F8
#[tokio::test]
async fn a_body_that_is_cut_off_is_no_answer() {
    let setup = fails(Plan::always(Fault::Truncate), "UPSTREAM_BAD_RESPONSE", 2, 2).await;
    recovers(&setup).await;
}

// F9
#[tokio::test]
async fn a_chunked_body_without_its_end_is_no_answer_though_it_is_json() {
    let setup = fails(Plan::always(Fault::TruncateChunked), "UPSTREAM_BAD_RESPONSE", 2, 2).await;
    recovers(&setup).await;
}

// F10
#[tokio::test]
async fn a_body_shorter_than_announced_is_no_answer() {
    let setup = fails(Plan::always(Fault::Length(5)), "UPSTREAM_BAD_RESPONSE", 2, 2).await;
    recovers(&setup).await;
}

// F10
#[tokio::test]
async fn what_follows_a_body_does_not_leak_into_the_next_answer() {
    let setup = fails(Plan::always(Fault::Length(-5)), "CONNECTOR_RESPONSE_INVALID", 1, 1).await;
    recovers(&setup).await;
}

// F11
#[tokio::test]
async fn a_reset_in_the_body_is_unavailable() {
    let setup = fails(Plan::always(Fault::Reset), "UPSTREAM_UNAVAILABLE", 2, 2).await;
    recovers(&setup).await;
}

// F12
#[tokio::test]
async fn a_kept_connection_that_closes_as_we_send_costs_nothing() {
    let setup = setup(Plan::by(|number| (number == 1).then_some(Fault::Close))).await;
    for _ in 0..3 {
        let answer = setup.server.ask("{ thing { id } }").await;
        assert_eq!(answer, json!({ "data": { "thing": { "id": "1" } } }));
    }
    let state = setup.server.state("api");
    assert_eq!((state.tries, state.retries, state.endpoints[0].failures), (3, 0, 0));
    assert_eq!((setup.proxy.requests(), setup.api.calls()), (4, 3));
}

// F12
#[tokio::test]
async fn a_mutation_on_such_a_connection_is_not_sent_again() {
    let setup = setup(Plan::by(|number| (number == 1).then_some(Fault::Close))).await;
    setup.server.ask("{ thing { id } }").await;

    let answer = setup.server.ask("mutation { add { id } }").await;

    assert_eq!(errors(&answer), ["UPSTREAM_UNKNOWN_OUTCOME add"]);
    assert_eq!(setup.proxy.requests(), 2);
}

fn status(status: u16) -> Plan {
    Plan::always(Fault::Status(status, Vec::new()))
}

// F13
#[tokio::test]
async fn a_500_is_tried_twice() {
    fails(status(500), "CONNECTOR_FETCH 500", 2, 2).await;
    fails(status(501), "CONNECTOR_FETCH 501", 1, 1).await;
}

// F14
#[tokio::test]
async fn a_502_503_or_504_is_tried_three_times() {
    for code in [502, 503, 504] {
        fails(status(code), &format!("CONNECTOR_FETCH {code}"), 3, 3).await;
    }
}

fn retry_after(status: u16, value: &str) -> Fault {
    Fault::Status(status, vec![("retry-after", value.to_owned())])
}

// F15
#[tokio::test]
async fn retry_after_is_waited_for_when_there_is_time() {
    let setup = setup(Plan::first(vec![retry_after(503, "1")])).await;
    let started = std::time::SystemTime::now();

    let answer = setup.server.ask("{ thing { id } }").await;

    assert_eq!(answer, json!({ "data": { "thing": { "id": "1" } } }));
    assert!(started.elapsed().unwrap() >= Duration::from_millis(990), "it waited");
}

// F15
#[tokio::test]
async fn a_long_retry_after_opens_the_breaker() {
    let setup = fails(Plan::always(retry_after(503, "3600")), "CONNECTOR_FETCH 503", 1, 1).await;
    assert_eq!(setup.server.endpoint("api").breaker.as_str(), "open");
    let answer = setup.server.ask("{ thing { id } well }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_CIRCUIT_OPEN thing"]);
    assert_eq!(setup.proxy.requests(), 1);
}

// F15
#[tokio::test]
async fn garbage_in_retry_after_was_not_said() {
    fails(Plan::always(retry_after(503, "soon")), "CONNECTOR_FETCH 503", 3, 3).await;
}

// F16
#[tokio::test]
async fn a_429_is_not_tried_again_unless_it_says_when() {
    fails(status(429), "CONNECTOR_FETCH 429", 1, 0).await;
    let setup = setup(Plan::first(vec![retry_after(429, "0")])).await;
    let answer = setup.server.ask("{ thing { id } }").await;
    assert_eq!(answer, json!({ "data": { "thing": { "id": "1" } } }));
}

// F17
#[tokio::test]
async fn a_404_that_means_absent_is_null_without_an_error() {
    let setup = setup(status(404)).await;
    let answer = setup.server.ask("{ absent { id } well }").await;
    assert_eq!(answer, json!({ "data": { "absent": null, "well": 1 } }));

    let answer = setup.server.ask("{ mustExist { id } well }").await;
    assert_eq!(errors(&answer), ["NOT_FOUND mustExist"]);
    assert_eq!(degraded(&answer), ["api NOT_FOUND NULL mustExist"]);
    assert_eq!(answer["data"], json!(null));

    let endpoint = setup.server.endpoint("api");
    assert_eq!(
        (endpoint.tries, endpoint.failures, endpoint.breaker.as_str()),
        (2, 0, "closed")
    );
    // Nothing of it is kept: what is there now is there.
    setup.proxy.set(Plan::none());
    let answer = setup.server.ask("{ absent { id } mustExist { id } }").await;
    assert_eq!(
        answer,
        json!({ "data": { "absent": { "id": "1" }, "mustExist": { "id": "1" } } })
    );
    fails(status(404), "CONNECTOR_FETCH 404", 1, 0).await;
}

// F18, F19
#[tokio::test]
async fn what_is_wrong_with_the_call_is_told_with_its_status_and_not_tried_again() {
    for code in [400, 401, 403, 409, 422] {
        let setup = fails(status(code), &format!("CONNECTOR_FETCH {code}"), 1, 0).await;
        assert_eq!(setup.server.endpoint("api").breaker.as_str(), "closed");
    }
}

// F45
#[tokio::test]
async fn what_is_ready_at_the_deadline_is_answered() {
    let mut setup = setup(Plan::always(Fault::Hang)).await;
    setup.server.time = Duration::from_millis(300);
    let answer = setup.server.ask("{ thing { id } well }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_TIMEOUT thing"]);
    assert_eq!(answer["data"], json!({ "thing": null, "well": 1 }));
    // The call is given up with the answer, and nothing of it stays behind.
    while setup.proxy.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(setup.server.state("api").in_flight, 0);
}

#[tokio::test]
async fn an_answer_that_works_arrives_whole_through_the_proxy() {
    let setup = setup(Plan::none()).await;
    setup.api.on("GET /thing", |_| {
        Answer::json(json!({ "id": 1, "name": "x".repeat(100_000) }))
    });
    let answer = setup.server.ask("{ thing { name } }").await;
    assert_eq!(answer["data"]["thing"]["name"].as_str().map(str::len), Some(100_000));
}
