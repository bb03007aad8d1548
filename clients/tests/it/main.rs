//! Promises of the clients, kept over real sockets. One binary: one link.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod broken_grpc;
mod grpc;
mod grpc_addresses;
mod grpc_endings;
mod grpc_metadata;
mod grpc_reflection;
mod grpc_rules;
mod local;
mod proto_decode;
mod proto_details;
mod proto_encode;
mod proto_files;
mod rest;
mod rest_broken;
mod rest_framing;
mod rest_names;
mod script;
mod stack;
mod stack_breaker;
mod stack_endpoints;
mod stack_hedge;
mod stack_retry;
mod support;
mod tonic_server;
