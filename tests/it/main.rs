//! x
mod mapping;
