//! All promises, one file each, in one binary: linked once.

mod config;
mod http;
mod http_abuse;
mod http_drain;
mod mapping;
mod schema;
mod telemetry;
mod wire;
