//! .proto files as they are: compiled without protoc, methods looked up by name, messages encoded by descriptor.
//!
//! Values are [ProtoJSON](https://protobuf.dev/programming-guides/json/) on both sides. What a request needs is written
//! straight from a JSON value to bytes ([`encode`]), and an answer read straight from bytes ([`decode_to_json`]); no
//! message is built in between.

pub use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

pub use self::{
    changes::changes,
    compile::{Descriptors, ProtoError},
    decode::{DecodeError, DecodeLimits, decode_to_json},
    details::status_details,
    encode::{EncodeError, encode},
    method::{MethodError, method},
};

mod changes;
mod compile;
mod decode;
mod details;
mod encode;
mod layout;
mod method;
mod scalar;
mod well_known;
mod wire;

/// A method of a gRPC service with its message types.
#[derive(Debug, Clone)]
pub struct Method {
    /// `/package.Service/Method`.
    pub path: http::uri::PathAndQuery,
    /// The request message.
    pub input: MessageDescriptor,
    /// The response message.
    pub output: MessageDescriptor,
    /// Whether the .proto file marks it `idempotency_level = NO_SIDE_EFFECTS` or `IDEMPOTENT`.
    pub idempotent: bool,
}
