//! The demo shop and scripted backends, all on real loopback sockets, for tests, benches and examples.
//!
//! - [`Shop`]: three REST and two gRPC services over one deterministic set of data.
//! - [`FaultProxy`]: breaks what passes through it, on the wire and by a plan.
//! - [`MockRest`], [`MockGrpc`]: backends whose answers a test writes as closures.
//!
//! Every one of them hands out a [`Backend`]: where it listens, what it was asked, and the switches that
//! make it slow, failing, held or gone.

mod backend;
mod control;
mod data;
mod fault;
mod grpc;
mod listener;
mod mock_grpc;
mod mock_rest;
mod port;
mod query;
mod rest;
mod shop;

pub use backend::Backend;
pub use control::Call;
pub use fault::{Fault, FaultProxy, Plan};
pub use mock_grpc::{GrpcAnswer, GrpcRequest, MockGrpc};
pub use mock_rest::{Answer, MockRest, RestRequest};
pub use shop::{Ports, Shop};
