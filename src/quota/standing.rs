//! What a client is told of its bucket.

use std::time::Duration;

use super::Rate;

/// How a client stands with one of its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The bucket.
    pub rate: Rate,
    /// What is left in it.
    pub remaining: u32,
    /// How long until it is full if nothing more is taken.
    pub full_in: Duration,
}

/// Seconds as headers have them: never earlier than it is.
#[must_use]
pub fn seconds_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
