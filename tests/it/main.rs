//! All promises, one file each, in one binary: linked once.

mod http;
mod http_abuse;
mod http_drain;
mod wire;
mod execution;
mod schema;
mod shop;
mod support;
