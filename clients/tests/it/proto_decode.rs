//! Bytes to canonical ProtoJSON.

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value, json};
use switchboard_clients::proto::{DecodeError, DecodeLimits, decode_to_json, encode};

use crate::proto_files::message;

fn decoded(of: &MessageDescriptor, bytes: &[u8]) -> Result<Value, DecodeError> {
    decode_to_json(
        of,
        bytes,
        DecodeLimits {
            depth: 100,
            list: usize::MAX,
            values: usize::MAX,
        },
    )
}

/// What prost-reflect writes for the same bytes: the reference. Through text, so that floats are as short as ours.
fn reference(of: &MessageDescriptor, bytes: &[u8]) -> Option<Value> {
    let message = DynamicMessage::decode(of.clone(), bytes).ok()?;
    let mut text = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(false);
    message
        .serialize_with_options(&mut serde_json::Serializer::new(&mut text), &options)
        .ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

/// Equal but for the last digits of a float: serde_json reads text faster than exactly, and of two shortest texts for
/// 32 bits either will do.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= a.abs() * 1e-7
        }
        _ => ours == theirs,
    }
}

fn bytes_of(of: &MessageDescriptor, value: Value) -> Vec<u8> {
    of.clone().deserialize(value).unwrap().encode_to_vec()
}

#[test]
fn defaults_are_there_and_the_unset_is_missing() {
    let decoded = decoded(&message("kitchen.Everything"), b"").unwrap();

    assert_eq!(
        decoded,
        json!({
            "lastNumberFirst": "", "numbers": [], "texts": [], "plains": [], "colours": [], "truths": [], "doubles": [],
            "longs": [], "unpacked": [], "blobs": [], "counts": {}, "byNumber": {}, "byTruth": {}, "colourOf": {},
            "nothing": null, "values": [], "@custom": 0
        })
    );
}

#[test]
fn keys_stand_as_declared_whatever_the_numbers() {
    let of = message("kitchen.Everything");
    let bytes = bytes_of(
        &of,
        json!({"@custom": 1, "maybe": 2, "plain": {}, "lastNumberFirst": "x"}),
    );

    let Value::Object(decoded) = decoded(&of, &bytes).unwrap() else {
        panic!()
    };

    let keys: Vec<_> = decoded.keys().map(String::as_str).collect();
    assert_eq!(keys[..4], ["lastNumberFirst", "plain", "maybe", "numbers"]);
    assert_eq!(keys.last(), Some(&"@custom"));
}

#[test]
fn every_kind_is_written_as_protojson_says() {
    let of = message("kitchen.Plain");
    let value = json!({
        "i32": -1, "i64": "-9223372036854775808", "u32": 4294967295u32, "u64": "18446744073709551615", "s32": -7,
        "s64": "-7", "f32": 7, "f64": "7", "sf32": -7, "sf64": "-7", "single": 0.1, "wide": 1e300, "truth": true,
        "someText": "ü", "rawBytes": "AAEC/w==", "colour": "BLUE"
    });

    let decoded = decoded(&of, &bytes_of(&of, value.clone())).unwrap();

    assert_eq!(decoded.to_string(), value.to_string());
}

#[test]
fn numbers_that_json_has_not_and_names_that_nobody_knows() {
    let of = message("kitchen.Plain");
    for value in [
        json!({"single": "NaN", "wide": "NaN"}),
        json!({"single": "-Infinity", "wide": "Infinity"}),
        json!({"colour": 99}),
    ] {
        let decoded = decoded(&of, &bytes_of(&of, value.clone())).unwrap();
        for (name, value) in value.as_object().unwrap() {
            assert_eq!(&decoded[name], value);
        }
    }
}

#[test]
fn well_known_types_are_written_in_their_own_way() {
    let of = message("kitchen.Everything");
    for value in [
        json!({"at": "2026-11-23T08:00:00Z", "lasting": "90s", "mask": "user.displayName,photo"}),
        json!({"at": "2026-11-23T08:00:00.120Z", "lasting": "-1.500s", "mask": ""}),
        json!({"at": "0001-01-01T00:00:00Z", "lasting": "0.000001s"}),
        json!({"at": "9999-12-31T23:59:59.999999999Z"}),
        json!({"object": {"a": [1.0, null, {"b": true}], "c": {}}, "anything": null, "list": [1.0, "x", []]}),
        json!({"anything": {"deep": [1.5]}, "values": [null, 1.0, "x", [], {}, false]}),
        json!({"any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"}}),
        json!({"any": {"@type": "type.googleapis.com/google.protobuf.Empty", "value": {}}}),
        json!({"empty": {}, "textBox": "", "longBox": "7", "floatBox": 0.1, "truthBox": false, "bytesBox": "AA=="}),
        json!({"byNumber": {}, "byTruth": {"true": "y", "false": ""}, "colourOf": {"sky": "BLUE", "?": 99}}),
    ] {
        let decoded = decoded(&of, &bytes_of(&of, value.clone())).unwrap();
        for (name, value) in value.as_object().unwrap() {
            assert_eq!(&decoded[name], value, "{name}");
        }
    }
}

#[test]
fn an_any_of_an_unknown_type_keeps_its_bytes() {
    let of = message("google.protobuf.Any");
    let bytes = prost_types::Any {
        type_url: "x/none.Such".to_owned(),
        value: vec![1, 2],
    }
    .encode_to_vec();

    assert_eq!(
        decoded(&of, &bytes).unwrap(),
        json!({"@type": "x/none.Such", "value": "AQI="})
    );
}

#[test]
fn values_out_of_range_are_errors() {
    let at = |seconds, nanos| prost_types::Timestamp { seconds, nanos }.encode_to_vec();
    let timestamp = message("google.protobuf.Timestamp");
    for bytes in [
        at(253_402_300_800, 0),
        at(-62_135_596_801, 0),
        at(0, -1),
        at(0, 1_000_000_000),
        at(i64::MAX, 0),
    ] {
        assert!(matches!(decoded(&timestamp, &bytes), Err(DecodeError::OutOfRange(_))));
    }
    let lasting = |seconds, nanos| prost_types::Duration { seconds, nanos }.encode_to_vec();
    let duration = message("google.protobuf.Duration");
    for bytes in [
        lasting(315_576_000_001, 0),
        lasting(1, -1),
        lasting(i64::MIN, 0),
        lasting(0, i32::MIN),
    ] {
        assert!(matches!(decoded(&duration, &bytes), Err(DecodeError::OutOfRange(_))));
    }
    let value = message("google.protobuf.Value");
    let number = |number: f64| [&[0x11][..], &number.to_le_bytes()].concat();
    assert_eq!(decoded(&value, &number(0.5)).unwrap(), json!(0.5));
    assert!(matches!(
        decoded(&value, &number(f64::NAN)),
        Err(DecodeError::OutOfRange(_))
    ));
}

#[test]
fn messages_sent_in_pieces_are_merged() {
    let of = message("kitchen.Everything");
    let first = bytes_of(
        &of,
        json!({"plain": {"i32": 1, "u32": 1}, "numbers": [1], "left": "a", "counts": {"a": 1, "b": 1}}),
    );
    let second = bytes_of(
        &of,
        json!({"plain": {"i32": 2}, "numbers": [2], "middle": {"i32": 5}, "counts": {"a": 2}}),
    );
    let third = bytes_of(&of, json!({"middle": {"u32": 6}}));

    let bytes = [first, second, third].concat();

    assert_eq!(decoded(&of, &bytes).unwrap(), reference(&of, &bytes).unwrap());
    assert_eq!(decoded(&of, &bytes).unwrap()["middle"]["u32"], 6);
    assert_eq!(decoded(&of, &bytes).unwrap().get("left"), None);
}

#[test]
fn groups_of_proto2_are_read() {
    let of = message("legacy.Old");
    for value in [
        json!({"must": 0}),
        json!({"part": {"size": 300, "old": {"must": 1, "part": {}}}, "numbers": [1, 2]}),
    ] {
        let bytes = bytes_of(&of, value);
        assert_eq!(decoded(&of, &bytes).unwrap(), reference(&of, &bytes).unwrap());
    }
}

#[test]
fn limits_hold() {
    let of = message("kitchen.Everything");
    let nested = (0..10).fold(json!({}), |inner, _| json!({"inner": inner}));
    let small = DecodeLimits {
        depth: 5,
        list: 10,
        values: 100,
    };
    for (value, expected) in [
        (nested, DecodeError::TooDeep { limit: 5 }),
        (json!({"anything": [[[[[[1]]]]]]}), DecodeError::TooDeep { limit: 5 }),
        (json!({"numbers": vec![0; 11]}), DecodeError::TooLong { limit: 10 }),
        (json!({"texts": vec![""; 11]}), DecodeError::TooLong { limit: 10 }),
        (
            json!({"plains": vec![json!({}); 11]}),
            DecodeError::TooLong { limit: 10 },
        ),
        (json!({"list": vec![1; 11]}), DecodeError::TooLong { limit: 10 }),
        (
            json!({"plains": vec![json!({}); 10]}),
            DecodeError::TooMany { limit: 100 },
        ),
    ] {
        assert_eq!(decode_to_json(&of, &bytes_of(&of, value), small), Err(expected));
    }
}

#[test]
fn bytes_that_are_no_message_are_errors() {
    let of = message("kitchen.Everything");
    for bytes in [
        &b"\x0a\x05abc"[..],
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x08\x01",
        b"\x12\x00",
        b"\x1a\x02\xff\xfe",
        b"\x00\x00",
        b"\x0b\x0c",
        b"\x0c",
        b"\x07",
        b"\x80",
        b"\x52\x01\x80",
    ] {
        assert!(
            matches!(decoded(&of, bytes), Err(DecodeError::Malformed(_))),
            "{bytes:x?}"
        );
    }
}

// === properties ===

fn plain() -> impl Strategy<Value = Value> {
    let ints = (
        any::<i32>(),
        any::<i64>(),
        any::<u32>(),
        any::<u64>(),
        any::<i32>(),
        any::<i64>(),
    );
    let rest = (
        any::<f32>(),
        any::<f64>(),
        any::<bool>(),
        ".{0,12}",
        any::<Vec<u8>>(),
        -2..9i32,
    );
    (ints, rest, any::<u16>()).prop_map(|((a, b, c, d, e, f), (g, h, i, j, k, l), present)| {
        let number = |n: f64| if n.is_finite() { json!(n) } else { json!("NaN") };
        let all = json!({
            "i32": a, "i64": b.to_string(), "u32": c, "u64": d, "s32": e, "s64": f.to_string(), "f32": c, "f64": d,
            "sf32": e, "sf64": f, "single": if g.is_finite() { json!(g) } else { json!("Infinity") }, "wide": number(h),
            "truth": i, "someText": j, "rawBytes": base64(&k), "colour": l
        });
        some_of(all, u64::from(present))
    })
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

fn some_of(value: Value, present: u64) -> Value {
    let Value::Object(all) = value else { unreachable!() };
    let kept = all
        .into_iter()
        .enumerate()
        .filter(|(index, _)| present >> (index % 64) & 1 == 1);
    Value::Object(kept.map(|(_, field)| field).collect::<Map<_, _>>())
}

fn everything() -> impl Strategy<Value = Value> {
    let leaf = Just(json!({})).boxed();
    leaf.prop_recursive(3, 16, 1, |inner| {
        let lists = (
            prop::collection::vec(any::<i32>(), 0..5),
            prop::collection::vec(".{0,5}", 0..5),
            prop::collection::vec(plain(), 0..3),
            prop::collection::vec(any::<i64>(), 0..5),
        );
        let maps = (
            prop::collection::hash_map("[a-c]{0,2}", any::<i32>(), 0..4),
            prop::collection::hash_map(any::<i64>(), plain(), 0..3),
        );
        let known = (0..253_402_300_799i64, 0..1_000_000_000i32, ".{0,4}", any::<i64>());
        let choice = prop_oneof![
            Just(json!({})),
            ".{0,3}".prop_map(|text| json!({"left": text})),
            plain().prop_map(|plain| json!({"middle": plain})),
            any::<i64>().prop_map(|n| json!({"right": n})),
        ];
        (inner, plain(), lists, maps, known, choice, any::<u64>()).prop_map(
            |(inner, plain, (a, b, c, d), (e, f), (seconds, nanos, text, long), choice, present)| {
                let at = prost_types::Timestamp { seconds, nanos }.to_string();
                let lasting = prost_types::Duration { seconds, nanos }.to_string();
                let all = json!({
                    "inner": inner, "plain": plain, "numbers": a, "unpacked": a, "texts": b, "plains": c, "longs": d,
                    "counts": e, "byNumber": f, "at": at, "lasting": lasting, "textBox": text, "longBox": long,
                    "maybe": nanos, "maybeText": text, "lastNumberFirst": text,
                    "object": {"k": text, "n": nanos, "l": [null, true]}, "values": [text, {}, []],
                    "any": {"@type": "x/kitchen.Plain", "i32": nanos}
                });
                let Value::Object(mut message) = some_of(all, present) else {
                    unreachable!()
                };
                message.extend(choice.as_object().cloned().unwrap_or_default());
                Value::Object(message)
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn encoding_agrees_with_prost_reflect(value in everything()) {
        let of = message("kitchen.Everything");
        let expected = of.clone().deserialize(&value).unwrap();

        let ours = encode(&of, &value).unwrap();

        let (ours, expected) = (reference(&of, &ours).unwrap(), reference(&of, &expected.encode_to_vec()).unwrap());
        prop_assert_eq!(ours, expected);
    }

    #[test]
    fn decoding_agrees_with_prost_reflect(value in everything()) {
        let of = message("kitchen.Everything");
        let bytes = encode(&of, &value).unwrap();

        let (ours, theirs) = (decoded(&of, &bytes).unwrap(), reference(&of, &bytes).unwrap());
        prop_assert!(same(&ours, &theirs), "{}\n{}", ours, theirs);
    }

    #[test]
    fn floats_read_back_as_they_were(single: f32, wide: f64) {
        let of = message("kitchen.Plain");
        let bytes = [&[0x5d][..], &single.to_le_bytes(), &[0x61], &wide.to_le_bytes()].concat();

        let decoded = decoded(&of, &bytes).unwrap();

        if single.is_finite() {
            prop_assert_eq!(decoded["single"].as_f64().unwrap() as f32, single);
            let text = decoded["single"].to_string();
            let digits = text.split('e').next().unwrap().replace(['.', '-'], "");
            prop_assert!(digits.trim_matches('0').len() <= 9, "{}", text);
        }
        if wide.is_finite() {
            prop_assert_eq!(decoded["wide"].as_f64().unwrap(), wide);
        }
    }

    #[test]
    fn damaged_messages_never_panic_and_what_both_can_read_is_the_same(
        value in everything(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let of = message("kitchen.Everything");
        let mut bytes = encode(&of, &value).unwrap().to_vec();
        for (at, byte) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if let (Ok(ours), Some(theirs)) = (decoded(&of, &bytes), reference(&of, &bytes)) {
            prop_assert!(same(&ours, &theirs), "{}\n{}", ours, theirs);
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for name in ["kitchen.Everything", "kitchen.Plain", "legacy.Old", "google.protobuf.Value", "google.protobuf.Any"] {
            let _ = decode_to_json(&message(name), &bytes, DecodeLimits::default());
        }
    }
}
