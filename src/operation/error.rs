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
    /// It asks for what its caller may not have.
    Unauthorized,
    /// It asks for more than its client may have now.
    OverQuota,
    /// Persisted query: not known here.
    PersistedNotFound,
    /// Persisted queries are not served here.
    PersistedNotSupported,
    /// An id that cannot be one.
    PersistedMalformed,
    /// The hash that was sent is not that of the text.
    PersistedMismatch,
    /// Not an id of the list, and nothing else is served here.
    PersistedNotInList,
    /// A text that is not in the list.
    NotInSafelist,
    /// A text where only ids are served.
    PersistedIdRequired,
    /// A text beside an id where only ids are served.
    PersistedIdAndText,
    /// An operator has switched it off.
    SwitchedOff(SwitchKind),
    /// There is too much to do already.
    Overloaded,
}

/// What an operator can switch off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchKind {
    /// An operation.
    Operation,
    /// A version of a client.
    Client,
    /// All mutations.
    Mutations,
}

/// Which limit was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Document too long.
    DocumentBytes,
    /// Too many tokens.
    Tokens,
    /// Fields nested too deeply.
    Depth,
    /// Too many aliases.
    Aliases,
    /// Too many root fields.
    RootFields,
    /// Too many directives.
    Directives,
    /// Fragments expand to too much, or overlap too much.
    Expansion,
    /// Estimated to cost too much.
    Cost,
    /// Estimated to need too many calls.
    Calls,
    /// A size argument that is not between 1 and its limit.
    ListSize,
    /// A list of the input that is too long.
    InputList,
    /// A string of the input that is too long.
    StringBytes,
}

/// Which limits an operation exceeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exceeded(u16);

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

    /// `__schema` or `__type` where they are not answered.
    #[must_use]
    pub fn introspection_disabled() -> Self {
        Self::new(
            RequestErrorKind::IntrospectionDisabled,
            "Introspection is switched off.",
        )
    }

    /// What limit it is about, if any.
    #[must_use]
    pub fn exceeded(&self) -> Exceeded {
        match self.kind {
            RequestErrorKind::Limit(kind) => Exceeded::of(kind),
            _ => Exceeded::default(),
        }
    }
}

// === impl LimitKind ===

impl LimitKind {
    /// In the order of declaration.
    pub const ALL: [Self; 12] = [
        Self::DocumentBytes,
        Self::Tokens,
        Self::Depth,
        Self::Aliases,
        Self::RootFields,
        Self::Directives,
        Self::Expansion,
        Self::Cost,
        Self::Calls,
        Self::ListSize,
        Self::InputList,
        Self::StringBytes,
    ];

    /// Its key under `limits` of a surface.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::DocumentBytes => "document_bytes",
            Self::Tokens => "tokens",
            Self::Depth => "depth",
            Self::Aliases => "aliases",
            Self::RootFields => "root_fields",
            Self::Directives => "directives",
            Self::Expansion => "expanded_selections",
            Self::Cost => "cost",
            Self::Calls => "calls",
            Self::ListSize => "list_size",
            Self::InputList => "input_list",
            Self::StringBytes => "string_bytes",
        }
    }
}

// === impl Exceeded ===

impl Exceeded {
    /// One limit.
    #[must_use]
    pub fn of(kind: LimitKind) -> Self {
        Self(1 << kind as u16)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = LimitKind> {
        LimitKind::ALL
            .into_iter()
            .filter(move |kind| self.0 & (1 << *kind as u16) != 0)
    }
}
