//! Entity tags: a client that has the answer is told so.

use super::*;

#[tokio::test]
async fn a_client_that_has_the_answer_is_told_so_without_a_body() {
    let site = Site::start().await;
    let query = "{ second { id } old }";

    let first = site.get(query).await;
    let tag = first.header("etag");
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    for known in [&*tag, tag.trim_start_matches("W/"), "*", &format!("\"other\", {tag}")] {
        let again = site.get_as(query, &[("if-none-match", known)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
        for name in ["etag", "cache-control", "vary", "deprecation", "sunset"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        assert_eq!(
            (again.header("content-type"), again.header("content-length")),
            (String::new(), String::new())
        );
    }
    site.api.on_json("GET /second", json!({ "id": 7 }));
    let changed = Site::start().await;
    changed.api.on_json("GET /second", json!({ "id": 7 }));
    let other = changed.get_as(query, &[("if-none-match", &*tag)]).await;
    assert_eq!(other.status, 200, "it is another now");
    assert_ne!(other.header("etag"), tag);
}

#[tokio::test]
async fn a_tag_is_the_same_in_every_process_and_another_for_every_media_type() {
    let (one, other) = (Site::start().await, Site::start().await);
    let query = "{ minute { id } }";
    let as_graphql = [("accept", "application/graphql-response+json")];

    let tag = one.get(query).await.header("etag");
    assert_eq!(tag, other.get(query).await.header("etag"));
    assert_ne!(tag, one.get_as(query, &as_graphql).await.header("etag"));
}
