//! All promises, one file each, in one binary: linked once.

mod architecture;
mod cli;
mod config;
mod explain;
mod http2_abuse;
mod http;
mod http_abuse;
mod http_drain;
mod mapping;
mod schema;
mod shop_counts;
mod shop_failures;
mod shop_isolation;
mod shop_mutations;
mod shop_operations;
mod shop_schema;
mod shop_transports;
mod spec_batch;
mod spec_failure;
mod spec_leaf;
mod spec_mutation;
mod spec_null;
mod spec_selection;
mod support;
mod telemetry;
mod wire;
