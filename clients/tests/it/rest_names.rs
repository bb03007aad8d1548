//! Names of REST sources: what happens while they cannot be looked up.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use switchboard_clients::{Client, Resolve, Resolving, policy::Resilience, registry::SourceSettings};

use crate::support::{After, BOTH, Source, get, kind, send};

/// Each reply ends its connection, so that each call looks the name up.
const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

/// What the name server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Broken,
    Empty,
    Hanging,
}

#[derive(Debug)]
struct Names {
    mood: Mutex<Mood>,
    lookups: AtomicUsize,
}

impl Names {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            mood: Mutex::new(mood),
            lookups: AtomicUsize::new(0),
        })
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn lookups(&self) -> usize {
        self.lookups.load(Relaxed)
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        assert_eq!(host, "localhost");
        self.lookups.fetch_add(1, Relaxed);
        let mood = *self.mood.lock().unwrap();
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

fn client(source: &Source, names: &Arc<Names>) -> Arc<dyn Client> {
    let settings = SourceSettings {
        // A machine that is busy has not failed to connect.
        connect_timeout: Duration::from_secs(2),
        call_timeout: Duration::from_secs(20),
        resolve: Some(names.clone()),
        resilience: Resilience::off(),
        ..source.settings()
    };
    settings.client().unwrap()
}

#[tokio::test]
async fn the_last_good_addresses_are_kept_while_a_name_cannot_be_looked_up() {
    for scheme in BOTH {
        let source = Source::bytes(scheme, REPLY, After::Close).await;
        let names = Names::new(Mood::Well);
        let client = client(&source, &names);
        assert_eq!(kind(&send(&client, get(source.uri("/"))).await), "Reply 200");

        for mood in [Mood::Broken, Mood::Empty, Mood::Hanging] {
            names.set(mood);
            let before = names.lookups();
            for _ in 0..3 {
                let outcome = send(&client, get(source.uri("/"))).await;
                assert_eq!(kind(&outcome), "Reply 200", "{scheme:?} {mood:?}: {outcome:?}");
            }
            // One that hangs is not asked again while it does.
            let asked = if mood == Mood::Hanging { 1 } else { 3 };
            assert_eq!(names.lookups() - before, asked, "{scheme:?} {mood:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_nobody_can_look_up_is_a_failure_to_connect() {
    for scheme in BOTH {
        let source = Source::bytes(scheme, REPLY, After::Close).await;
        for mood in [Mood::Broken, Mood::Empty, Mood::Hanging] {
            let names = Names::new(mood);
            let client = client(&source, &names);
            let calls = (0..50).map(|_| send(&client, get(source.uri("/"))));

            let outcomes: Vec<String> = join_all(calls).await.iter().map(kind).collect();

            assert!(
                outcomes.iter().all(|outcome| outcome == "Connect"),
                "{scheme:?} {mood:?}: {outcomes:?}"
            );
            if mood == Mood::Hanging {
                assert_eq!(names.lookups(), 1, "fifty wait for one");
            }
        }
    }
}
