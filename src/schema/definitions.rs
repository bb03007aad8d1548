//! Definitions of the directives that schemas use without declaring them.
//!
//! They are added, hidden, to what is validated by the rules of GraphQL, so that a wrong argument is found there. Texts
//! are `String`: what is in them is checked by [`super::connect`].

use super::{
    directive::{Directive, Family},
    link::Links,
};

/// Prefix of hidden types: a name that schemas do not use.
pub(crate) const PREFIX: &str = "connect__";

/// A directive as `(directive, arguments and places)`.
const DIRECTIVES: &[(Directive, &str)] = &[
    (
        Directive::Source,
        "(name: String!, http: connect__SourceHTTP, grpc: connect__SourceGRPC, local: connect__SourceLocal, \
         errors: connect__ConnectorErrors, isSuccess: String) repeatable on SCHEMA",
    ),
    (
        Directive::Connect,
        "(source: String, id: String, http: connect__ConnectHTTP, grpc: connect__ConnectGRPC, \
         local: connect__ConnectLocal, batch: connect__ConnectBatch, errors: connect__ConnectorErrors, \
         isSuccess: String, selection: String!, entity: Boolean) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE",
    ),
    (
        Directive::ListSize,
        "(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], \
         requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION",
    ),
    (
        Directive::Cost,
        "(weight: connect__Weight!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR",
    ),
    (
        Directive::Resilience,
        "(source: String, timeout: String, retry: connect__Retry, breaker: connect__Breaker, maxConcurrent: Int) \
         repeatable on SCHEMA | FIELD_DEFINITION | OBJECT",
    ),
    (
        Directive::Fallback,
        "(selection: String!, on: [connect__FailureKind!]) on FIELD_DEFINITION",
    ),
    (Directive::Critical, " on FIELD_DEFINITION"),
    (
        Directive::CacheControl,
        "(maxAge: Int, scope: connect__CacheControlScope, inheritMaxAge: Boolean, staleWhileRevalidate: Int, \
         staleIfError: Int) on FIELD_DEFINITION | OBJECT | INTERFACE | UNION",
    ),
    (
        Directive::CacheTag,
        "(format: String!) repeatable on FIELD_DEFINITION | OBJECT",
    ),
    (
        Directive::Authenticated,
        " on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM",
    ),
    (
        Directive::RequiresScopes,
        "(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM",
    ),
    (
        Directive::Policy,
        "(policies: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM",
    ),
];

const TYPES: &str = "
input connect__SourceHTTP { baseURL: String! headers: [connect__HTTPHeaderMapping!] path: String queryParams: String }
input connect__ConnectHTTP {
  GET: String POST: String PUT: String PATCH: String DELETE: String
  body: String headers: [connect__HTTPHeaderMapping!] path: String queryParams: String
}
input connect__HTTPHeaderMapping { name: String! from: String value: String }
input connect__ConnectorErrors { message: String extensions: String }
input connect__ConnectBatch { maxSize: Int groupBy: String notFound: connect__NotFound }
enum connect__NotFound { NULL ERROR }
input connect__SourceGRPC { address: String! schema: connect__GRPCSchema! metadata: [connect__HTTPHeaderMapping!] }
input connect__GRPCSchema { proto: [String!] includes: [String!] descriptorSet: String reflection: Boolean }
input connect__ConnectGRPC { method: String! message: String metadata: [connect__HTTPHeaderMapping!] }
input connect__SourceLocal { schema: String! }
input connect__ConnectLocal { field: String! args: String }
input connect__Retry { attempts: Int! backoff: String on: [connect__FailureKind!] budget: Float }
input connect__Breaker { failureRate: Float! window: Int! openFor: String! slowAfter: String slowRate: Float }
enum connect__FailureKind {
  TIMEOUT UNAVAILABLE CIRCUIT_OPEN LIMITED HTTP_4XX HTTP_5XX GRPC_STATUS INVALID_RESPONSE NOT_FOUND
}
enum connect__CacheControlScope { PUBLIC PRIVATE }
scalar connect__Weight
";

/// Types that federation headers declare; dropped together with a declared directive of ours.
const HEADER_TYPES: &[&str] = &[
    "JSONSelection",
    "URLTemplate",
    "SourceHTTP",
    "ConnectHTTP",
    "HTTPHeaderMapping",
    "ConnectorErrors",
    "ConnectBatch",
];

/// The hidden definitions, under the names that the schema's links give them.
pub(crate) fn sdl(links: &Links) -> String {
    let mut sdl = TYPES.to_owned();
    for (directive, definition) in DIRECTIVES {
        for name in links.names_of(*directive) {
            sdl.push_str("directive @");
            sdl.push_str(name);
            sdl.push_str(definition);
            sdl.push('\n');
        }
    }
    sdl
}

/// Whether a type is one that only a declared directive of ours would need.
pub(crate) fn is_header_type(name: &str, declares_directives: bool) -> bool {
    ["connect__", "link__", "federation__", "bff__"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || (declares_directives && HEADER_TYPES.contains(&name))
}

/// The directive that someone who wrote `name` without a link must have meant.
pub(crate) fn unlinked(name: &str) -> Option<(Directive, Family)> {
    let plain = name
        .strip_prefix("connect__")
        .or_else(|| name.strip_prefix("bff__"))
        .unwrap_or(name);
    let plain = plain.strip_prefix("federation__").unwrap_or(plain);
    [Family::Connect, Family::Bff, Family::Federation]
        .into_iter()
        .find_map(|family| family.directive(plain).map(|directive| (directive, family)))
}
