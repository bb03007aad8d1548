//! All promises, one file each, in one binary: linked once.

mod config;
mod execution;
mod explain;
mod http;
mod http_abuse;
mod http_drain;
mod mapping;
mod schema;
mod shop_counts;
mod shop_failures;
mod shop_isolation;
mod shop_mutations;
mod shop_operations_mobile;
mod shop_operations_web;
mod shop_schema;
mod shop_transports;
mod support;
mod telemetry;
mod wire;
