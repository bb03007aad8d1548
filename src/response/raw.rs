//! Items of a JSON array that is noted as one span.

use crate::mapping::{Node, NodeKind, Table};

/// The items of a [`NodeKind::RawArray`], as nodes. The array's text was checked when its body was scanned.
pub(super) fn items<'a>(table: &'a Table, array: &Node) -> impl Iterator<Item = Node> + use<'a> {
    let bytes = table.bytes(array);
    let (body, start) = (array.body, array.start);
    let mut at = 1;
    std::iter::from_fn(move || {
        at += space(&bytes[at..]);
        if bytes.get(at) == Some(&b',') {
            at += 1;
            at += space(&bytes[at..]);
        }
        let kind = match bytes.get(at)? {
            b']' => return None,
            b'"' => NodeKind::String,
            b'{' => NodeKind::RawObject,
            b'[' => NodeKind::RawArray,
            b't' => NodeKind::True,
            b'f' => NodeKind::False,
            b'n' => NodeKind::Null,
            _ => NodeKind::Number,
        };
        let length = value(&bytes[at..]);
        let node = Node::span(kind, body, start + at as u32, length as u32);
        at += length;
        if kind == NodeKind::Null
            && let Some(error) = table.error_within(&node)
        {
            return Some(Node {
                start: error,
                ..Node::of(NodeKind::Failed)
            });
        }
        Some(node)
    })
}

fn space(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
        .count()
}

/// Length of the value that `bytes` begin with.
fn value(bytes: &[u8]) -> usize {
    match bytes[0] {
        b'"' => string(bytes),
        b'{' | b'[' => {
            let (mut at, mut depth) = (0, 0);
            loop {
                match bytes[at] {
                    b'"' => {
                        at += string(&bytes[at..]);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
        }
        _ => bytes
            .iter()
            .take_while(|byte| !matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))
            .count(),
    }
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
