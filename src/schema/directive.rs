//! The directives that mean something here, by the specification they come from.

use super::features::Feature;

/// A directive that is read, refused or knowingly ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Directive {
    Link,
    Source,
    Connect,
    ListSize,
    Cost,
    Resilience,
    Fallback,
    Critical,
    CacheControl,
    CacheTag,
    Authenticated,
    RequiresScopes,
    Policy,
    Key,
    Shareable,
    Tag,
    Inaccessible,
    External,
    Requires,
    Provides,
    Override,
    Extends,
    InterfaceObject,
    Compose,
    Context,
    FromContext,
}

/// A specification whose directives are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Connect,
    Bff,
    Federation,
}

const CONNECT: &[(&str, Directive)] = &[("source", Directive::Source), ("connect", Directive::Connect)];

const BFF: &[(&str, Directive)] = &[
    ("listSize", Directive::ListSize),
    ("cost", Directive::Cost),
    ("resilience", Directive::Resilience),
    ("fallback", Directive::Fallback),
    ("critical", Directive::Critical),
    ("cacheControl", Directive::CacheControl),
    ("cacheTag", Directive::CacheTag),
    ("authenticated", Directive::Authenticated),
    ("requiresScopes", Directive::RequiresScopes),
    ("policy", Directive::Policy),
];

const FEDERATION: &[(&str, Directive)] = &[
    ("key", Directive::Key),
    ("shareable", Directive::Shareable),
    ("tag", Directive::Tag),
    ("inaccessible", Directive::Inaccessible),
    ("external", Directive::External),
    ("requires", Directive::Requires),
    ("provides", Directive::Provides),
    ("override", Directive::Override),
    ("extends", Directive::Extends),
    ("interfaceObject", Directive::InterfaceObject),
    ("composeDirective", Directive::Compose),
    ("context", Directive::Context),
    ("fromContext", Directive::FromContext),
    ("listSize", Directive::ListSize),
    ("cost", Directive::Cost),
    ("cacheTag", Directive::CacheTag),
    ("authenticated", Directive::Authenticated),
    ("requiresScopes", Directive::RequiresScopes),
    ("policy", Directive::Policy),
];

// === impl Family ===

impl Family {
    /// Its directives, without `@`.
    pub(crate) fn directives(self) -> &'static [(&'static str, Directive)] {
        match self {
            Self::Connect => CONNECT,
            Self::Bff => BFF,
            Self::Federation => FEDERATION,
        }
    }

    /// Names of its directives, without `@`.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        self.directives().iter().map(|(name, _)| *name)
    }

    /// The directive of that name.
    pub(crate) fn directive(self, name: &str) -> Option<Directive> {
        self.directives()
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, directive)| *directive)
    }
}

// === impl Directive ===

impl Directive {
    /// The feature that must be supported for it, if it is one of those that may be missing.
    pub(crate) fn feature(self) -> Option<Feature> {
        match self {
            Self::CacheControl => Some(Feature::CacheControl),
            Self::CacheTag => Some(Feature::CacheTag),
            Self::Authenticated => Some(Feature::Authenticated),
            Self::RequiresScopes => Some(Feature::RequiresScopes),
            Self::Policy => Some(Feature::Policy),
            _ => None,
        }
    }

    /// Whether its arguments are checked against our definition of it.
    pub(crate) fn is_defined_here(self) -> bool {
        matches!(
            self,
            Self::Source
                | Self::Connect
                | Self::ListSize
                | Self::Cost
                | Self::Resilience
                | Self::Fallback
                | Self::Critical
                | Self::CacheControl
                | Self::CacheTag
                | Self::Authenticated
                | Self::RequiresScopes
                | Self::Policy
        )
    }
}
