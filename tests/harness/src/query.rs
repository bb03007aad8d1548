//! Query strings in which a name may come several times: `?id=1&id=2`.

use std::{borrow::Cow, convert::Infallible, str::FromStr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::percent_decode_str;

/// The pairs of a query string in order, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

// === impl Query ===

impl Query {
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// Every value of `name`, in order.
    pub(crate) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0
            .iter()
            .filter(move |(of, _)| of == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of `name` that reads as a `T`; others are left out.
    pub(crate) fn all_as<'q, T: FromStr + 'q>(&'q self, name: &'q str) -> impl Iterator<Item = T> {
        self.all(name).filter_map(|value| value.parse().ok())
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of `name`, if it reads as a `T`.
    pub(crate) fn first_as<T: FromStr>(&self, name: &str) -> Option<T> {
        self.first(name)?.parse().ok()
    }

    /// A page size: the first value of `name`, or `default`, and at most `max`.
    pub(crate) fn size(&self, name: &str, default: usize, max: usize) -> usize {
        self.first_as(name).unwrap_or(default).min(max)
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

fn decode(text: &str) -> String {
    let spaced: Cow<'_, str> = if text.contains('+') {
        text.replace('+', " ").into()
    } else {
        text.into()
    };
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn a_name_may_come_several_times_and_is_decoded() {
        let query = Query::parse("id=1&id=x&id=3&q=caf%C3%A9+noir&empty");

        assert_eq!(query.all_as::<u32>("id").collect::<Vec<_>>(), [1, 3]);
        assert_eq!(query.first("q"), Some("café noir"));
        assert_eq!(query.first("empty"), Some(""));
        assert_eq!(query.first("none"), None);
    }
}
