//! All promises, one file each, in one binary: linked once.

#![allow(
    clippy::unwrap_used,
    reason = "tests are exempt; the lint only knows functions marked as tests"
)]

mod architecture;
mod browser;
mod cache;
mod caching;
mod cli;
mod cli_operations;
mod compare;
mod config;
mod config_schema;
mod degrade_critical;
mod degrade_demo;
mod degrade_fallback;
mod degrade_stale;
mod explain;
mod faults_grpc;
mod faults_rest;
mod faults_time;
mod fuzz_corpora;
mod grpc_lock;
mod http;
mod http2_abuse;
mod http_abuse;
mod http_drain;
mod limits;
mod limits_cost;
mod limits_properties;
mod mapping;
mod operate;
mod operate_faults;
mod operate_states;
mod persisted;
mod persisted_lists;
mod persisted_shared;
mod replies;
mod requests;
mod resilience_schema;
mod scan;
mod schema;
mod schema_guide;
mod schema_variants;
mod sharing;
mod shop_counts;
mod shop_failures;
mod shop_isolation;
mod shop_mutations;
mod shop_operations_mobile;
mod shop_operations_web;
mod shop_operator;
mod shop_schema;
mod shop_transports;
mod spec_batch;
mod spec_bounds;
mod spec_failure;
mod spec_grpc;
mod spec_keys;
mod spec_leaf;
mod spec_mutation;
mod spec_null;
mod spec_selection;
mod supply;
mod support;
mod telemetry;
mod threats_access;
mod threats_document;
mod threats_identity;
mod threats_input;
mod threats_keys;
mod threats_token;
mod wire;
