//! Reads along while HTTP/2 comes in, and counts what is no body.

use super::socket::PREFACE;

/// Bytes before what a frame holds: <https://www.rfc-editor.org/rfc/rfc9113#section-4.1>.
const HEADER: usize = 9;

/// The type of frames that hold bodies.
const DATA: u8 = 0;

/// Where it is in the frames.
#[derive(Debug)]
pub(super) struct FrameReader {
    /// Bytes that are passed over, of the preface or what a frame holds.
    passed: usize,
    /// Start of the next frame, and how much of it is there.
    header: [u8; HEADER],
    filled: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self {
            passed: PREFACE.len(),
            header: [0; HEADER],
            filled: 0,
        }
    }
}

// === impl FrameReader ===

impl FrameReader {
    /// Takes the next bytes; how many the frames have that begin among them, but for what is of bodies.
    pub(super) fn read(&mut self, mut fresh: &[u8]) -> u64 {
        let mut counted = 0;
        while !fresh.is_empty() {
            let passed = fresh.len().min(self.passed);
            self.passed -= passed;
            let taken = (fresh.len() - passed).min(HEADER - self.filled);
            self.header[self.filled..self.filled + taken].copy_from_slice(&fresh[passed..passed + taken]);
            self.filled += taken;
            fresh = &fresh[passed + taken..];
            if self.filled == HEADER {
                let [high, middle, low, kind, ..] = self.header;
                self.passed = u32::from_be_bytes([0, high, middle, low]) as usize;
                self.filled = 0;
                counted += (HEADER + if kind == DATA { 0 } else { self.passed }) as u64;
            }
        }
        counted
    }
}

#[cfg(test)]
mod tests;
