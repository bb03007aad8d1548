//! What clients, and caches between them and us, may do with an answer.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderValue;

/// How an answer may be reused. Nobody may keep it unless everything in it says that they may.
#[derive(Debug, Clone, Default)]
pub struct Caching {
    /// For how long, and by whom.
    pub control: CacheControl,
    /// Seconds that it was kept here; `None`: it was made for this request.
    pub age: Option<u64>,
    /// Headers of the client that took part in it, as the value of `Vary`.
    pub vary: Option<HeaderValue>,
    /// What was made of it for earlier requests.
    pub forms: Option<Arc<Forms>>,
}

/// How long an answer may be kept, and by whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheControl {
    /// Not at all.
    #[default]
    NoStore,
    /// By the client alone, who has to ask each time: a step of a protocol, which must not come out of any cache.
    Revalidate,
    /// So long.
    MaxAge {
        /// From when it was made; at least one.
        seconds: u32,
        /// Whether anybody may, or only the client.
        is_public: bool,
    },
}

/// What a transport made of a kept answer, so that it is made once.
#[derive(Debug, Default)]
pub struct Forms {
    /// A digest of its bytes.
    pub digest: OnceLock<u128>,
    /// It compressed, by number of the coding; `None`: that makes it no smaller.
    pub compressed: [OnceLock<Option<Bytes>>; 3],
}

// === impl CacheControl ===

impl CacheControl {
    /// The same for nobody but the client.
    #[must_use]
    pub fn private(self) -> Self {
        match self {
            Self::MaxAge { seconds, .. } => Self::MaxAge {
                seconds,
                is_public: false,
            },
            other => other,
        }
    }

    /// So many seconds, and whether by anybody; `None`: not at all.
    #[must_use]
    pub fn of(kept: Option<(u32, bool)>) -> Self {
        kept.map_or(Self::NoStore, |(seconds, is_public)| Self::MaxAge {
            seconds,
            is_public,
        })
    }

    /// The reverse of [`CacheControl::of`].
    #[must_use]
    pub fn kept_outside(self) -> Option<(u32, bool)> {
        match self {
            Self::MaxAge { seconds, is_public } => Some((seconds, is_public)),
            Self::NoStore | Self::Revalidate => None,
        }
    }

    /// The value of `Cache-Control`.
    #[must_use]
    pub fn value(self) -> HeaderValue {
        match self {
            Self::NoStore => HeaderValue::from_static("no-store"),
            Self::Revalidate => HeaderValue::from_static("private, no-cache, must-revalidate"),
            Self::MaxAge { seconds, is_public } => {
                let whose = if is_public { "public" } else { "private" };
                HeaderValue::try_from(format!("max-age={seconds}, {whose}")).expect("a number and a word")
            }
        }
    }
}

/// Both lists of names as one value of `Vary`.
pub(super) fn vary_by_both(one: Option<HeaderValue>, other: HeaderValue) -> HeaderValue {
    let Some(one) = one else { return other };
    if one == "*" {
        return one;
    }
    let joined = [one.as_bytes(), b", ", other.as_bytes()].concat();
    HeaderValue::from_bytes(&joined).expect("both are values")
}
