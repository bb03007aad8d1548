//! Compressing answers, where the client takes that and it saves something.
//!
//! Beside `encode`. Levels are moderate: what a higher one saves on the wire costs more time than it gains.

use std::{num::NonZero, sync::Arc, thread::available_parallelism};

use async_compression::{
    Level, brotli,
    tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder},
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, header};
use tokio::{io::AsyncReadExt as _, sync::Semaphore, task::spawn_blocking};

/// Answers beyond this are compressed on a thread of their own: it takes milliseconds, in which this one serves nobody.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// A way to compress. Numbered from 0, for what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `zstd`.
    Zstd,
    /// `br`.
    Brotli,
    /// `gzip`.
    Gzip,
}

/// How answers are compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compression {
    /// What clients can have; of those that one wants alike, the first. Empty: nothing is compressed. Zstandard, Brotli, gzip.
    pub codings: Vec<Coding>,
    /// Smaller answers are sent as they are. 1 KiB: below that a packet is a packet.
    pub min_bytes: usize,
}

/// Compresses the answers of a server.
#[derive(Debug)]
pub(super) struct Compressor {
    settings: Compression,
    /// Large answers that may be compressed at a time; the others are sent as they are.
    large: Arc<Semaphore>,
}

// === impl Coding ===

impl Coding {
    /// All, by number.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// What it is called in headers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The value of `Content-Encoding`.
    pub(super) fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Compresses; `None`: that makes it no smaller.
    fn compress(self, body: &[u8]) -> Option<Bytes> {
        let mut out = Vec::with_capacity(body.len() / 4);
        // A slice is always there to be read, so that the future never waits.
        let done = match self {
            Self::Zstd => ZstdEncoder::with_quality(body, Level::Precise(3))
                .read_to_end(&mut out)
                .now_or_never(),
            Self::Brotli => {
                // A window of 256 KiB: a larger one takes megabytes that have to be cleared first.
                let params = brotli::EncoderParams::default()
                    .quality(Level::Precise(4))
                    .window_size(18);
                BrotliEncoder::with_params(body, params)
                    .read_to_end(&mut out)
                    .now_or_never()
            }
            Self::Gzip => GzipEncoder::with_quality(body, Level::Precise(4))
                .read_to_end(&mut out)
                .now_or_never(),
        };
        let is_smaller = matches!(done, Some(Ok(_))) && out.len() < body.len();
        is_smaller.then(|| out.into())
    }
}

// === impl Compression ===

impl Default for Compression {
    fn default() -> Self {
        Self {
            codings: Coding::ALL.to_vec(),
            min_bytes: 1024,
        }
    }
}

impl Compression {
    /// What a client wants its answer compressed with, if it does. <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3>
    pub(super) fn wanted(&self, headers: &HeaderMap) -> Option<Coding> {
        let mut lines = headers.get_all(header::ACCEPT_ENCODING).iter().peekable();
        lines.peek()?;
        let (mut by_name, mut identity, mut others) = ([None; Coding::ALL.len()], None, None);
        for range in lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')) {
            let Some((name, quality)) = quality(range) else {
                continue;
            };
            let known = Coding::ALL
                .iter()
                .position(|coding| name.eq_ignore_ascii_case(coding.name()));
            match (known, name) {
                (Some(number), _) => by_name[number] = Some(quality),
                (None, "*") => others = Some(quality),
                (None, name) if name.eq_ignore_ascii_case("identity") => identity = Some(quality),
                (None, name) if name.eq_ignore_ascii_case("x-gzip") => by_name[Coding::Gzip as usize] = Some(quality),
                (None, _) => {}
            }
        }
        let quality = |coding: &Coding| by_name[*coding as usize].or(others).unwrap_or(0);
        // The last of those that are largest, so the order is turned.
        let wanted = self.codings.iter().rev().max_by_key(|coding| quality(coding))?;
        // Without a word about it, the answer as it is does always, and is wanted least.
        (quality(wanted) > 0 && quality(wanted) >= identity.unwrap_or(0)).then_some(*wanted)
    }
}

/// One entry of `Accept-Encoding`, its quality in thousandths.
fn quality(range: &[u8]) -> Option<(&str, u32)> {
    let mut parts = std::str::from_utf8(range).ok()?.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let quality = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .and_then(|quality| quality.parse::<f32>().ok())
        .map_or(1.0, |quality| quality.clamp(0.0, 1.0));
    Some((name, (quality * 1000.0) as u32))
}

// === impl Compressor ===

impl Compressor {
    pub(super) fn new(settings: Compression) -> Self {
        let at_once = available_parallelism().map_or(1, NonZero::get);
        Self {
            settings,
            large: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// What a client wants its answer compressed with.
    pub(super) fn wanted(&self, headers: &HeaderMap) -> Option<Coding> {
        self.settings.wanted(headers)
    }

    /// Whether answers of this size are compressed for those who want it.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        bytes >= self.settings.min_bytes && !self.settings.codings.is_empty()
    }

    /// Compresses a body; `None`: it is to be sent as it is.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the work to itself; nothing is lost but its result.
    pub(super) async fn compress(&self, coding: Coding, body: &Bytes) -> Option<Bytes> {
        if body.len() <= INLINE_BYTES_MAX {
            return coding.compress(body);
        }
        let permit = Arc::clone(&self.large).try_acquire_owned().ok()?;
        let body = body.clone();
        let work = spawn_blocking(move || {
            let _permit = permit;
            coding.compress(&body)
        });
        work.await.ok().flatten()
    }
}

#[cfg(test)]
mod tests;
