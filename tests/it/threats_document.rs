//! Documents that mean no good, each as it comes over HTTP: refused by name before anything is called, or answered cheaply.

use serde_json::json;

use crate::support::threats::{Threats, Told};

fn repeat(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).map(each).collect::<Vec<_>>().join(" ")
}

/// `D0` spreads `D1` so many times, that `D2` …, down to `id`.
fn doubling(levels: usize, width: usize) -> String {
    let fragments = repeat(levels, |level| {
        format!(
            "fragment D{level} on User {{ {} }}",
            format!("...D{} ", level + 1).repeat(width)
        )
    });
    format!("{{ me {{ ...D0 }} }} {fragments} fragment D{levels} on User {{ id }}")
}

#[tokio::test]
async fn many_aliases_are_refused_wherever_they_stand() {
    let threats = Threats::start().await;
    let fragment = format!(
        "{{ me {{ {} }} }} fragment F on User {{ a: id b: id }}",
        "...F ".repeat(40)
    );
    for (query, code) in [
        (
            format!("{{ {} }}", repeat(101, |n| format!("a{n}:x"))),
            "MAX_ALIASES_LIMIT",
        ),
        (
            format!("{{ {} }}", repeat(1_000, |n| format!("a{n}:x"))),
            "MAX_ALIASES_LIMIT",
        ),
        // Too many tokens to be parsed, and what they are is known all the same.
        (
            format!("{{ {} }}", repeat(10_000, |n| format!("a{n}:x"))),
            "MAX_ALIASES_LIMIT",
        ),
        (format!("{{ {} }}", "x ".repeat(10_000)), "GRAPHQL_PARSE_FAILED"),
        (
            format!("{{ me {{ {} }} }}", repeat(51, |n| format!("a{n}:id"))),
            "MAX_ALIASES_LIMIT",
        ),
        (fragment, "MAX_ALIASES_LIMIT"),
    ] {
        assert_eq!(threats.query(&query).await.code(), code, "{}", &query[..40]);
    }
    let fifty = format!("{{ me {{ {} }} }}", repeat(50, |n| format!("a{n}:id")));
    assert_eq!(threats.query(&fifty).await.data()["me"]["a49"], "1");
    assert_eq!(threats.api.calls(), 1);
}

#[tokio::test]
async fn batches_are_refused() {
    let threats = Threats::start().await;
    let batch = |count: usize| format!("[{}]", vec![r#"{"query":"{__typename}"}"#; count].join(","));

    for body in [
        batch(1),
        batch(11),
        batch(1_000),
        "[]".to_owned(),
        format!("[{}]", batch(2)),
    ] {
        assert_eq!(threats.post("closed", body).await.code(), "BATCHING_NOT_SUPPORTED");
    }
}

#[tokio::test]
async fn circular_fragments_are_refused() {
    let threats = Threats::start().await;
    let ring = |count: usize| {
        repeat(count, |n| {
            format!("fragment F{n} on User {{ ...F{} }}", (n + 1) % count)
        })
    };
    for query in [
        "{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }".to_owned(),
        "{ me { ...A } } fragment A on User { ...A }".to_owned(),
        "{ me { ...A } } fragment A on User { friends { ...A } }".to_owned(),
        format!("{{ me {{ ...F0 }} }} {}", ring(50)),
        format!("{{ me {{ id }} }} {}", ring(50)),
        format!("{{ me {{ id }} }} {}", ring(300)),
    ] {
        assert_eq!(
            threats.query(&query).await.code(),
            "GRAPHQL_VALIDATION_FAILED",
            "{query}"
        );
    }
}

#[tokio::test]
async fn fragments_that_double_are_counted_in_full() {
    let threats = Threats::start().await;
    for (levels, width) in [(14, 2), (16, 2), (22, 2), (29, 2), (60, 2), (6, 8)] {
        let told = threats.query(&doubling(levels, width)).await;
        assert_eq!(told.code(), "RECURSIVE_SELECTIONS_LIMIT", "{width}^{levels}");
    }
    assert_eq!(
        threats.query(&doubling(12, 2)).await.data(),
        json!({ "me": { "id": "1" } })
    );
    // A chain takes stack, not time.
    assert_eq!(
        threats.query(&doubling(90, 1)).await.data(),
        json!({ "me": { "id": "1" } })
    );
    assert_eq!(
        threats.query(&doubling(200, 1)).await.code(),
        "GRAPHQL_VALIDATION_FAILED"
    );
    assert_eq!(threats.on("loose", &doubling(500, 1)).await.code(), "MAX_DEPTH_LIMIT");
    assert_eq!(
        threats.on("loose", &doubling(20_000, 1)).await.code(),
        "MAX_DEPTH_LIMIT"
    );
}

#[tokio::test]
async fn directives_are_counted_in_all_places() {
    let threats = Threats::start().await;
    let skip = "@skip(if:false) ".repeat(21);
    let unknown = "@aa ".repeat(1_000);
    for query in [
        format!("{{ __typename {unknown} }}"),
        format!("{{ __typename {skip} }}"),
        format!("{{ ... {skip} {{ __typename }} }}"),
        format!("query Q {unknown} {{ __typename }}"),
        format!("query Q($v: Int {unknown}) {{ __typename }}"),
        format!("{{ ...F }} fragment F on Query {unknown} {{ __typename }}"),
        format!("{{ ...F {skip} }} fragment F on Query {{ __typename }}"),
        format!("{{ {} }}", "x @skip(if:false) ".repeat(21)),
        format!("{{ __typename {} }}", "@skip(if:false) ".repeat(1_000)),
        format!("{{ __typename {} }}", "@aa ".repeat(10_000)),
        format!("{{ ...{{ __typename }} ...{} {{ __typename }} }}", "@aa".repeat(10_000)),
    ] {
        assert_eq!(
            threats.query(&query).await.code(),
            "MAX_DIRECTIVES_LIMIT",
            "{}",
            &query[..40]
        );
    }
    let nothing = format!("{{ __typename {} }}", "@".repeat(1_000));
    assert_eq!(threats.query(&nothing).await.code(), "GRAPHQL_PARSE_FAILED");
}

#[tokio::test]
async fn a_field_again_and_again_is_one_field() {
    let threats = Threats::start().await;

    assert_eq!(
        threats.query(&format!("{{ {} }}", "x ".repeat(500))).await.data(),
        json!({ "x": 1 })
    );
    assert_eq!(
        threats
            .query(&format!("{{ {} }}", "me { id } ".repeat(400)))
            .await
            .data(),
        json!({ "me": { "id": "1" } })
    );
    assert_eq!(threats.api.calls(), 2);
    for many in ["x ".repeat(10_000), "me { id } ".repeat(3_000)] {
        assert_eq!(
            threats.query(&format!("{{ {many} }}")).await.code(),
            "GRAPHQL_PARSE_FAILED"
        );
    }
}

#[tokio::test]
async fn fields_that_overlap_are_not_compared_without_end() {
    let threats = Threats::start().await;
    // Two hundred times a hundred fragments within each other: nested too deeply to be parsed, or too long.
    let nested = |count: usize| {
        format!(
            "{{ me {{ {} }} }}",
            format!("{}id{} ", "...on User{".repeat(count), "}".repeat(count)).repeat(200)
        )
    };
    assert_eq!(threats.query(&nested(100)).await.code(), "GRAPHQL_PARSE_FAILED");
    assert_eq!(threats.query(&nested(3)).await.data(), json!({ "me": { "id": "1" } }));

    let conflicting = |count| format!("{{ {} }}", repeat(count, |n| format!("a:user(id:{n}){{id}}")));
    assert_eq!(threats.query(&conflicting(2_000)).await.code(), "MAX_ALIASES_LIMIT");
    assert_eq!(threats.query(&conflicting(400)).await.code(), "MAX_ALIASES_LIMIT");
    let told = threats.query(&conflicting(400).replace("a:", "")).await;
    assert_eq!(told.code(), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(told.json()["errors"].as_array().map(Vec::len), Some(20));

    // Every level has a field on the interface and one on each of its types: what must be compared doubles with each level.
    let level = |below: &str, leaf: &str| {
        format!("node {{ {below} }} ... on User {{ node {{ {leaf} }} }} ... on Robot {{ node {{ {leaf} }} }}")
    };
    let chain = |levels: usize, leaf: &str| (0..levels).fold(leaf.to_owned(), |below, _| format!("node {{ {below} }}"));
    let bomb = |levels: usize| {
        let inner = (0..levels).fold("id".to_owned(), |below, n| level(&below, &chain(n, "a: id")));
        format!("{{ node {{ {inner} }} }}")
    };
    assert_eq!(
        threats.query(&bomb(3)).await.data(),
        json!({ "node": { "node": null } })
    );
    for (surface, levels) in [("closed", 13), ("loose", 20)] {
        let told = threats.on(surface, &bomb(levels)).await;
        assert!(
            ["RECURSIVE_SELECTIONS_LIMIT", "MAX_ALIASES_LIMIT"].contains(&&*told.code()),
            "{told:?}"
        );
    }
    // As many operations as a document can hold share the bound.
    let shared = format!(
        "{} fragment F on Query {{ {} }}",
        repeat(300, |n| format!("query Q{n}{{...F}}")),
        "x ".repeat(800)
    );
    assert_eq!(threats.query(&shared).await.code(), "RECURSIVE_SELECTIONS_LIMIT");
}

#[tokio::test]
async fn depth_is_counted_through_fields_and_fragments_by_get_and_post() {
    let threats = Threats::start().await;
    let fields = format!("{{ users {{ {}id{} }} }}", "friends{".repeat(58), "}".repeat(58));
    let fragments = format!(
        "{{ me {{ ...F0 }} }} {} fragment F40 on User {{ id }}",
        repeat(40, |n| format!(
            "fragment F{n} on User {{ friends {{ ...F{} }} }}",
            n + 1
        ))
    );
    for query in [&fields, &fragments] {
        assert_eq!(threats.query(query).await.code(), "MAX_DEPTH_LIMIT");
        assert_eq!(
            threats.get("closed", &[("query", query)]).await.code(),
            "MAX_DEPTH_LIMIT"
        );
    }
    let inline = format!("{{ me {}id{} }}", "{...".repeat(1_000), "}".repeat(1_000));
    assert_eq!(threats.query(&inline).await.code(), "MAX_DEPTH_LIMIT");
}

#[tokio::test]
async fn nesting_without_end_does_not_overflow_the_stack() {
    let threats = Threats::start().await;
    for query in [
        "{a".repeat(100_000),
        format!("{{ me(a: {}", "[".repeat(200_000)),
        format!("{{ me(a: {}", "{a:".repeat(20_000)),
        format!("query($v: {}", "[".repeat(50_000)),
        format!("{{ me{}", "(".repeat(100_000)),
        format!("query($v: {}Int{}) {{ x }}", "[".repeat(5_000), "]".repeat(5_000)),
    ] {
        // The loose surface parses them; the other finds them too long.
        assert_eq!(
            threats.on("loose", &query).await.code(),
            "GRAPHQL_PARSE_FAILED",
            "{}",
            &query[..20]
        );
        assert!(threats.query(&query).await.status < 500, "{}", &query[..20]);
    }
    assert_eq!(threats.query("{ x }").await.data(), json!({ "x": 1 }));
}

#[tokio::test]
async fn what_is_nested_as_deeply_as_it_may_be_fits_the_stack() {
    let threats = Threats::start().await;
    let fields = |levels: usize| format!("{{ me {{ {}id{} }} }}", "friends{".repeat(levels), "}".repeat(levels));
    let inline = |levels: usize| format!("{{ {}x{} }}", "...{".repeat(levels), "}".repeat(levels));

    // Deeper than the library validates; deeper than anything may be; deeper than anything is parsed.
    assert_eq!(threats.on("loose", &fields(90)).await.status, 200);
    for (levels, code) in [
        (200, "GRAPHQL_VALIDATION_FAILED"),
        (400, "MAX_DEPTH_LIMIT"),
        (600, "MAX_DEPTH_LIMIT"),
    ] {
        assert_eq!(threats.on("loose", &fields(levels)).await.code(), code, "{levels}");
    }
    assert_eq!(threats.on("loose", &inline(200)).await.data(), json!({ "x": 1 }));
    assert_eq!(threats.on("loose", &inline(400)).await.code(), "MAX_DEPTH_LIMIT");
}

#[tokio::test]
async fn floods_of_tokens_are_too_large() {
    let threats = Threats::start().await;
    let kinds = [" ", ",", "#\n", "\n", "\u{feff}"];
    for filler in kinds {
        let of = |bytes: usize| format!("{{ x {}}}", filler.repeat(bytes / filler.len()));
        let told = threats.query(&of(900_000)).await;
        assert_eq!((told.status, told.code().as_str()), (413, "BAD_REQUEST"), "{filler:?}");
        let told = threats.query(&of(60_000)).await;
        assert!(told.status < 500, "{filler:?}: {told:?}");
    }
    for query in [
        format!("{{ {} }}", "x".repeat(500_000)),
        format!("{{ echo(text: \"\"\"{}\"\"\") }}", "x\n".repeat(400_000)),
    ] {
        assert_eq!(threats.query(&query).await.status, 413);
    }
    let name = threats.query(&format!("{{ {} }}", "x".repeat(60_000))).await;
    assert_eq!(name.code(), "GRAPHQL_VALIDATION_FAILED");
    assert!(
        name.text.len() < 2_000,
        "a name is not sent back whole: {} bytes",
        name.text.len()
    );
}

#[tokio::test]
async fn nothing_is_subscribed_to_and_no_connection_becomes_another() {
    let threats = Threats::start().await;
    let wanting = |query: &str| {
        let client = reqwest::Client::new();
        let request = client.get(format!("{}{query}", threats.url("closed")));
        let websocket = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "graphql-transport-ws"),
        ];
        websocket
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value))
    };

    let told = Told::of(wanting("").send().await.expect("an answer")).await;
    assert_eq!((told.status, told.code().as_str()), (400, "BAD_REQUEST"));
    let told = Told::of(wanting("?query=%7Bx%7D").send().await.expect("an answer")).await;
    assert_eq!(
        told.data(),
        json!({ "x": 1 }),
        "an upgrade that is not wanted is passed over"
    );
    for query in ["subscription { x }", "subscription S { me { id } }"] {
        assert_eq!(
            threats.query(query).await.code(),
            "GRAPHQL_VALIDATION_FAILED",
            "{query}"
        );
    }
    let several = format!("{{ x }} {}", repeat(300, |n| format!("subscription S{n} {{ x }}")));
    assert_eq!(threats.query(&several).await.code(), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(threats.api.calls(), 1);
}
