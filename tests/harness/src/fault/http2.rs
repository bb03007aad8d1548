//! HTTP/2 frame by frame, for gRPC.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet, time::sleep};

use super::{Fault, Shared};

/// What is done to a whole connection.
enum Ending {
    Graceful,
    Abrupt,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let other = |error: h2::Error| io::Error::other(error);
    let mut connection = h2::server::handshake(stream).await.map_err(other)?;
    // One ending is enough for a connection.
    let (end, mut ended) = mpsc::channel(1);
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(accepted) = accepted else { break };
                let (request, respond) = accepted.map_err(other)?;
                let (shared, end) = (shared.clone(), end.clone());
                streams.spawn(async move {
                    let _ = answer(request, respond, &shared, &end).await;
                });
            }
            Some(ending) = ended.recv() => match ending {
                Ending::Graceful => connection.graceful_shutdown(),
                Ending::Abrupt => connection.abrupt_shutdown(Reason::INTERNAL_ERROR),
            },
            Some(_) = streams.join_next(), if !streams.is_empty() => {}
        }
    }
    Ok(())
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: &Shared,
    end: &mpsc::Sender<Ending>,
) -> Result<(), Failed> {
    let fault = shared.next();
    match &fault {
        Some(Fault::Hang) => {
            // Until the client gives up.
            let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            return Ok(());
        }
        Some(Fault::Rst(reason)) => {
            respond.send_reset(Reason::from(*reason));
            return Ok(());
        }
        Some(Fault::GoAwayNow | Fault::Close) => {
            let _ = end.send(Ending::Abrupt).await;
            return Ok(());
        }
        Some(Fault::GoAway) => {
            let _ = end.send(Ending::Graceful).await;
        }
        Some(Fault::Status(status, headers)) => {
            let mut response = Response::builder().status(*status);
            for (name, value) in headers {
                response = response.header(*name, value);
            }
            respond.send_response(response.body(())?, true)?;
            return Ok(());
        }
        Some(Fault::Grpc(status, trailers)) => {
            let mut response = Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", *status);
            for (name, value) in trailers {
                response = response.header(*name, value);
            }
            respond.send_response(response.body(())?, true)?;
            return Ok(());
        }
        _ => {}
    }
    let (head, body, trailers) = match fault {
        Some(Fault::Body(ref body)) => whole(body),
        _ => forward(request, shared.upstream).await?,
    };
    send(respond, head, body, trailers, fault).await
}

/// A complete answer with this message.
fn whole(message: &[u8]) -> (Response<()>, Bytes, HeaderMap) {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    let mut head = Response::new(());
    head.headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    let ok = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    (head, framed.freeze(), HeaderMap::from_iter([ok]))
}

/// Sends an answer, broken as told.
async fn send(
    mut respond: SendResponse<Bytes>,
    mut head: Response<()>,
    body: Bytes,
    trailers: HeaderMap,
    fault: Option<Fault>,
) -> Result<(), Failed> {
    let half = body.slice(..body.len() / 2);
    match fault {
        Some(Fault::SlowHeader(pause)) => pause_or_reset(&mut respond, pause).await?,
        Some(Fault::ContentType(kind)) => {
            head.headers_mut()
                .insert("content-type", HeaderValue::from_static(kind));
        }
        _ => {}
    }
    if body.is_empty() {
        respond.send_response(head, true)?;
        return Ok(());
    }
    let mut stream = respond.send_response(head, false)?;
    match fault {
        Some(Fault::SlowBody(pause)) => {
            for at in 0..body.len() {
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = std::future::poll_fn(|cx| stream.poll_reset(cx)) => return Ok(()),
                }
                stream.send_data(body.slice(at..=at), false)?;
            }
        }
        Some(Fault::Truncate | Fault::TruncateChunked) => {
            stream.send_data(half, true)?;
            return Ok(());
        }
        Some(Fault::Reset) => {
            stream.send_data(half, false)?;
            stream.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        }
        _ => stream.send_data(body, false)?,
    }
    stream.send_trailers(trailers)?;
    Ok(())
}

async fn pause_or_reset(respond: &mut SendResponse<Bytes>, pause: Duration) -> Result<(), Failed> {
    tokio::select! {
        () = sleep(pause) => Ok(()),
        _ = std::future::poll_fn(|cx| respond.poll_reset(cx)) => Err("the client gave up".into()),
    }
}

/// Asks the backend, on a connection of its own.
async fn forward(
    request: Request<RecvStream>,
    upstream: SocketAddr,
) -> Result<(Response<()>, Bytes, HeaderMap), Failed> {
    let (head, mut body) = request.into_parts();
    let sent = read(&mut body).await?;
    let (client, connection) = h2::client::handshake(TcpStream::connect(upstream).await?).await?;
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await?;
    let (response, mut stream) = client.send_request(Request::from_parts(head, ()), false)?;
    stream.send_data(sent, true)?;
    let (head, mut body) = response.await?.into_parts();
    let received = read(&mut body).await?;
    let trailers = body.trailers().await?.unwrap_or_default();
    connection.abort();
    Ok((Response::from_parts(head, ()), received, trailers))
}

async fn read(body: &mut RecvStream) -> Result<Bytes, Failed> {
    let mut whole = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
