//! The client's socket as hyper sees it; tells the connection's [`Watch`] what moves.
//!
//! Three things hyper does not do happen here: a connection is waited on without a buffer until something comes in, what hyper refuses itself gets a body that
//! says why, and a connection that ends while its client still sends is read on for a moment. Closing with bytes unread resets it, and the client would see that instead of its answer.

mod bare;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    frames::FrameReader,
    head::{HeadReader, Progress},
    watch::Watch,
};

/// How much is still taken in of what nobody will read.
const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How much of it at a time.
const DISCARDED_AT_ONCE: usize = 16 * 1024;

/// Up to this many bytes are written as one piece, however many they come in.
const JOINED_BYTES_MAX: usize = 1024;

/// What HTTP/2 begins with: <https://www.rfc-editor.org/rfc/rfc9113#section-3.4>.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection that nobody listens to has begun with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The preface of HTTP/2.
    Http2,
    /// Anything else.
    Other,
    /// Its end.
    Nothing,
}

/// A stream that is watched: TCP, or TLS over it.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    /// What came in before hyper was there to read it.
    early: SmallVec<[u8; PREFACE.len()]>,
    head: HeadReader,
    frames: FrameReader,
    watch: Arc<Watch>,
    /// What is written in place of hyper's own refusal, and how much of it has been.
    instead: Option<(Vec<u8>, usize)>,
    /// Bytes that may still be discarded; there once our side is closed.
    discards: Option<usize>,
}

// === impl Socket ===

impl<S> Socket<S> {
    pub(super) fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            early: SmallVec::new(),
            head: HeadReader::default(),
            frames: FrameReader::default(),
            watch,
            instead: None,
            discards: None,
        }
    }

    /// Takes back what hyper has read and not used.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.watch.head_continues();
            self.early.insert_from_slice(0, bytes);
        }
    }

    fn note_write<T>(&self, written: &Poll<io::Result<T>>) {
        match written {
            Poll::Pending => self.watch.write_blocked(),
            Poll::Ready(_) => self.watch.write_progressed(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Writes what is in one piece.
    fn poll_write_whole(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match bare::may_be(buf).then(|| self.write_instead(cx, buf)).flatten() {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    /// Writes a refusal with a body in place of the bare one that hyper has made, if this is one; else `None`.
    fn write_instead(&mut self, cx: &mut Context<'_>, head: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.instead.is_none() {
            let (refusal, text) = bare::with_body(head, self.head.is_in_first_line())?;
            self.watch.keeps_reading();
            self.watch.has_refused(refusal);
            self.instead = Some((text, 0));
        }
        let (refusal, done) = self.instead.as_mut()?;
        while *done < refusal.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &refusal[*done..]) {
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Ok(0))),
                Poll::Ready(Ok(count)) => *done += count,
                Poll::Ready(Err(error)) => return Some(Poll::Ready(Err(error))),
                Poll::Pending => return Some(Poll::Pending),
            }
        }
        self.instead = None;
        Some(Poll::Ready(Ok(head.len())))
    }

    /// Reads on after our side was closed, until the client has seen that or has sent enough. How long it may take is the connection's affair.
    fn poll_discard(&mut self, cx: &mut Context<'_>, mut left: usize) -> Poll<io::Result<()>> {
        let mut scrap = [0; DISCARDED_AT_ONCE];
        loop {
            let mut buf = ReadBuf::new(&mut scrap);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut buf);
            let count = buf.filled().len();
            self.discards = Some(left);
            match ready!(read) {
                Ok(()) if count > 0 && count < left => left -= count,
                // The answer is written whatever becomes of this.
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Waits until enough has come in to tell what it is. It is read again by whoever reads then.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) fn poll_beginning(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Beginning>> {
        loop {
            if self.early.starts_with(PREFACE) {
                return Poll::Ready(Ok(Beginning::Http2));
            }
            if !PREFACE.starts_with(&self.early) {
                return Poll::Ready(Ok(Beginning::Other));
            }
            let mut bytes = [0; PREFACE.len()];
            let mut buf = ReadBuf::new(&mut bytes[self.early.len()..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(Beginning::Nothing));
            }
            self.watch.head_continues();
            self.early.extend_from_slice(buf.filled());
        }
    }

    /// Reads from the stream, behind what came early.
    fn poll_stream(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.early.len().min(buf.remaining());
        buf.put_slice(&self.early[..count]);
        self.early.drain(..count);
        if self.early.is_empty() {
            // Gives back what it took if it was long.
            self.early = SmallVec::new();
        }
        if buf.remaining() > 0
            && let Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_read(cx, buf)
        {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        ready!(this.poll_stream(cx, buf))?;
        let fresh = &buf.filled()[before..];
        if this.watch.has_frames() {
            this.watch.frames_came(this.frames.read(fresh));
        } else if !fresh.is_empty() {
            if let Progress::Complete(fault) = this.head.read(fresh, this.watch.is_between()) {
                this.watch.head_complete(fault);
            }
            if this.head.is_in_head() {
                this.watch.head_continues();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.poll_write_whole(cx, buf);
        self.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = bufs.iter().map(|piece| piece.len()).sum();
        let written = if length > JOINED_BYTES_MAX {
            Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
        } else {
            // The lines of a head and a short answer: copying them here costs less than having the kernel look at each by itself.
            let mut whole = SmallVec::<[u8; JOINED_BYTES_MAX]>::new();
            bufs.iter().for_each(|piece| whole.extend_from_slice(piece));
            self.poll_write_whole(cx, &whole)
        };
        self.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP has nothing to flush; TLS may hold what it could not write.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.note_write(&flushed);
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.watch.is_kept() {
            return Poll::Ready(Ok(()));
        }
        self.watch.shuts();
        if let Some(left) = self.discards {
            return self.poll_discard(cx, left);
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        match self.watch.reads_on() {
            true => self.poll_discard(cx, DISCARDED_BYTES_MAX),
            false => Poll::Ready(Ok(())),
        }
    }
}
