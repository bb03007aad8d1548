//! What the later stages know of a schema: types by number, who supplies each field, and how it is called.

use std::{collections::HashMap, ops::Range, sync::Arc};

use apollo_compiler::{Schema, validation::Valid};
use switchboard_clients::proto::{MessageDescriptor, Method as GrpcMethod};

pub use self::resilience::{Breaker, Resilience, Retry};
pub use super::fault::{Fault, Faults};
pub use super::local::{LocalArgument, LocalField, LocalOperation, LocalTypes};
pub use crate::mapping::KeyTree;
use crate::mapping::{OutputTree, Selection, Spec};

mod resilience;

/// Index into [`Surface::types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// Index into [`Surface::sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Index into [`Surface::connectors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectorId(pub u32);

/// Index into [`Surface::accesses`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessId(pub u16);

/// One checked schema: everything in it is bound, nothing in it is about a request.
#[derive(Debug)]
pub struct Surface {
    /// `mobile`, `web` …
    pub name: Arc<str>,
    /// The public schema (no directives of ours): what operations are validated against.
    pub schema: Arc<Valid<Schema>>,
    /// All types, public ones only.
    pub types: Vec<Type>,
    /// Type by name.
    pub type_ids: HashMap<String, TypeId>,
    /// Root types.
    pub query: TypeId,
    /// Root type of mutations, if there is one.
    pub mutation: Option<TypeId>,
    /// Whether the files link our own additions; what only they ask for is off without.
    pub has_additions: bool,
    /// Sources in order of declaration.
    pub sources: Vec<Source>,
    /// Connectors in order of declaration.
    pub connectors: Vec<Connector>,
    /// What is asked of callers somewhere, each once.
    pub accesses: Vec<Access>,
    /// The rules that those name.
    pub policies: Vec<Policy>,
}

/// What is asked of a caller: all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// At least one.
    pub conditions: Vec<Condition>,
}

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `@authenticated`.
    Authenticated,
    /// `@requiresScopes`: all of one of these.
    Scopes(Vec<Vec<Arc<str>>>),
    /// `@policy`: all of one of these, as indexes into [`Surface::policies`].
    Policies(Vec<Vec<u16>>),
}

/// A rule of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What must be true; without one it never is.
    pub rule: Option<Arc<Selection>>,
    /// Whether it reads `$args`.
    pub reads_args: bool,
    /// What it reads of `$this`.
    pub this: Option<KeyTree>,
    /// Whether what it refuses is as if there were nothing.
    pub is_absent: bool,
}

/// A type.
#[derive(Debug)]
pub struct Type {
    /// Its name.
    pub name: Arc<str>,
    /// Its kind and what goes with it.
    pub kind: TypeKind,
    /// Type connectors ([`Kind::Entity`], [`Kind::Batch`]) and entity resolvers on `Query` that can supply objects of this type,
    /// in order of declaration.
    pub suppliers: Vec<ConnectorId>,
    /// For abstract types: the object types it may be; for object types: itself.
    pub possible: Vec<TypeId>,
    /// `@cost(weight:)`.
    pub cost: Option<u32>,
    /// What is asked of whoever comes to an object of this type.
    pub access: Option<AccessId>,
    /// What `@cacheControl` says of fields that give it.
    pub cache: CacheHint,
}

/// Kind of a type.
#[derive(Debug)]
pub enum TypeKind {
    /// Built-in scalars are coerced by the specification's rules; others are passed through.
    Scalar(Scalar),
    /// Allowed values.
    Enum(Vec<Arc<str>>),
    /// Fields in order of declaration.
    Object(Vec<Field>),
    /// Fields in order of declaration.
    Interface(Vec<Field>),
    /// A union.
    Union,
    /// Input objects are handled by validation and coercion only.
    Input,
}

/// Which scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// 32-bit integer.
    Int,
    /// 64-bit float.
    Float,
    /// Text.
    String,
    /// true or false.
    Boolean,
    /// Identifier; always text in an answer.
    Id,
    /// Custom: any JSON.
    Custom,
}

/// A field of an object or interface type.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: FieldType,
    /// Names of its arguments.
    pub arguments: Vec<Arc<str>>,
    /// Its own connectors, in order.
    pub connectors: Vec<ConnectorId>,
    /// How long its list is: by `@listSize`, else by arguments whose names say that they mean it.
    pub list_size: Option<ListSize>,
    /// `@cost(weight:)`.
    pub cost: Option<u32>,
    /// What is asked of whoever asks for it.
    pub access: Option<AccessId>,
    /// `@cost(weight:)` of its arguments.
    pub argument_costs: Vec<(Arc<str>, u32)>,
    /// `@fallback`.
    pub fallback: Option<Arc<Fallback>>,
    /// `@critical`: its failure fails the whole request.
    pub is_critical: bool,
    /// What `@cacheControl` says of it.
    pub cache: CacheHint,
    /// That it is deprecated.
    pub deprecated: Option<Deprecated>,
    /// Which of its arguments are; only such as have no default, which nobody can be said to use.
    pub deprecated_arguments: Vec<(Arc<str>, Deprecated)>,
}

/// `@fallback` of a field: what it is worth when the call that supplies it fails.
#[derive(Debug)]
pub struct Fallback {
    /// Makes the value.
    pub selection: Mapping,
    /// For which failures.
    pub on: Faults,
    /// `$this` paths that it reads; without any, nothing is read.
    pub this_reads: KeyTree,
}

/// `@cacheControl` as it stands at a field or type: what clients and caches before us may do with an answer that has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheHint {
    /// Seconds.
    pub max_age: Option<u32>,
    /// Whether only the caller it was made for may have it, if that is said.
    pub is_private: Option<bool>,
    /// Whether it is as good as what it is part of.
    pub inherits: bool,
}

/// `@deprecated`, with the dates that its reason has. Seconds since 1970, the beginning of a day in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deprecated {
    /// Since when.
    pub since: Option<u64>,
    /// When it is to be removed.
    pub sunset: Option<u64>,
}

/// A type with its list and non-null wrappers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldType {
    /// The named type.
    pub named: TypeId,
    /// Outermost first: one entry a list level, then one for the named type itself; `true` = non-null. `[T!]` is
    /// `[false, true]`, `T` is `[false]`.
    pub non_null: Vec<bool>,
}

/// How long the list of a field is.
#[derive(Debug, Clone, Default)]
pub struct ListSize {
    /// Expected length when nothing says otherwise.
    pub assumed_size: Option<u32>,
    /// Arguments that set the length.
    pub slicing_arguments: Vec<SlicingArgument>,
    /// Paths of names from the returned object to the lists that are meant; without any, the field's own list.
    pub sized_fields: Vec<Vec<Arc<str>>>,
    /// Whether exactly one slicing argument must be given.
    pub require_one_slicing_argument: bool,
    /// The largest value that the field itself asks for: its assumed size, and the defaults of its slicing arguments.
    pub largest: Option<u32>,
}

/// An argument that sets the length of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicingArgument {
    /// Its name; more names go into input objects.
    pub path: Vec<Arc<str>>,
    /// Whether it has a value when nobody gives one.
    pub has_default: bool,
}

/// A backend.
#[derive(Debug)]
pub struct Source {
    /// Its name.
    pub name: Arc<str>,
    /// Its transport with what all of its calls share.
    pub transport: SourceTransport,
    /// Error mapping for connectors that have none.
    pub errors: ErrorMapping,
    /// Success rule for connectors that have none.
    pub is_success: Option<Mapping>,
    /// What `@resilience` says of it.
    pub resilience: Option<Resilience>,
    /// Where it was declared.
    pub place: Place,
}

/// Transport of a source.
#[derive(Debug)]
pub enum SourceTransport {
    /// REST.
    Http {
        /// `baseURL`; expressions over `$config` and `$env` only.
        base_url: Template,
        /// `path:`.
        path: Option<Mapping>,
        /// `queryParams:`.
        query: Option<Mapping>,
        /// Headers of every call.
        headers: Vec<Header>,
    },
    /// gRPC.
    Grpc {
        /// `http://host:port` or `https://…`; expressions over `$config` and `$env` only.
        address: Template,
        /// Metadata of every call.
        metadata: Vec<Header>,
    },
    /// A schema in this process.
    Local {
        /// The name that it is mounted by.
        schema: Arc<str>,
    },
}

/// Text with `{expression}` parts.
#[derive(Debug, Clone)]
pub struct Template {
    /// In order.
    pub parts: Vec<TemplatePart>,
    /// Where it stands.
    pub place: Place,
}

/// A part of a template.
#[derive(Debug, Clone)]
pub enum TemplatePart {
    /// As written.
    Text(String),
    /// `{expression}`.
    Expr(Mapping),
}

/// A parsed mapping with its place.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The parsed mapping.
    pub selection: Arc<Selection>,
    /// By which version's rules.
    pub spec: Spec,
    /// Where it stands.
    pub place: Place,
}

/// One header or metadata entry.
#[derive(Debug, Clone)]
pub struct Header {
    /// Lower case.
    pub name: http::HeaderName,
    /// Where the value comes from.
    pub value: HeaderValue,
}

/// Where a header's value comes from.
#[derive(Debug, Clone)]
pub enum HeaderValue {
    /// Every value of that header of the client.
    From(http::HeaderName),
    /// A template.
    Value(Template),
}

/// `errors:` of a source or connector.
#[derive(Debug, Clone, Default)]
pub struct ErrorMapping {
    /// `message:`.
    pub message: Option<Mapping>,
    /// `extensions:`.
    pub extensions: Option<Mapping>,
}

/// One `@connect`.
#[derive(Debug)]
pub struct Connector {
    /// `Query.user`, `Product`; with `[n]` behind it when several stand at one place.
    pub coordinate: Arc<str>,
    /// What it supplies.
    pub site: Site,
    /// How it is keyed and called.
    pub kind: Kind,
    /// Its source; `None` for absolute URLs and mapping-only connectors.
    pub source: Option<SourceId>,
    /// What is sent.
    pub request: ConnectRequest,
    /// What is made of the answer.
    pub selection: Mapping,
    /// What names the selection can supply: [`tree::output`](crate::mapping::tree::output) of it, made once.
    pub output: OutputTree,
    /// Own success rule.
    pub is_success: Option<Mapping>,
    /// Own error mapping.
    pub errors: ErrorMapping,
    /// `batch.maxSize`.
    pub max_size: Option<u32>,
    /// `batch.groupBy`: for each part of the key, in the order of [`Self::batch_reads`] walked depth first, the path of
    /// output names in a produced item that holds it. `groupBy: "id: userId"` with `$batch.id` is `[["userId"]]`.
    pub group_by_paths: Vec<Vec<Arc<str>>>,
    /// `batch.notFound: ERROR`.
    pub not_found_is_error: bool,
    /// `$this` paths read by request, selection, errors and isSuccess; without any, nothing is read.
    pub this_reads: KeyTree,
    /// `$batch` paths read; without any, nothing is read.
    pub batch_reads: KeyTree,
    /// What `@cacheControl` says of its answers.
    pub cache: Option<CachePolicy>,
    /// What `@resilience` says of it: limits beside those of its source.
    pub resilience: Option<Resilience>,
    /// Where it was declared.
    pub place: Place,
}

// === impl Connector ===

impl Connector {
    /// Whether it is one of those of a field, as `Type.field`.
    #[must_use]
    pub fn is_of_field(&self, field: &str) -> bool {
        let is_numbered = || {
            let rest = self.coordinate.strip_prefix(field);
            rest.is_some_and(|rest| rest.starts_with('['))
        };
        matches!(self.site, Site::Field(..)) && (*self.coordinate == *field || is_numbered())
    }
}

/// `@cacheControl` of a connector's answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CachePolicy {
    /// Seconds that an answer is fresh; unsaid: as long as the source says.
    pub max_age: Option<u32>,
    /// Seconds beyond in which it is served while a new one is fetched.
    pub stale_while_revalidate: Option<u32>,
    /// Seconds beyond in which it is served when the source fails.
    pub stale_if_error: Option<u32>,
    /// Whether only the caller it was made for may have it, if that is said.
    pub is_private: Option<bool>,
}

/// What a connector supplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// A field: type and index in its fields.
    Field(TypeId, u32),
    /// All fields of a type that its selection names.
    Type(TypeId),
}

/// How a connector is keyed and called (DIALECT §1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Query or Mutation field without `entity`: once per field and alias.
    Root,
    /// Query field with `entity: true`: as root when asked for, and once per missing object of its type, keyed by its arguments.
    EntityField,
    /// Field of another object, reading `$this`: once per distinct key and arguments.
    Field,
    /// Field of another object, reading `$batch` with `groupBy`: once per level.
    FieldBatch,
    /// Type connector reading `$this`: once per missing object.
    Entity,
    /// Type connector reading `$batch`: once per level.
    Batch,
}

/// What a connector sends.
#[derive(Debug)]
pub enum ConnectRequest {
    /// Mapping-only: nothing.
    None,
    /// REST.
    Http {
        /// The method.
        method: http::Method,
        /// The URL template: relative to the source, or absolute without one.
        url: Template,
        /// `path:`.
        path: Option<Mapping>,
        /// `queryParams:`.
        query: Option<Mapping>,
        /// Own headers.
        headers: Vec<Header>,
        /// `body:`.
        body: Option<Mapping>,
    },
    /// gRPC.
    Grpc {
        /// The method with its message types.
        method: GrpcMethod,
        /// `message:`; absent: the empty message.
        message: Option<Mapping>,
        /// Own metadata.
        metadata: Vec<Header>,
    },
    /// A root field of a schema in this process.
    Local {
        /// Which one.
        field: LocalField,
        /// `args:`.
        args: Option<Mapping>,
    },
}

/// A place in a schema file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Index into the list of files that were loaded.
    pub file: u32,
    /// Byte range in that file.
    pub span: Range<usize>,
}

/// The message type of a gRPC answer, for readers of it.
pub type AnswerMessage = MessageDescriptor;
