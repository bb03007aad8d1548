//! Switchboard: a GraphQL server that answers from REST and gRPC backends, and from Rust resolvers.
//!
//! The program `switchboard` needs no Rust. This crate is for programs that have resolvers of their own: [`Builder`] is where they
//! start.

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
pub mod quota;
pub mod response;
pub mod schema;
pub mod telemetry;

pub use app::Builder;
pub use switchboard_clients::local;
