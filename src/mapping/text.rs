//! JSON text: strings and floats written, escapes read.

use std::io::Write;

use wide::u8x16;

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    write_string_bytes(text.as_bytes(), out);
}

/// Appends UTF-8 bytes as a JSON string.
pub fn write_string_bytes(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain_length(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else {
            break;
        };
        rest = after;
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
    out.push(b'"');
}

/// How many bytes come before the first quote, backslash or control character; looks at sixteen at a time.
#[inline]
#[must_use]
pub fn plain_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        match special_bytes(chunk) {
            0 => at += 16,
            found => return at + found.trailing_zeros() as usize,
        }
    }
    let rest = &text[at..];
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// One bit for each byte that is a quote, a backslash or a control character.
#[inline]
fn special_bytes(chunk: &[u8; 16]) -> u32 {
    let bytes = u8x16::new(*chunk);
    let quotes = bytes.simd_eq(u8x16::splat(b'"'));
    let backslashes = bytes.simd_eq(u8x16::splat(b'\\'));
    let controls = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (quotes | backslashes | controls).to_bitmask()
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
    // Beyond, a whole float has digits that only a double would mean.
    const WHOLE_MAX: f32 = 16_777_216.0;
    if !value.is_finite() || value == value.trunc() && value.abs() <= WHOLE_MAX {
        return write_double(f64::from(value), out);
    }
    if value.abs() > WHOLE_MAX {
        return write!(out, "{value:e}").expect("writing to memory");
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

/// A JSON text as a value. What JSON can write and a value cannot hold (half a surrogate pair, a number beyond a
/// double) becomes U+FFFD or null: one odd value must not cost the rest of an answer.
///
/// # Errors
/// The text is not JSON.
pub fn parse_value(json: &[u8]) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_slice(json).or_else(|error| serde_json::from_slice(&without_oddities(json)).map_err(|_| error))
}

fn without_oddities(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut at, mut in_string) = (0, false);
    while let Some(&byte) = json.get(at) {
        let length = match (in_string, byte) {
            (true, b'\\') => {
                at += odd_escape(json, at, &mut out);
                continue;
            }
            (false, b'-' | b'0'..=b'9') => {
                let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                json[at..].iter().take_while(is_part).count()
            }
            _ => 1,
        };
        in_string ^= byte == b'"';
        let token = &json[at..at + length];
        let number = std::str::from_utf8(token)
            .ok()
            .filter(|text| length > 1 && is_json_number(text))
            .and_then(|text| text.parse::<f64>().ok());
        out.extend_from_slice(if number.is_some_and(f64::is_infinite) {
            b"null"
        } else {
            token
        });
        at += length;
    }
    out
}

/// Whether what Rust reads as a number is one of JSON too: no leading zero, digits on both sides of a point.
fn is_json_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = text[whole..].strip_prefix('.');
    let has_digits = fraction.is_none_or(|fraction| fraction.starts_with(|digit: char| digit.is_ascii_digit()));
    has_digits && whole > 0 && (whole == 1 || !text.starts_with('0'))
}

/// Copies the escape at `at`, or U+FFFD for half a surrogate pair; returns its length.
fn odd_escape(json: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let half = |at: usize, digits: std::ops::RangeInclusive<u8>| {
        let escape = json.get(at..at + 6).filter(|escape| escape.starts_with(b"\\u"));
        escape.is_some_and(|escape| {
            matches!(escape[2], b'd' | b'D')
                && digits.contains(&escape[3].to_ascii_lowercase())
                && escape[4..].iter().all(u8::is_ascii_hexdigit)
        })
    };
    let is_high = half(at, b'8'..=b'9') || half(at, b'a'..=b'b');
    let is_low = |at| half(at, b'c'..=b'f');
    let length = match json.get(at + 1) {
        Some(b'u') if is_high && is_low(at + 6) => 12,
        Some(b'u') if is_high || is_low(at) => {
            out.extend_from_slice("\u{FFFD}".as_bytes());
            return 6;
        }
        Some(b'u') => 6,
        _ => 2,
    };
    out.extend_from_slice(json.get(at..at + length).unwrap_or(&json[at..]));
    length
}
