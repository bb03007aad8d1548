//! x

mod mapping;
mod schema;
