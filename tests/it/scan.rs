//! Bodies read by what was learned of their first objects say the same as when every byte is looked at.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::Value;
use switchboard::mapping::{self, Context, LayoutId, Layouts, Projection, ScanLimits, Spec, Table, Vars};

/// xorshift: the same bodies in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).expect("below a usize")
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const KEYS: [&str; 7] = [
    "id",
    "a",
    "name",
    "a longer key than sixteen bytes",
    "\\u0069d",
    "",
    "b",
];
const VALUES: [&str; 12] = [
    "1",
    "-0.5e3",
    "\"\"",
    "\"a text of more than sixteen bytes\"",
    "\"\\n\\\"\\u00e9\"",
    "null",
    "true",
    "[]",
    "[1, {\"id\": 2}]",
    "{}",
    "{\"id\": 3, \"b\": [\"]\"]}",
    "12345678901234567890",
];
const SPACES: [&str; 5] = ["", " ", "\n    ", "\t", "\r\n"];

/// A list of objects that are mostly alike.
fn body(random: &mut Random) -> String {
    let shape: Vec<(&str, &str)> = (0..random.below(5))
        .map(|_| (random.one(&KEYS), random.one(&SPACES)))
        .collect();
    let mut out = String::from("[");
    for object in 0..random.below(6) {
        out.push_str(if object > 0 { "," } else { "" });
        out.push_str(random.one(&SPACES));
        out.push('{');
        let is_odd = random.below(4) == 0;
        for (position, (key, space)) in shape.iter().enumerate() {
            let (key, space) = match is_odd && random.below(3) == 0 {
                true => (random.one(&KEYS), random.one(&SPACES)),
                false => (*key, *space),
            };
            let comma = if position > 0 { "," } else { "" };
            write!(out, "{comma}{space}\"{key}\":{space}{}", random.one(&VALUES)).expect("memory");
        }
        out.push_str(random.one(&SPACES));
        out.push('}');
    }
    out.push(']');
    out
}

/// What the compiled mapping reads of a body, or nothing when the body is refused.
fn read(projection: &Projection, body: &str) -> Option<Value> {
    let mut context = Context {
        vars: &Vars::new(&[]),
        declared: Vec::new(),
    };
    let mut table = Table::new(projection.layouts.len());
    let node = projection
        .read_json(
            Bytes::from(body.to_owned()),
            ScanLimits::default(),
            &mut context,
            &mut table,
        )
        .ok()?;
    let mut json = Vec::new();
    table.write_json(&node, &projection.layouts, Some(LayoutId(0)), &mut json);
    Some(serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{error} in what is read of {body}")))
}

/// The same by a tree of values.
fn by_tree(body: &str) -> Option<Value> {
    let mut tree: Value = serde_json::from_str(body).ok()?;
    for object in tree.as_array_mut()? {
        let of = object.as_object()?;
        let wanted = ["id", "name", "b"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), of.get(name)?.clone())));
        *object = Value::Object(wanted.collect());
    }
    Some(tree)
}

fn projection() -> Projection {
    let selection = mapping::parse("id name b", Spec::V0_4).expect("a mapping");
    let mut layouts = Layouts::default();
    let layout = layouts.add();
    for name in ["id", "name", "b"] {
        layouts.leaf(layout, &name.into());
    }
    Projection::compile(&selection.into(), Spec::V0_4, layouts)
}

#[test]
fn ten_thousand_lists_of_objects_are_read_as_a_tree_would_be() {
    let projection = projection();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..10_000 {
        let body = body(&mut random);
        assert_eq!(read(&projection, &body), by_tree(&body), "{body}");
    }
}

#[test]
fn a_byte_changed_anywhere_is_refused_just_when_the_whole_is_no_json() {
    let projection = projection();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let mut bytes = body(&mut random).into_bytes();
        let at = random.below(bytes.len());
        match random.below(3) {
            0 => drop(bytes.remove(at)),
            1 => bytes[at] = b"{}[],:\" \\1ax\n\0"[random.below(14)],
            _ => bytes.insert(at, b"{}[],:\" \\1ax\n\0"[random.below(14)]),
        }
        let body = String::from_utf8(bytes).expect("ASCII");
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
        assert_eq!(read(&projection, &body).is_some(), is_json, "{body}");
    }
}

#[test]
fn white_space_before_a_value_that_the_first_object_did_not_have_is_no_part_of_it() {
    let selection = mapping::parse("s: meta.s", Spec::V0_4).expect("a mapping");
    let mut layouts = Layouts::default();
    let layout = layouts.add();
    layouts.leaf(layout, &"s".into());
    let projection = Projection::compile(&selection.into(), Spec::V0_4, layouts);
    let body = "[{\"a\":1,\"meta\":{\"s\":1}},{\"a\":1,\"meta\": \n{\"s\":2}},{\"a\":1,\"meta\":{ \"s\":3}}]";

    let read = read(&projection, body).expect("JSON");

    insta::assert_snapshot!(read, @r#"[{"s":1},{"s":2},{"s":3}]"#);
}
