//! Turns the errors of the HTTP stack into the few kinds the engine knows.

use std::{error::Error, io, iter, sync::Arc, time::Duration};

use hyper_util::client::legacy;

use crate::CallError;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// No connection within this time. Our own type, so that it is told apart from a time-out the operating system reports.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {0:?}")]
pub(crate) struct ConnectTimeout(pub(crate) Duration);

/// Which kind `error` is, by the types in its source chain and never by its text.
pub(crate) fn classify(error: BoxError) -> CallError {
    let top: &(dyn Error + 'static) = &*error;
    if let Some(ConnectTimeout(limit)) = cause(top) {
        return CallError::ConnectTimeout(*limit);
    }
    if is_connect(top) {
        return CallError::Connect(Arc::from(error));
    }
    if breaks_protocol(top) {
        return CallError::Protocol(Arc::from(error));
    }
    CallError::Broken(Arc::from(error))
}

/// As [`classify`] says, for an error in the body of a reply: one that ends before its end is a reply that breaks the protocol, since the source
/// closed the connection in good order.
pub(crate) fn classify_body(error: BoxError) -> CallError {
    let top: &(dyn Error + 'static) = &*error;
    let is_cut_off = cause::<hyper::Error>(top).is_some_and(hyper::Error::is_incomplete_message)
        || cause::<io::Error>(top).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
    match is_cut_off {
        true => CallError::Protocol(Arc::from(error)),
        false => classify(error),
    }
}

/// A [`CallError::Protocol`] of our own finding.
pub(crate) fn protocol(found: impl Into<BoxError>) -> CallError {
    CallError::Protocol(Arc::from(found.into()))
}

/// The first error of type `T` in the chain of `error`.
pub(crate) fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
        .find_map(|error| error.downcast_ref())
}

fn is_connect(error: &(dyn Error + 'static)) -> bool {
    cause::<legacy::Error>(error).is_some_and(legacy::Error::is_connect)
}

/// Whether the peer, or the call itself, breaks the protocol.
pub(crate) fn breaks_protocol(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = cause::<h2::Error>(error) {
        // What our side found wrong, as against a peer that resets a stream or goes away.
        return error.is_library() && !error.is_io();
    }
    if let Some(error) = cause::<hyper::Error>(error)
        && (error.is_parse() || error.is_user())
    {
        return true;
    }
    cause::<io::Error>(error)
        .is_some_and(|error| matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput))
}

/// Whether TLS could not be agreed on. What an [`io::Error`] wraps is not among its sources, only the sources of that.
pub(crate) fn is_tls(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source()).any(|error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        error.is::<rustls::Error>() || wrapped.is_some_and(|error| is_tls(error))
    })
}
