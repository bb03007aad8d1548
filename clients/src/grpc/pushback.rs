//! What a gRPC source says about trying again.

use std::time::Duration;

use prost::Message;
use prost_types::Any;

use crate::Reply;

/// What the answer to a failed call says about the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushback {
    /// Not before this much time has passed.
    After(Duration),
    /// Not at all.
    Never,
}

/// `google.rpc.Status`, as far as it is needed. Also read by [`crate::proto`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StatusDetails {
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<prost_types::Duration>,
}

/// Reads the trailer `grpc-retry-pushback-ms` (a negative number, or no number, means never), or else the delay of a
/// `google.rpc.RetryInfo` among the details. `None` for success, and when the source says nothing.
///
/// <https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback>
#[must_use]
pub fn pushback(reply: &Reply) -> Option<Pushback> {
    if reply.status == 0 {
        return None;
    }
    // In a reply of trailers only they are trailers too.
    if let Some(value) = reply.trailers.get("grpc-retry-pushback-ms") {
        let millis = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
        return Some(millis.map_or(Pushback::Never, |millis| Pushback::After(Duration::from_millis(millis))));
    }
    if reply.details.is_empty() {
        return None;
    }
    let details = StatusDetails::decode(&reply.details[..]).ok()?.details;
    let info = details
        .iter()
        .find(|any| any.type_url.rsplit('/').next() == Some("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&info.value[..]).ok()?.delay?;
    Some(Pushback::After(Duration::try_from(delay).ok()?))
}
