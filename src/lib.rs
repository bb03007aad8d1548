//! Switchboard.

pub mod engine;
pub mod mapping;
pub mod schema;
