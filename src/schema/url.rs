//! Checks of URLs (DIALECT §1.3).

use std::str::FromStr;

use http::uri::Authority;

use super::{
    literal::Text,
    model::{Template, TemplatePart},
    problem::{Code, Problems},
};

/// Checks a `baseURL` or `address`: absolute, http or https.
pub(crate) fn check_base(template: &Template, text: &Text, problems: &mut Problems<'_>) {
    let leading = template.leading_text();
    let Some((scheme, rest)) = split_scheme(leading) else {
        // `{$config.url}/v2`: known only once the configuration is.
        if leading.is_empty() && !template.parts.is_empty() {
            return;
        }
        problems
            .error(
                Code::InvalidUrl,
                &text.place,
                format!("`{}` is not a whole URL", text.value.trim()),
            )
            .hint("begin with `https://` or `http://`");
        return;
    };
    if check_scheme(scheme, text, problems) {
        check_host(template, rest, text, problems);
    }
}

/// Checks the URL of a connector: relative with a source, absolute without.
pub(crate) fn check_connect(template: &Template, text: &Text, source: Option<&str>, problems: &mut Problems<'_>) {
    let leading = template.leading_text();
    match (split_scheme(leading), source) {
        (Some(_), Some(source)) => {
            problems
                .error(
                    Code::AbsoluteConnectUrlWithSource,
                    &text.place,
                    format!("a whole URL, although `source: \"{source}\"` has a base URL"),
                )
                .hint("write the path only, or leave out `source`");
        }
        (Some((scheme, rest)), None) => {
            if check_scheme(scheme, text, problems) {
                check_host(template, rest, text, problems);
                if !template.is_literal() && !rest.contains(['/', '?', '#']) {
                    dynamic_host(text, problems);
                }
            }
        }
        (None, None) => {
            problems
                .error(
                    Code::RelativeConnectUrlWithoutSource,
                    &text.place,
                    "a part of a URL, but there is no `source` that it would belong to",
                )
                .hint("name a `source`, or write the whole URL");
        }
        (None, Some(_)) => {
            if !template.is_literal() && !leading.contains(['/', '?']) {
                problems
                    .error(
                        Code::InvalidUrl,
                        &text.place,
                        "an expression before the first `/` or `?` could change the host",
                    )
                    .hint("begin with `/`");
            }
        }
    }
}

/// `https` and what follows `://`.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.trim_start().split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

fn check_scheme(scheme: &str, text: &Text, problems: &mut Problems<'_>) -> bool {
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if !known {
        let at = text.value.find(scheme).unwrap_or(0);
        problems
            .error(
                Code::InvalidUrlScheme,
                &text.place(&(at..at + scheme.len())),
                format!("scheme `{scheme}` cannot be called"),
            )
            .hint("use `http` or `https`");
    }
    known
}

/// Checks the host as far as it is written out. `rest` is the text behind `://` up to the first expression.
fn check_host(template: &Template, rest: &str, text: &Text, problems: &mut Problems<'_>) {
    let end = rest.find(['/', '?', '#']);
    if end.is_none() && !template.is_literal() {
        return;
    }
    let host = &rest[..end.unwrap_or(rest.len())];
    let host = host.trim_end();
    let port_is_wrong = Authority::from_str(host).is_ok_and(|authority| {
        let digits = authority
            .as_str()
            .rsplit_once(']')
            .map_or(authority.as_str(), |(_, rest)| rest);
        digits
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_err())
    });
    if host.is_empty() || Authority::from_str(host).is_err() || port_is_wrong {
        problems
            .error(Code::InvalidUrl, &text.place, format!("`{host}` is not a host"))
            .hint("e.g. `https://api.example.com/v1`");
    }
}

fn dynamic_host(text: &Text, problems: &mut Problems<'_>) {
    problems
        .error(
            Code::InvalidUrl,
            &text.place,
            "the host of a connector cannot be an expression",
        )
        .hint("give it to a `@source` with `baseURL`, which may read `$config` and `$env`");
}

/// Whether a template is more than white space.
pub(crate) fn is_blank(template: &Template) -> bool {
    template
        .parts
        .iter()
        .all(|part| matches!(part, TemplatePart::Text(text) if text.trim().is_empty()))
}
