//! All promises, one file each, in one binary: linked once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod architecture;
mod cli;
mod config;
mod execution;
mod http;
mod http2_abuse;
mod http_abuse;
mod http_drain;
mod mapping;
mod schema;
mod shop;
mod spec_batch;
mod spec_failure;
mod spec_leaf;
mod spec_mutation;
mod spec_null;
mod spec_selection;
mod support;
mod telemetry;
mod wire;
