//! The places where a mapping may stand, and what each accepts.

use apollo_compiler::{Schema, ast::FieldDefinition};

use super::{
    model::{KeyTree, Place},
    problem::Code,
    shape::Kinds,
};
use crate::mapping::Spec;

/// A place where a mapping or template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `baseURL:`, `address:`.
    BaseUrl,
    /// The URL of a connector.
    Url,
    /// `path:`.
    Path,
    /// `queryParams:`.
    Query,
    /// `headers:`, `metadata:`.
    Header,
    /// `body:`, `message:`.
    Body,
    /// `args:` of a local field.
    Args,
    /// `selection:`.
    Selection,
    /// `errors.message:`.
    ErrorsMessage,
    /// `errors.extensions:`.
    ErrorsExtensions,
    /// `isSuccess:`.
    IsSuccess,
    /// `batch.groupBy:`.
    GroupBy,
    /// `selection:` of a `@fallback`, and what its field can be completed from.
    Fallback(Kinds),
}

/// What a mapping is written for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'a> {
    /// A `@source`.
    Source,
    /// A `@connect` on a field.
    Field {
        parent: &'a str,
        field: &'a FieldDefinition,
        is_root: bool,
    },
    /// A `@connect` on a type.
    Type(&'a str),
}

/// What the mappings of one source or connector may use, and what they were seen to read.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub schema: &'a Schema,
    pub spec: Spec,
    pub owner: Owner<'a>,
    /// Mapping-only: there is no answer to read.
    pub is_requestless: bool,
    /// `batch.groupBy` is given: `$batch` on a field.
    pub groups: bool,
    pub is_grpc: bool,
    pub is_local: bool,
    /// Keys read from `$this`.
    pub this_reads: KeyTree,
    /// Keys read from `$batch`.
    pub batch_reads: KeyTree,
    /// Where keys of keys are read from `$batch`, and how that is written.
    pub nested_batch_reads: Vec<(String, Place)>,
}

// === impl Part ===

impl Part {
    /// The code of problems inside it.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::BaseUrl | Self::Url => Code::InvalidUrl,
            Self::Path | Self::Query => Code::InvalidUrlProperty,
            Self::Header => Code::InvalidHeader,
            Self::Body | Self::Args => Code::InvalidBody,
            Self::Selection | Self::GroupBy | Self::Fallback(_) => Code::InvalidSelection,
            Self::ErrorsMessage | Self::ErrorsExtensions => Code::InvalidErrorsMessage,
            Self::IsSuccess => Code::InvalidIsSuccess,
        }
    }

    /// How messages call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BaseUrl => "the base URL",
            Self::Url => "a URL",
            Self::Path => "`path`",
            Self::Query => "`queryParams`",
            Self::Header => "a header",
            Self::Body => "the body",
            Self::Args => "`args`",
            Self::Selection => "`selection`",
            Self::ErrorsMessage => "`errors.message`",
            Self::ErrorsExtensions => "`errors.extensions`",
            Self::IsSuccess => "`isSuccess`",
            Self::GroupBy => "`groupBy`",
            Self::Fallback(_) => "a fallback",
        }
    }

    /// Which kinds of values can be used there.
    pub(crate) fn accepts(self) -> Kinds {
        match self {
            Self::BaseUrl | Self::Url | Self::Header => Kinds::SCALAR,
            Self::Path => Kinds::ARRAY | Kinds::NULL,
            Self::Query | Self::Args | Self::ErrorsExtensions => Kinds::OBJECT | Kinds::NULL,
            Self::GroupBy => Kinds::OBJECT,
            Self::ErrorsMessage => Kinds::TEXT | Kinds::NULL,
            Self::IsSuccess => Kinds::BOOL,
            Self::Body | Self::Selection => Kinds::ANY,
            Self::Fallback(kinds) => kinds,
        }
    }

    /// Whether it runs on an answer: `$` and plain keys are values of it.
    pub(crate) fn has_input(self) -> bool {
        matches!(
            self,
            Self::Selection | Self::ErrorsMessage | Self::ErrorsExtensions | Self::IsSuccess | Self::GroupBy
        )
    }
}

// === impl Scope ===

impl<'a> Scope<'a> {
    /// A scope for the mappings of a `@source`.
    pub(crate) fn of_source(schema: &'a Schema, spec: Spec) -> Self {
        Self::new(schema, spec, Owner::Source)
    }

    pub(crate) fn new(schema: &'a Schema, spec: Spec, owner: Owner<'a>) -> Self {
        Self {
            schema,
            spec,
            owner,
            is_requestless: false,
            groups: false,
            is_grpc: false,
            is_local: false,
            this_reads: KeyTree::default(),
            batch_reads: KeyTree::default(),
            nested_batch_reads: Vec::new(),
        }
    }

    /// The variables that may be used in a part (DIALECT §1.8).
    pub(crate) fn variables(&self, part: Part) -> Vec<&'static str> {
        let mut names = vec!["config", "env"];
        if part == Part::BaseUrl {
            return names;
        }
        if let (Part::Fallback(_), Owner::Field { is_root, .. }) = (part, self.owner) {
            let this = if is_root { None } else { Some("this") };
            return ["args", "config", "context", "error"].into_iter().chain(this).collect();
        }
        match self.owner {
            Owner::Source => {}
            Owner::Field { is_root, .. } => {
                names.push("args");
                if !is_root && part != Part::GroupBy {
                    names.push("this");
                }
                if self.groups && part != Part::GroupBy {
                    names.push("batch");
                }
            }
            Owner::Type(_) => names.extend(["this", "batch"]),
        }
        if part != Part::GroupBy {
            names.extend(["request", "context"]);
        }
        if part.has_input() && part != Part::GroupBy && !self.is_requestless {
            names.extend(["status", "response"]);
        }
        names
    }
}
