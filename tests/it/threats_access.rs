//! What a caller may not have is not had, on no path to it, and nothing is called for it.

use serde_json::{Value, json};

use crate::support::guarded::{Guarded, Signer, claims_but};

const AUTH: &str = r#"  issuers: { main: { issuer: "https://login.example", audience: shop-api, jwks_url: "{issuer}/keys" } }
  policies:
    staff: { rule: "$context.claims.role->eq('staff')" }
    own: { rule: "$context.claims.sub->eq($args.id)" }
    own_tenant: { rule: "$context.claims.tenant->eq($this.tenant)", refused: absent }
    owner: { rule: "$context.claims.sub->eq($this.ownerId)" }
    same_user: { rule: "$context.claims.sub->eq($this.id)" }
"#;

const SDL: &str = r#"
interface Node { id: ID }
interface Priced { id: ID price: Int @requiresScopes(scopes: [["price:read"]]) }

type Query {
  open: String @connect(source: "api", http: { GET: "/open" }, selection: "$.open")
  me: User @authenticated @connect(source: "api", http: { GET: "/me" }, selection: "id email name tenant ownerId")
  user(id: ID!): User @connect(source: "api", http: { GET: "/users/{$args.id}" }, selection: "id email name tenant ownerId")
  mine(id: ID): User @policy(policies: [["own"], ["staff"]])
    @connect(source: "api", http: { GET: "/users/{$args.id}" }, selection: "id name email tenant ownerId")
  users: [User] @connect(source: "api", http: { GET: "/users" }, selection: "id email name tenant ownerId")
  node(id: ID!): Node @connect(source: "api", http: { GET: "/nodes/{$args.id}" },
    selection: "...kind->match(['secret', { __typename: 'Secret' id code }], ['product', { __typename: 'Product' id price }], [@, { __typename: 'User' id email name tenant ownerId }])")
  search: [Hit] @connect(source: "api", http: { GET: "/search" },
    selection: "...kind->match(['secret', { __typename: 'Secret' id code }], ['product', { __typename: 'Product' id price }], [@, { __typename: 'User' id email name tenant ownerId }])")
  secret: Secret @connect(source: "api", http: { GET: "/secret" }, selection: "id code")
  level: Level @connect(source: "api", http: { GET: "/level" }, selection: "$.level")
  blob: Blob @connect(source: "api", http: { GET: "/blob" }, selection: "$.blob")
  strict: Strict @connect(source: "api", http: { GET: "/strict" }, selection: "id code")
  document(id: ID!): Document @connect(source: "api", http: { GET: "/documents/{$args.id}" }, selection: "id tenant title")
  documents: [Document] @connect(source: "api", http: { GET: "/documents" }, selection: "id tenant title")
  strictDocuments: [Document!] @connect(source: "api", http: { GET: "/documents" }, selection: "id tenant title")
}
type Mutation {
  erase(id: ID!): User @requiresScopes(scopes: [["user:write", "user:delete"], ["admin"]])
    @connect(source: "api", http: { DELETE: "/users/{$args.id}" }, selection: "id name tenant ownerId")
}
union Hit = User | Secret | Product
type User implements Node {
  id: ID
  name: String
  tenant: ID
  ownerId: ID
  email: String @requiresScopes(scopes: [["email:read"]])
  orders: [Order] @authenticated
    @connect(source: "api", http: { GET: "/orders", queryParams: "user: $this.id" }, selection: "id note")
  drafts: [Order] @policy(policies: [["same_user"]])
    @connect(source: "api", http: { GET: "/drafts", queryParams: "user: $this.id" }, selection: "id note")
  salary: Int @policy(policies: [["staff"], ["same_user"]])
    @connect(source: "api", http: { GET: "/salaries/{$this.id}" }, selection: "$.salary")
  friend: User @policy(policies: [["same_user"]])
    @connect(source: "api", http: { GET: "/friends/{$this.id}" }, selection: "id name tenant ownerId")
}
type Order { id: ID note: String }
type Secret implements Node @authenticated { id: ID code: String }
type Product implements Node & Priced { id: ID price: Int }
type Strict { id: ID code: String! @authenticated }
type Document @policy(policies: [["own_tenant"]]) {
  id: ID
  tenant: ID
  title: String
  pages: [Page] @connect(source: "api", http: { GET: "/pages", queryParams: "document: $this.id" }, selection: "id")
}
type Page { id: ID }
enum Level @requiresScopes(scopes: [["level"]]) { LOW HIGH }
scalar Blob @authenticated
"#;

const CODE: &str = "UNAUTHORIZED_FIELD_OR_TYPE";

fn token(changes: Value) -> String {
    Signer::good().sign(&claims_but(changes))
}

fn user(id: &str) -> Value {
    json!({ "id": id, "email": format!("{id}@x"), "name": id, "tenant": "t1", "ownerId": "o", "kind": "user" })
}

async fn start(surface: &str) -> Guarded {
    let server = Guarded::start(SDL, AUTH, surface).await;
    let api = &server.api;
    api.on_json("GET /open", json!({ "open": "yes" }));
    api.on_json("GET /me", user("user-1"));
    api.on_json("GET /users", json!([user("user-1"), user("user-2")]));
    api.on("GET /users/{id}", |request| {
        switchboard_harness::Answer::json(user(request.captured("id")))
    });
    api.on_json("DELETE /users/{id}", user("user-9"));
    api.on("GET /nodes/{id}", |request| {
        switchboard_harness::Answer::json(match request.captured("id") {
            "s" => json!({ "kind": "secret", "id": "s", "code": "0000" }),
            "p" => json!({ "kind": "product", "id": "p", "price": 5 }),
            id => user(id),
        })
    });
    api.on_json(
        "GET /search",
        json!([user("user-1"), { "kind": "secret", "id": "s", "code": "0000" }, { "kind": "product", "id": "p", "price": 5 }]),
    );
    api.on_json("GET /secret", json!({ "id": "s", "code": "0000" }));
    api.on_json("GET /strict", json!({ "id": "s", "code": "0000" }));
    api.on_json("GET /level", json!({ "level": "HIGH" }));
    api.on_json("GET /blob", json!({ "blob": { "a": 1 } }));
    api.on_json("GET /orders", json!([{ "id": "1", "note": "n" }]));
    api.on_json("GET /drafts", json!([{ "id": "d", "note": "n" }]));
    api.on_json("GET /salaries/{id}", json!({ "salary": 7 }));
    api.on_json("GET /friends/{id}", user("user-3"));
    let document = |id: &str, tenant: &str| json!({ "id": id, "tenant": tenant, "title": id });
    api.on_json(
        "GET /documents",
        json!([document("a", "t1"), document("b", "t2"), null]),
    );
    api.on("GET /documents/{id}", move |request| match request.captured("id") {
        "gone" => switchboard_harness::Answer::json(Value::Null),
        id => switchboard_harness::Answer::json(document(id, &format!("t{}", id.len()))),
    });
    api.on_json("GET /pages", json!([{ "id": "1" }]));
    server
}

/// What was refused: the paths of all errors, each of which has the code.
#[track_caller]
fn refused(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let path = |error: &Value| {
        assert_eq!(error["extensions"]["code"], CODE, "{answer}");
        let path = error["path"].as_array().unwrap().iter();
        path.map(|part| part.to_string().replace('"', ""))
            .collect::<Vec<_>>()
            .join(".")
    };
    errors.iter().map(path).collect()
}

#[tokio::test]
async fn a_refused_field_is_null_with_an_error_and_nothing_is_called_for_it() {
    let server = start("").await;

    let answer = server.ask(&[], "{ open me { name } erased: me { id } }").await;

    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "errors": [
        {
          "message": "You may not have this field.",
          "locations": [
            {
              "line": 1,
              "column": 8
            }
          ],
          "path": [
            "me"
          ],
          "extensions": {
            "code": "UNAUTHORIZED_FIELD_OR_TYPE"
          }
        },
        {
          "message": "You may not have this field.",
          "locations": [
            {
              "line": 1,
              "column": 20
            }
          ],
          "path": [
            "erased"
          ],
          "extensions": {
            "code": "UNAUTHORIZED_FIELD_OR_TYPE"
          }
        }
      ],
      "data": {
        "open": "yes",
        "me": null,
        "erased": null
      }
    }
    "#);
    assert_eq!(server.api.calls_by_route(), [("GET /open".to_owned(), 1)]);
    let known = server
        .ask_as(&token(json!({})), "{ open me { name orders { id } } }")
        .await;
    assert_eq!(
        known.data(),
        json!({ "open": "yes", "me": { "name": "user-1", "orders": [{ "id": "1" }] } })
    );
}

#[tokio::test]
async fn a_protected_field_is_refused_on_every_path_to_it() {
    let server = start("").await;
    for (query, paths) in [
        ("{ user(id: 1) { name email } }", vec!["user.email"]),
        ("{ user(id: 1) { name mail: email } }", vec!["user.mail"]),
        ("{ user(id: 1) { ... { email } } }", vec!["user.email"]),
        (
            "{ user(id: 1) { ...F } } fragment F on User { email }",
            vec!["user.email"],
        ),
        (
            "{ user(id: 1) { ...F } } fragment F on Node { ... on User { email } }",
            vec!["user.email"],
        ),
        ("{ node(id: 1) { ... on User { email } } }", vec!["node.email"]),
        (
            "{ node(id: 1) { id ... on User { ... on Node { ... on User { e: email } } } } }",
            vec!["node.e"],
        ),
        (
            "{ search { ... on User { email } } }",
            vec!["search.0.email", "search.1"],
        ),
        ("{ users { email } }", vec!["users.0.email", "users.1.email"]),
        (
            "{ user(id: 1) { email @include(if: true) email @skip(if: false) } }",
            vec!["user.email"],
        ),
        (
            "query($yes: Boolean = true) { user(id: 1) { email @include(if: $yes) } }",
            vec!["user.email"],
        ),
        ("{ node(id: \"s\") { id } }", vec!["node"]),
        ("{ node(id: \"s\") { ... on Secret { code } } }", vec!["node"]),
        ("{ node(id: \"s\") { __typename } }", vec!["node"]),
        ("{ search { ... on Secret { code } } }", vec!["search.1"]),
        ("{ secret { code } }", vec!["secret"]),
        ("{ secret { __typename } }", vec!["secret"]),
        ("{ node(id: \"p\") { ... on Product { price } } }", vec!["node.price"]),
        ("{ node(id: \"p\") { ... on Priced { p: price } } }", vec!["node.p"]),
        ("{ level }", vec!["level"]),
        ("{ blob }", vec!["blob"]),
        ("{ strict { id code } }", vec!["strict.code"]),
        ("mutation { erase(id: 1) { name } }", vec!["erase"]),
    ] {
        let answer = server.ask(&[], query).await.json();
        assert_eq!(refused(&answer), paths, "{query}: {answer}");
        let text = answer["data"].to_string();
        for secret in ["@x", "0000", "HIGH", "\"a\":1", "price\":5"] {
            assert!(!text.contains(secret), "{query}: {text}");
        }
    }
    for route in ["GET /secret", "GET /level", "GET /blob", "DELETE /users/{id}"] {
        assert_eq!(server.api.calls_to(route), 0, "{route}");
    }
    let strict = server.ask(&[], "{ strict { id code } }").await.json();
    assert_eq!(
        strict["data"],
        json!({ "strict": null }),
        "null climbs where it may not stand"
    );
    let not_asked = server.ask(&[], "{ user(id: 1) { name email @skip(if: true) } }").await;
    assert_eq!(not_asked.data(), json!({ "user": { "name": "1" } }));
}

#[tokio::test]
async fn scopes_are_all_of_one_list() {
    let server = start("").await;
    let erase = "mutation { erase(id: 9) { id } }";
    for (scope, is_allowed) in [
        (json!("user:write user:delete"), true),
        (json!("user:delete other user:write"), true),
        (json!(["user:write", "user:delete"]), true),
        (json!("admin"), true),
        (json!("user:write"), false),
        (json!("user:write,user:delete"), false),
        (json!("ADMIN"), false),
        (json!("admins"), false),
        (json!(""), false),
        (json!(7), false),
        (json!({ "admin": true }), false),
    ] {
        let before = server.api.calls();
        let answer = server.ask_as(&token(json!({ "scope": scope })), erase).await.json();
        assert_eq!(refused(&answer).is_empty(), is_allowed, "{scope}: {answer}");
        assert_eq!(server.api.calls() - before, u64::from(is_allowed), "{scope}");
    }
    let email = server
        .ask_as(&token(json!({ "scope": "email:read" })), "{ user(id: 1) { email } }")
        .await;
    assert_eq!(email.data(), json!({ "user": { "email": "1@x" } }));
}

#[tokio::test]
async fn a_rule_over_claims_and_arguments_is_decided_before_anything_is_called() {
    let server = start("").await;
    let mine = "query($id: ID) { mine(id: $id) { name } }";
    let ask = async |claims: Value, id: Value| {
        let bearer = format!("Bearer {}", token(claims));
        server
            .post(
                &[("authorization", &bearer)],
                &json!({ "query": mine, "variables": { "id": id } }),
            )
            .await
            .json()
    };

    assert_eq!(
        ask(json!({}), json!("user-1")).await["data"],
        json!({ "mine": { "name": "user-1" } })
    );
    assert_eq!(
        ask(json!({ "role": "staff" }), json!("user-2")).await["data"],
        json!({ "mine": { "name": "user-2" } })
    );
    let calls = server.api.calls();
    for (claims, id) in [
        (json!({}), json!("user-2")),
        (json!({}), json!(null)),
        (json!({ "role": "Staff" }), json!("user-2")),
        (json!({ "role": ["staff"] }), json!("user-2")),
        (json!({ "sub": null }), json!(null)),
    ] {
        let answer = ask(claims.clone(), id.clone()).await;
        assert_eq!(refused(&answer), ["mine"], "{claims} {id}: {answer}");
    }
    assert_eq!(server.api.calls(), calls, "nothing was called");
    let two = server
        .ask_as(
            &token(json!({})),
            "{ a: mine(id: \"user-1\") { id } b: mine(id: \"user-2\") { id } }",
        )
        .await;
    assert_eq!(two.json()["data"], json!({ "a": { "id": "user-1" }, "b": null }));
}

#[tokio::test]
async fn a_rule_over_the_object_lets_each_through_by_itself() {
    let server = start("").await;

    let answer = server
        .ask_as(
            &token(json!({})),
            "{ users { id salary drafts { id } friend { name friend { name } } } }",
        )
        .await
        .json();

    assert_eq!(
        answer["data"]["users"],
        json!([
            { "id": "user-1", "salary": 7, "drafts": [{ "id": "d" }], "friend": { "name": "user-3", "friend": null } },
            { "id": "user-2", "salary": null, "drafts": null, "friend": null },
        ])
    );
    let mut paths = refused(&answer);
    paths.sort();
    assert_eq!(
        paths,
        [
            "users.0.friend.friend",
            "users.1.drafts",
            "users.1.friend",
            "users.1.salary"
        ]
    );
    for route in ["GET /salaries/{id}", "GET /drafts", "GET /friends/{id}"] {
        assert_eq!(server.api.calls_to(route), 1, "{route}: none for who is refused");
    }
    let staff = server
        .ask_as(&token(json!({ "role": "staff" })), "{ users { salary } }")
        .await;
    assert_eq!(staff.data(), json!({ "users": [{ "salary": 7 }, { "salary": 7 }] }));
    let nobody = server.ask(&[], "{ users { salary } }").await.json();
    assert_eq!(
        nobody["data"],
        json!({ "users": [{ "salary": null }, { "salary": null }] })
    );
}

#[tokio::test]
async fn another_tenant_s_object_is_as_one_that_is_not_there() {
    let server = start("").await;
    let t1 = token(json!({ "tenant": "t1" }));
    let ask = async |query: &str| server.ask_as(&t1, query).await;

    // The tenant of a document is the length of its id.
    assert_eq!(
        ask("{ document(id: \"a\") { title } }").await.data(),
        json!({ "document": { "title": "a" } })
    );
    let other = ask("{ document(id: \"bb\") { title } }").await;
    let gone = ask("{ document(id: \"gone\") { title } }").await;
    assert_eq!(other.text, gone.text, "byte for byte");
    assert_eq!(other.data(), json!({ "document": null }));
    let list = ask("{ documents { id pages { id } } }").await;
    assert_eq!(
        list.data(),
        json!({ "documents": [{ "id": "a", "pages": [{ "id": "1" }] }, null, null] })
    );
    assert_eq!(server.api.calls_to("GET /pages"), 1, "only for what may be seen");
    let strict = ask("{ strictDocuments { id } }").await.json();
    assert_eq!(strict["data"], json!({ "strictDocuments": null }));
    assert_eq!(
        strict["errors"][0]["extensions"]["code"], "UPSTREAM_BAD_RESPONSE",
        "as for one that is not there"
    );
    let nobody = server.ask(&[], "{ documents { id } }").await;
    assert_eq!(nobody.data(), json!({ "documents": [null, null, null] }));
}

#[tokio::test]
async fn a_surface_may_refuse_the_whole_operation_instead() {
    let server = start("on_refused: error").await;

    let answer = server.ask(&[], "{ open me { name } }").await;

    assert_eq!(answer.refusal(), (403, CODE.to_owned()));
    assert_eq!(server.api.calls(), 0);
    assert_eq!(
        server.ask(&[], "{ open me @skip(if: true) { name } }").await.status,
        200,
        "it is not asked for"
    );
    assert_eq!(
        server.ask_as(&token(json!({})), "{ open me { name } }").await.status,
        200
    );
}

#[tokio::test]
async fn a_plan_made_for_one_caller_is_not_used_for_another() {
    let server = start("").await;
    let query = "{ users { email } me { id } }";
    let allowed = token(json!({ "scope": "email:read" }));
    for _ in 0..3 {
        let one = server.ask_as(&allowed, query).await.data();
        assert_eq!(one["users"][0], json!({ "email": "user-1@x" }));
        let other = server.ask_as(&token(json!({})), query).await.json();
        assert_eq!(refused(&other), ["users.0.email", "users.1.email"]);
        let nobody = server.ask(&[], query).await.json();
        assert_eq!(
            nobody["data"],
            json!({ "users": [{ "email": null }, { "email": null }], "me": null })
        );
    }
}
