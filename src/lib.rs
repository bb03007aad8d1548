//! Switchboard: a GraphQL server that answers from REST and gRPC backends.

pub mod app;
pub mod cli;
pub mod config;
pub mod engine;
pub mod execute;
pub mod http;
pub mod identity;
pub mod mapping;
pub mod operation;
pub mod plan;
pub mod response;
pub mod schema;
pub mod telemetry;
