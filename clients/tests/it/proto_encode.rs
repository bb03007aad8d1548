//! ProtoJSON to bytes.

use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::de::DeserializeSeed;
use serde_json::{Value, json};
use switchboard_clients::proto::encode;

use crate::proto_files::message;

/// What prost-reflect makes of the same value: the reference.
fn reference(of: &MessageDescriptor, value: &Value) -> Value {
    serde_json::to_value(of.clone().deserialize(value).unwrap()).unwrap()
}

fn encoded(of: &MessageDescriptor, value: &Value) -> Value {
    let bytes = encode(of, value).unwrap_or_else(|error| panic!("{error}: {value}"));
    serde_json::to_value(DynamicMessage::decode(of.clone(), bytes).unwrap()).unwrap()
}

#[test]
fn values_of_every_kind_are_read_as_protojson_says() {
    let everything = message("kitchen.Everything");
    for value in [
        json!({}),
        json!({"plain": {"i32": -1, "i64": "-9223372036854775808", "u32": 4294967295u32, "u64": "18446744073709551615"}}),
        json!({"plain": {"s32": -7, "s64": i64::MIN, "f32": 7, "f64": u64::MAX, "sf32": -7, "sf64": i64::MIN}}),
        json!({"plain": {"single": 0.1, "wide": 1e300, "truth": true, "someText": "ü", "rawBytes": "AAEC/w=="}}),
        json!({"plain": {"single": "NaN", "wide": "-Infinity"}}),
        json!({"plain": {"single": "1.5", "wide": "2.5", "i32": 3.0, "i64": 3.0, "u32": "3"}}),
        json!({"plain": {"some_text": "by its own name", "rawBytes": "AAEC_w"}}),
        json!({"plain": {"colour": "BLUE"}}),
        json!({"plain": {"colour": 7}}),
        json!({"plain": {"colour": 99}}),
        json!({"plain": {"colour": "MINUS"}}),
        json!({"plain": {"i32": 0, "truth": false, "someText": "", "colour": "NONE", "rawBytes": "", "wide": 0.0}}),
        json!({"plain": {"single": -0.0}}),
        json!({"plain": null, "maybe": null, "numbers": null, "counts": null, "left": null}),
        json!({"maybe": 0, "maybeText": ""}),
        json!({"left": ""}),
        json!({"middle": {}}),
        json!({"right": "5"}),
        json!({"left": null, "shade": "RED"}),
        json!({"numbers": [1, 0, -1], "truths": [true, false], "doubles": [0.5, "NaN"], "longs": ["-3", 3]}),
        json!({"unpacked": [0, 1, 300], "texts": ["", "a"], "blobs": ["", "AA=="], "colours": ["RED", 0, 99]}),
        json!({"numbers": [], "texts": [], "plains": [{}, {"i32": 1}]}),
        json!({"counts": {"a": 1, "": 0}, "byNumber": {"-5": {"i32": 1}, "6": {}}, "byTruth": {"true": "y", "false": ""}}),
        json!({"colourOf": {"sky": "BLUE"}}),
        json!({"inner": {"inner": {"inner": {"texts": ["deep"]}}}}),
        json!({"texts": ["x".repeat(127), "x".repeat(128), "x".repeat(20_000)], "inner": {"texts": ["y".repeat(300)]}}),
        json!({"at": "2026-11-23T08:00:00.123456789Z", "lasting": "-1.5s", "mask": "user.displayName,photo"}),
        json!({"at": "1969-12-31T23:59:59+02:00"}),
        json!({"object": {"a": [1, null, {"b": true}]}, "anything": null, "list": [1, "x"]}),
        json!({"anything": {"deep": [1]}, "values": [null, 1, "x", [], {}]}),
        json!({"any": {"@type": "type.googleapis.com/kitchen.Plain", "i32": 5}}),
        json!({"any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"}}),
        json!({"empty": {}, "textBox": "", "longBox": "7", "floatBox": 0.5, "truthBox": false, "bytesBox": "AA=="}),
        json!({"textBox": null}),
        json!({"nothing": null, "@custom": 4}),
        json!({"custom": 4, "last_number_first": "z"}),
    ] {
        assert_eq!(encoded(&everything, &value), reference(&everything, &value), "{value}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_path() {
    let everything = message("kitchen.Everything");
    for (value, expected) in [
        (json!(1), "the message: must be an object of kitchen.Everything, is 1"),
        (
            json!({"plan": {}}),
            "plan: is not a field of kitchen.Everything; did you mean \"plain\"?",
        ),
        (
            json!({"plain": {"zzzzzz": 1}}),
            "plain.zzzzzz: is not a field of kitchen.Plain",
        ),
        (
            json!({"plain": {"i32": "x"}}),
            "plain.i32: must be a whole number, is text",
        ),
        (
            json!({"plain": {"i32": 1.5}}),
            "plain.i32: must be a whole number, is 1.5",
        ),
        (
            json!({"plain": {"i32": 2147483648u32}}),
            "plain.i32: 2147483648 is out of range",
        ),
        (json!({"plain": {"u32": -1}}), "plain.u32: -1 is out of range"),
        (
            json!({"plain": {"u64": "18446744073709551616"}}),
            "plain.u64: 18446744073709551616 is out of range",
        ),
        (
            json!({"plain": {"i64": 1e300}}),
            "plain.i64: must be a whole number, is 1e+300",
        ),
        (json!({"plain": {"single": 1e300}}), "plain.single: 1"),
        (
            json!({"plain": {"wide": "inf"}}),
            "plain.wide: must be a number, is text",
        ),
        (
            json!({"plain": {"truth": "true"}}),
            "plain.truth: must be true or false, is text",
        ),
        (json!({"plain": {"someText": 3}}), "plain.someText: must be text, is 3"),
        (json!({"plain": {"rawBytes": "?"}}), "plain.rawBytes: is not base64"),
        (
            json!({"plain": {"colour": "REDD"}}),
            "plain.colour: \"REDD\" is not a value of kitchen.Colour; did you mean \"RED\"?",
        ),
        (
            json!({"plain": {"colour": true}}),
            "plain.colour: must be a value of kitchen.Colour, is a boolean",
        ),
        (
            json!({"plain": []}),
            "plain: must be an object of kitchen.Plain, is a list",
        ),
        (json!({"numbers": 1}), "numbers: must be a list, is 1"),
        (
            json!({"numbers": [1, null]}),
            "numbers[1]: must be a whole number, is null",
        ),
        (json!({"texts": ["a", 1]}), "texts[1]: must be text, is 1"),
        (
            json!({"plains": [{}, {"i32": {}}]}),
            "plains[1].i32: must be a whole number, is an object",
        ),
        (json!({"counts": []}), "counts: must be an object, is a list"),
        (
            json!({"counts": {"a": null}}),
            "counts.a: must be a whole number, is null",
        ),
        (
            json!({"byNumber": {"x": {}}}),
            "byNumber.x: must be a whole number, is text",
        ),
        (
            json!({"byTruth": {"yes": ""}}),
            "byTruth.yes: must be true or false, is text",
        ),
        (
            json!({"left": "a", "right": 1}),
            "right: cannot be given together with \"left\"",
        ),
        (
            json!({"lastNumberFirst": "a", "last_number_first": "b"}),
            "last_number_first: is given twice",
        ),
        (json!({"at": "yesterday"}), "at: "),
        (json!({"inner": {"lasting": 5}}), "inner.lasting: "),
        (json!({"any": {"@type": "x/none.Such"}}), "any: "),
    ] {
        let error = encode(&everything, &value).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\nexpected {expected}");
    }
}

#[test]
fn a_value_nested_without_end_is_refused() {
    let everything = message("kitchen.Everything");
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"inner": inner}));

    assert!(encode(&everything, &nested(99)).is_ok());
    assert!(
        encode(&everything, &nested(100))
            .unwrap_err()
            .to_string()
            .ends_with("is nested too deeply")
    );
}

#[test]
fn groups_and_defaults_of_proto2_are_written() {
    let old = message("legacy.Old");
    for value in [
        json!({"must": 0, "withDefault": "x"}),
        json!({"part": {"size": 300, "old": {"must": 1}}, "numbers": [1, 2]}),
    ] {
        assert_eq!(encoded(&old, &value), reference(&old, &value));
    }
}

#[test]
fn what_is_unset_or_default_takes_no_bytes() {
    let everything = message("kitchen.Everything");
    for (value, expected) in [
        (
            json!({"plain": null, "numbers": [], "counts": {}, "lastNumberFirst": ""}),
            &b""[..],
        ),
        (json!({"plain": {}}), b"\x0a\x00"),
        (json!({"maybe": 0}), b"\x10\x00"),
        (json!({"numbers": [1, 2]}), b"\x52\x02\x01\x02"),
        (json!({"unpacked": [1, 2]}), b"\x88\x01\x01\x88\x01\x02"),
    ] {
        assert_eq!(&encode(&everything, &value).unwrap()[..], expected, "{value}");
    }
}
