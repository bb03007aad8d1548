//! Users who ask at once never share a loader, a call or a body.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::support::shop::{TestShop, as_user};

const USERS: usize = 200;
const REQUESTS: usize = 50_000;
const AT_ONCE: usize = 64;

/// By surface, with the calls that each takes. All tell something that is the user's own.
const QUESTIONS: [(&str, &str, u64); 3] = [
    ("web", "{ me { id name orders(first: 1) { id status } } }", 2),
    ("mobile", "{ home { user { id avatarUrl } } }", 1),
    ("web", "{ me { id contact { email phone } } }", 2),
];

struct Visitors {
    http: reqwest::Client,
    urls: [String; 3],
    bodies: [Bytes; 3],
}

// === impl Visitors ===

impl Visitors {
    /// The answer to one question of one user, both counted from 0.
    async fn ask(&self, user: usize, question: usize) -> Bytes {
        let id = u32::try_from(user + 1).expect("few users");
        let request = self
            .http
            .post(&self.urls[question])
            .header(CONTENT_TYPE, "application/json")
            .headers(as_user(id));
        let response = request
            .body(self.bodies[question].clone())
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("a whole answer")
    }
}

/// Who asks what, in an order that is random and the same in every run.
fn random_order() -> Vec<(usize, usize)> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below a usize")
    };
    (0..REQUESTS)
        .map(|_| (random(USERS), random(QUESTIONS.len())))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_50_000_interleaved_requests_nobody_sees_a_byte_of_somebody_else() {
    let (backends, server) = TestShop::start().await.serve().await;
    backends
        .backends()
        .iter()
        .for_each(|(_, backend)| backend.keep_log(false));
    let visitors = Arc::new(Visitors {
        http: reqwest::Client::builder().no_proxy().build().expect("a client"),
        urls: QUESTIONS.map(|(surface, ..)| server.url(surface)),
        bodies: QUESTIONS.map(|(_, query, _)| json!({ "query": query }).to_string().into()),
    });
    let mut alone = Vec::new();
    for user in 0..USERS {
        alone.push([
            visitors.ask(user, 0).await,
            visitors.ask(user, 1).await,
            visitors.ask(user, 2).await,
        ]);
    }
    let (alone, order, next) = (Arc::new(alone), Arc::new(random_order()), Arc::new(AtomicUsize::new(0)));
    backends.reset();
    // So that nobody is done before others have come.
    backends.accounts.delay(Duration::from_millis(1));

    let visits = (0..AT_ONCE).map(|_| {
        let (visitors, alone, order, next) = (visitors.clone(), alone.clone(), order.clone(), next.clone());
        tokio::spawn(async move {
            while let Some((user, question)) = order.get(next.fetch_add(1, Relaxed)).copied() {
                let answer = visitors.ask(user, question).await;
                assert_eq!(answer, alone[user][question], "user {}, question {question}", user + 1);
            }
        })
    });
    for visit in visits.collect::<Vec<_>>() {
        visit.await.expect("every answer is its user's own");
    }

    let calls: u64 = order.iter().map(|(_, question)| QUESTIONS[*question].2).sum();
    let made = backends.calls();
    assert!(made <= calls, "{made} calls where {calls} would do without sharing");
    assert!(
        made > calls / 2,
        "{made} of {calls} calls: a user shares with nobody but himself"
    );
    assert!(backends.accounts.in_flight_max() > 8, "users did ask at once");
    for (user, answers) in alone.iter().enumerate() {
        let id = format!(r#""id":"{}","#, user + 1);
        assert!(
            answers
                .iter()
                .all(|answer| String::from_utf8_lossy(answer).contains(&id)),
            "{answers:?}"
        );
    }
}
