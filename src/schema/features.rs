//! What the dialect has and this server does not do yet: one list, refused at start-up with its place.
//!
//! A feature is switched on by taking it out of [`UNSUPPORTED`].

use super::{
    model::Place,
    problem::{Code, Problems},
};

/// A part of the dialect that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    CacheControl,
    CacheTag,
    Authenticated,
    RequiresScopes,
    Policy,
    Context,
}

/// Everything that is refused.
const UNSUPPORTED: &[Feature] = &[Feature::CacheTag];

// === impl Feature ===

impl Feature {
    /// How a schema writes it.
    fn written(self) -> &'static str {
        match self {
            Self::CacheControl => "@cacheControl",
            Self::CacheTag => "@cacheTag",
            Self::Authenticated => "@authenticated",
            Self::RequiresScopes => "@requiresScopes",
            Self::Policy => "@policy",
            Self::Context => "$context",
        }
    }

    /// What to do instead.
    fn instead(self) -> &'static str {
        match self {
            Self::Context => "use `$request.headers` or `$config`",
            _ => "take it out: it would have no effect",
        }
    }

    /// Whether the feature may be used.
    pub(crate) fn is_supported(self) -> bool {
        !UNSUPPORTED.contains(&self)
    }

    /// Whether the feature may be used. Reports it otherwise.
    pub(crate) fn require(self, place: &Place, problems: &mut Problems<'_>) -> bool {
        let supported = self.is_supported();
        if !supported {
            problems
                .error(
                    Code::UnsupportedFeature,
                    place,
                    format!("`{}` is not supported yet", self.written()),
                )
                .hint(self.instead());
        }
        supported
    }
}
