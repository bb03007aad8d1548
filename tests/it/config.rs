//! `switchboard.yaml`: what it can say, and what is said about it.

mod mistakes;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;
use switchboard::{
    config::{Config, InFlight, Limits, SourceConfig},
    engine::overload::{self, MaxInFlight, Priorities, Priority},
    http::{Coding, Compression, Cors, Settings, StatusProfile, Tls},
    operation::{
        LimitMode,
        documents::{Exempt, Mode, manifest::ManifestOf},
    },
    telemetry::{LogFormat, LogRequests, LogSettings},
};

fn environment(name: &str) -> Option<String> {
    match name {
        "CATALOG_KEY" => Some("hunter2".to_owned()),
        "PORT" => Some("4100".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn read(text: &str) -> Config {
    Config::parse(text, Path::new("/etc/shop/switchboard.yaml"), &environment).unwrap_or_else(|error| panic!("{error}"))
}

/// What is said about a text.
fn problems(text: &str) -> String {
    Config::parse(text, Path::new("shop.yaml"), &environment)
        .expect_err("a bad configuration")
        .to_string()
}

/// What is said about a text that comes after a surface.
fn problems_after_a_surface(text: &str) -> String {
    problems(&format!("surfaces: {{ web: {{ schema: a.graphql }} }}\n{text}"))
}

#[test]
fn a_surface_and_its_schema_are_enough() {
    let config = read("surfaces:\n  web:\n    schema: web.graphql\n");

    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 4000)));
    assert_eq!(config.admin, Some(SocketAddr::from(([127, 0, 0, 1], 4001))));
    assert_eq!(config.surfaces.len(), 1);
    let web = &config.surfaces[0];
    assert_eq!(
        (web.name.as_str(), web.path.as_str(), web.introspection),
        ("web", "/web/graphql", false)
    );
    assert_eq!(web.schema, [PathBuf::from("/etc/shop/web.graphql")]);
    assert_eq!((web.operations.as_ref(), &web.limits), (None, &Limits::default()));
    assert_eq!(config.http, Settings::default());
    assert_eq!(config.log, LogSettings::default());
    assert_eq!(config.source("anything"), SourceConfig::default());
}

#[test]
fn every_key_of_a_surface_is_read() {
    let config = read(
        r#"
listen: 0.0.0.0:${PORT}
admin: off
surfaces:
  web:
    path: /shop
    schema: [schema/shared.graphql, /abs/web.graphql]
    operations: schema/web/operations
    introspection: true
    show_cost: true
    sharing: false
    cache_bytes: 5
    limits: { mode: measure, body_bytes: 1, document_bytes: 2, tokens: 3, nesting: 4, depth: 5, aliases: 6, root_fields: 7, directives: 8,
              expanded_selections: 9, cost: 1_000, calls: 11, list_size: 12, input_list: 13, string_bytes: 14, errors: 15,
              response_bytes: 0 }
  mobile:
    schema: m.graphql
"#,
    );

    assert_eq!(
        (config.listen.to_string().as_str(), config.admin),
        ("0.0.0.0:4100", None)
    );
    let names: Vec<_> = config.surfaces.iter().map(|surface| surface.name.as_str()).collect();
    assert_eq!(names, ["web", "mobile"], "in the order of the file");
    let web = &config.surfaces[0];
    assert_eq!(
        (
            web.path.as_str(),
            web.introspection,
            web.show_cost,
            web.sharing,
            web.cache_bytes
        ),
        ("/shop", true, true, false, 5)
    );
    assert_eq!(
        web.schema,
        [
            PathBuf::from("/etc/shop/schema/shared.graphql"),
            PathBuf::from("/abs/web.graphql")
        ]
    );
    assert_eq!(web.operations, Some(PathBuf::from("/etc/shop/schema/web/operations")));
    let limits = Limits {
        mode: LimitMode::Measure,
        body_bytes: 1,
        document_bytes: 2,
        tokens: 3,
        nesting: 4,
        depth: 5,
        aliases: 6,
        root_fields: 7,
        directives: 8,
        expanded_selections: 9,
        cost: 1000,
        calls: 11,
        list_size: 12,
        input_list: 13,
        string_bytes: 14,
        errors: 15,
        response_bytes: 0,
    };
    assert_eq!(web.limits, limits);
}

#[test]
fn every_key_of_a_source_is_read() {
    let config = read(
        r#"
surfaces: { web: { schema: a.graphql } }
sources:
  catalog:
    override_url: ${CATALOG_URL:-http://127.0.0.1:5001}
    config: { apiKey: "${CATALOG_KEY:-}", version: 2, port: "${PORT}", nested: { list: [true, null, 1.5, "1"] } }
    max_requests_per_operation: 10
    limits: { body_bytes: 1, depth: 2, list: 3 }
    timeout: 300ms
    connect_timeout: 50ms
    max_in_flight: 7
"#,
    );

    let catalog = config.source("catalog");
    assert_eq!(catalog.override_url, ["http://127.0.0.1:5001"]);
    assert_eq!(
        serde_json::Value::Object(catalog.config.reveal().clone()),
        json!({ "apiKey": "hunter2", "version": 2, "port": "4100", "nested": { "list": [true, null, 1.5, "1"] } }),
    );
    assert_eq!(
        (catalog.max_requests_per_operation, catalog.max_in_flight),
        (10, Some(InFlight::AtMost(7)))
    );
    assert_eq!(
        (catalog.limits.body_bytes, catalog.limits.depth, catalog.limits.list),
        (1, 2, 3)
    );
    assert_eq!(
        (catalog.timeout, catalog.connect_timeout),
        (Some(Duration::from_millis(300)), Duration::from_millis(50))
    );
}

/// All keys of `http` and `log`.
const SERVER: &str = r#"
surfaces: { web: { schema: a.graphql } }
http:
  status_profile: draft2026
  header_timeout: 1s
  body_timeout: 2s
  idle_timeout: 1m 30s
  write_timeout: 4s
  operation_timeout: 5s
  drain_timeout: 0s
  shutdown_delay: 7s
  max_connections: 8
  max_streams: 9
  answer_bytes: 19
  header_count: 10
  header_bytes: 11
  uri_bytes: 12
  trusted_proxies: 2
  csrf: false
  cors: { origins: https://shop.example, credentials: true, max_age: 13s }
  compression: { codings: [gzip, br, gzip], min_bytes: 14 }
  tls: { certificate: tls/chain.pem, key: /etc/key.pem, hsts_days: 15 }
overload: { max_in_flight: 16, queue_timeout: 17ms, source_bytes: 18 }
log: { level: "info,switchboard=debug", format: text, requests: off }
"#;

#[test]
fn every_key_of_the_server_is_read() {
    let config = read(SERVER);

    let http = Settings {
        status_profile: StatusProfile::Draft2026,
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(90),
        write_timeout: Duration::from_secs(4),
        operation_timeout: Duration::from_secs(5),
        drain_timeout: Duration::ZERO,
        shutdown_delay: Duration::from_secs(7),
        max_connections: 8,
        answer_bytes: 19,
        max_streams: 9,
        header_count_max: 10,
        header_bytes_max: 11,
        uri_bytes_max: 12,
        trusted_proxies: 2,
        batch_max: None,
        csrf: false,
        ide: false,
        cors: Cors {
            origins: vec!["https://shop.example".to_owned()],
            credentials: true,
            max_age: Duration::from_secs(13),
        },
        compression: Compression {
            codings: vec![Coding::Gzip, Coding::Brotli],
            min_bytes: 14,
        },
        tls: Some(Tls {
            certificate: config.base.join("tls/chain.pem"),
            key: "/etc/key.pem".into(),
            hsts_days: 15,
        }),
    };
    assert_eq!(config.http, http);
    let overload = overload::Settings {
        max_in_flight: MaxInFlight::AtMost(16),
        queue_timeout: Duration::from_millis(17),
        source_bytes: 18,
    };
    assert_eq!(config.overload, overload);
    let log = LogSettings {
        level: "info,switchboard=debug".to_owned(),
        format: LogFormat::Text,
        requests: LogRequests::Off,
    };
    assert_eq!(config.log, log);
}

#[test]
fn which_operations_go_first_is_read_and_checked() {
    let config = read(
        "surfaces: { web: { schema: a, operations: ops, priority: { critical: Buy, sheddable: [Extras, More], unlisted: sheddable } } }",
    );
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let priorities = Priorities {
        critical: set(&["Buy"]),
        sheddable: set(&["Extras", "More"]),
        unlisted: Priority::Sheddable,
        ..Priorities::default()
    };
    assert_eq!(config.surfaces[0].priority, priorities);
    assert_eq!(config.overload, overload::Settings::default());

    insta::assert_snapshot!(
        problems("surfaces: { web: { schema: a, priority: { critical: [Buy], sheddable: [Buy], listed: urgent } } }\nhttp: { tls: { certificate: a.pem } }"),
        @r"
    shop.yaml:1:53: surfaces.web.priority.critical: nothing is listed, and only listed documents can be critical: anybody may call an operation anything; add the surface's `operations`, or `persisted.manifests`
    shop.yaml:1:71: surfaces.web.priority.sheddable: `Buy` is critical already; name each operation once
    shop.yaml:1:86: surfaces.web.priority.listed: `urgent` is not a word this key knows; write one of `critical`, `normal`, `sheddable`
    shop.yaml:2:14: http.tls: a certificate and its key belong together; name both files: `certificate` and `key`
    "
    );
}

#[test]
fn so_many_requests_may_come_in_one_body_where_any_may() {
    let most = |http: &str| {
        read(&format!("surfaces: {{ web: {{ schema: a }} }}\nhttp: {{ {http} }}"))
            .http
            .batch_max
    };

    assert_eq!(most("batching: true"), Some(10));
    assert_eq!(most("batching: true, batch_max: 3"), Some(3));
    assert_eq!(most("batch_max: 3"), None);
    assert_eq!(most(""), None);
}

#[test]
fn secrets_are_not_printed() {
    let config = read(
        "surfaces: { web: { schema: a } }\nsources: { catalog: { config: { apiKey: \"${CATALOG_KEY}\", other: plain } } }",
    );

    let printed = format!("{config:?} {config:#?}");

    assert!(!printed.contains("hunter2") && !printed.contains("plain"), "{printed}");
    assert!(printed.contains("config: ***"), "{printed}");
}

#[test]
fn the_store_of_registered_documents_is_an_address_that_is_never_printed() {
    const SURFACE: &str = "surfaces: { web: { schema: a } }";
    let of = |documents: &str| read(&format!("{SURFACE}\ndocuments: {documents}")).documents;

    assert!(of("{}").is_none());
    assert!(of("{ redis: \"${EMPTY}\" }").is_none(), "the variable is not set");
    let store =
        of("{ redis: \"redis://:${CATALOG_KEY}@cache:6380/2\", timeout: 20ms, keep_days: 2 }").expect("a store");
    assert_eq!(store.redis.reveal(), "redis://:hunter2@cache:6380/2");
    assert_eq!((store.timeout, store.keep_days), (Duration::from_millis(20), 2));
    assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
    assert_eq!(
        problems_after_a_surface("documents: { redis: cache:6379 }"),
        "shop.yaml:2:21: documents.redis: this is not the address of a Redis; write `redis://host:6379`, with user and password before the host \
         and a database behind it if need be"
    );
}

#[test]
fn persisted_documents_and_the_browsers_edge_are_read_and_their_mistakes_told() {
    let config = read(
        "surfaces:\n  web:\n    schema: a.graphql\n    persisted:\n      mode: safelist\n      exempt: [depth, cost]\n      \
         manifests:\n        - { file: b.json, client: ios, version: '7', prefix: 'x-ios:' }\n        - file: c\n\
         http: { csrf: false, cors: { origins: [https://shop.example], credentials: true, max_age: 1m } }\n",
    );
    let persisted = &config.surfaces[0].persisted;
    assert_eq!(persisted.mode, Mode::Safelist);
    assert_eq!(
        persisted.exempt,
        Exempt {
            depth: true,
            cost: true
        }
    );
    assert_eq!(persisted.manifests[0].file, Path::new("/etc/shop/b.json"));
    assert_eq!(persisted.manifests[0].of.prefix.as_deref(), Some("x-ios:"));
    assert_eq!(persisted.manifests[1].of, ManifestOf::default());
    assert_eq!((config.http.csrf, config.http.cors.credentials), (false, true));
    assert_eq!(config.http.cors.origins, ["https://shop.example"]);

    insta::assert_snapshot!(problems(
        "surfaces:\n  web:\n    schema: a.graphql\n    persisted:\n      mode: only\n      exempt: tokens\n  app:\n    schema: a.graphql\n    \
         persisted:\n      mode: strict\n      manifests:\n        - { client: ios, fiel: a }\n        - { file: b, version: '1' }\n\
         http: { cors: { origins: ['*', 'null', shop.example, https://Shop.example, 'https://shop.example:443', https://shop.example/] } }\n",
    ), @r"
    shop.yaml:5:13: surfaces.web.persisted.mode: nothing is listed; add `manifests`, or the surface's `operations`
    shop.yaml:6:15: surfaces.web.persisted.exempt: `tokens` is no limit that listed documents can be exempt from; write `depth`, `cost` or both
    shop.yaml:10:13: surfaces.app.persisted.mode: `strict` is not a word this key knows; write one of `off`, `automatic`, `log`, `safelist`, `only`
    shop.yaml:12:11: surfaces.app.persisted.manifests[0]: `file` is missing; name a manifest, or a folder of `.graphql` files
    shop.yaml:12:26: surfaces.app.persisted.manifests[0]: unknown key `fiel`; did you mean `file`?
    shop.yaml:13:31: surfaces.app.persisted.manifests[1].version: a version of which client?; add `client`
    shop.yaml:14:26: http.cors.origins: `*` is not an origin; write each as browsers send it, such as `https://shop.example` or `http://localhost:3000`
    shop.yaml:14:26: http.cors.origins: `https://Shop.example` is not an origin; write each as browsers send it, such as `https://shop.example` or `http://localhost:3000`
    shop.yaml:14:26: http.cors.origins: `https://shop.example/` is not an origin; write each as browsers send it, such as `https://shop.example` or `http://localhost:3000`
    shop.yaml:14:26: http.cors.origins: `https://shop.example:443` is not an origin; write each as browsers send it, such as `https://shop.example` or `http://localhost:3000`
    shop.yaml:14:26: http.cors.origins: `null` is not an origin; write each as browsers send it, such as `https://shop.example` or `http://localhost:3000`
    shop.yaml:14:26: http.cors.origins: `shop.example` is not an origin; write each as browsers send it, such as `https://shop.example` or `http://localhost:3000`
    ");
}

#[test]
fn numbers_of_resilience_are_read_and_checked() {
    let read = |text: &str| {
        let text = format!("surfaces: {{ web: {{ schema: web.graphql }} }}\nsources:\n  api:\n{text}");
        Config::parse(&text, std::path::Path::new("shop.yaml"), &|_| None)
    };
    let config = read(
        "    override_url: [http://a:1/v1, http://b:2/v1/]
    max_in_flight: auto
    resilience:
      retry: { attempts: 2, backoff: 50ms, budget: 0.2, methods: [shop.Stock/Get] }
      breaker: { failure_rate: 0.4, window: 50, in_a_row: 0, open_for: 5s, slow_after: 300ms, slow_rate: 0.8, count_rate_limits: true }
      hedge: true
      balance: round_robin
      deadline_header: X-Time-Left
",
    )
    .unwrap();
    let api = config.source("api");
    assert_eq!(api.override_url, ["http://a:1/v1", "http://b:2/v1/"]);
    assert_eq!(api.max_in_flight, Some(InFlight::Adapts));
    insta::assert_snapshot!(format!("{:?}", api.resilience), @r#"ResilienceConfig { retry: RetryConfig { attempts: Some(2), backoff: Some(50ms), budget: Some(0.2), methods: ["shop.Stock/Get"] }, breaker: BreakerConfig { enabled: true, failure_rate: Some(0.4), window: Some(50), in_a_row: Some(0), open_for: Some(5s), slow_after: Some(300ms), slow_rate: Some(0.8), count_rate_limits: true }, hedge: true, balance: RoundRobin, deadline_header: Some("x-time-left") }"#);

    let wrong = read(
        "    override_url: [http://a/v1, http://b/v2]
    resilience:
      retry: { attempts: 0, backoff: 0s, budget: 2, tries: 3 }
      breaker: { failure_rate: 0, window: 0, slow_rate: -1 }
      balance: random
      deadline_header: host
",
    )
    .unwrap_err();
    insta::assert_snapshot!(wrong.to_string(), @r"
    shop.yaml:4:19: sources.api.override_url: the addresses differ in more than scheme, host and port; give all of them the same path
    shop.yaml:6:26: sources.api.resilience.retry.attempts: `0` is not a number in the range of this key; write a number from 1 to 10
    shop.yaml:6:38: sources.api.resilience.retry.backoff: `0s` is not a duration above zero and of at most a day; write a number above zero with its unit, such as `5s` or `300ms`
    shop.yaml:6:50: sources.api.resilience.retry.budget: `2` is not a share between 0 and 1; write e.g. `0.5` for one in two
    shop.yaml:6:53: sources.api.resilience.retry: unknown key `tries`; known keys are `attempts`, `backoff`, `budget`, `methods`
    shop.yaml:7:32: sources.api.resilience.breaker.failure_rate: with 0 it would always be open; write a share above 0, such as `0.5`
    shop.yaml:7:43: sources.api.resilience.breaker.window: `0` is not a number in the range of this key; write a number from 1 to 10000
    shop.yaml:7:57: sources.api.resilience.breaker.slow_rate: `-1` is not a share between 0 and 1; write e.g. `0.5` for one in two
    shop.yaml:8:16: sources.api.resilience.balance: `random` is not a word this key knows; write one of `least_in_flight`, `round_robin`
    shop.yaml:9:24: sources.api.resilience.deadline_header: `host` is no header that can be set; write its name alone, such as `x-request-timeout-ms`
    ");
}
