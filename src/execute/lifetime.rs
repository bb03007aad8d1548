//! How long an answer of a source may be kept, and for whom.
//!
//! What the source says (`Cache-Control`, <https://www.rfc-editor.org/rfc/rfc9111>) and what the schema says (`@cacheControl`)
//! are both held to: the shorter time counts, and one that says no is enough.

use std::time::Duration;

use http::{HeaderMap, header};
use switchboard_clients::Call;
use tokio::time::Instant;

use crate::schema::model::CachePolicy;

/// Longest time that anything is kept, whatever is said.
const KEPT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an answer is good, from when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// It is fresh until then.
    pub(super) fresh_until: Instant,
    /// Then it is served until then while a new one is fetched.
    pub(super) stale_until: Instant,
    /// Then it is served until then if no new one can be had.
    pub(super) error_until: Instant,
    /// When it came.
    pub(super) since: Instant,
    /// Whether anybody may have it who would send the same call.
    pub(super) is_public: bool,
}

/// How long what was fetched is good, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Keep {
    /// No source was asked.
    #[default]
    Always,
    /// So long.
    For(Lifetime),
    /// Not beyond this request.
    Not,
}

/// How long clients and caches before us may keep what was fetched, as far as sources say, taken together. Unlike [`Keep`] it is
/// not about what we keep: a source that says nothing leaves it to the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    /// Not at all.
    Not,
    /// Until then, if any source says so.
    Until {
        /// When.
        until: Option<Instant>,
        /// Whether anybody may, or only the caller's own cache.
        is_public: bool,
    },
}

/// What a source said.
#[derive(Debug, Default)]
struct Said {
    forbids: bool,
    is_private: bool,
    is_public: bool,
    max_age: Option<u64>,
    shared_max_age: Option<u64>,
    stale_while_revalidate: Option<u64>,
    stale_if_error: Option<u64>,
}

/// How long the answer to a call is good; `None`: it is not kept.
pub(super) fn lifetime(
    headers: &HeaderMap,
    policy: Option<&CachePolicy>,
    has_credentials: bool,
    now: Instant,
) -> Option<Lifetime> {
    let said = said(headers);
    if said.forbids || headers.contains_key(header::SET_COOKIE) {
        return None;
    }
    let theirs = said.shared_max_age.or(said.max_age);
    let ours = policy.and_then(|policy| policy.max_age).map(u64::from);
    let promised = policy.and_then(|policy| policy.stale_if_error).map_or(0, u64::from);
    let seconds = match (theirs, ours) {
        (Some(theirs), Some(ours)) => theirs.saturating_sub(age(headers)).min(ours),
        (Some(theirs), None) => theirs.saturating_sub(age(headers)),
        (None, Some(ours)) => ours,
        // Never fresh, but better than nothing.
        (None, None) if promised > 0 => 0,
        (None, None) => return None,
    };
    if seconds == 0 && promised == 0 {
        return None;
    }
    let stale = policy
        .and_then(|policy| policy.stale_while_revalidate)
        .map(u64::from)
        .or(said.stale_while_revalidate)
        .unwrap_or(0);
    let on_error = policy
        .and_then(|policy| policy.stale_if_error)
        .map(u64::from)
        .or(said.stale_if_error)
        .unwrap_or(0);
    let fresh_until = now + Duration::from_secs(seconds).min(KEPT_MAX);
    Some(Lifetime {
        fresh_until,
        stale_until: fresh_until + Duration::from_secs(stale).min(KEPT_MAX),
        error_until: fresh_until + Duration::from_secs(on_error).min(KEPT_MAX),
        since: now,
        is_public: is_public(&said, policy, has_credentials),
    })
}

/// How long the answer to a call may be kept outside.
pub(super) fn outside(
    headers: &HeaderMap,
    policy: Option<&CachePolicy>,
    has_credentials: bool,
    now: Instant,
) -> Outside {
    let said = said(headers);
    let left = said
        .shared_max_age
        .or(said.max_age)
        .map(|seconds| seconds.saturating_sub(age(headers)));
    if said.forbids || headers.contains_key(header::SET_COOKIE) || left == Some(0) {
        return Outside::Not;
    }
    Outside::Until {
        until: left.map(|seconds| now + Duration::from_secs(seconds).min(KEPT_MAX)),
        is_public: is_public(&said, policy, has_credentials),
    }
}

/// Whether anybody may have an answer.
fn is_public(said: &Said, policy: Option<&CachePolicy>, has_credentials: bool) -> bool {
    let declared = policy.and_then(|policy| policy.is_private);
    // RFC 9111 §3.5: what answers a call with credentials is its user's own unless the source says otherwise.
    let is_their_own = has_credentials && !said.is_public && said.shared_max_age.is_none() && declared.is_none();
    !said.is_private && declared != Some(true) && !is_their_own
}

/// Whether a call says whose it is.
pub(super) fn has_credentials(call: &Call) -> bool {
    let headers = match call {
        Call::Http { headers, .. } => headers,
        Call::Grpc { metadata, .. } => metadata,
        Call::Local(call) => &call.headers,
    };
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE)
}

fn said(headers: &HeaderMap) -> Said {
    let mut said = Said::default();
    let lines = headers.get_all(header::CACHE_CONTROL).iter();
    for directive in lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
    {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let seconds = || value.trim().trim_matches('"').parse().ok();
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => said.forbids = true,
            "private" => said.is_private = true,
            "public" => said.is_public = true,
            // What cannot be read counts as stale at once.
            "max-age" => said.max_age = Some(seconds().unwrap_or(0)),
            "s-maxage" => said.shared_max_age = Some(seconds().unwrap_or(0)),
            "stale-while-revalidate" => said.stale_while_revalidate = seconds(),
            "stale-if-error" => said.stale_if_error = seconds(),
            _ => {}
        }
    }
    let varies_by_all = headers
        .get_all(header::VARY)
        .iter()
        .any(|value| value.as_bytes().contains(&b'*'));
    said.forbids |= varies_by_all;
    said
}

/// Seconds that an answer has spent in other caches.
fn age(headers: &HeaderMap) -> u64 {
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
    age.and_then(|age| age.trim().parse().ok()).unwrap_or(0)
}

// === impl Keep ===

impl Keep {
    /// What holds of two things together.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Not, _) | (_, Self::Not) => Self::Not,
            (Self::Always, keep) | (keep, Self::Always) => keep,
            (Self::For(one), Self::For(other)) => Self::For(one.and(other)),
        }
    }
}

impl From<Option<Lifetime>> for Keep {
    fn from(lifetime: Option<Lifetime>) -> Self {
        lifetime.map_or(Self::Not, Self::For)
    }
}

// === impl Outside ===

impl Default for Outside {
    fn default() -> Self {
        Self::ANY
    }
}

impl From<Lifetime> for Outside {
    fn from(lifetime: Lifetime) -> Self {
        Self::Until {
            until: Some(lifetime.fresh_until),
            is_public: lifetime.is_public,
        }
    }
}

impl Outside {
    /// No source was asked.
    pub(super) const ANY: Self = Self::Until {
        until: None,
        is_public: true,
    };

    /// What holds of two things together.
    pub(super) fn and(self, other: Self) -> Self {
        let (
            Self::Until { until, is_public },
            Self::Until {
                until: theirs,
                is_public: is_theirs,
            },
        ) = (self, other)
        else {
            return Self::Not;
        };
        Self::Until {
            until: match (until, theirs) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
            is_public: is_public && is_theirs,
        }
    }
}

// === impl Lifetime ===

impl Lifetime {
    /// What holds of two answers together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            fresh_until: self.fresh_until.min(other.fresh_until),
            stale_until: self.stale_until.min(other.stale_until),
            error_until: self.error_until.min(other.error_until),
            since: self.since.min(other.since),
            is_public: self.is_public && other.is_public,
        }
    }
}
