//! How the tests call a backend: JSON by reqwest, gRPC by tonic and descriptors.
#![allow(clippy::unwrap_used, reason = "part of the tests, though no `#[test]` stands on it")]

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use reqwest::{Client, Method};
use serde_json::Value;
use switchboard_harness::Backend;
use tonic::{
    Code, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Endpoint,
};

/// GET with a JSON answer; the status is for the test to have expected.
pub(crate) async fn get(backend: &Backend, path_and_query: &str) -> Value {
    request(backend, "GET", path_and_query, None, None).await.1
}

/// A request as the bearer of a token, with a JSON body.
pub(crate) async fn request(
    backend: &Backend,
    method: &str,
    path_and_query: &str,
    bearer: Option<u32>,
    body: Option<Value>,
) -> (u16, Value) {
    let url = format!("{}{path_and_query}", backend.url());
    let mut request = Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .request(method.parse::<Method>().unwrap(), url);
    if let Some(user) = bearer {
        request = request.bearer_auth(format!("token-{user}"));
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

/// A unary call, ProtoJSON in and out. A failure is its code and null.
pub(crate) async fn grpc(backend: &Backend, pool: &DescriptorPool, method: &str, message: Value) -> (u16, Value) {
    let (status, reply) = match grpc_status(backend, pool, method, message).await {
        Ok(reply) => (Code::Ok, reply),
        Err(status) => (status.code(), Value::Null),
    };
    (u16::try_from(i32::from(status)).unwrap(), reply)
}

/// As [`grpc`], with the whole status.
pub(crate) async fn grpc_status(
    backend: &Backend,
    pool: &DescriptorPool,
    method: &str,
    message: Value,
) -> Result<Value, Status> {
    let (service, name) = method.split_once('/').unwrap();
    let service = pool.get_service_by_name(service).unwrap();
    let descriptor = service.methods().find(|of| of.name() == name).unwrap();
    let channel = Endpoint::from_shared(backend.url()).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();

    let request = DynamicMessage::deserialize(descriptor.input(), message)
        .unwrap()
        .encode_to_vec();
    let path = format!("/{method}").parse().unwrap();
    let reply = client
        .unary(tonic::Request::new(Bytes::from(request)), path, BytesCodec)
        .await?;

    let reply = DynamicMessage::decode(descriptor.output(), reply.into_inner()).unwrap();
    Ok(serde_json::to_value(&reply).unwrap())
}

#[derive(Default)]
struct BytesCodec;

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
