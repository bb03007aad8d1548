//! A thousand users at the same time: what remembers the keys of a request knows no other.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};
use switchboard::execute::Scope;

use super::site::Sources;
use crate::support::guarded::{Signer, claims};

const USERS: usize = 1_000;
const ASKS: usize = 3;
const AT_ONCE: usize = 64;

/// Three levels load the same kind of object: keys of an earlier one are not asked for again.
const QUERY: &str = "{ items(n: 0) { holder { id echo friend { id echo friend { id echo friend { echo } } } } } }";

/// Every value under a key, at any depth.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            if name == key {
                found.push(value);
            }
            all(value, key, found);
        }),
        Value::Array(items) => items.iter().for_each(|value| all(value, key, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_users_at_once_have_loaders_of_their_own() {
    let sources = Sources::start().await;
    // No other part may hide what loaders do.
    let site = sources.site("sharing: false, cache_bytes: 0", &[]).await;
    let (url, client) = (site.url("app"), reqwest::Client::builder().no_proxy().build().unwrap());
    let signer = Signer::good();
    let tokens: Vec<String> = (0..USERS)
        .map(|user| format!("Bearer {}", signer.sign(&claims(&format!("user-{user}")))))
        .collect();
    let ask = async |user: usize| -> Value {
        let request = client
            .post(&url)
            .header("authorization", &tokens[user])
            .json(&json!({ "query": QUERY }));
        request.send().await.unwrap().json().await.unwrap()
    };
    let first = ask(0).await;
    let calls_each = sources.calls();
    assert_eq!(
        calls_each, 3,
        "items, their holders, and the one friend who is none of them: {first}"
    );

    let (next, ask, tokens) = (&AtomicUsize::new(0), &ask, &tokens);
    let visits = (0..AT_ONCE).map(|_| async move {
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= USERS * ASKS {
                return;
            }
            // Neighbours are never the same user.
            let user = number * 7 % USERS;
            let answer = ask(user).await;
            let mut told = Vec::new();
            all(&answer, "authorization", &mut told);
            assert_eq!(told.len(), 12, "{answer}");
            assert!(
                told.iter().all(|value| **value == json!([tokens[user]])),
                "user {user}: {answer}"
            );
        }
    });
    futures_util::future::join_all(visits).await;

    assert_eq!(
        sources.calls(),
        calls_each * (1 + (USERS * ASKS) as u64),
        "no key is remembered beyond its request"
    );
}

#[test]
fn what_a_request_remembers_cannot_be_had_twice() {
    struct Probe<T>(std::marker::PhantomData<T>);
    trait IsNot {
        const CLONE: bool = false;
    }
    impl<T> IsNot for Probe<T> {}
    impl<T: Clone> Probe<T> {
        const CLONE: bool = true;
    }

    // Loaders and keys are made from a scope (`execute::run` takes it), and a scope is made for a request.
    const { assert!(Probe::<String>::CLONE, "the probe tells") };
    const { assert!(!Probe::<Scope>::CLONE) };
}
