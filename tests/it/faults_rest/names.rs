//! Names that cannot be looked up, by a resolver of our own.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::json;
use switchboard_clients::{Resolve, Resolving};
use switchboard_harness::{Answer, MockRest};

use super::SDL;
use crate::support::faulty::{Faulty, degraded, errors};

/// What the name server does.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Well,
    Broken,
    Empty,
    Hanging,
}

#[derive(Debug)]
struct Names(Mutex<Mood>);

impl Resolve for Names {
    fn resolve(&self, _: &str, port: u16) -> Resolving {
        let mood = *self.0.lock().unwrap();
        Box::pin(async move {
            match mood {
                Mood::Well => Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]),
                Mood::Broken => Err(io::Error::other("no name server")),
                Mood::Empty => Ok(Vec::new()),
                Mood::Hanging => std::future::pending().await,
            }
        })
    }
}

/// A server whose source `api` has a name, and a source that has none.
async fn setup(mood: Mood) -> (Arc<Names>, [MockRest; 2], Faulty) {
    let names = Arc::new(Names(Mutex::new(mood)));
    let (api, well) = (MockRest::start().await, MockRest::start().await);
    // No connection is kept, so that the name is looked up for each call.
    api.on("GET /thing", |_| {
        Answer::json(json!({ "id": 1 })).with_header("connection", "close")
    });
    well.on_json("GET /well", json!(1));
    let url = format!("http://api.test:{}", api.address().port());
    let server = Faulty::with(SDL, &[("api", vec![url]), ("well", vec![well.url()])], |settings| {
        settings.resolve = Some(names.clone());
    });
    (names, [api, well], server)
}

// F2
#[tokio::test]
async fn a_name_that_cannot_be_looked_up_is_unavailable() {
    for mood in [Mood::Broken, Mood::Empty, Mood::Hanging] {
        let (_, [api, _well], server) = setup(mood).await;

        let answer = server.ask("{ thing { id } well }").await;

        assert_eq!(answer["data"], json!({ "thing": null, "well": 1 }), "{mood:?}");
        assert_eq!(errors(&answer), ["UPSTREAM_UNAVAILABLE thing"], "{mood:?}: {answer}");
        assert_eq!(degraded(&answer), ["api UNAVAILABLE NULL thing"], "{mood:?}");
        let endpoint = server.endpoint("api");
        assert_eq!((endpoint.tries, endpoint.failures), (3, 3), "{mood:?}");
        assert_eq!(api.calls(), 0);
    }
}

// F2
#[tokio::test]
async fn the_last_good_address_serves_while_a_name_cannot_be_looked_up() {
    let (names, [api, _well], server) = setup(Mood::Well).await;
    for mood in [Mood::Well, Mood::Broken, Mood::Empty, Mood::Hanging, Mood::Hanging] {
        *names.0.lock().unwrap() = mood;
        let answer = server.ask("{ thing { id } well }").await;
        assert_eq!(
            answer,
            json!({ "data": { "thing": { "id": "1" }, "well": 1 } }),
            "{mood:?}"
        );
    }
    let endpoint = server.endpoint("api");
    assert_eq!((endpoint.tries, endpoint.failures, api.calls()), (5, 0, 5));
}
