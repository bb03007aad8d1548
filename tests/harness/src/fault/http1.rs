//! HTTP/1 by hand: what no library would send is what is asked for here.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::{Fault, Shared};

/// A message in one piece: head without the empty line, and body as it is, without transfer coding.
struct Message {
    head: String,
    body: Vec<u8>,
}

/// Longer than any test waits.
const FOREVER: Duration = Duration::from_secs(3600);

/// Answers the requests of a connection, one after the other.
pub(super) async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut rest = Vec::new();
    while let Some(request) = read(&mut stream, &mut rest, false).await? {
        let fault = shared.next();
        if fault == Some(Fault::Close) {
            return Ok(());
        }
        if fault == Some(Fault::Hang) {
            return until_gone(&mut stream).await;
        }
        let answer = match &fault {
            Some(Fault::Status(status, headers)) => canned(*status, headers),
            Some(Fault::Body(body)) => Message {
                head: "HTTP/1.1 200 OK\r\ncontent-type: application/json".to_owned(),
                body: body.to_vec(),
            },
            _ => forward(&request, shared.upstream).await?,
        };
        if !respond(&mut stream, answer, fault).await? {
            return Ok(());
        }
    }
    Ok(())
}

fn canned(status: u16, headers: &[(&'static str, String)]) -> Message {
    let mut head = format!("HTTP/1.1 {status} Canned");
    for (name, value) in headers {
        head.push_str(&format!("\r\n{name}: {value}"));
    }
    Message { head, body: Vec::new() }
}

/// Sends an answer, broken as told. `false`: the connection is to be closed.
async fn respond(stream: &mut TcpStream, answer: Message, fault: Option<Fault>) -> io::Result<bool> {
    let Message { mut head, body } = answer;
    let len = body.len();
    let half = len / 2;
    match fault {
        Some(Fault::SlowHeader(pause)) => sleep_or_gone(stream, pause).await?,
        Some(Fault::ContentType(kind)) => {
            head = without(&head, "content-type");
            head.push_str(&format!("\r\ncontent-type: {kind}"));
        }
        Some(Fault::TruncateChunked) => {
            stream
                .write_all(format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n{len:x}\r\n").as_bytes())
                .await?;
            stream.write_all(&body).await?;
            stream.write_all(b"\r\n").await?;
            return Ok(false);
        }
        Some(Fault::Length(by)) => {
            let told = usize::try_from(i64::try_from(len).unwrap_or(i64::MAX) + by).unwrap_or(0);
            write(stream, &head, told, &body).await?;
            // More is never coming; whoever believes the header waits for it until the connection ends.
            return Ok(told <= len);
        }
        Some(Fault::SlowBody(pause)) => {
            write(stream, &head, len, &[]).await?;
            for byte in body {
                sleep_or_gone(stream, pause).await?;
                stream.write_all(&[byte]).await?;
            }
            return Ok(true);
        }
        Some(Fault::Truncate) => {
            write(stream, &head, len, &body[..half]).await?;
            return Ok(false);
        }
        Some(Fault::Reset) => {
            write(stream, &head, len, &body[..half]).await?;
            // What was sent must arrive before the reset, which would discard it.
            sleep(Duration::from_millis(20)).await;
            stream.set_zero_linger()?;
            return Ok(false);
        }
        _ => {}
    }
    write(stream, &head, len, &body).await?;
    Ok(true)
}

async fn write(stream: &mut TcpStream, head: &str, len: usize, body: &[u8]) -> io::Result<()> {
    let mut bytes = format!("{head}\r\ncontent-length: {len}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes).await
}

/// Waits until the peer has gone.
async fn until_gone(stream: &mut TcpStream) -> io::Result<()> {
    sleep_or_gone(stream, FOREVER).await
}

/// Waits; an error when the peer goes meanwhile.
async fn sleep_or_gone(stream: &mut TcpStream, pause: Duration) -> io::Result<()> {
    let mut byte = [0];
    tokio::select! {
        () = sleep(pause) => Ok(()),
        read = stream.peek(&mut byte) => match read {
            Ok(1..) => { sleep(pause).await; Ok(()) }
            _ => Err(io::ErrorKind::ConnectionAborted.into()),
        },
    }
}

/// Asks the backend, on a connection of its own.
async fn forward(request: &Message, upstream: SocketAddr) -> io::Result<Message> {
    let mut backend = TcpStream::connect(upstream).await?;
    let head = without(&request.head, "connection");
    write(
        &mut backend,
        &format!("{head}\r\nconnection: close"),
        request.body.len(),
        &request.body,
    )
    .await?;
    let answer = read(&mut backend, &mut Vec::new(), true).await?;
    let mut answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
    answer.head = without(&answer.head, "connection");
    Ok(answer)
}

/// Reads a message. `None`: the connection ended before one began. `rest`: what was read beyond the last one.
async fn read(stream: &mut TcpStream, rest: &mut Vec<u8>, to_end: bool) -> io::Result<Option<Message>> {
    let head_end = loop {
        if let Some(at) = find(rest, b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(rest).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
    rest.drain(..head_end + 4);
    let chunked = value(&head, "transfer-encoding").is_some();
    let len = value(&head, "content-length").and_then(|len| len.parse().ok());
    let head = without(&without(&head, "content-length"), "transfer-encoding");
    let body = match (len, chunked) {
        (_, true) => read_chunks(stream, rest).await?,
        (Some(len), _) => take(stream, rest, len).await?,
        (None, _) if to_end => {
            stream.read_to_end(rest).await?;
            std::mem::take(rest)
        }
        (None, _) => Vec::new(),
    };
    Ok(Some(Message { head, body }))
}

async fn read_chunks(stream: &mut TcpStream, rest: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = loop {
            match find(rest, b"\r\n") {
                Some(at) => break at,
                None if stream.read_buf(rest).await? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        };
        let len = String::from_utf8_lossy(&rest[..line_end]).into_owned();
        let len = usize::from_str_radix(len.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        rest.drain(..line_end + 2);
        let mut chunk = take(stream, rest, len + 2).await?;
        chunk.truncate(len);
        if len == 0 {
            return Ok(body);
        }
        body.append(&mut chunk);
    }
}

async fn take(stream: &mut TcpStream, rest: &mut Vec<u8>, len: usize) -> io::Result<Vec<u8>> {
    while rest.len() < len {
        if stream.read_buf(rest).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(rest.drain(..len).collect())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn lines(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split("\r\n")
        .map(|line| line.split_once(':').unwrap_or((line, "")))
}

fn value<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    lines(head)
        .skip(1)
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// A head without the header `name`.
fn without(head: &str, name: &str) -> String {
    let mut lines = head.split("\r\n");
    let mut kept = vec![lines.next().unwrap_or_default()];
    kept.extend(lines.filter(|line| {
        line.split_once(':')
            .is_none_or(|(own, _)| !own.eq_ignore_ascii_case(name))
    }));
    kept.join("\r\n")
}
