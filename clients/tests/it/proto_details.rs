//! Status details as JSON, and what differs between two versions of a service.

use prost::Message;
use prost_types::{Any, Duration};
use serde_json::{Value, json};
use switchboard_clients::proto::{DecodeLimits, DescriptorPool, Descriptors, changes, status_details};

use crate::proto_files::pool;

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

fn details(details: &[(&str, &[u8])]) -> Vec<Value> {
    let status = Status {
        code: 3,
        details: details
            .iter()
            .map(|(name, value)| Any {
                type_url: format!("type.googleapis.com/{name}"),
                value: value.to_vec(),
            })
            .collect(),
    };
    status_details(&pool(), &status.encode_to_vec(), DecodeLimits::default())
}

#[test]
fn details_of_the_common_types_are_objects_with_their_type() {
    let violation = b"\x0a\x04name\x12\x09too short";
    let bad_request = [b"\x0a", &[violation.len() as u8][..], violation].concat();
    let retry = [
        b"\x0a".to_vec(),
        Duration {
            seconds: 2,
            nanos: 500_000_000,
        }
        .encode_length_delimited_to_vec(),
    ]
    .concat();

    let found = details(&[
        ("google.rpc.BadRequest", &bad_request),
        ("google.rpc.RetryInfo", &retry),
        (
            "google.rpc.ErrorInfo",
            b"\x0a\x03OUT\x12\x04shop\x1a\x0a\x0a\x03sku\x12\x03a-1",
        ),
    ]);

    assert_eq!(
        Value::Array(found),
        json!([
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": "name", "description": "too short", "reason": "" }],
            },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.500s" },
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "OUT", "domain": "shop", "metadata": { "sku": "a-1" },
            },
        ])
    );
}

#[test]
fn details_of_the_sources_own_types_and_of_unknown_ones_are_there_too() {
    let found = details(&[
        ("google.protobuf.StringValue", b"\x0a\x02hi"),
        ("nobody.Knows", b"\x01\x02"),
        ("google.rpc.ErrorInfo", b"\xff"),
    ]);

    assert_eq!(
        Value::Array(found),
        json!([
            { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "hi" },
            { "@type": "type.googleapis.com/nobody.Knows", "value": "AQI=" },
            { "@type": "type.googleapis.com/google.rpc.ErrorInfo", "value": "/w==" },
        ])
    );
    assert!(status_details(&pool(), b"\xff\xff", DecodeLimits::default()).is_empty());
    assert!(status_details(&pool(), b"", DecodeLimits::default()).is_empty());
}

fn compiled(text: &str) -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.proto"), text).unwrap();
    Descriptors::compile(&["t.proto"], &[folder.path().to_owned()]).unwrap()
}

#[test]
fn what_changed_in_a_service_is_told_by_name() {
    let old = compiled(
        "syntax = \"proto3\"; package t;
         service S { rpc A(M) returns (M); rpc B(M) returns (M); }
         message M { string a = 1; int32 b = 2; map<string, M> c = 3; repeated E e = 4; }
         enum E { NONE = 0; ONE = 1; }",
    );
    let new = compiled(
        "syntax = \"proto3\"; package t;
         // A comment is no change, nor is another order.
         message M { int64 b = 2; string a = 1; map<string, E> c = 3; repeated E e = 4; optional string d = 5; }
         enum E { NONE = 0; UNO = 1; }
         service S { rpc A(M) returns (stream M); }",
    );

    assert_eq!(
        changes(&old, &new),
        [
            "- t.E.ONE = 1",
            "+ t.E.UNO = 1",
            "~ t.M.b: int64 = 2, was int32 = 2",
            "~ t.M.c: map<string, t.E> = 3, was map<string, t.M> = 3",
            "+ t.M.d: optional string = 5",
            "~ t.S/A(t.M) returns (stream t.M), was (t.M) returns (t.M)",
            "- t.S/B(t.M) returns (t.M)",
        ]
    );
    assert!(changes(&new, &new).is_empty());
}
