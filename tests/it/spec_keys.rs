//! Keys: where their parts come from, and what they may be.

use serde_json::json;
use switchboard_harness::{Answer, GrpcAnswer, MockGrpc, MockRest};

use crate::support::TestEngine;

#[tokio::test]
async fn a_key_that_another_connector_of_the_type_has_is_fetched_from_it_first() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query {
          reviews: [Review] @connect(source: "api", http: { GET: "/reviews" }, selection: "author: { email }")
          user(id: ID!): User @connect(source: "api", http: { GET: "/users/{$args.id}" }, entity: true, selection: "id name")
          userByEmail(email: String!): User
            @connect(source: "api", http: { GET: "/by-email", queryParams: "email: $args.email" }, entity: true, selection: "id email")
        }
        type Review { author: User }
        type User { id: ID email: String name: String }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /reviews", json!([{ "email": "ann@x" }, { "email": "ann@x" }]));
    api.on_json("GET /by-email", json!({ "id": 7, "email": "ann@x" }));
    api.on_json("GET /users/{id}", json!({ "id": 7, "name": "Ann" }));
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ reviews { author { name } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"reviews":[{"author":{"name":"Ann"}},{"author":{"name":"Ann"}}]}}"#);
    assert_eq!(api.calls(), 3, "reviews, by e-mail, by id: each once");
}

#[tokio::test]
async fn a_key_may_be_a_sibling_field_with_its_own_connector() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { user: User @connect(source: "api", http: { GET: "/user" }, selection: "id") }
        type User { id: ID
          accountId: ID @connect(source: "api", http: { GET: "/users/{$this.id}/account" }, selection: "$.account")
          balance: Float @connect(source: "api", http: { GET: "/accounts/{$this.accountId}" }, selection: "$.balance") }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /user", json!({ "id": 1 }));
    api.on_json("GET /users/{id}/account", json!({ "account": "a-1" }));
    api.on_json("GET /accounts/{id}", json!({ "balance": 2.5 }));
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ user { balance accountId } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"user":{"balance":2.5,"accountId":"a-1"}}}"#);
    assert_eq!(api.calls(), 3, "the account is asked for once");
    assert_eq!(api.log()[2].path_and_query, "/accounts/a-1");
}

#[tokio::test]
async fn a_list_as_key_repeats_the_parameter_and_a_path_through_a_list_makes_one() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { post: Post @connect(source: "api", http: { GET: "/post" }, selection: "tagIds items { productId }") }
        type Post { tagIds: [ID] items: [Item]
          tags: [Tag] @connect(source: "api", http: { GET: "/tags", queryParams: "id: $this.tagIds" }, selection: "name")
          stock: [Tag] @connect(source: "api", http: { POST: "/stock", body: "ids: $this.items.productId" }, selection: "name") }
        type Item { productId: ID }
        type Tag { name: String }
    "#;
    let api = MockRest::start().await;
    api.on_json(
        "GET /post",
        json!({ "tagIds": ["a", 2, null], "items": [{ "productId": 8 }, { "productId": 9 }] }),
    );
    api.on_json("GET /tags", json!([{ "name": "A" }]));
    api.on_json("POST /stock", json!([{ "name": "S" }]));
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ post { tags { name } stock { name } } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"post":{"tags":[{"name":"A"}],"stock":[{"name":"S"}]}}}"#);
    let log = api.log();
    let call = |route: &str| log.iter().find(|call| &*call.route == route).expect("called").clone();
    assert_eq!(call("GET /tags").path_and_query, "/tags?id=a&id=2");
    assert_eq!(call("POST /stock").body, br#"{"ids":[8,9]}"#[..]);
}

const PROTO: &str = r#"
    syntax = "proto3";
    package t;
    message Get { string id = 1; }
    message Product { string id = 1; string title = 2; repeated string tag_ids = 3; }
    service Catalog { rpc GetProduct(Get) returns (Product); }
"#;

#[tokio::test]
async fn a_grpc_status_that_counts_as_success_gives_null_and_repeated_fields_are_keys() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("t.proto"), PROTO).expect("a file");
    let sdl = format!(
        r#"
        extend schema
          @source(name: "grpc", grpc: {{ address: "http://unused", schema: {{ proto: ["t.proto"], includes: ["{}"] }} }})
          @source(name: "api", http: {{ baseURL: "http://unused" }})
        type Query {{ product(id: ID!): Product @connect(source: "grpc", grpc: {{ method: "t.Catalog/GetProduct", message: "id: $args.id" }}
          isSuccess: "$status->in([0, 5])", selection: "id title tagIds") }}
        type Product {{ id: ID! title: String tagIds: [ID]
          tags: [Tag] @connect(source: "api", http: {{ GET: "/tags", queryParams: "id: $this.tagIds" }}, selection: "name") }}
        type Tag {{ name: String }}
        "#,
        directory.path().display()
    );
    let grpc = MockGrpc::start(&[("t.proto", PROTO)]).await;
    grpc.on("t.Catalog/GetProduct", |request| match request.message["id"].as_str() {
        Some("1") => GrpcAnswer::json(json!({ "id": "1", "title": "Lamp", "tagIds": ["a", "b"] })),
        _ => GrpcAnswer::status(5, "no such product"),
    });
    let api = MockRest::start().await;
    api.on("GET /tags", |request| {
        Answer::json(
            request
                .query_values("id")
                .iter()
                .map(|id| json!({ "name": id }))
                .collect(),
        )
    });
    let engine = TestEngine::new(&sdl, &[("grpc", grpc.url()), ("api", api.url())]);

    let answer = engine
        .run(r#"{ a: product(id: "1") { title tags { name } } b: product(id: "2") { id title } }"#)
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"title":"Lamp","tags":[{"name":"a"},{"name":"b"}]},"b":null}}"#);
}

#[tokio::test]
async fn not_found_as_error_concerns_only_the_keys_that_were_not_found() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { orders: [Order] @connect(source: "api", http: { GET: "/orders" }, selection: "product: { id: productId }") }
        type Order { product: Product }
        type Product @connect(source: "api", http: { GET: "/products", queryParams: "id: $batch.id" }
          batch: { notFound: ERROR }, selection: "id title") { id: ID title: String }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /orders", json!([{ "productId": 1 }, { "productId": 2 }]));
    api.on_json("GET /products", json!([{ "id": 1, "title": "Lamp" }]));
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ orders { product { id title } } }").await;

    assert_eq!(
        answer["data"],
        json!({ "orders": [{ "product": { "id": "1", "title": "Lamp" } }, { "product": { "id": "2", "title": null } }] })
    );
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["errors"][0]["path"], json!(["orders", 1, "product"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
    assert_eq!(api.calls(), 2);
}

#[tokio::test]
async fn keys_of_two_parts_are_not_mixed_up_when_their_digits_run_together() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { lines: [Line] @connect(source: "api", http: { GET: "/lines" }, selection: "order line") }
        type Line { order: ID line: ID
          note: String @connect(source: "api", http: { GET: "/orders/{$this.order}/lines/{$this.line}" }, selection: "$.note") }
    "#;
    let api = MockRest::start().await;
    api.on_json(
        "GET /lines",
        json!([{ "order": 1, "line": 23 }, { "order": 12, "line": 3 }]),
    );
    api.on_json("GET /orders/1/lines/{line}", json!({ "note": "first" }));
    api.on_json("GET /orders/12/lines/{line}", json!({ "note": "second" }));
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ lines { note } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"lines":[{"note":"first"},{"note":"second"}]}}"#);
}

#[tokio::test]
async fn a_number_and_a_text_that_look_alike_are_one_key_of_a_batch() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { posts: [Post] @connect(source: "api", http: { GET: "/posts" }, selection: "id author: { id: authorId }") }
        type Post { id: ID author: User
          next: Post @connect(source: "api", http: { GET: "/posts/{$this.id}/next" }, selection: "id author: { id: authorId }") }
        type User @connect(source: "api", http: { POST: "/users", body: "ids: $batch.id" }, batch: { maxSize: 100 }, selection: "id name")
        { id: ID name: String }
    "#;
    let api = MockRest::start().await;
    let post = |id: u32, author: serde_json::Value| json!({ "id": id, "authorId": author });
    api.on_json(
        "GET /posts",
        json!([
            post(1, json!(7)),
            post(2, json!("7")),
            post(3, json!("a/b")),
            post(4, json!(8))
        ]),
    );
    api.on("GET /posts/{id}/next", |request| {
        let author = match request.captured("id") {
            "1" => r#""7""#,
            "2" => r#""a\/b""#,
            "3" => r#""9""#,
            _ => "9",
        };
        Answer::raw("application/json", format!(r#"{{"id":5,"authorId":{author}}}"#))
    });
    api.on("POST /users", |request| {
        let ids = request.json()["ids"].as_array().cloned().unwrap_or_default();
        let user = |id: &serde_json::Value| json!({ "id": id, "name": format!("user {}", id.as_str().map_or(id.to_string(), str::to_owned)) });
        Answer::json(ids.iter().map(user).collect())
    });
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine
        .run("{ posts { author { name } next { author { name } } } }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"posts":[{"author":{"name":"user 7"},"next":{"author":{"name":"user 7"}}},{"author":{"name":"user 7"},"next":{"author":{"name":"user a/b"}}},{"author":{"name":"user a/b"},"next":{"author":{"name":"user 9"}}},{"author":{"name":"user 8"},"next":{"author":{"name":"user 9"}}}]}}"#);
    let log = api.log();
    let sent = log.iter().filter(|call| &*call.route == "POST /users");
    let sent: Vec<String> = sent
        .map(|call| String::from_utf8_lossy(&call.body).into_owned())
        .collect();
    assert_eq!(
        sent,
        [r#"{"ids":[7,"a/b",8]}"#, r#"{"ids":["9"]}"#],
        "as each came first, and what the first wave had is not asked for again"
    );
}

#[tokio::test]
async fn a_number_and_a_text_that_look_alike_are_two_where_a_mapping_could_tell() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { posts: [Post] @connect(source: "api", http: { GET: "/posts" }, selection: "tag") }
        type Post { tag: ID kind: String @connect(source: "api", http: { POST: "/kinds", body: "tag: $this.tag" }, selection: "$.kind") }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /posts", json!([{ "tag": 7 }, { "tag": "7" }, { "tag": 7 }]));
    api.on("POST /kinds", |request| {
        let kind = if request.json()["tag"].is_string() {
            "text"
        } else {
            "number"
        };
        Answer::json(json!({ "kind": kind }))
    });
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ posts { kind } }").await;

    insta::assert_snapshot!(answer, @r#"{"data":{"posts":[{"kind":"number"},{"kind":"text"},{"kind":"number"}]}}"#);
    assert_eq!(api.calls(), 3);
}

#[tokio::test]
async fn a_key_may_be_in_an_object_that_a_siblings_connector_brings() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { us: [U] @connect(source: "api", http: { GET: "/us" }, selection: "id") }
        type U { id: ID!
          f: F @connect(source: "api", http: { GET: "/f/{$this.id}" }, selection: "id name at { city }")
          n: String @connect(source: "api", http: { GET: "/n/{$this.f.name}" }, selection: "$.v")
          c: String @connect(selection: "$this.f.at.city")
          both: String @connect(source: "api", http: { GET: "/n/{$this.id}{$this.f.name}" }, selection: "$.v") }
        type F { id: ID! name: String at: At }
        type At { city: String }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /us", json!([{ "id": 1 }, { "id": 2 }]));
    api.on_json("GET /f/1", json!({ "id": 11, "name": "one", "at": { "city": "Ulm" } }));
    api.on_json("GET /f/2", json!({ "id": 12, "name": "two" }));
    for name in ["one", "two", "1one", "2two"] {
        api.on_json(&format!("GET /n/{name}"), json!({ "v": format!("is {name}") }));
    }
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ us { n c } }").await;
    insta::assert_snapshot!(answer, @r#"{"data":{"us":[{"n":"is one","c":"Ulm"},{"n":"is two","c":null}]}}"#);
    assert_eq!(api.calls(), 5, "the list, f of both, n of both");
    api.backend().reset();
    let answer = engine.run("{ us { f { id } x: n both } }").await;
    insta::assert_snapshot!(answer, @r#"{"data":{"us":[{"f":{"id":"11"},"x":"is one","both":"is 1one"},{"f":{"id":"12"},"x":"is two","both":"is 2two"}]}}"#);
    assert_eq!(api.calls(), 7, "what f brings is fetched once, whoever reads it");
}

#[tokio::test]
async fn the_key_of_a_type_may_be_a_field_with_its_own_connector() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { ps: [P] @connect(source: "api", http: { GET: "/ps" }, selection: "id") }
        type P @connect(source: "api", http: { POST: "/batch", body: "fs: $batch.f" }, selection: "f: id z") { id: ID!
          f: ID @connect(source: "api", http: { GET: "/f/{$this.id}" }, selection: "$.id")
          z: String }
    "#;
    let api = MockRest::start().await;
    api.on_json("GET /ps", json!([{ "id": 1 }, { "id": 2 }]));
    api.on_json("GET /f/1", json!({ "id": 7 }));
    api.on_json("GET /f/2", json!({ "id": 8 }));
    api.on_json(
        "POST /batch",
        json!([{ "id": 8, "z": "eight" }, { "id": 7, "z": "seven" }]),
    );
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ ps { z } }").await;
    insta::assert_snapshot!(answer, @r#"{"data":{"ps":[{"z":"seven"},{"z":"eight"}]}}"#);
    assert_eq!(api.calls(), 4);
}

#[tokio::test]
async fn a_mapping_without_a_request_may_make_something_of_null() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { us: [U] @connect(source: "api", http: { GET: "/us" }, selection: "id k") }
        type U { id: ID! k: Int
          or: Int @connect(selection: "$this.k ?? 9")
          isNull: Boolean @connect(selection: "$this.k->eq(null)")
          asked: Int @connect(source: "api", http: { GET: "/asked/{$this.k}" }, selection: "$.v") }
    "#;
    let api = MockRest::start().await;
    api.on_json(
        "GET /us",
        json!([{ "id": 1, "k": 2 }, { "id": 2 }, { "id": 3, "k": null }]),
    );
    api.on_json("GET /asked/2", json!({ "v": 5 }));
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine.run("{ us { or isNull asked } }").await;
    insta::assert_snapshot!(answer, @r#"{"data":{"us":[{"or":2,"isNull":false,"asked":5},{"or":9,"isNull":true,"asked":null},{"or":9,"isNull":true,"asked":null}]}}"#);
    assert_eq!(api.calls(), 2, "nobody is asked for nothing");
}

#[tokio::test]
async fn a_number_and_a_text_are_one_key_wherever_they_come_from() {
    let sdl = r#"
        extend schema @source(name: "api", http: { baseURL: "http://unused" })
        type Query { us(ids: [Int!]!): [U] @connect(selection: "$args.ids->map({ id: @ })")
          texts(ids: [Int!]!): [U] @connect(selection: "$args.ids->map({ id: @->toString })") }
        type U { id: ID!
          ns: [O!] @connect(source: "api", http: { POST: "/os", body: "ids: $batch.id" }, batch: { groupBy: "id: u" }, selection: "$.l { id u }") }
        type O { id: ID! u: Int }
    "#;
    let api = MockRest::start().await;
    api.on("POST /os", |request| {
        let ids = request.json()["ids"].as_array().cloned().unwrap_or_default();
        Answer::json(json!({ "l": ids.iter().map(|_| json!({ "id": "a", "u": 1 })).collect::<Vec<_>>() }))
    });
    let engine = TestEngine::new(sdl, &[("api", api.url())]);

    let answer = engine
        .run("{ us(ids: [1]) { ns { id } } texts(ids: [1]) { ns { id } } }")
        .await;
    insta::assert_snapshot!(answer, @r#"{"data":{"us":[{"ns":[{"id":"a"}]}],"texts":[{"ns":[{"id":"a"}]}]}}"#);
    assert_eq!(api.calls(), 1);
}
