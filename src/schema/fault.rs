//! How a call fails, in the words of the dialect (`FailureKind`).

/// A kind of failure that a schema can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Unavailable,
    /// Not called: its breaker is open.
    CircuitOpen,
    /// Not called: too many calls are under way.
    Limited,
    /// Status 4xx.
    Http4xx,
    /// Status 5xx.
    Http5xx,
    /// A gRPC code other than 0.
    GrpcStatus,
    /// An answer that cannot be read.
    InvalidResponse,
    /// A batch lacks the object, or the source says 404 or gRPC NOT_FOUND.
    NotFound,
}

/// Some kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults(u16);

// === impl Fault ===

impl Fault {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Timeout,
        Self::Unavailable,
        Self::CircuitOpen,
        Self::Limited,
        Self::Http4xx,
        Self::Http5xx,
        Self::GrpcStatus,
        Self::InvalidResponse,
        Self::NotFound,
    ];

    /// As schemas and answers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "TIMEOUT",
            Self::Unavailable => "UNAVAILABLE",
            Self::CircuitOpen => "CIRCUIT_OPEN",
            Self::Limited => "LIMITED",
            Self::Http4xx => "HTTP_4XX",
            Self::Http5xx => "HTTP_5XX",
            Self::GrpcStatus => "GRPC_STATUS",
            Self::InvalidResponse => "INVALID_RESPONSE",
            Self::NotFound => "NOT_FOUND",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == name)
    }
}

// === impl Faults ===

impl Faults {
    /// Every kind.
    pub const ALL: Self = Self(u16::MAX);

    /// Whether any of `others` is among them.
    #[must_use]
    pub const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        Self(faults.into_iter().fold(0, |set, fault| set | 1 << fault as u16))
    }
}
