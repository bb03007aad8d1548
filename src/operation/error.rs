//! Why a request is refused before anything is executed.

/// A refused request: the answer has no `data`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", errors.first().map_or("refused", |error| error.message.as_str()))]
pub struct RequestError {
    /// Decides code and status.
    pub kind: RequestErrorKind,
    /// What the client is told; at least one.
    pub errors: Vec<RequestErrorDetail>,
}

/// One complaint.
#[derive(Debug, Clone)]
pub struct RequestErrorDetail {
    /// In plain words.
    pub message: String,
    /// Line and column in the document, from 1.
    pub location: Option<(u32, u32)>,
}

/// What was wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestErrorKind {
    /// Neither a text nor an id.
    NoDocument,
    /// The text is not GraphQL.
    Syntax,
    /// The document is not valid for the schema.
    Validation,
    /// No such operation, or several and no name.
    OperationChoice,
    /// A variable or argument value that does not fit.
    BadInput,
    /// A mutation where only queries may run.
    MutationNotAllowed,
    /// Introspection is switched off.
    IntrospectionDisabled,
    /// Larger or deeper than allowed: which limit.
    Limit(LimitKind),
    /// Persisted query: not known here.
    PersistedNotFound,
    /// Persisted queries are not served here.
    PersistedNotSupported,
}

/// Which limit was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Document too long, or too many tokens.
    Size,
    /// Fields nested too deeply.
    Depth,
    /// Too many aliases.
    Aliases,
    /// Too many root fields.
    RootFields,
    /// Too many directives.
    Directives,
    /// Fragments expand to too much.
    Expansion,
}

// === impl RequestError ===

impl RequestError {
    /// One complaint without a place.
    #[must_use]
    pub fn new(kind: RequestErrorKind, message: impl Into<String>) -> Self {
        Self::at(kind, message, None)
    }

    /// One complaint with a place.
    #[must_use]
    pub fn at(kind: RequestErrorKind, message: impl Into<String>, location: Option<(u32, u32)>) -> Self {
        Self {
            kind,
            errors: vec![RequestErrorDetail {
                message: message.into(),
                location,
            }],
        }
    }
}
