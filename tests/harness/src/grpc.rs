//! Unary gRPC services without generated code: methods by path, messages as bytes until a method decodes them.

use std::{collections::HashMap, fmt, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, Method};
use prost::Message;
use tonic::{
    Code, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::Grpc,
};

use crate::control::{Call, Control};

/// The methods of a gRPC backend by path, `/package.Service/Method`.
#[derive(Debug, Default)]
pub(crate) struct Methods(HashMap<String, Unary>);

/// One unary method.
pub(crate) struct Unary {
    /// The ids a request asks for, for the log.
    pub(crate) keys: Box<dyn Fn(Bytes) -> Vec<String> + Send + Sync>,
    /// Request message and metadata in, response message out.
    pub(crate) answer: Box<AnswerFn>,
}

type AnswerFn = dyn Fn(Bytes, &HeaderMap) -> Result<Bytes, Status> + Send + Sync;

/// Hands messages on as they are.
#[derive(Debug, Clone, Copy, Default)]
struct BytesCodec;

// === impl Methods ===

impl Methods {
    /// Adds a method; `name` is `package.Service/Method`.
    pub(crate) fn insert(&mut self, name: &str, method: Unary) {
        self.0.insert(format!("/{name}"), method);
    }

    /// Serves the methods behind `control`.
    pub(crate) fn into_router(self, control: Arc<Control>) -> Router {
        Router::new().fallback(serve).with_state((control, Arc::new(self)))
    }
}

// === impl Unary ===

impl Unary {
    /// A method over typed messages.
    pub(crate) fn typed<Q, A>(
        keys: impl Fn(Q) -> Vec<i32> + Send + Sync + 'static,
        answer: impl Fn(Q) -> Result<A, Status> + Send + Sync + 'static,
    ) -> Self
    where
        Q: Message + Default,
        A: Message,
    {
        Self {
            keys: Box::new(move |bytes| {
                let ids = Q::decode(bytes).map(&keys).unwrap_or_default();
                ids.iter().map(ToString::to_string).collect()
            }),
            answer: Box::new(move |bytes, _| {
                let request = Q::decode(bytes).map_err(|error| Status::invalid_argument(error.to_string()))?;
                answer(request).map(|reply| reply.encode_to_vec().into())
            }),
        }
    }
}

impl fmt::Debug for Unary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unary")
    }
}

async fn serve(State((control, methods)): State<(Arc<Control>, Arc<Methods>)>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let service = tower::service_fn(move |request: tonic::Request<Bytes>| {
        let (control, methods, path) = (Arc::clone(&control), Arc::clone(&methods), path.clone());
        async move {
            let Some(method) = methods.0.get(&path) else {
                return Err(Status::unimplemented("no such method"));
            };
            let (metadata, _, message) = request.into_parts();
            let metadata = metadata.into_headers();
            let admitted = control
                .admit(seen(&control, &path, method, &metadata, message.clone()))
                .await;
            let admitted = admitted.map_err(injected)?;
            let answer = (method.answer)(message, &metadata);
            admitted.finish();
            answer.map(tonic::Response::new)
        }
    });
    Grpc::new(BytesCodec)
        .unary(service, request)
        .await
        .map(axum::body::Body::new)
}

/// The log entry of a call; without a log nothing is copied.
fn seen(control: &Control, path: &str, method: &Unary, metadata: &HeaderMap, message: Bytes) -> Call {
    let route = path.trim_start_matches('/').into();
    let (method_name, path) = (Method::POST, path.to_owned());
    if !control.keeps_log() {
        let (headers, keys) = (HeaderMap::new(), Vec::new());
        return Call {
            route,
            method: method_name,
            path_and_query: path,
            headers,
            body: message,
            keys,
        };
    }
    let keys = (method.keys)(message.clone());
    Call {
        route,
        method: method_name,
        path_and_query: path,
        headers: metadata.clone(),
        body: message,
        keys,
    }
}

/// The status of a call that was told to fail.
fn injected(code: u16) -> Status {
    Status::new(Code::from(i32::from(code)), "this backend was told to fail")
}

// === impl BytesCodec ===

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
