//! SDL with `@source` and `@connect` → a checked [`Surface`].
//!
//! After [`crate::mapping`], before `operation`. Reads files once, at start-up; reports every problem with its place.

pub mod model;

pub use model::Surface;
