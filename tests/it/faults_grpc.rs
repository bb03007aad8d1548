//! What a gRPC backend can do wrong, frame by frame, and what the client is told: one test for each fault.

use serde_json::{Value, json};
use switchboard_harness::{Fault, FaultProxy, GrpcAnswer, MockGrpc, Plan};

use crate::support::faulty::{Faulty, TRY, degraded, errors, kind};

const PROTO: &str = r#"
    syntax = "proto3";
    package t;
    service Things {
      rpc Get(Key) returns (Thing) { option idempotency_level = NO_SIDE_EFFECTS; }
      rpc Add(Key) returns (Thing);
    }
    message Key { int32 id = 1; }
    message Thing { int32 id = 1; string name = 2; int64 big = 3; }
"#;

struct Setup {
    api: MockGrpc,
    proxy: FaultProxy,
    server: Faulty,
    _files: tempfile::TempDir,
}

async fn setup(plan: Plan) -> Setup {
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("t.proto"), PROTO).unwrap();
    let api = MockGrpc::start(&[("t.proto", PROTO)]).await;
    for method in ["t.Things/Get", "t.Things/Add"] {
        api.on(method, |_| {
            GrpcAnswer::json(json!({ "id": 1, "name": "Lamp", "big": "9007199254740993" }))
        });
    }
    let sdl = format!(
        r#"
        extend schema @source(name: "api", grpc: {{ address: "http://unused", schema: {{ proto: ["t.proto"], includes: ["{}"] }} }})
        type Query {{
          thing: Thing @connect(source: "api", grpc: {{ method: "t.Things/Get" }}, selection: "id name big")
          absent: Thing @connect(source: "api", grpc: {{ method: "t.Things/Get" }}, selection: "id", isSuccess: "$status->in([0, 5])")
          mustExist: Thing! @connect(source: "api", grpc: {{ method: "t.Things/Get" }}, selection: "id", isSuccess: "$status->in([0, 5])")
          well: Int @connect(selection: "$(1)") }}
        type Mutation {{ add: Thing @connect(source: "api", grpc: {{ method: "t.Things/Add" }}, selection: "id name") }}
        type Thing {{ id: ID! name: String big: String }}
        "#,
        files.path().display()
    );
    let proxy = FaultProxy::start(api.address(), plan).await;
    let server = Faulty::new(&sdl, &[("api", vec![proxy.url()])]);
    Setup {
        api,
        proxy,
        server,
        _files: files,
    }
}

/// Asks for the thing and for what works; the thing has failed with `error`, after `tries`, `failures` of them its backend's fault.
async fn fails(plan: Plan, error: &str, tries: u64, failures: u64) -> Setup {
    let setup = setup(plan).await;
    let answer = setup.server.ask("{ thing { id } well }").await;

    assert_eq!(answer["data"], json!({ "thing": null, "well": 1 }));
    assert_eq!(errors(&answer), [format!("{error} thing")], "{answer}");
    let kind = kind(error, |_| "GRPC_STATUS");
    assert_eq!(degraded(&answer), [format!("api {kind} NULL thing")], "{answer}");
    let endpoint = setup.server.endpoint("api");
    assert_eq!((endpoint.tries, endpoint.failures), (tries, failures), "{endpoint:?}");
    setup
}

/// The next request finds the backend well.
async fn recovers(setup: &Setup) {
    setup.proxy.set(Plan::none());
    let answer = setup.server.ask("{ thing { id big } }").await;
    assert_eq!(
        answer,
        json!({ "data": { "thing": { "id": "1", "big": "9007199254740993" } } })
    );
}

fn grpc(status: u16) -> Plan {
    Plan::always(Fault::Grpc(status, Vec::new()))
}

fn grpc_with(status: u16, name: &'static str, value: &str) -> Fault {
    Fault::Grpc(status, vec![(name, value.to_owned())])
}

// F1
#[tokio::test]
async fn refused_connections_are_tried_three_times_mutations_too() {
    let setup = setup(Plan::none()).await;
    setup.proxy.refuse().await;
    for (query, path) in [("{ thing { id } }", "thing"), ("mutation { add { id } }", "add")] {
        let answer = setup.server.ask(query).await;
        assert_eq!(errors(&answer), [format!("UPSTREAM_UNAVAILABLE {path}")]);
    }
    assert_eq!(setup.server.endpoint("api").tries, 5, "the breaker opens at five");
}

// F5, F6, F7
#[tokio::test]
async fn a_backend_that_is_slow_at_any_stage_is_a_time_out() {
    for fault in [Fault::Hang, Fault::SlowHeader(TRY * 20), Fault::SlowBody(TRY / 2)] {
        let setup = fails(Plan::always(fault), "UPSTREAM_TIMEOUT", 2, 2).await;
        recovers(&setup).await;
    }
}

// F33
#[tokio::test]
async fn unavailable_is_tried_three_times() {
    fails(grpc(14), "CONNECTOR_FETCH 14", 3, 3).await;
}

// F33
#[tokio::test]
async fn pushback_is_obeyed() {
    let no = Plan::always(grpc_with(14, "grpc-retry-pushback-ms", "-1"));
    fails(no, "CONNECTOR_FETCH 14", 1, 1).await;
    let setup = setup(Plan::first(vec![grpc_with(8, "grpc-retry-pushback-ms", "10")])).await;
    let answer = setup.server.ask("{ thing { id } }").await;
    assert_eq!(answer, json!({ "data": { "thing": { "id": "1" } } }));
    assert_eq!(setup.proxy.requests(), 2);
}

// F33
#[tokio::test]
async fn too_much_is_not_tried_again_and_keeps_nobody_out() {
    let setup = fails(grpc(8), "CONNECTOR_FETCH 8", 1, 0).await;
    for _ in 0..10 {
        setup.server.ask("{ thing { id } }").await;
    }
    assert_eq!(setup.server.endpoint("api").breaker.as_str(), "closed");
}

// F34
#[tokio::test]
async fn deadline_exceeded_is_tried_twice() {
    fails(grpc(4), "CONNECTOR_FETCH 4", 2, 2).await;
}

// F34
#[tokio::test]
async fn the_time_left_is_told() {
    let setup = setup(Plan::none()).await;
    setup.server.ask("{ thing { id } }").await;
    let call = setup.api.log().swap_remove(0);
    let told = call.headers["grpc-timeout"].to_str().unwrap();
    let millis: u128 = told.strip_suffix('m').unwrap().parse().unwrap();
    assert!(millis <= TRY.as_millis() && millis > 0, "{told}");
}

// F35
#[tokio::test]
async fn what_is_wrong_with_the_call_is_told_with_its_status_and_not_tried_again() {
    for code in [3, 5, 7, 16, 9, 6] {
        let setup = fails(grpc(code), &format!("CONNECTOR_FETCH {code}"), 1, 0).await;
        assert_eq!(setup.server.endpoint("api").breaker.as_str(), "closed");
    }
    let setup = setup(grpc(5)).await;
    let answer = setup.server.ask("{ absent { id } }").await;
    assert_eq!(answer, json!({ "data": { "absent": null } }));
    let answer = setup.server.ask("{ mustExist { id } }").await;
    assert_eq!(errors(&answer), ["NOT_FOUND mustExist"]);
    assert_eq!(answer["data"], Value::Null);
}

// F36
#[tokio::test]
async fn internal_errors_count_and_are_not_tried_again() {
    for code in [13, 2, 15] {
        fails(grpc(code), &format!("CONNECTOR_FETCH {code}"), 1, 1).await;
    }
    fails(grpc(12), "CONNECTOR_FETCH 12", 1, 0).await;
}

// F37
#[tokio::test]
async fn a_stream_that_ends_without_a_status_is_no_success() {
    let setup = fails(Plan::always(Fault::Truncate), "UPSTREAM_BAD_RESPONSE", 2, 2).await;
    recovers(&setup).await;
}

// F37
#[tokio::test]
async fn an_answer_of_a_proxy_is_mapped_by_its_status() {
    // 503 is UNAVAILABLE, 404 UNIMPLEMENTED, 500 UNKNOWN.
    for (status, code, tries, failures) in [(503, 14, 3, 3), (404, 12, 1, 0), (500, 2, 1, 1), (403, 7, 1, 0)] {
        let plan = Plan::always(Fault::Status(status, Vec::new()));
        fails(plan, &format!("CONNECTOR_FETCH {code}"), tries, failures).await;
    }
    let plan = Plan::always(Fault::ContentType("text/html"));
    fails(plan, "UPSTREAM_BAD_RESPONSE", 2, 2).await;
}

// F28
#[tokio::test]
async fn a_message_beyond_the_limit_is_dropped() {
    let message = vec![0; 5 * 1024 * 1024];
    fails(Plan::always(Fault::Body(message.into())), "UPSTREAM_BAD_RESPONSE", 1, 1).await;
}

// F38
#[tokio::test]
async fn a_refused_stream_costs_nothing() {
    const REFUSED_STREAM: u32 = 7;
    let setup = setup(Plan::first(vec![Fault::Rst(REFUSED_STREAM)])).await;
    for (query, field) in [("{ thing { name } }", "thing"), ("mutation { add { name } }", "add")] {
        setup.proxy.set(Plan::by({
            let next = setup.proxy.requests();
            move |number| (number == next).then_some(Fault::Rst(REFUSED_STREAM))
        }));
        let answer = setup.server.ask(query).await;
        assert_eq!(answer["data"][field]["name"], "Lamp", "{answer}");
    }
    let state = setup.server.state("api");
    assert_eq!(
        (state.retries, state.endpoints[0].failures, setup.proxy.requests()),
        (0, 0, 4)
    );
}

// F38
#[tokio::test]
async fn a_cancelled_stream_is_unavailable_and_a_mutation_on_it_not_made_again() {
    const CANCEL: u32 = 8;
    let setup = fails(Plan::always(Fault::Rst(CANCEL)), "UPSTREAM_UNAVAILABLE", 2, 2).await;
    let before = setup.proxy.requests();
    let answer = setup.server.ask("mutation { add { id } }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_UNKNOWN_OUTCOME add"]);
    assert_eq!(degraded(&answer), ["api UNAVAILABLE NULL add"]);
    assert_eq!(setup.proxy.requests(), before + 1);
}

// F38
#[tokio::test]
async fn a_connection_that_is_wound_down_loses_no_call() {
    let setup = setup(Plan::by(|number| (number % 3 == 1).then_some(Fault::GoAway))).await;
    for _ in 0..12 {
        let answer = setup.server.ask("{ thing { name } }").await;
        assert_eq!(answer, json!({ "data": { "thing": { "name": "Lamp" } } }));
    }
    assert_eq!(setup.server.endpoint("api").failures, 0);
}

// F38
#[tokio::test]
async fn a_connection_that_ends_with_an_error_is_tried_on_another() {
    let setup = setup(Plan::first(vec![Fault::GoAwayNow])).await;
    let answer = setup.server.ask("{ thing { name } }").await;
    assert_eq!(answer, json!({ "data": { "thing": { "name": "Lamp" } } }));
    assert!(setup.proxy.connections() >= 2);
}

// F11
#[tokio::test]
async fn a_reset_in_the_message_is_unavailable() {
    let setup = fails(Plan::always(Fault::Reset), "UPSTREAM_UNAVAILABLE", 2, 2).await;
    recovers(&setup).await;
}

// F39
#[tokio::test]
async fn fields_that_differ_are_ignored_or_default_and_what_cannot_be_read_is_no_answer() {
    // id = 7, and a field 15 nobody knows.
    let unknown = Plan::always(Fault::Body((&[8, 7, 0x7A, 2, b'h', b'i'][..]).into()));
    let setup = setup(unknown).await;
    let answer = setup.server.ask("{ thing { id name } }").await;
    assert_eq!(answer, json!({ "data": { "thing": { "id": "7", "name": "" } } }));
    // A length that goes beyond the message.
    let broken = Plan::always(Fault::Body((&[0x12, 200, 1, b'x'][..]).into()));
    fails(broken, "UPSTREAM_BAD_RESPONSE", 1, 1).await;
}
