//! Response paths.

/// One step of a response path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment<'a> {
    /// A response key.
    Key(&'a str),
    /// A position in a list.
    Index(u32),
}
