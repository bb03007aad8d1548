//! What can be wrong with a schema, and where.
//!
//! Used by every file of [`crate::schema`]: a check never stops at the first problem, it adds to [`Problems`].

use std::{fmt, ops::Range};

use super::{files::Files, model::Place};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The schema cannot be served.
    Error,
    /// The schema can be served, but probably does not do what was meant.
    Warning,
}

/// One problem of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which rule is broken.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in plain words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Path of the file, as it was given.
    pub file: String,
    /// Byte range in that file.
    pub span: Range<usize>,
    /// Line of the range's start, from 1.
    pub line: usize,
    /// Column of the range's start in characters, from 1.
    pub column: usize,
    /// A warning of ours: no other reader of the language raises it.
    pub is_advice: bool,
}

/// Collects problems while a schema is checked.
#[derive(Debug)]
pub(crate) struct Problems<'f> {
    files: &'f Files,
    keeps_advice: bool,
    found: Vec<(u32, Problem)>,
}

/// Declares [`Code`] and its texts in one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Which rule a problem breaks; its text is `SCREAMING_CASE`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it is written in reports.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    /// Syntax or ordinary validation of GraphQL.
    GraphqlError = "GRAPHQL_ERROR",
    /// There is no `Query` type.
    MissingSchemaType = "MISSING_SCHEMA_TYPE",
    /// The schema asks for something that this server does not do (yet).
    UnsupportedFeature = "UNSUPPORTED_FEATURE",

    /// What a connector asks of a schema in Rust cannot be checked here.
    LocalNotChecked = "LOCAL_NOT_CHECKED",

    /// A version of the connect specification that is not read here.
    UnknownConnectorsVersion = "UNKNOWN_CONNECTORS_VERSION",
    /// `@connect` is imported, `@source` is not.
    NoSourceImport = "NO_SOURCE_IMPORT",
    /// A connector names a source, and there are none.
    NoSourcesDefined = "NO_SOURCES_DEFINED",
    /// Two sources of one name.
    DuplicateSourceName = "DUPLICATE_SOURCE_NAME",
    /// A character that names of sources may not have.
    InvalidSourceName = "INVALID_SOURCE_NAME",
    /// A source without a name.
    EmptySourceName = "EMPTY_SOURCE_NAME",
    /// A connector names a source that does not exist.
    SourceNameMismatch = "SOURCE_NAME_MISMATCH",
    /// Two connectors of one id.
    DuplicateIdName = "DUPLICATE_ID_NAME",
    /// An id that is not a GraphQL name.
    InvalidConnectorIdName = "INVALID_CONNECTOR_ID_NAME",

    /// A URL that cannot be read.
    InvalidUrl = "INVALID_URL",
    /// A scheme other than http and https.
    InvalidUrlScheme = "INVALID_URL_SCHEME",
    /// `path:` or `queryParams:`.
    InvalidUrlProperty = "INVALID_URL_PROPERTY",
    /// A whole URL beside `source:`.
    AbsoluteConnectUrlWithSource = "ABSOLUTE_CONNECT_URL_WITH_SOURCE",
    /// A part of a URL without `source:`.
    RelativeConnectUrlWithoutSource = "RELATIVE_CONNECT_URL_WITHOUT_SOURCE",
    /// `http:` without a method.
    MissingHttpMethod = "MISSING_HTTP_METHOD",
    /// `http:` with more than one method.
    MultipleHttpMethods = "MULTIPLE_HTTP_METHODS",
    /// One header twice in a list.
    HttpHeaderNameCollision = "HTTP_HEADER_NAME_COLLISION",
    /// A header that cannot be sent, or not this way.
    InvalidHeader = "INVALID_HEADER",
    /// `body:` or `message:`.
    InvalidBody = "INVALID_BODY",

    /// A mapping that cannot be read or cannot work.
    InvalidSelection = "INVALID_SELECTION",
    /// `errors:`.
    InvalidErrorsMessage = "INVALID_ERRORS_MESSAGE",
    /// `isSuccess:`.
    InvalidIsSuccess = "INVALID_IS_SUCCESS",
    /// `$args` of an argument that the field does not have.
    UndefinedArgument = "UNDEFINED_ARGUMENT",
    /// A field or member that does not exist.
    UndefinedField = "UNDEFINED_FIELD",
    /// A list or object where only a scalar fits.
    UnsupportedVariableType = "UNSUPPORTED_VARIABLE_TYPE",

    /// The selection names a field that the type does not have.
    SelectedFieldNotFound = "SELECTED_FIELD_NOT_FOUND",
    /// `{ }` for a field that is a scalar.
    GroupSelectionIsNotObject = "GROUP_SELECTION_IS_NOT_OBJECT",
    /// No `{ }` for a field that is an object.
    GroupSelectionRequiredForObject = "GROUP_SELECTION_REQUIRED_FOR_OBJECT",
    /// A selection that contains its own type (portable files only).
    CircularReference = "CIRCULAR_REFERENCE",
    /// A field with arguments supplied by a selection.
    ConnectorsFieldWithArguments = "CONNECTORS_FIELD_WITH_ARGUMENTS",

    /// A field that nothing supplies.
    ConnectorsUnresolvedField = "CONNECTORS_UNRESOLVED_FIELD",
    /// A `@key` without a connector that reads it.
    MissingEntityConnector = "MISSING_ENTITY_CONNECTOR",
    /// A key that can never be had.
    ConnectorsCannotResolveKey = "CONNECTORS_CANNOT_RESOLVE_KEY",

    /// `entity: true` anywhere but on a field of `Query`.
    EntityNotOnRootQuery = "ENTITY_NOT_ON_ROOT_QUERY",
    /// Arguments that are not fields of the entity.
    EntityResolverArgumentMismatch = "ENTITY_RESOLVER_ARGUMENT_MISMATCH",
    /// An entity that is a list, a scalar or non-null.
    EntityTypeInvalid = "ENTITY_TYPE_INVALID",
    /// `entity: false` on a type.
    ConnectOnTypeMustBeEntity = "CONNECT_ON_TYPE_MUST_BE_ENTITY",
    /// `@connect` on `Query` or `Mutation`.
    ConnectOnRoot = "CONNECT_ON_ROOT",
    /// `$batch` and `$this` in one connector.
    ConnectBatchAndThis = "CONNECT_BATCH_AND_THIS",
    /// The answer of a batch does not say which element is which.
    ConnectorsBatchKeyNotInSelection = "CONNECTORS_BATCH_KEY_NOT_IN_SELECTION",
    /// A nested key of `$batch`.
    ConnectorsNonRootBatchKey = "CONNECTORS_NON_ROOT_BATCH_KEY",

    /// A `Subscription` type.
    SubscriptionInConnectors = "SUBSCRIPTION_IN_CONNECTORS",
    /// Interfaces and unions before 0.4, and connectors on them.
    ConnectorsUnsupportedAbstractType = "CONNECTORS_UNSUPPORTED_ABSTRACT_TYPE",
    /// A federation directive that needs a federation planner.
    ConnectorsUnsupportedFederationDirective = "CONNECTORS_UNSUPPORTED_FEDERATION_DIRECTIVE",
    /// `@override` beside `@connect`.
    OverrideOnConnector = "OVERRIDE_ON_CONNECTOR",

    /// No `http:` before 0.4.
    HttpOmittedRequiresV0_4 = "HTTP_OMITTED_REQUIRES_V0_4",
    /// A connector without a request reads an answer.
    RequestlessSelectionUsesRequestData = "REQUESTLESS_SELECTION_USES_REQUEST_DATA",

    /// Something that other readers of the language do not have (portable files only).
    NotPortable = "NOT_PORTABLE",
    /// A connector that is called once for each object, where one call could answer for all (advice).
    NPlusOne = "N_PLUS_ONE",
    /// A list of objects of which nothing says how long it is (advice).
    UnboundedList = "UNBOUNDED_LIST",
    /// A source that no connector names (advice).
    UnusedSource = "UNUSED_SOURCE",
    /// A connector that is never chosen, because one before it supplies the same (advice).
    EqualCover = "EQUAL_COVER",
}

// === impl Code ===

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Severity ===

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

// === impl Problem ===

impl Problem {
    /// A file that is no use as a whole.
    #[must_use]
    pub fn of_file(file: &str, message: &str) -> Self {
        Self {
            code: Code::GraphqlError,
            severity: Severity::Error,
            message: message.to_owned(),
            hint: None,
            file: file.to_owned(),
            span: 0..0,
            line: 1,
            column: 1,
            is_advice: false,
        }
    }

    /// Says what to do about it.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, when there is something to say.
    pub(crate) fn maybe_hint(&mut self, hint: Option<String>) -> &mut Self {
        if hint.is_some() {
            self.hint = hint;
        }
        self
    }

    /// Lowers it to a warning of ours.
    pub(crate) fn advice(&mut self) -> &mut Self {
        self.is_advice = true;
        self.warning()
    }

    /// Lowers it to a warning.
    pub(crate) fn warning(&mut self) -> &mut Self {
        self.severity = Severity::Warning;
        self
    }
}

// === impl Problems ===

impl<'f> Problems<'f> {
    pub(crate) fn new(files: &'f Files) -> Self {
        Self {
            files,
            keeps_advice: true,
            found: Vec::new(),
        }
    }

    /// The files under check.
    pub(crate) fn files(&self) -> &'f Files {
        self.files
    }

    /// Adds an error.
    pub(crate) fn error(&mut self, code: Code, place: &Place, message: impl Into<String>) -> &mut Problem {
        let (line, column) = self.files.line_column(place);
        let problem = Problem {
            code,
            severity: Severity::Error,
            message: message.into(),
            hint: None,
            file: self.files.path(place).to_owned(),
            span: place.span.clone(),
            line,
            column,
            is_advice: false,
        };
        self.found.push((place.file, problem));
        &mut self.found.last_mut().expect("one was just pushed").1
    }

    /// Whether advice is told, or forgotten in the end.
    pub(crate) fn keep_advice(&mut self, keeps_advice: bool) {
        self.keeps_advice = keeps_advice;
    }

    /// Whether an error was found so far.
    pub(crate) fn any_error(&self) -> bool {
        self.found
            .iter()
            .any(|(_, problem)| problem.severity == Severity::Error)
    }

    /// Adds advice.
    pub(crate) fn advice(&mut self, code: Code, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.error(code, place, message).advice()
    }

    /// How many problems were found so far.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// All problems by file and position, each once.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        if !self.keeps_advice {
            self.found.retain(|(_, problem)| !problem.is_advice);
        }
        self.found
            .sort_by_key(|(file, problem)| (*file, problem.span.start, problem.span.end, problem.code));
        self.found.dedup();
        self.found.into_iter().map(|(_, problem)| problem).collect()
    }
}
