//! Response paths.

/// One step of a response path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment<'a> {
    /// A response key.
    Key(&'a str),
    /// A position in a list.
    Index(u32),
}
