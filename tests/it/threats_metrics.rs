//! What clients write becomes no label: RELIABILITY §1, 60.

use serde_json::json;
use switchboard::{app::App, config::Config};
use switchboard_harness::MockRest;

use crate::support::{LINK, server::TestServer};

const SDL: &str = r#"
extend schema @source(name: "api", http: { baseURL: "http://unused" })
type Query { x: Int @connect(source: "api", http: { GET: "/x" }, selection: "$.x") }
"#;

#[tokio::test]
async fn names_that_clients_make_up_make_no_series() {
    let api = MockRest::start().await;
    api.on_json("GET /x", json!({ "x": 1 }));
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("schema.graphql"), format!("{LINK}{SDL}")).unwrap();
    let text = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nsurfaces:\n  app: {{ schema: schema.graphql, tier: free, classes: {{ old: {{ tier: free }} }} }}\n\
         classes: {{ old: {{ clients: [client-7] }} }}\nquotas: {{ tiers: {{ free: {{ requests: 200, per: 1h }} }} }}\n\
         log: {{ requests: off }}\nsources: {{ api: {{ override_url: \"{}\" }} }}\n",
        api.url()
    );
    let config = Config::parse(&text, &files.path().join("switchboard.yaml"), &|_| None).unwrap();
    let server = TestServer::start(App::build(config).unwrap()).await;
    let client = reqwest::Client::new();
    let metrics = async || {
        let url = format!("http://{}/metrics", server.admin.unwrap());
        client.get(url).send().await.unwrap().text().await.unwrap()
    };
    let series = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    let before = metrics().await;

    for number in 0..300 {
        let body = json!({
            "query": match number % 3 {
                0 => format!("query Name{number} {{ nothing{number} }}"),
                _ => format!("query Name{number} {{ a{number}: x }}"),
            },
            "operationName": if number % 2 == 0 { format!("Name{number}") } else { format!("Missing{number}") },
        });
        let answer = client
            .post(server.url("app"))
            .header("apollographql-client-name", format!("client-{number}"))
            .header("apollographql-client-version", format!("{number}.0"))
            .header("user-agent", format!("agent/{number}"))
            .header("x-request-id", format!("id-{number}"))
            .json(&body);
        assert!(answer.send().await.unwrap().status().as_u16() < 500);
        let elsewhere = client.get(format!("http://{}/path-{number}", server.address));
        assert_eq!(elsewhere.send().await.unwrap().status(), 404);
    }

    let after = metrics().await;
    assert!(
        series(&after) <= series(&before) + 60,
        "{} series became {}",
        series(&before),
        series(&after)
    );
    assert!(
        !["Name", "Missing", "client-", "agent/", "path-", "id-"]
            .iter()
            .any(|text| after.contains(text)),
        "{after}"
    );
    let over = after
        .lines()
        .find(|line| line.starts_with("switchboard_requests_over_limit_total"));
    assert_eq!(
        over,
        Some("switchboard_requests_over_limit_total{surface=\"app\",limit=\"quota\"} 100")
    );
}
