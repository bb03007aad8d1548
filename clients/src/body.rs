//! Reads the body of a reply, never more of it than the source may send.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::{
    CallError,
    budget::Room,
    failure::{BoxError, classify_body},
};

/// Reads `body` to its end. A body of one frame is handed on as it came; one of several is copied once, into a buffer
/// of the announced size.
///
/// # Errors
/// [`CallError::TooLarge`] when the limit's bytes are announced or counted to be passed, [`CallError::NoRoom`], otherwise as [`classify_body`] says: a
/// body that ends before its announced end is an error, never a short success.
pub(crate) async fn collect<B>(mut body: B, room: &Room) -> Result<Bytes, CallError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let limit = room.limit;
    if body.size_hint().lower() > limit as u64 {
        return Err(CallError::TooLarge { limit });
    }
    let Some(first) = next_data(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(CallError::TooLarge { limit });
    }
    let mut charge = room.charge();
    charge.grow(first.len())?;
    if body.is_end_stream() {
        return Ok(charge.keep(first));
    }

    // `lower` is what the header announces and was checked above, so a sender cannot make us reserve more than `limit`.
    let rest = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let expected = first.len().saturating_add(rest).min(limit);
    // What is announced is paid for at once; what is not, as it comes.
    let announced = if body.size_hint().exact().is_some() {
        expected
    } else {
        first.len()
    };
    charge.grow(announced)?;
    let mut whole = BytesMut::with_capacity(announced);
    whole.extend_from_slice(&first);
    drop(first);
    while let Some(data) = next_data(&mut body).await? {
        if data.len() > limit - whole.len() {
            return Err(CallError::TooLarge { limit });
        }
        charge.grow(whole.len() + data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok(charge.keep(whole.freeze()))
}

/// The next frame of data; other frames (trailers of REST replies mean nothing here) are passed over.
async fn next_data<B>(body: &mut B) -> Result<Option<Bytes>, CallError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    while let Some(frame) = body.frame().await {
        match frame.map_err(|error| classify_body(error.into()))?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}
