//! Reads a request's body, within its limit and time.

use std::{pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::refusal::Refusal;

/// How much memory an announced length gets before its bytes have come. The default limit of a body; where there is none, a client could
/// otherwise announce all the memory there is.
const ANNOUNCED_BYTES_MAX: usize = 256 * 1024;

/// How much of a body that is refused is waited for, so that its connection can be used further: what clients send in a packet or two behind the head.
const DISCARDED_BYTES_MAX: u64 = 64 * 1024;

/// And for how long.
const DISCARDING: Duration = Duration::from_millis(25);

/// The whole body. `bytes_max` 0 = no limit.
///
/// A timer is only made when the body is not already there.
pub(super) async fn read(body: &mut Incoming, bytes_max: usize, deadline: Duration) -> Result<Bytes, Refusal> {
    let bytes_max = if bytes_max == 0 { usize::MAX } else { bytes_max };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    let mut reading = pin!(read_frames(body, bytes_max));
    match reading.as_mut().now_or_never() {
        Some(read) => read,
        None => timeout(deadline, reading).await.unwrap_or(Err(Refusal::BodyTimeout)),
    }
}

async fn read_frames(body: &mut Incoming, bytes_max: usize) -> Result<Bytes, Refusal> {
    let Some(first) = next(body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > bytes_max {
        return Err(Refusal::BodyTooLarge);
    }
    // Nearly always the body is one frame, which is handed on as it is.
    if body.is_end_stream() {
        return Ok(first);
    }
    let expected = usize::try_from(body.size_hint().lower())
        .unwrap_or(usize::MAX)
        .min(ANNOUNCED_BYTES_MAX);
    let mut whole = BytesMut::with_capacity(first.len() + expected);
    whole.extend_from_slice(&first);
    while let Some(bytes) = next(body).await? {
        if whole.len() + bytes.len() > bytes_max {
            return Err(Refusal::BodyTooLarge);
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        // Trailers are passed over.
        if let Ok(bytes) = frame.map_err(|_| Refusal::BodyBroken)?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Takes in what is left of a refused body, if that is little; tells whether the connection can be used further.
pub(super) async fn discard(body: &mut Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > DISCARDED_BYTES_MAX {
        return false;
    }
    let discarding = async {
        let mut discarded = 0;
        while let Ok(Some(bytes)) = next(body).await {
            discarded += bytes.len() as u64;
            if discarded > DISCARDED_BYTES_MAX {
                return false;
            }
        }
        body.is_end_stream()
    };
    timeout(DISCARDING, discarding).await.unwrap_or(false)
}
