//! Quotas of cost, and of single operations: what is taken, what is given back, what each alias counts.

use serde_json::json;

use crate::support::guarded::{Answered, Guarded};

const SDL: &str = r#"
type Query {
  x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.x")
  users(first: Int): [User!] @listSize(slicingArguments: ["first"]) @connect(source: "api", http: { GET: "/users" }, selection: "id")
  unsized: [User!] @connect(source: "api", http: { GET: "/users" }, selection: "id")
  broken: User @cost(weight: 50) @connect(source: "api", http: { GET: "/broken" }, selection: "id")
}
type Mutation { login(password: String): Boolean @connect(source: "api", http: { POST: "/login" }, selection: "$.ok") }
type User { id: ID, friend: User @connect(source: "api", http: { GET: "/users/{$this.id}" }, selection: "id") }
"#;

/// A server whose clients have this much, and three users.
async fn start(tier: &str, surface: &str) -> Guarded {
    let more = format!("\nquotas: {{ tiers: {{ free: {{ requests: 1000, per: 1h, {tier} }} }} }}\n");
    let surface = format!("tier: free, {surface}");
    let server = Guarded::with(SDL, &[("surface", &surface), ("more", &more)]).await;
    server.api.on_json("GET /x", json!({ "x": 1 }));
    server
        .api
        .on_json("GET /users", json!([{ "id": 1 }, { "id": 2 }, { "id": 3 }]));
    server.api.on_json("GET /users/{id}", json!({ "id": 9 }));
    server.api.on_json("POST /login", json!({ "ok": false }));
    server
}

/// What is left of cost.
fn left(answer: &Answered) -> Option<&str> {
    answer.header("x-ratelimit-cost-remaining")
}

#[tokio::test]
async fn what_an_operation_did_not_cost_is_given_back() {
    let server = start("cost: 100", "").await;

    // Estimated at 80; there were three users with a friend each.
    let answer = server.ask(&[], "{ users(first: 40) { id friend { id } } }").await;
    assert_eq!(answer.status, 200);
    assert_eq!(left(&answer), Some("94"));
    assert_eq!(answer.header("x-ratelimit-cost-limit"), Some("100"));
    let told: Vec<_> = answer.headers.get_all("ratelimit").iter().collect();
    assert_eq!(told, ["\"free-cost\";r=94;t=216", "\"free\";r=999;t=4"]);

    let shown = server
        .ask(
            &[("x-switchboard-cost", "true")],
            "{ users(first: 40) { id friend { id } } }",
        )
        .await;
    assert_eq!(
        shown.json()["extensions"]["cost"]["actual"],
        6,
        "the same figure as is shown"
    );
    assert_eq!(left(&shown), Some("88"));

    let refused = server.ask(&[], "{ users(first: 45) { id friend { id } } }").await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.text,
        r#"{"errors":[{"message":"The operation costs more than there is left; Retry-After says when to ask again.","extensions":{"code":"REQUEST_RATE_LIMITED"}}]}"#
    );
    assert_eq!(left(&refused), Some("88"), "what is refused takes nothing");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((60..=72).contains(&wait), "two more, one every 36 s: {wait}");
    let smaller = server.ask(&[], "{ users(first: 44) { id } }").await;
    assert_eq!((smaller.status, left(&smaller)), (200, Some("85")));
}

#[tokio::test]
async fn lists_that_are_longer_than_was_assumed_are_charged_as_they_were() {
    let server = start("cost: 100", "").await;
    let many: Vec<_> = (0..60).map(|id| json!({ "id": id })).collect();
    server.api.on_json("GET /users", json!(many));

    let answer = server.ask(&[], "{ unsized { id } }").await;

    assert_eq!((answer.status, left(&answer)), (200, Some("40")));
}

#[tokio::test]
async fn each_alias_is_a_field_of_its_own() {
    // RELIABILITY §1, 1.
    let server = start("cost: 100", "").await;
    let aliases = |field: &str, count: usize| {
        (0..count)
            .map(|number| format!("a{number}: {field} "))
            .collect::<String>()
    };

    let one = server.ask(&[], "{ x }").await;
    assert_eq!(left(&one), Some("99"), "whatever it is, it costs one");
    let ten = server.ask(&[], &format!("{{ {} }}", aliases("x", 10))).await;
    assert_eq!(left(&ten), Some("89"));
    let logins = server
        .ask(&[], &format!("mutation {{ {} }}", aliases("login(password: \"1\")", 8)))
        .await;
    assert_eq!(left(&logins), Some("9"), "ten for each change");
    let more = server
        .ask(&[], &format!("mutation {{ {} }}", aliases("login(password: \"1\")", 1)))
        .await;
    assert_eq!(more.status, 429);
    let calls = server.api.log();
    assert_eq!(calls.iter().filter(|call| call.path_and_query == "/login").count(), 8);
}

#[tokio::test]
async fn what_failed_costs_what_was_had_and_dry_runs_nothing() {
    let server = start("cost: 100", "").await;
    server
        .api
        .on("GET /broken", |_| switchboard_harness::Answer::status(500));

    let failed = server.ask(&[], "{ broken { id } }").await;
    assert_eq!(left(&failed), Some("99"));
    let dry = server
        .ask(&[("x-switchboard-dry-run", "cost")], "{ users(first: 40) { id } }")
        .await;
    assert_eq!((dry.status, left(&dry)), (200, None));
    let invalid = server.ask(&[], "{ nothing }").await;
    assert_eq!(left(&invalid), None);
    assert_eq!(left(&server.ask(&[], "{ x }").await), Some("98"));
}

#[tokio::test]
async fn an_answer_that_was_kept_costs_what_it_cost() {
    let server = start("cost: 100", "").await;
    server.api.on("GET /users", |_| {
        switchboard_harness::Answer::json(json!([{ "id": 1 }, { "id": 2 }])).with_header("cache-control", "max-age=60")
    });
    let query = "{ users(first: 10) @cacheControl { id } }".replace(" @cacheControl", "");

    assert_eq!(left(&server.ask(&[], &query).await), Some("98"));
    assert_eq!(left(&server.ask(&[], &query).await), Some("96"));
}

#[tokio::test]
async fn single_operations_and_fields_have_quotas_of_their_own() {
    let quotas = "quotas: { Mutation.login: { requests: 3, per: 1h }, Home: { requests: 2, per: 1h } }";
    let server = start("burst: 1000", quotas).await;
    let statuses = async |query: &str, count: usize| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(server.ask(&[], query).await.status);
        }
        statuses
    };

    assert_eq!(statuses("query Home { x }", 4).await, [200, 200, 429, 429]);
    assert_eq!(statuses("query Other { x }", 4).await, [200; 4]);
    assert_eq!(statuses("mutation { a: login b: login }", 1).await, [200]);
    let refused = server
        .ask(&[], "mutation { ...F } fragment F on Mutation { a: login b: login }")
        .await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (
            429,
            r#"{"errors":[{"message":"Mutation.login is asked for too often; Retry-After says when to ask again.","extensions":{"code":"REQUEST_RATE_LIMITED"}}]}"#
        )
    );
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1190..=1200).contains(&wait), "{wait}");
    assert_eq!(statuses("mutation Any { login }", 2).await, [200, 429]);
    let logins = |server: &Guarded| {
        server
            .api
            .log()
            .iter()
            .filter(|call| call.path_and_query == "/login")
            .count()
    };
    assert_eq!(logins(&server), 3);
    let never = server
        .ask(&[], "mutation { a: login b: login c: login d: login }")
        .await;
    assert_eq!(
        (never.status, logins(&server)),
        (429, 3),
        "four at once are always too many"
    );
}

#[tokio::test]
async fn a_quota_of_a_field_that_is_not_there_stops_the_start() {
    let files = tempfile::tempdir().unwrap();
    let sdl = format!("{}{SDL}", crate::support::guarded::LINK);
    std::fs::write(files.path().join("schema.graphql"), sdl).unwrap();
    let text = "surfaces: { app: { schema: schema.graphql, tier: free, quotas: { Mutation.logon: { requests: 3 }, User.id: { requests: 1 } } } }\n\
                quotas: { tiers: { free: { requests: 1 } } }";
    let config = switchboard::config::Config::parse(text, &files.path().join("switchboard.yaml"), &|_| None).unwrap();

    let told = switchboard::app::App::build(config).err().unwrap().to_string();

    assert_eq!(
        told,
        "surfaces.app.quotas.Mutation.logon: there is no such field of the root; write `Query.field` or `Mutation.field`, or an operation's name\n\
         surfaces.app.quotas.User.id: there is no such field of the root; write `Query.field` or `Mutation.field`, or an operation's name"
    );
}
