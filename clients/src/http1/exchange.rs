//! One exchange on a connection: the request goes out, the reply comes in.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use futures_lite::future::yield_now;
use http::{HeaderMap, HeaderValue, Method, header::HOST, uri::PathAndQuery};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Broken, Request,
    head::{self, Framing, Head},
};
use crate::budget::Room;

/// Room for a reply whose size nobody knows yet.
const ROOM_BYTES_MIN: usize = 4 * 1024;

/// Most room that is made because earlier replies were large.
const ROOM_BYTES_MAX: usize = 128 * 1024;

/// A body up to this size goes out with the head in one piece.
const BODY_INLINE_MAX: usize = 16 * 1024;

/// Informational replies before the real one.
const INTERIM_MAX: usize = 8;

/// A connection to a source.
#[derive(Debug)]
pub(super) struct Exchange {
    stream: TcpStream,
    /// What came and was not read yet. Nothing between exchanges.
    buffer: BytesMut,
    /// What the last reply took: the room that is made for the next.
    room: usize,
}

/// A reply that was read to its end.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the connection can carry another exchange.
    pub(super) keeps_alive: bool,
}

// === impl Exchange ===

impl Exchange {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            room: ROOM_BYTES_MIN,
        }
    }

    /// Whether the source has neither closed the connection nor sent what nobody asked for. Asks the system only when something has happened.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends a request and reads the reply, with as much of a body as there is room for.
    pub(super) async fn run(
        &mut self,
        request: &Request<'_>,
        host: &HeaderValue,
        room: &Room,
    ) -> Result<Received, Broken> {
        self.buffer = BytesMut::with_capacity(self.room);
        // Others first, once. What many requests send is then sent together: the first send wakes the source, which is awake for the others.
        // Waking it for each costs more than all else that a call does. Not tokio's way of yielding, which asks the system for news in between.
        yield_now().await;
        let is_sent = self.send(request, host).await?;
        let mut interim = 0;
        let head = loop {
            if let Some(head) = Head::take(&mut self.buffer)? {
                match head.status {
                    101 => return Err(Broken::protocol("the source changes the protocol")),
                    100..200 if interim == INTERIM_MAX => {
                        return Err(Broken::protocol("the reply does not come to its point"));
                    }
                    100..200 => interim += 1,
                    _ => break head,
                }
            } else if self.fill().await? == 0 {
                return Err(match self.buffer.is_empty() && interim == 0 {
                    true => Broken::Unanswered(io::ErrorKind::UnexpectedEof.into()),
                    false => Broken::Off(io::ErrorKind::UnexpectedEof.into()),
                });
            }
        };
        let body = match head.framing {
            Framing::Length(length) => self.read_length(length, room).await?,
            Framing::Chunked => self.read_chunks(room).await?,
            Framing::Close => self.read_to_end(room).await?,
        };
        let keeps_alive = head.keeps_alive && is_sent && self.buffer.is_empty();
        // Memory that the body does not share is given back.
        self.buffer = BytesMut::new();
        self.room = (body.len() + 512).clamp(ROOM_BYTES_MIN, ROOM_BYTES_MAX);
        Ok(Received {
            status: head.status,
            headers: head.headers,
            body,
            keeps_alive,
        })
    }

    /// Sends the request; whether all of it went out. A source that answers before it has read everything has its reasons: then the rest is not sent.
    async fn send(&mut self, request: &Request<'_>, host: &HeaderValue) -> Result<bool, Broken> {
        let mut out = Vec::with_capacity(256 + request.headers.len() * 64);
        write_head(&mut out, request, host);
        let body = request.body.map_or(&[][..], |body| body);
        let (inline, apart) = match body.len() <= BODY_INLINE_MAX {
            true => (body, &[][..]),
            false => (&[][..], body),
        };
        out.extend_from_slice(inline);
        // Nearly always all of it fits the socket's buffer at once.
        let sent = match self.stream.try_write(&out) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(Broken::Unsent(error)),
        };
        if sent == out.len() && apart.is_empty() {
            return Ok(true);
        }
        self.send_rest(&out[sent..], apart).await
    }

    /// Sends the rest of a request as the socket takes it, and stops when the reply begins.
    async fn send_rest(&mut self, first: &[u8], second: &[u8]) -> Result<bool, Broken> {
        let (mut reader, mut writer) = self.stream.split();
        let sending = async {
            writer.write_all(first).await?;
            writer.write_all(second).await
        };
        tokio::select! {
            sent = sending => match sent {
                Ok(()) => Ok(true),
                // It may have answered before it closed.
                Err(error) => match reader.read_buf(&mut self.buffer).await {
                    Ok(1..) => Ok(false),
                    Ok(0) | Err(_) => Err(Broken::Unanswered(error)),
                },
            },
            read = reader.read_buf(&mut self.buffer) => match read {
                Ok(1..) => Ok(false),
                Ok(0) => Err(Broken::Unanswered(io::ErrorKind::UnexpectedEof.into())),
                Err(error) => Err(Broken::Unanswered(error)),
            },
        }
    }

    /// Reads what is there; 0 at the end.
    async fn fill(&mut self) -> Result<usize, Broken> {
        if self.buffer.spare_capacity_mut().is_empty() {
            self.buffer.reserve(ROOM_BYTES_MIN.max(self.buffer.len()));
        }
        let is_first = self.buffer.is_empty();
        let read = self.stream.read_buf(&mut self.buffer).await;
        read.map_err(|error| match is_first {
            true => Broken::Unanswered(error),
            false => Broken::Off(error),
        })
    }

    /// More of a body; an end is too early here, and breaks the protocol: the source closed the connection in good order.
    async fn fill_body(&mut self) -> Result<(), Broken> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(1..) => Ok(()),
            Ok(0) => Err(Broken::protocol("the body is cut off")),
            Err(error) => Err(Broken::Off(error)),
        }
    }

    async fn read_length(&mut self, length: u64, room: &Room) -> Result<Bytes, Broken> {
        let length = usize::try_from(length).ok().filter(|length| *length <= room.limit);
        let length = length.ok_or(Broken::TooLarge)?;
        let mut charge = room.charge();
        charge.grow(length)?;
        if length > self.buffer.len() {
            // What was announced is within the limit, so a source cannot make us reserve more than that.
            self.buffer.reserve(length - self.buffer.len());
        }
        while self.buffer.len() < length {
            self.fill_body().await?;
        }
        let body = self.buffer.split_to(length);
        // A small body must not keep the room of a large one alive.
        Ok(charge.keep(match length * 4 < self.room {
            true => Bytes::copy_from_slice(&body),
            false => body.freeze(),
        }))
    }

    async fn read_to_end(&mut self, room: &Room) -> Result<Bytes, Broken> {
        let mut charge = room.charge();
        loop {
            if self.buffer.len() > room.limit {
                return Err(Broken::TooLarge);
            }
            charge.grow(self.buffer.len())?;
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Ok(charge.keep(Bytes::copy_from_slice(&self.buffer.split()))),
                Ok(_) => {}
                Err(error) => return Err(Broken::Off(error)),
            }
        }
    }

    async fn read_chunks(&mut self, room: &Room) -> Result<Bytes, Broken> {
        let mut charge = room.charge();
        let mut body = BytesMut::new();
        loop {
            let size = loop {
                match head::take_chunk_size(&mut self.buffer)? {
                    Some(size) => break size,
                    None => self.fill_body().await?,
                }
            };
            if size == 0 {
                self.skip_trailers().await?;
                return Ok(charge.keep(body.freeze()));
            }
            let size = usize::try_from(size)
                .ok()
                .filter(|size| *size <= room.limit - body.len());
            let mut left = size.ok_or(Broken::TooLarge)?;
            while left > 0 {
                if self.buffer.is_empty() {
                    self.fill_body().await?;
                }
                let part = left.min(self.buffer.len());
                charge.grow(body.len() + part)?;
                body.extend_from_slice(&self.buffer[..part]);
                self.buffer.advance(part);
                left -= part;
            }
            while self.buffer.len() < 2 {
                self.fill_body().await?;
            }
            if !self.buffer.starts_with(b"\r\n") {
                return Err(Broken::protocol("a chunk is longer than it says"));
            }
            self.buffer.advance(2);
        }
    }

    /// Trailers mean nothing here. They end with an empty line.
    async fn skip_trailers(&mut self) -> Result<(), Broken> {
        let mut skipped = 0;
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let is_last = matches!(&self.buffer[..end], [] | [b'\r']);
                self.buffer.advance(end + 1);
                skipped += end + 1;
                if is_last {
                    return Ok(());
                }
            }
            if skipped + self.buffer.len() > head::HEAD_BYTES_MAX {
                return Err(Broken::protocol("the trailers are too large"));
            }
            self.fill_body().await?;
        }
    }
}

/// Names, values and paths are of types that hold neither blanks nor line ends where those would mean something.
fn write_head(out: &mut Vec<u8>, request: &Request<'_>, host: &HeaderValue) {
    let path: &PathAndQuery = request.path;
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(path.as_str().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut line = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    if !request.headers.contains_key(HOST) {
        line("host", host.as_bytes());
    }
    for (name, value) in request.headers {
        line(name.as_str(), value.as_bytes());
    }
    let length = match request.body {
        Some(body) => Some(body.len()),
        // Without it some servers wait for a body.
        None => (!matches!(*request.method, Method::GET | Method::DELETE)).then_some(0),
    };
    if let Some(length) = length {
        line("content-length", length.to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}
