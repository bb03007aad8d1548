//! What can be learned from how long an answer takes: nothing of secrets, and nothing of what is there. By how it is made: a clock in a test measures the machine.

use std::{fs, path::Path};

use serde_json::json;

use crate::support::{
    guarded::{Guarded, JWKS, ME, QUERY, Signer, claims},
    root,
};

#[test]
fn secrets_are_compared_in_the_same_time_for_all_or_not_at_all() {
    // Where the value of a secret is asked for it is handed on, never compared.
    for file in ["api_key", "forward", "issuer", "keys", "session", "token"] {
        let text = fs::read_to_string(Path::new(&root()).join(format!("src/identity/{file}.rs"))).unwrap();
        for line in text.lines().filter(|line| line.contains(".reveal()")) {
            assert!(!line.contains("==") && !line.contains("!="), "{file}: {line}");
        }
    }
    // Keys are found by comparing hashes, every one of them and in full.
    let keys = fs::read_to_string(Path::new(&root()).join("src/identity/api_key.rs")).unwrap();
    assert!(keys.contains("ct_eq(&hash)") && !keys.contains("== hash") && !keys.contains("HashMap<[u8; 32]"));
}

#[tokio::test]
async fn credentials_that_do_not_hold_are_refused_alike_whatever_is_wrong_with_them() {
    let api_keys = "api_keys: { keys: { shop: { sha256: \"0c21e3e42e4e7f8e5804de6e2b86484e5248f6ccae2e4f8bfe962f2f0f621006\" } } }";
    let server = Guarded::with(ME, &[("auth", &format!("{JWKS}\n  {api_keys}"))]).await;
    let mut other = Signer::good();
    other.id = Some("nobody-has-this".to_owned());
    let unknown = format!("Bearer {}", other.sign(&claims("user-1")));
    let good = Signer::good().sign(&claims("user-1"));
    let wrong = format!("Bearer {}AAAA", &good[..good.len() - 4]);

    let mut answers = Vec::new();
    for header in [
        ("authorization", &*unknown),
        ("authorization", &wrong),
        ("authorization", "Bearer x"),
        ("x-api-key", "key-shop2"),
        ("x-api-key", "k"),
    ] {
        let answer = server.ask(&[header], QUERY).await;
        answers.push((answer.status, answer.text));
    }

    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, 401);
}

#[tokio::test]
async fn what_one_may_not_have_answers_like_what_is_not_there() {
    let sdl = r#"
        type Query { document(id: ID!): Document @connect(
            source: "api", http: { GET: "/documents/{$args.id}" }, selection: "id tenantId", isSuccess: "$status->in([200, 404])") }
        type Document @policy(policies: [["own_tenant"]]) { id: ID tenantId: ID }"#;
    let policy = "policies: { own_tenant: { rule: \"$context.claims.tenant->eq($this.tenantId)\", refused: absent } }";
    let server = Guarded::with(sdl, &[("auth", &format!("{JWKS}\n  {policy}"))]).await;
    server
        .api
        .on_json("GET /documents/1", json!({ "id": "1", "tenantId": "b" }));
    server
        .api
        .on("GET /documents/2", |_| switchboard_harness::Answer::status(404));
    let token = format!("Bearer {}", Signer::good().sign(&claims("user-1")));
    let mut answers = Vec::new();
    for id in ["1", "2"] {
        let query = format!("{{ document(id: {id}) {{ id }} }}");
        let answer = server.ask(&[("authorization", &token)], &query).await;
        answers.push((answer.status, answer.text));
    }
    assert_eq!(answers[0], answers[1]);
}
