//! Which program asks, by its own account: useful to know, and proof of nothing.

use http::{HeaderMap, HeaderValue};

/// Headers in which clients say their name and version: Apollo's, then those of others.
pub const CLIENT_HEADERS: [(&str, &str); 2] = [
    ("apollographql-client-name", "apollographql-client-version"),
    ("graphql-client-name", "graphql-client-version"),
];

/// The same as the value of `Vary`.
pub const CLIENT_HEADERS_VARY: &str =
    "apollographql-client-name, apollographql-client-version, graphql-client-name, graphql-client-version";

/// What a client says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientName<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// Its version.
    pub version: Option<&'a str>,
}

// === impl ClientName ===

impl<'a> ClientName<'a> {
    /// What the headers of a request say.
    #[must_use]
    pub fn of(headers: &'a HeaderMap) -> Self {
        let said = |name: &str| headers.get(name).and_then(|value| HeaderValue::to_str(value).ok());
        CLIENT_HEADERS
            .iter()
            .map(|(name, version)| Self {
                name: said(name),
                version: said(version),
            })
            .find(|client| client.name.is_some())
            .unwrap_or_default()
    }

    /// The same to keep.
    #[must_use]
    pub fn said(headers: &HeaderMap) -> Option<(HeaderValue, Option<HeaderValue>)> {
        CLIENT_HEADERS
            .iter()
            .find_map(|(name, version)| Some((headers.get(*name)?.clone(), headers.get(*version).cloned())))
    }

    /// Whether it is what `name` or `name@version` means; a version means all that begin with it, part by part: `1.2` is also `1.2.9`, and not `1.20`.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        let Some(name) = self.name else { return false };
        let Some((wanted, prefix)) = wanted.split_once('@') else {
            return name == wanted;
        };
        let rest = self.version.and_then(|version| version.strip_prefix(prefix));
        name == wanted && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
    }
}
