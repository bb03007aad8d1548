//! Switchboard.

pub mod config;
pub mod engine;
pub mod http;
pub mod mapping;
pub mod schema;
pub mod telemetry;
