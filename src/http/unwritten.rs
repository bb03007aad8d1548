//! Answers on their way out: what they take of memory until their clients have taken them.
//!
//! A client that does not read has its time, and meanwhile what it asked for stays where it is. Over HTTP/2 one connection can ask for a hundred answers and open
//! its window for none of them: there hyper waits by itself and no write is ever blocked, so each answer is handed over in pieces, and it is noted when
//! a piece was wanted last.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use prometheus_client::metrics::gauge::Gauge;

use super::{stream::Stream, watch::Watch};

/// Smaller answers are not counted: there can only be so many connections.
const COUNTED_BYTES_MIN: usize = 64 * 1024;

/// What is handed to HTTP/2 at a time. An answer of which a client takes less than this in `write_timeout` is not expected to arrive.
const PIECE: usize = 8 * 1024;

/// All answers that wait to be written, counted once however many clients wait for the same one.
#[derive(Debug)]
pub(super) struct Unwritten {
    limit: usize,
    used: AtomicUsize,
    gauge: Gauge,
    /// How many clients wait for what is at an address.
    answers: Mutex<HashMap<usize, usize>>,
}

/// An answer that is counted until hyper lets go of it.
struct Counted {
    body: Bytes,
    unwritten: Arc<Unwritten>,
}

/// The body of an answer.
pub(super) struct Outgoing<B> {
    body: B,
    stream: Option<Pieces>,
}

/// What is left to hand over of an answer over HTTP/2.
struct Pieces {
    left: Bytes,
    watch: Arc<Watch>,
    number: u32,
}

// === impl Unwritten ===

impl Unwritten {
    /// `limit`: 0 = none.
    pub(super) fn new(limit: usize, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            gauge,
            answers: Mutex::default(),
        })
    }

    /// Whether an answer of this size may wait to be written.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.limit == 0 || bytes < COUNTED_BYTES_MIN || self.used.load(Relaxed).saturating_add(bytes) <= self.limit
    }

    /// Counts an answer until it has been written.
    pub(super) fn count(self: &Arc<Self>, body: Bytes) -> Bytes {
        if body.len() < COUNTED_BYTES_MIN {
            return body;
        }
        let waiting = {
            let mut answers = self.answers();
            let waiting = answers.entry(body.as_ptr().addr()).or_default();
            *waiting += 1;
            *waiting
        };
        if waiting == 1 {
            self.used.fetch_add(body.len(), Relaxed);
            self.gauge.inc_by(body.len() as i64);
        }
        let unwritten = Arc::clone(self);
        Bytes::from_owner(Counted { body, unwritten })
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<usize, usize>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Counted ===

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let address = self.body.as_ptr().addr();
        let mut answers = self.unwritten.answers();
        let Some(waiting) = answers.get_mut(&address) else {
            return;
        };
        *waiting -= 1;
        if *waiting == 0 {
            answers.remove(&address);
            self.unwritten.used.fetch_sub(self.body.len(), Relaxed);
            self.unwritten.gauge.dec_by(self.body.len() as i64);
        }
    }
}

// === impl Outgoing ===

impl<B: Body> Outgoing<B> {
    /// A body as it is, or for HTTP/2 in pieces that `watch` is told of.
    pub(super) fn new(body: B, http2: Option<&Arc<Watch>>) -> Self {
        let http2 = http2.filter(|_| !body.is_end_stream()).zip(Stream::current());
        let stream = http2.map(|(watch, stream)| Pieces {
            left: Bytes::new(),
            watch: Arc::clone(watch),
            number: watch.answer_waits(stream),
        });
        Self { body, stream }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Outgoing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Self { body, stream } = &mut *self;
        let body = Pin::new(body);
        let Some(stream) = stream else {
            return body.poll_frame(cx);
        };
        stream.watch.answer_moves(stream.number);
        if stream.left.is_empty() {
            match ready!(body.poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => stream.left = data,
                Some(Ok(Err(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let piece = stream.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(stream.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(|stream| stream.left.is_empty()) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.stream.as_ref().map_or(0, |stream| stream.left.len() as u64);
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + left);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + left);
        }
        hint
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.watch.answer_ends(self.number);
    }
}

#[cfg(test)]
mod tests;
