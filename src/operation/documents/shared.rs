//! A store of registered documents that several processes share.
//!
//! It only saves clients a second request: whatever it says is checked as if a client had sent it, and whatever it does, nobody waits for it
//! beyond the time it is given, or sees that it failed.

use std::{fmt::Debug, future::Future, pin::Pin};

/// The most that is read of a document, whatever the limits are.
pub const SHARED_DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// A store of texts by key.
pub trait SharedStore: Debug + Send + Sync {
    /// Makes ready: called once, when serving begins.
    fn begin(&self) {}

    /// At most `bytes_max + 1` bytes of the text under a key; `None`: there is none, or it cannot be had at once.
    ///
    /// # Cancel safety
    /// Nothing is lost but the text.
    fn get(&self, key: String, bytes_max: usize) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>>;

    /// Keeps a text, some time later. That it may fail is nobody's trouble.
    fn put(&self, key: String, text: &str);
}

/// The key of a document. Its version changes with what stands under it.
pub(super) fn key(hex: &str) -> String {
    format!("switchboard:document:1:{hex}")
}
