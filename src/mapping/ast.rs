//! What a parsed mapping is. Every node knows its byte range in the mapping's text, for error messages.

use std::{fmt, ops::Range};

/// Byte range within the mapping's text.
pub type Span = Range<u32>;

/// The version of the published language a file links; decides a few rules of the grammar (DIALECT §1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spec {
    /// `connect/v0.2`, and 0.1 read as 0.2.
    V0_2,
    /// `connect/v0.3`.
    V0_3,
    /// `connect/v0.4`.
    V0_4,
}

/// A whole mapping: one value, or a list of fields that make an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// A single value, e.g. `$.data->first` or `"text"`. A path with a `{}` tail alone (`$.orders { id }`) is
    /// a value too.
    Value(Expr),
    /// `id name: full_name …`: an object built from the input.
    Fields(Block),
}

/// The inside of `{ }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// In written order.
    pub items: Vec<Item>,
    /// From the opening to the closing brace; the whole text at the top.
    pub span: Span,
}

/// One entry of a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `alias: value`, or a lone key (`id`, `meta { page }`), which is the path of that key under its own name.
    Named {
        /// The name in the output.
        name: Key,
        /// What it is.
        value: Expr,
    },
    /// `...path`, or a longer path with a `{}` tail and no alias: the object's keys are merged in.
    Spread {
        /// What is merged in.
        value: Expr,
        /// Whether `...` was written.
        explicit: bool,
    },
}

/// A key or name as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Without quotes, escapes resolved.
    pub text: String,
    /// Whether it was written in quotes.
    pub quoted: bool,
    /// Where.
    pub span: Span,
}

/// Something with a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `"text"`, `1.5`, `true`, `null`.
    Literal(serde_json::Value, Span),
    /// `[a, b]`.
    Array(Vec<Expr>, Span),
    /// `{ … }` in value position. In 0.4 the one grammar of blocks: keys are paths from `$`. Up to 0.3 only
    /// inside `$( )` and arguments, with commas. Never rebinds `$`.
    Object(Block),
    /// A path.
    Path(Path),
    /// `a ?? b ?? c` or `a ?! b`; never mixed.
    Chain(Fallback, Vec<Expr>, Span),
}

/// Which values a chain skips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// `??`: null and missing.
    NullOrMissing,
    /// `?!`: only missing.
    Missing,
}

/// `head step step …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Where it starts.
    pub head: Head,
    /// What is done to it, in order.
    pub steps: Vec<Step>,
    /// The whole path.
    pub span: Span,
}

/// Where a path starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// `$`: the value of the closest enclosing block.
    Root,
    /// `@`: the value the method is applied to.
    At,
    /// `$args`, `$this`, or a name bound by `->as`. Without the `$`.
    Variable(Key),
    /// A bare key: `$.key`. Never a quoted one, nor `true`, `false`, `null`, whose meaning depends on the version:
    /// those are read as [`Head::Root`] with a [`Step::Key`], which is the same value.
    Key(Key),
    /// `$( value )`, or a literal followed by steps.
    Expr(Box<Expr>),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `.key`; maps over arrays.
    Key(Key),
    /// `->name(args)`.
    Method {
        /// The method's name.
        name: Key,
        /// `None` when written without parentheses.
        args: Option<Vec<Expr>>,
        /// From the arrow to the closing parenthesis.
        span: Span,
    },
    /// `?`: null becomes missing, and what is absent is not noted.
    Optional(Span),
    /// A `{ … }` tail; always the last step. Maps over arrays, rebinds `$`.
    Select(Block),
}

// === impl Spec ===

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_2 => "connect/v0.2",
            Self::V0_3 => "connect/v0.3",
            Self::V0_4 => "connect/v0.4",
        })
    }
}

// === impl Expr ===

impl Expr {
    /// Where the expression stands in the mapping's text.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Literal(_, span) | Self::Array(_, span) | Self::Chain(_, _, span) => span.clone(),
            Self::Object(block) => block.span.clone(),
            Self::Path(path) => path.span.clone(),
        }
    }
}
