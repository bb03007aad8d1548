//! JSON text: strings and floats written, escapes read.

use std::io::Write;

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    write_string_bytes(text.as_bytes(), out);
}

/// Appends UTF-8 bytes as a JSON string.
pub fn write_string_bytes(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[done..at]);
        done = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}

/// Appends a double as a JSON number; as ProtoJSON text when it is not finite.
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" });
    } else if value == value.trunc() && value.abs() < 9_007_199_254_740_992.0 {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        write!(out, "{}", serde_json::Value::from(value)).expect("writing to memory");
    }
}

/// Appends a float as the shortest JSON number that reads back as the same float.
pub fn write_float(value: f32, out: &mut Vec<u8>) {
    if !value.is_finite() || value == value.trunc() {
        return write_double(f64::from(value), out);
    }
    write!(out, "{value}").expect("writing to memory");
}

/// Appends the text of a JSON string's inside with its escapes resolved. A lone surrogate becomes U+FFFD.
pub fn unescape_into(inside: &[u8], out: &mut Vec<u8>) {
    let Some(first) = memchr::memchr(b'\\', inside) else {
        return out.extend_from_slice(inside);
    };
    out.extend_from_slice(&inside[..first]);
    let mut at = first;
    while let Some(&byte) = inside.get(at) {
        if byte != b'\\' {
            out.push(byte);
            at += 1;
            continue;
        }
        let plain = match inside.get(at + 1) {
            Some(b'u') => {
                at = unescape_unicode(inside, at, out);
                continue;
            }
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(&other) => other,
            None => return,
        };
        out.push(plain);
        at += 2;
    }
}

/// Reads the `\uXXXX` at `at`, with its second half if it is a surrogate pair; returns where to go on.
fn unescape_unicode(inside: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let hex = |from: usize| {
        let digits = std::str::from_utf8(inside.get(from..from + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (code, end) = match hex(at + 2) {
        Some(high @ 0xD800..=0xDBFF) if inside.get(at + 6..at + 8) == Some(b"\\u") => match hex(at + 8) {
            Some(low @ 0xDC00..=0xDFFF) => (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), at + 12),
            _ => (0xFFFD, at + 6),
        },
        Some(code) => (code, at + 6),
        None => (0xFFFD, at + 2),
    };
    let character = char::from_u32(code).unwrap_or('\u{FFFD}');
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    end
}

/// Appends a value as JSON.
///
/// # Panics
/// Never: values have text keys, and memory takes every byte.
pub fn write_value(value: &serde_json::Value, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("writing to memory");
}
