//! All promises, one file each, in one binary: linked once.

mod config;
mod execution;
mod http;
mod http_abuse;
mod http_drain;
mod mapping;
mod schema;
mod shop;
mod support;
mod telemetry;
mod wire;
