use http::header;

use super::{Media, Outcome, StatusProfile, TEMPLATES, content_type, status};

#[test]
fn every_outcome_has_its_status_under_each_profile_and_media_type() {
    let outcomes = [
        Outcome::Data,
        Outcome::Partial,
        Outcome::Syntax,
        Outcome::Invalid,
        Outcome::MethodNotAllowed,
        Outcome::Unavailable(503),
    ];
    let row = |profile, media| outcomes.map(|outcome| status(outcome, media, profile).as_u16());

    assert_eq!(row(StatusProfile::Compat, Media::Json), [200, 200, 200, 200, 405, 503]);
    assert_eq!(
        row(StatusProfile::Compat, Media::GraphqlResponse),
        [200, 200, 400, 400, 405, 503]
    );
    assert_eq!(
        row(StatusProfile::Draft2026, Media::Json),
        [200, 294, 400, 422, 405, 503]
    );
    assert_eq!(
        row(StatusProfile::Draft2026, Media::GraphqlResponse),
        [200, 294, 400, 422, 405, 503]
    );
}

#[test]
fn the_draft_labels_only_success_as_json() {
    let of = |status: u16, media, profile| {
        let content_type = content_type(status.try_into().unwrap(), media, profile);
        TEMPLATES[content_type as usize][header::CONTENT_TYPE].clone()
    };
    let graphql = "application/graphql-response+json; charset=utf-8";
    let json = "application/json; charset=utf-8";

    assert_eq!(of(294, Media::Json, StatusProfile::Draft2026), json);
    assert_eq!(of(422, Media::Json, StatusProfile::Draft2026), graphql);
    assert_eq!(of(422, Media::GraphqlResponse, StatusProfile::Draft2026), graphql);
    assert_eq!(of(400, Media::Json, StatusProfile::Compat), json);
}
