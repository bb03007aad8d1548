//! Copies short texts into an answer.
//!
//! An answer is thousands of short copies. A copy whose length the compiler knows is one or two moves, one whose length
//! it does not know is a call. So where there is room behind a text, a fixed number of bytes is copied and the rest cut off.

use crate::{
    mapping::{Node, Table},
    plan::KeyText,
};

/// Bytes of a span that are copied at once.
const BLOCK: usize = 32;

/// Appends `,"key":`.
#[inline]
pub(super) fn key(key: &KeyText, out: &mut Vec<u8>) {
    if key.len > KeyText::PADDED {
        return out.extend_from_slice(&key.long);
    }
    let start = out.len();
    out.extend_from_slice(&key.padded);
    out.truncate(start + key.len);
}

/// Appends the bytes of a node that has a span.
#[inline]
pub(super) fn span(table: &Table, node: &Node, out: &mut Vec<u8>) {
    let body = table.body(node);
    let (at, len) = (node.start as usize, node.len as usize);
    match body.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        Some(block) if len <= BLOCK => {
            let start = out.len();
            out.extend_from_slice(block);
            out.truncate(start + len);
        }
        _ => out.extend_from_slice(&body[at..at + len]),
    }
}
