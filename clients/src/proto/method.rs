//! Finds a method by the name that `@connect(grpc: { method: … })` gives it.

use http::uri::PathAndQuery;
use prost_reflect::{
    DescriptorPool, MethodDescriptor,
    prost_types::{MethodOptions, method_options::IdempotencyLevel},
};

use super::Method;

/// Why there is no such method to call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// The name is not of the form `package.Service/Method`.
    #[error("\"{name}\" is not of the form package.Service/Method")]
    Form {
        /// As given.
        name: String,
    },
    /// No such service or method.
    #[error("there is no method \"{name}\"{}", hint(suggestion.as_deref()))]
    NotFound {
        /// As given.
        name: String,
        /// The most similar name there is.
        suggestion: Option<String>,
        /// All unary methods there are, sorted.
        known: Vec<String>,
    },
    /// The method streams.
    #[error("\"{name}\" streams; only unary methods can be called")]
    Streaming {
        /// As given.
        name: String,
    },
}

/// Looks `name` up in `pool`: `package.Service/Method`, a leading slash is allowed.
///
/// # Errors
/// When there is no such method, or it is not unary.
pub fn method(pool: &DescriptorPool, name: &str) -> Result<Method, MethodError> {
    let name = name.strip_prefix('/').unwrap_or(name);
    let malformed = || MethodError::Form { name: name.to_owned() };
    let (service, rpc) = name.split_once('/').ok_or_else(malformed)?;
    let found = pool
        .get_service_by_name(service)
        .and_then(|service| service.methods().find(|it| it.name() == rpc));
    let Some(found) = found else {
        return Err(not_found(pool, name));
    };
    if found.is_client_streaming() || found.is_server_streaming() {
        return Err(MethodError::Streaming { name: name.to_owned() });
    }
    Ok(Method {
        path: PathAndQuery::try_from(format!("/{name}")).map_err(|_| malformed())?,
        input: found.input(),
        output: found.output(),
        idempotent: is_idempotent(&found),
    })
}

fn is_idempotent(method: &MethodDescriptor) -> bool {
    let level = method
        .method_descriptor_proto()
        .options
        .as_ref()
        .map(MethodOptions::idempotency_level);
    matches!(
        level,
        Some(IdempotencyLevel::NoSideEffects | IdempotencyLevel::Idempotent)
    )
}

fn not_found(pool: &DescriptorPool, name: &str) -> MethodError {
    let mut known: Vec<String> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .filter(|method| !method.is_client_streaming() && !method.is_server_streaming())
        .map(|method| format!("{}/{}", method.parent_service().full_name(), method.name()))
        .collect();
    known.sort();
    let suggestion = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    MethodError::NotFound {
        name: name.to_owned(),
        suggestion,
        known,
    }
}

/// The candidate most like `name`, if it is like it at all: at most a third of the letters differ.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= name.len().max(candidate.len()))
        .min()
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "…"?`, or nothing.
pub(super) fn hint(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!("; did you mean \"{name}\"?"))
        .unwrap_or_default()
}
