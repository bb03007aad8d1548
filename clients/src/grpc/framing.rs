//! A message on the wire: a byte that says "compressed", four of length, the message.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};

use crate::{
    CallError,
    failure::{BoxError, classify, protocol},
};

const PREFIX_BYTES: usize = 5;

/// A request of one message. Unlike hyper's own bodies it says nothing of its size beforehand, so that no
/// `content-length` is sent, which gRPC does not know.
#[derive(Debug)]
pub(super) struct Message(Option<Bytes>);

/// One message, put together from frames.
struct Unframe {
    limit: usize,
    prefix: [u8; PREFIX_BYTES],
    prefix_len: usize,
    /// Of the message, once its prefix is complete.
    len: usize,
    /// The message when one frame held all of it.
    whole: Bytes,
    /// The message when several did.
    parts: BytesMut,
}

/// `message` with its prefix.
pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).expect("a request is bounded far below 4 GiB"));
    framed.put_slice(message);
    framed.freeze()
}

/// Reads the message, if there is one, and the trailers, empty if there are none.
pub(super) async fn read<B>(mut body: B, limit: usize) -> Result<(Option<Bytes>, HeaderMap), CallError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let mut message = Unframe::new(limit);
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(|error| classify(error.into()))?.into_data() {
            Ok(data) => message.push(data)?,
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    Ok((message.finish()?, trailers))
}

// === impl Message ===

impl Message {
    /// `framed` as made by [`frame`].
    pub(super) fn new(framed: Bytes) -> Self {
        Self(Some(framed))
    }
}

impl Body for Message {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

// === impl Unframe ===

impl Unframe {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            prefix: [0; PREFIX_BYTES],
            prefix_len: 0,
            len: 0,
            whole: Bytes::new(),
            parts: BytesMut::new(),
        }
    }

    fn push(&mut self, mut data: Bytes) -> Result<(), CallError> {
        while self.prefix_len < PREFIX_BYTES && data.has_remaining() {
            self.prefix[self.prefix_len] = data.get_u8();
            self.prefix_len += 1;
            if self.prefix_len == PREFIX_BYTES {
                self.open()?;
            }
        }
        if data.is_empty() {
            return Ok(());
        }
        if data.len() > self.len - self.have() {
            return Err(protocol("more than one message"));
        }
        if data.len() == self.len {
            self.whole = data;
        } else {
            self.parts.reserve(self.len - self.parts.len());
            self.parts.extend_from_slice(&data);
        }
        Ok(())
    }

    /// Acts on a complete prefix.
    fn open(&mut self) -> Result<(), CallError> {
        let [compressed, len @ ..] = self.prefix;
        if compressed != 0 {
            return Err(protocol("the message is compressed, which nobody asked for"));
        }
        self.len = u32::from_be_bytes(len) as usize;
        if self.len > self.limit {
            return Err(CallError::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    fn have(&self) -> usize {
        self.whole.len() + self.parts.len()
    }

    fn finish(self) -> Result<Option<Bytes>, CallError> {
        if self.prefix_len == 0 {
            return Ok(None);
        }
        if self.prefix_len < PREFIX_BYTES || self.have() < self.len {
            return Err(protocol("the message is cut off"));
        }
        Ok(Some(if self.parts.is_empty() {
            self.whole
        } else {
            self.parts.freeze()
        }))
    }
}
