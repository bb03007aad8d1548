//! `headers:` and `metadata:` (DIALECT §1.4).

use std::str::FromStr;

use base64::Engine;
use http::HeaderName;

use super::{
    arguments::{self, Arguments},
    literal::Text,
    model::{Header, HeaderValue, Template, TemplatePart},
    part::{Part, Scope},
    problem::{Code, Problems},
    template,
};

/// Headers that belong to the connection or to the transport: no schema may set them.
const RESERVED: &[&str] = &[
    "connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "keep-alive",
];

/// Headers that describe what we send, so that those of a client would be wrong.
const OWN_VALUE: &[&str] = &["content-type", "accept", "host"];

/// Reads the list `name` of `arguments`.
pub(crate) fn read(
    arguments: Arguments<'_>,
    name: &str,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> Vec<Header> {
    let mut headers: Vec<Header> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for entry in arguments.list(name) {
        let Some(entry) = arguments::object(entry) else {
            continue;
        };
        let Some(name) = entry.text(problems.files(), "name") else {
            continue;
        };
        let lower = name.value.to_ascii_lowercase();
        if names.contains(&lower) {
            problems
                .error(
                    Code::HttpHeaderNameCollision,
                    &name.place,
                    format!("header `{lower}` is set twice"),
                )
                .hint("header names are compared without regard to case; keep one");
        }
        let header_name = check_name(&name, &lower, scope, problems);
        names.push(lower);
        let value = read_value(entry, &name, scope, problems);
        if let (Some(name), Some(value)) = (header_name, value) {
            headers.push(Header { name, value });
        }
    }
    headers
}

fn check_name(name: &Text, lower: &str, scope: &Scope<'_>, problems: &mut Problems<'_>) -> Option<HeaderName> {
    let Ok(header) = HeaderName::from_str(lower) else {
        problems.error(
            Code::InvalidHeader,
            &name.place,
            format!("`{}` is not the name of a header", name.value),
        );
        return None;
    };
    let of_grpc = scope.is_grpc && (lower.starts_with("grpc-") || lower == "content-type" || lower == "host");
    if RESERVED.contains(&lower) || of_grpc {
        problems
            .error(
                Code::InvalidHeader,
                &name.place,
                format!("header `{lower}` belongs to the transport and cannot be set"),
            )
            .hint("leave it out");
        return None;
    }
    Some(header)
}

fn read_value(
    entry: Arguments<'_>,
    name: &Text,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> Option<HeaderValue> {
    let files = problems.files();
    match (entry.text(files, "from"), entry.text(files, "value")) {
        (Some(from), None) => {
            let lower = name.value.to_ascii_lowercase();
            if OWN_VALUE.contains(&lower.as_str()) {
                problems
                    .error(
                        Code::InvalidHeader,
                        &name.place,
                        format!("header `{lower}` cannot be copied from the client"),
                    )
                    .hint("give it with `value:`");
                return None;
            }
            let Ok(header) = HeaderName::from_str(&from.value.to_ascii_lowercase()) else {
                problems.error(
                    Code::InvalidHeader,
                    &from.place,
                    format!("`{}` is not the name of a header", from.value),
                );
                return None;
            };
            Some(HeaderValue::From(header))
        }
        (None, Some(value)) => {
            let template = template::read(&value, Part::Header, scope, problems)?;
            let has_control = template.parts.iter().any(|part| match part {
                TemplatePart::Text(text) => text.chars().any(|c| c.is_control() && c != '\t'),
                TemplatePart::Expr(_) => false,
            });
            if has_control {
                problems.error(
                    Code::InvalidHeader,
                    &value.place,
                    "a header value may not hold line ends or control characters",
                );
                return None;
            }
            if scope.is_grpc && !check_metadata(name, &value, &template, problems) {
                return None;
            }
            Some(HeaderValue::Value(template))
        }
        (from, _) => {
            let message = if from.is_some() {
                format!("header `{}` has both `from` and `value`", name.value)
            } else {
                format!("header `{}` has neither `from` nor `value`", name.value)
            };
            problems
                .error(Code::InvalidHeader, &name.place, message)
                .hint("`from` copies a header of the client, `value` is a text with `{expressions}`");
            None
        }
    }
}

/// What is constant in a value of metadata can be sent: base64 under names that end in `-bin`, else ASCII.
fn check_metadata(name: &Text, value: &Text, template: &Template, problems: &mut Problems<'_>) -> bool {
    let constant: Option<String> = template.parts.iter().map(constant_part).collect();
    let has_foreign = template
        .parts
        .iter()
        .filter_map(constant_part)
        .any(|text| !text.is_ascii());
    if name.value.to_ascii_lowercase().ends_with("-bin") {
        let Some(constant) = constant.filter(|text| !is_base64(text)) else {
            return true;
        };
        problems
            .error(
                Code::InvalidHeader,
                &value.place,
                format!("`{}` is bytes, but `{constant}` is not base64", name.value),
            )
            .hint(format!(
                "e.g. value: \"{}\"",
                base64::prelude::BASE64_STANDARD.encode(&constant)
            ));
        return false;
    }
    if has_foreign {
        problems
            .error(
                Code::InvalidHeader,
                &value.place,
                format!("metadata is ASCII, but the value of `{}` has other letters", name.value),
            )
            .hint("a name that ends in `-bin` takes them, in base64");
    }
    !has_foreign
}

fn constant_part(part: &TemplatePart) -> Option<String> {
    match part {
        TemplatePart::Text(text) => Some(text.clone()),
        TemplatePart::Expr(_) => None,
    }
}

/// In either alphabet, padded or not.
fn is_base64(text: &str) -> bool {
    let text = text.replace('-', "+").replace('_', "/");
    base64::prelude::BASE64_STANDARD_NO_PAD
        .decode(text.trim_end_matches('='))
        .is_ok()
}
