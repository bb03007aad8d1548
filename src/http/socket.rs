//! The client's socket as hyper sees it; tells the connection's [`Watch`] what moves.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    head::{HeadReader, Progress},
    watch::Watch,
};

/// Up to this many bytes are written as one piece, however many they come in.
const JOINED_BYTES_MAX: usize = 1024;

/// A stream that is watched: TCP, or TLS over it.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    head: HeadReader,
    watch: Arc<Watch>,
}

// === impl Socket ===

impl<S> Socket<S> {
    pub(super) fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            head: HeadReader::default(),
            watch,
        }
    }

    fn note_write<T>(&self, written: &Poll<io::Result<T>>) {
        match written {
            Poll::Pending => self.watch.write_blocked(),
            Poll::Ready(_) => self.watch.write_progressed(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let fresh = &buf.filled()[before..];
        if !fresh.is_empty() && this.watch.awaits_head() {
            match this.head.read(fresh) {
                Progress::Partial => this.watch.head_continues(),
                Progress::Complete(fault) => this.watch.head_complete(fault),
                Progress::Http2 => this.watch.is_http2(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let length: usize = bufs.iter().map(|piece| piece.len()).sum();
        let written = if length > JOINED_BYTES_MAX {
            stream.poll_write_vectored(cx, bufs)
        } else {
            // The lines of a head and a short answer: copying them here costs less than having the kernel look at each by itself.
            let mut whole = SmallVec::<[u8; JOINED_BYTES_MAX]>::new();
            bufs.iter().for_each(|piece| whole.extend_from_slice(piece));
            stream.poll_write(cx, &whole)
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
