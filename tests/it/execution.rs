//! Operations over REST backends: who is called how often, and what is answered.

use serde_json::json;
use switchboard_harness::MockRest;

use crate::support::TestEngine;

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      posts: [Post!] @connect(source: "api", http: { GET: "/posts" }, selection: "id userId title")
      post(id: Int!): Post @connect(source: "api", http: { GET: "/posts/{$args.id}" }, selection: "id userId title")
      greet: String! @connect(selection: "$('Hello World!')")
    }
    type Post { id: Int! userId: Int! title: String!
      user: User @connect(source: "api", http: { GET: "/users", queryParams: "id: $batch.userId" }
        batch: { groupBy: "userId: id" }, selection: "id name email") }
    type User { id: Int! name: String! email: String! }
"#;

async fn api() -> MockRest {
    let api = MockRest::start().await;
    api.on_json("GET /posts", json!([{"id": 1, "userId": 2, "title": "a \"b\""}, {"userId": 1, "id": 2, "title": "c"}, {"id": 3, "userId": 2, "title": "d"}]));
    api.on_json("GET /posts/1", json!({"id": 1, "userId": 2, "title": "a"}));
    api.on_json("GET /users", json!([{"id": 1, "name": "Ann", "email": "a@x"}, {"id": 2, "name": "Bob", "email": "b@x"}]));
    api
}

#[tokio::test]
async fn a_list_and_its_users_take_two_calls() {
    let api = api().await;
    let engine = TestEngine::new(SDL, &[("api", api.url())]);

    let answer = engine.run("{ posts { id t: title user { id name } } greet post(id: 1) { title user { name } } }").await;

    insta::assert_compact_json_snapshot!(answer, @"");
    assert_eq!(api.calls(), 3);
    assert_eq!(api.log()[1].path_and_query, "x");
}
