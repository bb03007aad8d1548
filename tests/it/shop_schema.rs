//! A field is added by editing a file, and a slip of the pen is shown where it is.

use switchboard::{
    engine::Settings,
    schema::{self, LoadOptions, SourceFile, report},
};
use switchboard_harness::Shop;

use crate::support::{self, TestEngine, shop::read};

const SHARED: &str = "schema/shared.graphql";
const MOBILE: &str = "schema/mobile/schema.graphql";

/// The end of the connector that fills products from the catalogue.
const PRODUCT_SELECTION: &str = r#"imageUrl: media->first?.url }"
  )

extend type User"#;

/// A file with one place of it changed.
fn edited(path: &str, from: &str, to: &str) -> String {
    let text = read(path);
    assert_eq!(text.matches(from).count(), 1, "{path} has one {from:?}");
    text.replace(from, to)
}

/// What is said about the mobile schema after a slip of the pen.
fn told(path: &str, from: &str, to: &str) -> String {
    let text = |file: &str| {
        if file == path {
            edited(path, from, to)
        } else {
            read(file)
        }
    };
    let files = [SHARED, MOBILE].map(|file| SourceFile {
        path: file.to_owned(),
        text: text(file),
    });
    let options = LoadOptions {
        root: support::root(),
        ..LoadOptions::default()
    };
    let problems = schema::load("mobile", &files, &options).expect_err("a problem");
    report::to_text(&problems, &files)
}

#[tokio::test]
async fn a_field_is_added_by_naming_it_in_a_type_and_in_a_selection() {
    let shop = Shop::start().await;
    let mobile = edited(
        MOBILE,
        PRODUCT_SELECTION,
        r#"imageUrl: media->first?.url madeOf: attributes->first.value }"
  ) {
  "What most of it is made of."
  madeOf: String
}

extend type User"#,
    );
    let urls = shop.backends().map(|(name, backend)| (name, backend.url()));
    let engine = TestEngine::of_files(
        &[(SHARED, &read(SHARED)), (MOBILE, &mobile)],
        &urls,
        Settings::default(),
    );

    let answer = engine.run("{ home { recommended(limit: 3) { name madeOf } } }").await;

    insta::assert_json_snapshot!(answer, @r#"
    {
      "data": {
        "home": {
          "recommended": [
            {
              "name": "Small Leather Candle Holder",
              "madeOf": "Leather"
            },
            {
              "name": "Folding Bamboo Curtain",
              "madeOf": "Bamboo"
            },
            {
              "name": "Folding Felt Lantern",
              "madeOf": "Felt"
            }
          ]
        }
      }
    }
    "#);
    assert_eq!(shop.calls(), 2, "the new field is asked for once for all products");
}

#[test]
fn a_method_that_does_not_exist_is_shown_where_it_stands() {
    let report = told(
        MOBILE,
        r#"user_id
        status: state->match"#,
        r#"user_id
        status: state->macth"#,
    );

    insta::assert_snapshot!(report, @r#"
    schema/mobile/schema.graphql:112:24: error[INVALID_SELECTION]: there is no method `->macth`; did you mean `->match`?
    112 |         status: state->macth(["open", "OPEN"], ["shipped", "SHIPPED"], ["done", "DONE"], ["cancelled", "CANCELLED"])
        |                        ^^^^^
    "#);
}

#[test]
fn a_field_that_the_type_lacks_is_shown_where_it_stands() {
    let report = told(
        MOBILE,
        PRODUCT_SELECTION,
        &PRODUCT_SELECTION.replace("imageUrl:", "imageUrI:"),
    );

    insta::assert_snapshot!(report, @r#"
    schema/mobile/schema.graphql:93:63: error[SELECTED_FIELD_NOT_FOUND]: `Product` has no field `imageUrI`
    93 |     selection: "$.products { id name: title brand: brand.name imageUrI: media->first?.url }"
       |                                                               ^^^^^^^^
    hint: did you mean `imageUrl`?
    "#);
}

#[test]
fn a_key_that_the_message_lacks_is_shown_where_it_stands() {
    let report = told(
        SHARED,
        "rating: { average: average? count }",
        "rating: { average: averge? count }",
    );

    insta::assert_snapshot!(report, @r#"
    schema/shared.graphql:181:64: error[INVALID_SELECTION]: message `shop.reviews.v1.Summary` has no field `averge`
    181 |     selection: "$.summaries { id: productId rating: { average: averge? count } }"
        |                                                                ^^^^^^
    hint: did you mean `average`?
    "#);
}

#[test]
fn a_selection_that_does_not_end_is_shown_where_it_stands() {
    let report = told(
        SHARED,
        "rating: { average: average? count }",
        "rating: { average: average? count",
    );

    insta::assert_snapshot!(report, @r#"
    schema/shared.graphql:181:79: error[INVALID_SELECTION]: expected a field or `}` here, but the mapping ends
    181 |     selection: "$.summaries { id: productId rating: { average: average? count }"
        |                                                                               ^
    "#);
}
