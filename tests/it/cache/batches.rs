//! What is kept of batches: each key by itself.

use super::*;

#[tokio::test]
async fn a_batch_asks_only_for_the_keys_that_are_not_kept() {
    let shop = Shop::start().await;
    shop.api.on_json(
        "GET /first",
        json!([{ "id": 1, "authorId": "a" }, { "id": 2, "authorId": "b" }]),
    );
    shop.api.on_json(
        "GET /posts",
        json!([{ "id": 1, "authorId": "b" }, { "id": 2, "authorId": "c" }, { "id": 3, "authorId": "a" }, { "id": 4, "authorId": "gone" }]),
    );
    shop.api.on("GET /authors", |request| {
        let known = request.query_values("id").into_iter().filter(|id| id != "gone");
        Answer::json(
            known
                .map(|id| json!({ "id": id, "name": id.to_uppercase(), "more": [1, { "x": "]" }] }))
                .collect(),
        )
    });

    let first = shop.ask("{ first { author { name } } }", &[]).await;
    let posts = shop.ask("{ posts { author { id name } } }", &[]).await;
    let again = shop.ask("{ posts { author { id name } } }", &[]).await;

    assert_eq!(
        first,
        json!({ "data": { "first": [{ "author": { "name": "A" } }, { "author": { "name": "B" } }] } })
    );
    assert_eq!(posts["data"]["posts"][2]["author"], json!({ "id": "a", "name": "A" }));
    assert_eq!(posts, again);
    let asked: Vec<_> = shop
        .api
        .log()
        .into_iter()
        .filter(|call| &*call.route == "GET /authors")
        .map(|call| call.path_and_query)
        .collect();
    assert_eq!(
        asked,
        ["/authors?id=a&id=b", "/authors?id=c&id=gone"],
        "what is not there is kept as well"
    );
}

#[tokio::test]
async fn lists_of_a_batch_are_kept_by_key() {
    let shop = Shop::start().await;
    shop.api.on_json("GET /first", json!([{ "id": 1 }, { "id": 2 }]));
    shop.api
        .on_json("GET /posts", json!([{ "id": 3 }, { "id": 2 }, { "id": 1 }]));
    shop.api.on("GET /tags", |request| {
        let tags = |post: String| {
            [
                json!({ "post": post, "name": format!("{post}x") }),
                json!({ "post": post, "name": format!("{post}y") }),
            ]
        };
        let asked = request.query_values("post").into_iter().filter(|post| post != "2");
        Answer::json(json!({ "tags": asked.flat_map(tags).collect::<Vec<_>>() }))
    });

    shop.ask("{ first { tags { name } } }", &[]).await;
    let answer = shop.ask("{ posts { id tags { name } } }", &[]).await;

    insta::assert_snapshot!(answer, @r#"{"data":{"posts":[{"id":"3","tags":[{"name":"3x"},{"name":"3y"}]},{"id":"2","tags":[]},{"id":"1","tags":[{"name":"1x"},{"name":"1y"}]}]}}"#);
    let last = shop
        .api
        .log()
        .into_iter()
        .rfind(|call| &*call.route == "GET /tags")
        .expect("asked");
    assert_eq!(last.path_and_query, "/tags?post=3");
}

#[tokio::test]
async fn a_failed_batch_keeps_nothing_and_harms_nothing_that_is_kept() {
    let shop = Shop::start().await;
    shop.api.on_json("GET /first", json!([{ "id": 1, "authorId": "a" }]));
    shop.api.on_json(
        "GET /posts",
        json!([{ "id": 1, "authorId": "a" }, { "id": 2, "authorId": "b" }]),
    );
    shop.api.on("GET /authors", |request| {
        Answer::json(
            request
                .query_values("id")
                .into_iter()
                .map(|id| json!({ "id": id, "name": id }))
                .collect(),
        )
    });
    shop.ask("{ first { author { name } } }", &[]).await;
    shop.api.fail_on("GET /authors", 500);

    let failed = shop.ask("{ posts { author { name } } }", &[]).await;
    shop.api.recover();
    let answer = shop.ask("{ posts { author { name } } }", &[]).await;

    assert_eq!(failed["data"]["posts"][0]["author"]["name"], "a");
    assert_eq!(failed["errors"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        answer,
        json!({ "data": { "posts": [{ "author": { "name": "a" } }, { "author": { "name": "b" } }] } })
    );
}
