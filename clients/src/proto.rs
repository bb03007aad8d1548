//! .proto files as they are: compiled without protoc, methods looked up by name, messages encoded by descriptor.

pub use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

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
