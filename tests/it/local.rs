//! Rust resolvers as sources: what they are asked, how often, and what they know of who asks.

use std::time::Duration;

use async_graphql::{
    Context, EmptySubscription, Enum, Interface, Object, Result, Schema, SimpleObject, Union,
    dynamic::{self, FieldFuture, FieldValue, TypeRef},
};
use http::HeaderMap;
use serde_json::{Value, json};
use switchboard::local::{Caller, LocalSchema};

use crate::support::local::{Calls, LocalApp, build, head, try_build};

struct Query(Calls);

struct Badge(i32, Calls);

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum Tone {
    Warm,
    Cold,
}

#[Object]
impl Badge {
    async fn product_id(&self) -> i32 {
        self.0
    }

    async fn text(&self) -> String {
        self.1.note(format!("text of {}", self.0));
        format!("badge {}", self.0)
    }

    async fn tone(&self, #[graphql(default = 1)] shade: i32) -> Tone {
        self.1.note(format!("tone of {}", self.0));
        if shade == 1 { Tone::Warm } else { Tone::Cold }
    }
}

#[derive(SimpleObject)]
struct Book {
    title: String,
    pages: i32,
}

#[derive(SimpleObject)]
struct Film {
    title: String,
    minutes: i32,
}

#[derive(Union)]
enum Media {
    Book(Book),
    Film(Film),
}

#[derive(Interface)]
#[graphql(field(name = "title", ty = "&String"))]
enum Titled {
    Book(Book),
    Film(Film),
}

#[Object]
impl Query {
    async fn badges(&self, product_ids: Vec<i32>) -> Vec<Badge> {
        self.0.note(format!("badges of {product_ids:?}"));
        product_ids
            .into_iter()
            .filter(|id| *id != 4)
            .map(|id| Badge(id, self.0.clone()))
            .collect()
    }

    async fn badge(&self, id: i32, lang: Option<String>) -> Option<Badge> {
        self.0
            .note(format!("badge {id} {}", lang.unwrap_or_else(|| "-".to_owned())));
        (id != 4).then(|| Badge(id, self.0.clone()))
    }

    async fn media(&self) -> Vec<Media> {
        let (book, film) = (
            Book {
                title: "Dune".into(),
                pages: 412,
            },
            Film {
                title: "Alien".into(),
                minutes: 117,
            },
        );
        vec![Media::Book(book), Media::Film(film)]
    }

    async fn titled(&self) -> Titled {
        Titled::Film(Film {
            title: "Alien".into(),
            minutes: 117,
        })
    }

    async fn who(&self, ctx: &Context<'_>) -> Result<String> {
        self.0.note("who");
        let caller = ctx.data::<Caller>()?;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let left = caller.deadline().saturating_duration_since(tokio::time::Instant::now());
        Ok(format!(
            "{} within {left:?}, {}",
            caller.header("x-user").unwrap_or("nobody"),
            Value::Object(caller.context().clone()),
        ))
    }

    async fn slow(&self, ctx: &Context<'_>) -> Result<i32> {
        let caller = ctx.data::<Caller>()?.clone();
        let calls = self.0.clone();
        tokio::spawn(async move {
            caller.left().await;
            calls.note(format!("left: {}", caller.has_left()));
        });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        Ok(1)
    }
}

struct Mutation(Calls);

#[Object]
impl Mutation {
    async fn award(&self, id: i32, label: String) -> Badge {
        self.0.note(format!("award {label} to {id}"));
        Badge(id, self.0.clone())
    }
}

fn schema(calls: &Calls) -> LocalSchema {
    Schema::build(Query(calls.clone()), Mutation(calls.clone()), EmptySubscription).into()
}

fn app(types: &str) -> (LocalApp, Calls) {
    let calls = Calls::default();
    let sdl = format!("{}{types}", head(&["badges"]));
    (build(&sdl, vec![("badges", schema(&calls))]), calls)
}

const SHOP: &str = r#"
type Query {
  products: [Product!] @connect(selection: "$([{ id: 1 }, { id: 2 }, { id: 1 }, { id: 4 }])")
  badge(id: ID!, lang: String): Badge
    @connect(source: "badges", local: { field: "Query.badge", args: "id: $args.id lang: $args.lang" }, selection: "label: text tone")
}
type Product {
  id: ID!
  badge: Badge @connect(source: "badges", local: { field: "Query.badges", args: "productIds: $batch.id" }
    batch: { groupBy: "id: productId" }, selection: "productId label: text tone")
  badges: [Badge!] @connect(source: "badges", local: { field: "Query.badges", args: "productIds: $batch.id" }
    batch: { groupBy: "id: productId", maxSize: 2 }, selection: "productId label: text tone")
  own: Badge @connect(source: "badges", local: { field: "Query.badge", args: "id: $this.id" }, selection: "label: text tone")
}
type Badge { label: String tone: Tone }
enum Tone { WARM COLD }
"#;

#[tokio::test]
async fn resolvers_that_nobody_asked_for_do_not_run() {
    let (app, calls) = app(SHOP);

    insta::assert_json_snapshot!(app.run("{ badge(id: 7) { label } }").await, @r#"
    {
      "data": {
        "badge": {
          "label": "badge 7"
        }
      }
    }
    "#);
    assert_eq!(calls.take(), ["badge 7 -", "text of 7"]);

    app.run(r#"{ badge(id: 7, lang: "de") { t: tone __typename } }"#).await;
    assert_eq!(calls.take(), ["badge 7 de", "tone of 7"]);

    app.run("{ badge(id: 4) { __typename } }").await;
    assert_eq!(calls.take(), ["badge 4 -"], "a type's name is no resolver's business");
}

#[tokio::test]
async fn a_level_of_objects_is_one_call_however_many_there_are() {
    let (app, calls) = app(SHOP);

    insta::assert_snapshot!(app.run("{ products { id badge { label } } }").await, @r#"{"data":{"products":[{"id":"1","badge":{"label":"badge 1"}},{"id":"2","badge":{"label":"badge 2"}},{"id":"1","badge":{"label":"badge 1"}},{"id":"4","badge":null}]}}"#);
    assert_eq!(calls.take(), ["badges of [1, 2, 4]", "text of 1", "text of 2"]);

    insta::assert_snapshot!(app.run("{ products { badges { tone } } }").await, @r#"{"data":{"products":[{"badges":[{"tone":"WARM"}]},{"badges":[{"tone":"WARM"}]},{"badges":[{"tone":"WARM"}]},{"badges":[]}]}}"#);
    let mut split = calls.take();
    split.retain(|call| call.starts_with("badges"));
    split.sort();
    assert_eq!(split, ["badges of [1, 2]", "badges of [4]"]);

    insta::assert_snapshot!(app.run("{ products { own { tone } } }").await, @r#"{"data":{"products":[{"own":{"tone":"WARM"}},{"own":{"tone":"WARM"}},{"own":{"tone":"WARM"}},{"own":null}]}}"#);
    let mut single = calls.take();
    single.retain(|call| call.starts_with("badge "));
    single.sort();
    assert_eq!(
        single,
        ["badge 1 -", "badge 2 -", "badge 4 -"],
        "once for each distinct key"
    );
}

#[tokio::test]
async fn a_type_is_filled_by_one_call_for_all_of_its_objects() {
    let (app, calls) = app(r#"
        type Query { products: [Product!] @connect(selection: "$([{ id: 1 }, { id: 2 }, { id: 4 }])") }
        type Product @connect(source: "badges", local: { field: "Query.badges", args: "productIds: $batch.id" }, selection: "id: productId label: text") {
          id: ID!
          label: String
        }
    "#);

    insta::assert_snapshot!(app.run("{ products { id label } }").await, @r#"{"data":{"products":[{"id":"1","label":"badge 1"},{"id":"2","label":"badge 2"},{"id":"4","label":null}]}}"#);
    assert_eq!(calls.take(), ["badges of [1, 2, 4]", "text of 1", "text of 2"]);
}

#[tokio::test]
async fn mutations_reach_their_resolvers_in_order() {
    let (app, calls) = app(r#"
        type Query { badge: Badge @connect(source: "badges", local: { field: "Query.badge", args: "id: 1" }, selection: "label: text") }
        type Mutation {
          award(id: Int!, label: String!): Badge @connect(source: "badges", local: { field: "Mutation.award", args: "$args" }, selection: "label: text")
        }
        type Badge { label: String }
    "#);

    let answer = app
        .run(r#"mutation { a: award(id: 1, label: "gold") { label } b: award(id: 2, label: "tin") { label } }"#)
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"a":{"label":"badge 1"},"b":{"label":"badge 2"}}}"#);
    assert_eq!(
        calls.take(),
        ["award gold to 1", "text of 1", "award tin to 2", "text of 2"]
    );
}

#[tokio::test]
async fn fields_of_unions_and_interfaces_are_asked_of_the_types_that_have_them() {
    let (app, _) = app(r#"
        type Query {
          media: [Media!] @connect(source: "badges", local: { field: "Query.media" }, selection: """
            ...__typename->match(["Book", { __typename: "Book" title pages }], ["Film", { __typename: "Film" title minutes }])
          """)
          titled: Titled @connect(source: "badges", local: { field: "Query.titled" }, selection: "title minutes")
        }
        union Media = Book | Film
        type Book { title: String pages: Int }
        type Film { title: String minutes: Int }
        type Titled { title: String minutes: Int }
    "#);

    let answer = app
        .run("{ media { ... on Book { title pages } ... on Film { minutes } } titled { minutes title } }")
        .await;

    insta::assert_snapshot!(answer, @r#"{"data":{"media":[{"title":"Dune","pages":412},{"minutes":117}],"titled":{"minutes":117,"title":"Alien"}}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_knows_who_asks_and_how_long_it_has() {
    let (app, _) = app(r#"
        type Query { who: String @connect(source: "badges", local: { field: "Query.who" }, selection: "$") }
    "#);
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("x-user"), "ada".parse().expect("a value"))]);

    insta::assert_snapshot!(app.ask("{ who }", Value::Null, headers).await, @r#"{"data":{"who":"ada within 990ms, {}"}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_takes_too_long_is_dropped_and_its_tasks_are_told() {
    let calls = Calls::default();
    let sdl = format!(
        "{}{}",
        head(&["badges"]),
        r#"type Query { slow: Int @connect(source: "badges", local: { field: "Query.slow" }, selection: "$") }"#
    );
    let config = "sources: { badges: { timeout: 200ms } }";
    let app = try_build(&sdl, config, vec![("badges", schema(&calls))]).expect("an app");

    insta::assert_snapshot!(app.run("{ slow }").await, @r#"{"data":{"slow":null},"extensions":{"degraded":[{"path":["slow"],"source":"badges","kind":"TIMEOUT","used":"NULL"}]},"errors":[{"message":"The source did not answer in time.","locations":[{"line":1,"column":3}],"path":["slow"],"extensions":{"code":"UPSTREAM_TIMEOUT","connector":{"coordinate":"Query.slow"},"service":"badges"}}]}"#);
    tokio::task::yield_now().await;
    assert_eq!(calls.take(), ["left: true"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_takes_its_resolvers_with_it() {
    let (app, calls) =
        app(r#"type Query { slow: Int @connect(source: "badges", local: { field: "Query.slow" }, selection: "$") }"#);

    let asked = tokio::time::timeout(Duration::from_millis(100), app.run("{ slow }")).await;

    assert!(asked.is_err(), "the client has given up");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(calls.take(), ["left: true"]);
}

#[tokio::test(start_paused = true)]
async fn identical_requests_share_a_call_and_those_of_others_do_not() {
    let (app, calls) = app(r#"
        type Query { who: String @connect(source: "badges", local: { field: "Query.who" }, selection: "$") }
    "#);
    let ask = |user: &'static str, id: &'static str| {
        let headers = [("x-user", user), ("x-request-id", id)];
        let headers =
            headers.map(|(name, value)| (http::HeaderName::from_static(name), value.parse().expect("a value")));
        app.ask("{ who }", Value::Null, HeaderMap::from_iter(headers))
    };

    let answers = tokio::join!(ask("ada", "1"), ask("ada", "2"), ask("bob", "3"));

    assert_eq!(answers.0, answers.1);
    assert_ne!(answers.0, answers.2);
    assert_eq!(calls.take().len(), 2, "one for each user");
    ask("ada", "4").await;
    assert_eq!(calls.take().len(), 1, "nothing is kept unless the schema says so");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_where_the_schema_says_so_for_those_with_the_same_headers() {
    let (app, calls) = app(r#"
        type Query { who: String @cacheControl(maxAge: 60) @connect(source: "badges", local: { field: "Query.who" }, selection: "$") }
    "#);
    let ask = |user: &'static str| {
        let name = http::HeaderName::from_static("x-user");
        app.ask(
            "{ who }",
            Value::Null,
            HeaderMap::from_iter([(name, user.parse().expect("a value"))]),
        )
    };

    let first = ask("ada").await;
    let second = ask("ada").await;
    let other = ask("bob").await;

    assert_eq!(first, second);
    assert_ne!(first, other);
    assert_eq!(calls.take(), ["who", "who"], "ada once, bob once");
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_the_clients_fault() {
    let (app, calls) = app(SHOP);

    insta::assert_snapshot!(app.run(r#"{ badge(id: "seven") { label } }"#).await, @r#"{"data":{"badge":null},"errors":[{"message":"The request to the source cannot be built from these values.","locations":[{"line":1,"column":3}],"path":["badge"],"extensions":{"code":"BAD_USER_INPUT","connector":{"coordinate":"Query.badge"},"service":"badges"}}]}"#);
    assert_eq!(calls.take(), [""; 0]);
}

#[tokio::test]
async fn schemas_made_at_run_time_are_sources_too() {
    let field = dynamic::Field::new("double", TypeRef::named(TypeRef::INT), |ctx| {
        FieldFuture::new(async move {
            let of = ctx.args.try_get("of")?.i64()?;
            Ok(Some(FieldValue::value(of * 2)))
        })
    })
    .argument(dynamic::InputValue::new("of", TypeRef::named_nn(TypeRef::INT)));
    let query = dynamic::Object::new("QueryRoot").field(field);
    let schema = dynamic::Schema::build("QueryRoot", None, None)
        .register(query)
        .finish()
        .expect("a schema");
    let sdl = format!(
        "{}{}",
        head(&["maths"]),
        r#"type Query { double(of: Int!): Int @connect(source: "maths", local: { field: "QueryRoot.double", args: "of: $args.of" }, selection: "$") }"#
    );
    let app = build(&sdl, vec![("maths", schema.into())]);

    let answer = app
        .ask(
            "query Q($n: Int!) { double(of: $n) }",
            json!({ "n": 21 }),
            HeaderMap::new(),
        )
        .await;

    assert_eq!(answer, json!({ "data": { "double": 42 } }));
}
