use http::{HeaderMap, HeaderValue, header};

use super::{Media, StatusProfile, negotiate};

fn of(accept: &str, profile: StatusProfile) -> Option<Media> {
    let mut headers = HeaderMap::new();
    for line in accept.split('\n') {
        headers.append(header::ACCEPT, HeaderValue::from_str(line).unwrap());
    }
    negotiate(&headers, profile)
}

#[test]
fn the_client_s_wish_decides() {
    use Media::{GraphqlResponse, Json};

    let cases = [
        ("application/json", Some(Json)),
        ("application/graphql-response+json", Some(GraphqlResponse)),
        ("APPLICATION/JSON; charset=utf-8", Some(Json)),
        // Apollo Client, Apollo Kotlin, urql, a browser's fetch helper.
        (
            "application/graphql-response+json,application/json;q=0.9",
            Some(GraphqlResponse),
        ),
        (
            "multipart/mixed;deferSpec=20220824, application/graphql-response+json, application/json",
            Some(GraphqlResponse),
        ),
        (
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
            Some(GraphqlResponse),
        ),
        ("application/json, text/plain, */*", Some(Json)),
        (
            "application/graphql-response+json;q=0.5, application/json;q=0.9",
            Some(Json),
        ),
        ("application/graphql-response+json;q=0, */*", Some(Json)),
        ("application/json;q=0, application/*", Some(GraphqlResponse)),
        (
            "application/json\napplication/graphql-response+json",
            Some(GraphqlResponse),
        ),
        ("text/html", None),
        ("text/event-stream, multipart/mixed", None),
        ("application/json;q=0", None),
    ];

    for (accept, expected) in cases {
        assert_eq!(of(accept, StatusProfile::Compat), expected, "{accept}");
        assert_eq!(of(accept, StatusProfile::Draft2026), expected, "{accept}");
    }
}

#[test]
fn a_client_that_does_not_care_gets_what_the_profile_is_made_for() {
    for accept in ["", "*/*", "application/*", "text/html, */*;q=0.1"] {
        assert_eq!(of(accept, StatusProfile::Compat), Some(Media::Json), "{accept}");
        assert_eq!(
            of(accept, StatusProfile::Draft2026),
            Some(Media::GraphqlResponse),
            "{accept}"
        );
    }
    assert_eq!(negotiate(&HeaderMap::new(), StatusProfile::Compat), Some(Media::Json));
    assert_eq!(
        negotiate(&HeaderMap::new(), StatusProfile::Draft2026),
        Some(Media::GraphqlResponse)
    );
}
