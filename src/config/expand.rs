//! `${NAME}` and `${NAME:-default}` in a value.

/// Why a value cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// `${` without `}`.
    Unclosed,
    /// What stands between the braces is not a name.
    NotAName,
    /// The variable is not set and has no default.
    Unset(String),
}

/// A value after expansion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Whether a variable had a part in it, so that it must not be shown.
    pub(super) is_from_environment: bool,
}

/// Expands all variables of a value, once: what comes from the environment is not looked at again. `$${` stands for `${`. As in a shell, `:-` is for
/// variables that are unset or empty.
pub(super) fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Expanded, Failure> {
    let mut expanded = Expanded {
        text: String::with_capacity(text.len()),
        is_from_environment: false,
    };
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            expanded.text.push_str(&rest[..start - 1]);
            expanded.text.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        expanded.text.push_str(&rest[..start]);
        let end = rest[start..].find('}').ok_or(Failure::Unclosed)? + start;
        let inner = &rest[start + 2..end];
        let (name, default) = inner
            .split_once(":-")
            .map_or((inner, None), |(name, default)| (name, Some(default)));
        if !is_name(name) {
            return Err(Failure::NotAName);
        }
        match (environment(name), default) {
            (Some(value), default) if !value.is_empty() || default.is_none() => {
                expanded.text.push_str(&value);
                expanded.is_from_environment = true;
            }
            (_, Some(default)) => expanded.text.push_str(default),
            (_, None) => return Err(Failure::Unset(name.to_owned())),
        }
        rest = &rest[end + 1..];
    }
    expanded.text.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{Failure, expand};

    fn of(text: &str) -> Result<String, Failure> {
        let environment = |name: &str| match name {
            "PORT" => Some("4000".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${PORT}".to_owned()),
            _ => None,
        };
        expand(text, &environment).map(|expanded| expanded.text)
    }

    #[test]
    fn variables_are_expanded_as_a_shell_does() {
        let cases = [
            ("plain", "plain"),
            ("a $ b {c} $d", "a $ b {c} $d"),
            ("${PORT}", "4000"),
            ("http://h:${PORT}/${PORT}", "http://h:4000/4000"),
            ("${NONE:-http://127.0.0.1:1}", "http://127.0.0.1:1"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${NESTED}", "${PORT}"),
            ("$${PORT}", "${PORT}"),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_expanded_says_why() {
        assert_eq!(of("a${NONE}b"), Err(Failure::Unset("NONE".to_owned())));
        assert_eq!(of("${PORT"), Err(Failure::Unclosed));
        assert_eq!(of("${}"), Err(Failure::NotAName));
        assert_eq!(of("${PO RT}"), Err(Failure::NotAName));
        assert_eq!(of("${1A:-x}"), Err(Failure::NotAName));
    }
}
