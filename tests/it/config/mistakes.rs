//! What is said of files that cannot be used.

use super::*;

#[test]
fn all_problems_are_told_at_once_each_with_its_place() {
    let said = problems(
        r#"
listen: localhost
adnim: 127.0.0.1:4001
surfaces:
  web:
    schema: web.graphql
    limit: { depth: 1 }
    limits: { depth: many, height: 1 }
  web two:
    path: graphql
  mobile:
    path: /web/graphql
    schema: [a.graphql, [b]]
    introspection: yes
sources:
  catalog:
    override_url: ${CATALOG_URL}
    config: [a]
    timeout: 5
    connect_timeout: 0s
    max_in_flight: -1
    max_requests_per_operation: ${CATALOG_KEY}
http: fast
log: { level: "a=b=c", requests: none, format: "${PORT" }
"#,
    );

    assert_eq!(
        said,
        "\
shop.yaml:2:9: listen: `localhost` is not an address; write an IP address and a port, such as `127.0.0.1:4000`
shop.yaml:3:1: unknown key `adnim`; did you mean `admin`?
shop.yaml:7:5: surfaces.web: unknown key `limit`; did you mean `limits`?
shop.yaml:8:22: surfaces.web.limits.depth: `many` is not a whole number; write digits only, such as `100`; 0 means no limit
shop.yaml:8:28: surfaces.web.limits: unknown key `height`; known keys are `mode`, `body_bytes`, `document_bytes`, `tokens`, `nesting`, `depth`, `aliases`, `root_fields`, `directives`, `expanded_selections`, `cost`, `calls`, `list_size`, `input_list`, `string_bytes`, `errors`, `response_bytes`
shop.yaml:10:5: surfaces.web two: a surface's name is letters, digits, `-` and `_`; choose another name
shop.yaml:10:5: surfaces.web two.schema: the schema is missing; name one file, or a list of files
shop.yaml:10:11: surfaces.web two.path: this is not a path; write one that starts with `/` and has no `?`, `#` or blanks
shop.yaml:12:11: surfaces.mobile.path: the surface `web` has this path already; give each its own path
shop.yaml:13:25: surfaces.mobile.schema: a text was expected, not a list or keys; write one value
shop.yaml:14:20: surfaces.mobile.introspection: `yes` is not a truth value; write `true` or `false`
shop.yaml:17:19: sources.catalog.override_url: the environment variable CATALOG_URL is not set; set it, or give a default: `${CATALOG_URL:-…}`
shop.yaml:18:13: sources.catalog.config: keys and values were expected; write one `key: value` a line, indented
shop.yaml:19:14: sources.catalog.timeout: `5` is not a duration above zero and of at most a day; write a number above zero with its unit, such as `5s` or `300ms`
shop.yaml:20:22: sources.catalog.connect_timeout: `0s` is not a duration above zero and of at most a day; write a number above zero with its unit, such as `5s` or `300ms`
shop.yaml:21:20: sources.catalog.max_in_flight: `-1` is not a whole number; write digits only, such as `100`; 0 means no limit, `auto` what its rate and latency account for
shop.yaml:22:33: sources.catalog.max_requests_per_operation: the value from the environment is not a whole number; write digits only, such as `100`; 0 means no limit
shop.yaml:23:7: http: keys and values were expected; write one `key: value` a line, indented
shop.yaml:24:15: log.level: this is neither a level nor a list of `module=level`; write `info`, or `info,switchboard=debug`
shop.yaml:24:34: log.requests: `none` is not a word this key knows; write one of `all`, `errors`, `off`
shop.yaml:24:48: log.format: `${` is not closed; write `${NAME}`, or `$${` for the characters"
    );
    assert!(!said.contains("hunter2"), "no value from the environment is shown");
}

#[test]
fn a_secret_that_stands_where_the_name_of_its_file_belongs_is_not_shown() {
    let said = problems_after_a_surface(
        "http: { tls: { certificate: tls/chain.pem, key: \"${CATALOG_KEY}\" } }
auth:
  issuers: { main: { issuer: a, audience: b, keys: [{ kid: s, algorithm: HS256, secret_file: \"${CATALOG_KEY}\" }] } }
  forward: { token: { private_key_file: \"${CATALOG_KEY}\" } }
  revoked: { file: \"${CATALOG_KEY}\" }
",
    );

    for key in [
        "http.tls.key",
        "auth.issuers.main.keys[0].secret_file",
        "auth.forward.token.private_key_file",
        "auth.revoked.file",
    ] {
        let told =
            format!("{key}: the value from the environment is not the name of a file; set the variable to the path");
        assert!(said.contains(&told), "{key}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_file_without_surfaces_is_refused() {
    for text in ["", "# nothing\n", "~", "surfaces:\n", "surfaces: {}\n"] {
        let said = problems(text);
        assert!(
            said.ends_with("surfaces: there is no surface to serve; add one: a name, and its `schema`"),
            "{said}"
        );
    }
}

#[test]
fn the_two_ports_differ() {
    assert_eq!(
        problems_after_a_surface("listen: 127.0.0.1:4001"),
        "shop.yaml:1:1: admin: the address of `listen` stands here again; give it a port of its own, or write `off`"
    );
}

#[test]
fn what_is_not_the_yaml_we_read_is_refused_at_its_place() {
    let cases = [
        ("a: [1", "shop.yaml:1:4: unclosed bracket"),
        ("- a", "shop.yaml:1:1: keys and values were expected"),
        ("text", "shop.yaml:1:1: keys and values were expected"),
        (
            "x: &a 1\ny: *a",
            "shop.yaml:2:4: aliases (`*name`) are not supported; the file must be YAML",
        ),
        (
            "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2",
            "shop.yaml:2:1: the key `listen` stands twice",
        ),
        ("a: 1\n---\nb: 2", "shop.yaml:2:1: a second document begins"),
        ("? [a]\n: 1", "shop.yaml:1:3: a key must be a word"),
        ("a:\n\t- b", "shop.yaml:2:"),
    ];
    for (text, start) in cases {
        let said = problems(text);
        assert!(said.starts_with(start), "{text:?}: {said}");
    }
    let deep = problems(&format!("a: {}{}", "[".repeat(20), "]".repeat(20)));
    assert_eq!(
        deep,
        "shop.yaml:1:20: the file is nested too deeply; the file must be YAML"
    );
    assert!(problems(&"[".repeat(100_000)).contains("limit"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nowhere/switchboard.yaml"))
        .unwrap_err()
        .to_string();

    assert!(
        error.starts_with("/nowhere/switchboard.yaml: cannot be read: "),
        "{error}"
    );
    assert!(error.ends_with("; name another file with --config"), "{error}");
}
