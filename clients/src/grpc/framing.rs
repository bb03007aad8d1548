//! A message on the wire: a byte that says "compressed", four of length, the message.

use std::io::{self, Read};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use h2::RecvStream;
use http::HeaderMap;

use super::connection::Trouble;
use crate::{
    CallError,
    budget::{Charge, Room},
    failure::protocol,
};

const PREFIX_BYTES: usize = 5;

/// How a compressed message is compressed. We ask for none of it: between a gateway and its sources, time is dearer than
/// bytes. Sources that compress anyway are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Unknown,
}

/// One message, put together from frames.
struct Unframe<'r> {
    room: &'r Room,
    charge: Charge<'r>,
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
pub(super) async fn read(
    mut body: RecvStream,
    room: &Room,
    encoding: Encoding,
) -> Result<(Option<Bytes>, HeaderMap), Trouble> {
    let mut message = Unframe::new(room);
    while let Some(data) = body.data().await {
        let data = data?;
        // What was taken in makes room for more. A stream that has ended needs none.
        let _ = body.flow_control().release_capacity(data.len());
        message.push(data)?;
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    Ok((message.finish(encoding)?, trailers))
}

// === impl Encoding ===

impl Encoding {
    /// As the head of a reply says.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get("grpc-encoding").map(http::HeaderValue::as_bytes) {
            None | Some(b"identity") => Self::Identity,
            Some(b"gzip") => Self::Gzip,
            Some(b"deflate") => Self::Deflate,
            Some(_) => Self::Unknown,
        }
    }

    /// The message, of at most `limit` bytes.
    fn decompress(self, message: &[u8], limit: usize) -> Result<Bytes, CallError> {
        let mut plain = Vec::new();
        // One byte more tells whether there are more.
        let most = (limit as u64).saturating_add(1);
        let read = match self {
            Self::Identity => return Err(protocol("the message is compressed, but nothing says how")),
            Self::Unknown => {
                return Err(protocol(
                    "the message is compressed in a way that nobody asked for; gzip and deflate are understood",
                ));
            }
            Self::Gzip => GzDecoder::new(message).take(most).read_to_end(&mut plain),
            Self::Deflate => ZlibDecoder::new(message).take(most).read_to_end(&mut plain),
        };
        read.map_err(|error: io::Error| protocol(error))?;
        if plain.len() > limit {
            return Err(CallError::TooLarge { limit });
        }
        Ok(plain.into())
    }
}

// === impl Unframe ===

impl<'r> Unframe<'r> {
    fn new(room: &'r Room) -> Self {
        Self {
            room,
            charge: room.charge(),
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
        if compressed > 1 {
            return Err(protocol("a message begins with neither 0 nor 1"));
        }
        self.len = u32::from_be_bytes(len) as usize;
        let limit = self.room.limit;
        if self.len > limit {
            return Err(CallError::TooLarge { limit });
        }
        self.charge.grow(self.len).map_err(CallError::from)
    }

    fn have(&self) -> usize {
        self.whole.len() + self.parts.len()
    }

    fn finish(mut self, encoding: Encoding) -> Result<Option<Bytes>, CallError> {
        if self.prefix_len == 0 {
            return Ok(None);
        }
        if self.prefix_len < PREFIX_BYTES || self.have() < self.len {
            return Err(protocol("the message is cut off"));
        }
        let message = if self.parts.is_empty() {
            self.whole
        } else {
            self.parts.freeze()
        };
        if self.prefix[0] == 1 {
            let plain = encoding.decompress(&message, self.room.limit)?;
            self.charge.grow(plain.len())?;
            return Ok(Some(self.charge.keep(plain)));
        }
        Ok(Some(self.charge.keep(message)))
    }
}
