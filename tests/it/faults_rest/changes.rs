//! Calls that change something, and of which nobody knows whether they did.

use std::time::Duration;

use serde_json::json;
use switchboard_harness::{Fault, Plan};

use super::setup;
use crate::support::faulty::{degraded, errors};

// F47
#[tokio::test]
async fn a_mutation_whose_answer_is_lost_is_not_made_again_and_says_that_it_may_have_been_done() {
    for (fault, kind) in [
        (Fault::Reset, "UNAVAILABLE"),
        (Fault::Close, "UNAVAILABLE"),
        (Fault::Hang, "TIMEOUT"),
        (Fault::SlowHeader(Duration::from_secs(20)), "TIMEOUT"),
    ] {
        let setup = setup(Plan::always(fault.clone())).await;

        let answer = setup.server.ask("mutation { add { id } }").await;

        assert_eq!(errors(&answer), ["UPSTREAM_UNKNOWN_OUTCOME add"], "{fault:?}");
        assert_eq!(degraded(&answer), [format!("api {kind} NULL add")], "{fault:?}");
        let endpoint = setup.server.endpoint("api");
        assert_eq!((endpoint.tries, endpoint.failures), (1, 1), "{fault:?}");
        assert_eq!(setup.proxy.requests(), 1, "{fault:?}");
    }
}

// F47
#[tokio::test]
async fn fields_after_a_lost_mutation_run_in_their_order() {
    let setup = setup(Plan::first(vec![Fault::Hang])).await;

    let answer = setup.server.ask("mutation { a: add { id } b: add { id } }").await;

    assert_eq!(errors(&answer), ["UPSTREAM_UNKNOWN_OUTCOME a"]);
    assert_eq!(answer["data"], json!({ "a": null, "b": { "id": "1" } }));
    assert_eq!((setup.proxy.requests(), setup.api.calls()), (2, 1));
}

#[tokio::test]
async fn a_mutation_that_was_not_sent_is_unavailable_or_late_and_nothing_was_done() {
    let setup = setup(Plan::none()).await;
    setup.proxy.refuse().await;
    let answer = setup.server.ask("mutation { add { id } }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_UNAVAILABLE add"]);

    // The second is not begun when the time is over.
    let mut setup = super::setup(Plan::always(Fault::Hang)).await;
    setup.server.time = Duration::from_millis(200);
    let answer = setup.server.ask("mutation { a: add { id } b: add { id } }").await;
    assert_eq!(errors(&answer), ["UPSTREAM_UNKNOWN_OUTCOME a", "UPSTREAM_TIMEOUT b"]);
    assert_eq!(setup.proxy.requests(), 1);
}
