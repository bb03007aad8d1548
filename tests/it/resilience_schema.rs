//! What `@resilience` may say, and where.

use std::time::Duration;

use switchboard::schema::{
    self, LoadOptions, SourceFile, Surface,
    model::{Breaker, Fault, Resilience, Retry},
    report,
};

fn load(schema: &str, rest: &str) -> Result<Surface, String> {
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text: format!(
            r#"extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
  @link(url: "https://switchboard.example/bff/v0.1", import: ["@resilience"])
  @source(name: "api", http: {{ baseURL: "http://api" }})
  {schema}
{rest}"#
        ),
    };
    match schema::load("test", std::slice::from_ref(&file), &LoadOptions::default()) {
        Ok(loaded) => Ok(loaded.surface),
        Err(problems) => Err(report::to_text(&problems, &[file])),
    }
}

const QUERY: &str = r#"type Query { a: Int @connect(source: "api", http: { GET: "/a" }, selection: "$") }"#;

#[test]
fn a_source_and_a_connector_have_what_is_said_of_them() {
    let surface = load(
        r#"@resilience(source: "api", timeout: "800ms", maxConcurrent: 64,
             retry: { attempts: 2, backoff: "50ms", on: [TIMEOUT, HTTP_5XX], budget: 0.05 }
             breaker: { failureRate: 0.5, window: 50, openFor: "10s", slowAfter: "300ms", slowRate: 0.7 })"#,
        r#"type Query {
             a: Thing @connect(source: "api", http: { GET: "/a" }, selection: "id") @resilience(timeout: "100ms")
             b: Int @connect(source: "api", http: { GET: "/b" }, selection: "$") }
           type Thing @connect(source: "api", http: { GET: "/t/{$this.id}" }, selection: "id name")
             @resilience(retry: { attempts: 1 }) { id: ID! name: String }"#,
    )
    .unwrap();

    let millis = Duration::from_millis;
    assert_eq!(
        surface.sources[0].resilience,
        Some(Resilience {
            timeout: Some(millis(800)),
            retry: Some(Retry {
                attempts: 2,
                backoff: Some(millis(50)),
                on: Some(vec![Fault::Timeout, Fault::Http5xx]),
                budget: Some(0.05),
            }),
            breaker: Some(Breaker {
                failure_rate: 0.5,
                window: 50,
                open_for: millis(10_000),
                slow_after: Some(millis(300)),
                slow_rate: Some(0.7),
            }),
            max_concurrent: Some(64),
        })
    );
    let own = |coordinate: &str| {
        let connector = surface.connectors.iter().find(|own| &*own.coordinate == coordinate);
        connector.unwrap().resilience.clone()
    };
    assert_eq!(own("Query.a").unwrap().timeout, Some(millis(100)));
    assert_eq!(own("Thing").unwrap().retry.unwrap().attempts, 1);
    assert_eq!(own("Query.b"), None);
}

#[test]
fn numbers_that_make_no_sense_are_refused_where_they_stand() {
    let refused = load(
        r#"@resilience(source: "api", timeout: "0s", maxConcurrent: 0, retry: { attempts: 0, backoff: "soon", on: [CIRCUIT_OPEN], budget: 1.5 }
      breaker: { failureRate: 0, window: 0, openFor: "2h", slowRate: 0.5 })"#,
        QUERY,
    );
    insta::assert_snapshot!(refused.unwrap_err(), @r#"
    schema.graphql:5:39: error[GRAPHQL_ERROR]: `timeout` is a time above zero and of at most an hour, not "0s"
    5 |   @resilience(source: "api", timeout: "0s", maxConcurrent: 0, retry: { attempts: 0, backoff: "soon", on: [CIRCUIT_OPEN],…
      |                                       ^^^^
    hint: write a number with its unit, such as "300ms" or "2s"

    schema.graphql:5:60: error[GRAPHQL_ERROR]: `maxConcurrent` is a number at least 1, not 0
    5 |   @resilience(source: "api", timeout: "0s", maxConcurrent: 0, retry: { attempts: 0, backoff: "soon", on: [CIRCUIT_OPEN],…
      |                                                            ^

    schema.graphql:5:82: error[GRAPHQL_ERROR]: `attempts` is a number from 1 to 10, not 0
    5 | …", maxConcurrent: 0, retry: { attempts: 0, backoff: "soon", on: [CIRCUIT_OPEN], budget: 1.5 }
      |                                          ^

    schema.graphql:5:94: error[GRAPHQL_ERROR]: `backoff` is a time above zero and of at most an hour, not "soon"
    5 | …rent: 0, retry: { attempts: 0, backoff: "soon", on: [CIRCUIT_OPEN], budget: 1.5 }
      |                                          ^^^^^^
    hint: write a number with its unit, such as "300ms" or "2s"

    schema.graphql:5:107: error[GRAPHQL_ERROR]: `CIRCUIT_OPEN` is no failure to retry after: the call was not made, to spare the source
    5 | …y: { attempts: 0, backoff: "soon", on: [CIRCUIT_OPEN], budget: 1.5 }
      |                                          ^^^^^^^^^^^^
    hint: leave it out

    schema.graphql:5:130: error[GRAPHQL_ERROR]: `budget` is a share between 0 and 1, not 1.5
    5 | …ff: "soon", on: [CIRCUIT_OPEN], budget: 1.5 }
      |                                          ^^^
    hint: 0.5 is one in two

    schema.graphql:6:31: error[GRAPHQL_ERROR]: `failureRate` is a share between 0 and 1, not 0
    6 |       breaker: { failureRate: 0, window: 0, openFor: "2h", slowRate: 0.5 })
      |                               ^
    hint: 0.5 is one in two

    schema.graphql:6:42: error[GRAPHQL_ERROR]: `window` is a number from 1 to 10000, not 0
    6 |       breaker: { failureRate: 0, window: 0, openFor: "2h", slowRate: 0.5 })
      |                                          ^

    schema.graphql:6:54: error[GRAPHQL_ERROR]: `openFor` is a time above zero and of at most an hour, not "2h"
    6 |       breaker: { failureRate: 0, window: 0, openFor: "2h", slowRate: 0.5 })
      |                                                      ^^^^
    hint: write a number with its unit, such as "300ms" or "2s"

    schema.graphql:6:70: error[GRAPHQL_ERROR]: `slowRate` without `slowAfter`: from when on is a call slow?
    6 |       breaker: { failureRate: 0, window: 0, openFor: "2h", slowRate: 0.5 })
      |                                                                      ^^^
    hint: add e.g. slowAfter: "500ms"
    "#);
}

#[test]
fn it_stands_where_there_is_something_to_call() {
    let refused = load(
        r#"@resilience(timeout: "1s") @resilience(source: "apo", timeout: "1s")
  @resilience(source: "api", timeout: "1s") @resilience(source: "api", maxConcurrent: 1)"#,
        r#"type Query { a: Int @connect(source: "api", http: { GET: "/a" }, selection: "$") @resilience(source: "api", timeout: "1s")
  b: B @connect(source: "api", http: { GET: "/a" }, selection: "c") }
type B @resilience(timeout: "1s") { c: Int @resilience(timeout: "1s") }"#,
    );
    insta::assert_snapshot!(refused.unwrap_err(), @r#"
    schema.graphql:5:3: error[GRAPHQL_ERROR]: `@resilience` on a schema needs a `source`
    5 |   @resilience(timeout: "1s") @resilience(source: "apo", timeout: "1s")
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: e.g. @resilience(source: "users", timeout: "800ms")

    schema.graphql:5:50: error[SOURCE_NAME_MISMATCH]: there is no source `apo`
    5 |   @resilience(timeout: "1s") @resilience(source: "apo", timeout: "1s")
      |                                                  ^^^^^
    hint: did you mean `api`?

    schema.graphql:6:65: error[GRAPHQL_ERROR]: there is a second `@resilience` for the source `api`
    6 |   @resilience(source: "api", timeout: "1s") @resilience(source: "api", maxConcurrent: 1)
      |                                                                 ^^^^^
    hint: put all of it into one

    schema.graphql:7:102: error[GRAPHQL_ERROR]: `source` belongs to `@resilience` on a schema; here it is the connector's
    7 | … }, selection: "$") @resilience(source: "api", timeout: "1s")
      |                                          ^^^^^
    hint: leave it out

    schema.graphql:9:8: error[GRAPHQL_ERROR]: `@resilience` has nothing to hold for: there is no `@connect` here
    9 | type B @resilience(timeout: "1s") { c: Int @resilience(timeout: "1s") }
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: put it beside the `@connect` that makes the calls, or on the schema with a `source`

    schema.graphql:9:44: error[GRAPHQL_ERROR]: `@resilience` has nothing to hold for: there is no `@connect` here
    9 | type B @resilience(timeout: "1s") { c: Int @resilience(timeout: "1s") }
      |                                            ^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: put it beside the `@connect` that makes the calls, or on the schema with a `source`
    "#);
}
