//! How much an operation may ask for: the figures, and what happens beyond them.

use super::{
    RequestError, RequestErrorKind,
    error::{Exceeded, LimitKind},
};

/// Bounds on operations (see `limits` in switchboard.yaml). 0 switches one off.
#[derive(Debug, Clone)]
pub struct Limits {
    /// What happens beyond a limit.
    pub mode: LimitMode,
    /// Bytes of a document.
    pub document_bytes: usize,
    /// Tokens of a document.
    pub tokens: usize,
    /// Nesting at parse: braces, brackets and parentheses within each other.
    pub nesting: usize,
    /// Fields within each other.
    pub depth: u64,
    /// Aliases, fragments expanded.
    pub aliases: u64,
    /// Fields of the operation's root, fragments expanded.
    pub root_fields: u64,
    /// Directives in the document.
    pub directives: u64,
    /// Selections, fragments expanded.
    pub expanded_selections: u64,
    /// Estimated cost.
    pub cost: u64,
    /// Calls to sources, in the worst case.
    pub calls: u64,
    /// Largest value of a size argument whose field says nothing else.
    pub list_size: u64,
    /// Elements of a list in variables and arguments.
    pub input_list: usize,
    /// Bytes of a string in variables and arguments.
    pub string_bytes: usize,
    /// How many errors of one document are told.
    pub errors: usize,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
}

/// What happens when an operation exceeds a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LimitMode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is counted and answered. What protects the server itself refuses all the same: the size of a document, its nesting, and
    /// what its fragments expand to.
    Measure,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            mode: LimitMode::Enforce,
            document_bytes: 64 * 1024,
            tokens: 5_000,
            nesting: 64,
            depth: 15,
            aliases: 50,
            root_fields: 20,
            directives: 20,
            expanded_selections: 10_000,
            cost: 1_000,
            calls: 1_000,
            list_size: 100,
            input_list: 250,
            string_bytes: 16 * 1024,
            errors: 20,
            introspection: true,
        }
    }
}

impl Limits {
    /// How many errors of one document or request are told.
    #[must_use]
    pub fn errors_told(&self) -> usize {
        if self.errors == 0 { ERRORS_CEILING } else { self.errors }
    }

    /// What an exceeded limit leads to: the error, or, where limits are only measured, a note.
    ///
    /// # Errors
    /// Limits are enforced.
    pub fn over(&self, error: RequestError) -> Result<Exceeded, RequestError> {
        match self.mode {
            LimitMode::Enforce => Err(error),
            LimitMode::Measure => Ok(error.exceeded()),
        }
    }
}

/// Errors told where the number is not limited.
const ERRORS_CEILING: usize = 1_000;

/// Compares a count with its limit; 0 = no limit.
pub(super) fn within(what: &str, count: u64, limit: u64, kind: LimitKind) -> Result<(), RequestError> {
    if limit == 0 || count <= limit {
        return Ok(());
    }
    Err(RequestError::new(
        RequestErrorKind::Limit(kind),
        format!("The operation has {count} {what}; at most {limit} are allowed."),
    ))
}
