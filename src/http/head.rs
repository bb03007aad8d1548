//! Reads along while requests come in over HTTP/1, and refuses heads that two servers could read differently.
//!
//! hyper follows the RFC's lenient side: it takes a bare line feed for a line end and lets `Transfer-Encoding` beat `Content-Length` without a trace.
//! Behind a proxy that reads the same bytes otherwise, that is how a second request is smuggled in.

/// Why a head is refused although hyper would take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A line ends in LF without CR.
    BareLineFeed,
    /// The body's length is given twice: two `Content-Length`, or one beside a `Transfer-Encoding`.
    TwoLengths,
    /// The body is encoded otherwise than in chunks, which nobody here would undo.
    Coding,
    /// HTTP/1.1 without one `Host` that can be one: <https://www.rfc-editor.org/rfc/rfc9112#section-3.2-6>.
    Host,
}

/// What has been seen of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on.
    Partial,
    /// At least one is complete; what is wrong with the first of which something is.
    Complete(Option<Fault>),
}

/// Reads one head after the other, in pieces of any size, and passes over the bodies between them.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    head: Head,
    /// Bytes of a body that are still to come.
    body: u64,
    /// Whether a body is coming in whose end is not known here: it is sent in chunks.
    is_in_chunks: bool,
}

/// What has come of a head.
#[derive(Debug, Default)]
struct Head {
    /// Start of a line whose end has not come yet. No longer than hyper's own buffer: it stops reading there.
    partial: Vec<u8>,
    lengths: u8,
    encodings: u8,
    hosts: u8,
    is_wrong_host: bool,
    needs_host: bool,
    is_coded: bool,
    bare_line_feed: bool,
    has_lines: bool,
    /// `Content-Length`.
    length: u64,
}

// === impl HeadReader ===

impl HeadReader {
    /// Takes the next bytes. `is_between`: whether no request is under way, so that a body sent in chunks has ended.
    pub(super) fn read(&mut self, mut fresh: &[u8], is_between: bool) -> Progress {
        let mut progress = Progress::Partial;
        self.is_in_chunks &= !is_between;
        while !fresh.is_empty() && !self.is_in_chunks {
            let of_body = fresh.len().min(usize::try_from(self.body).unwrap_or(usize::MAX));
            self.body -= of_body as u64;
            fresh = &fresh[of_body..];
            let Some(end) = self.head.read(fresh) else { break };
            fresh = &fresh[end..];
            let head = std::mem::take(&mut self.head);
            self.is_in_chunks = head.encodings > 0;
            self.body = head.length;
            progress = match progress {
                Progress::Complete(Some(fault)) => Progress::Complete(Some(fault)),
                Progress::Complete(None) | Progress::Partial => Progress::Complete(head.fault()),
            };
        }
        progress
    }

    /// Whether a head has begun and not ended.
    pub(super) fn is_in_head(&self) -> bool {
        self.head.has_lines || !self.head.partial.is_empty()
    }

    /// Whether nothing but a part of the request line has come.
    pub(super) fn is_in_first_line(&self) -> bool {
        !self.head.has_lines && !self.head.partial.is_empty()
    }
}

// === impl Head ===

impl Head {
    /// Takes bytes up to the end of the head; where that is, if it is among them.
    fn read(&mut self, fresh: &[u8]) -> Option<usize> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', fresh) {
            let is_end = if self.partial.is_empty() {
                self.line(&fresh[start..end])
            } else {
                let mut line = std::mem::take(&mut self.partial);
                line.extend_from_slice(&fresh[start..end]);
                self.line(&line)
            };
            start = end + 1;
            if is_end {
                return Some(start);
            }
        }
        self.partial.extend_from_slice(&fresh[start..]);
        None
    }

    /// Takes a line without its LF; tells whether it ends the head.
    fn line(&mut self, line: &[u8]) -> bool {
        let line = match line.split_last() {
            Some((b'\r', line)) => line,
            _ => {
                self.bare_line_feed = true;
                line
            }
        };
        match line.first() {
            // Empty lines before the request line are skipped, as hyper does.
            None => return self.has_lines,
            Some(b'c' | b'C') if names(line, b"content-length:") => {
                self.lengths = more(self.lengths);
                let value = line[b"content-length:".len()..].trim_ascii();
                // What is no number ends the connection: hyper refuses it.
                self.length = number(value).unwrap_or(0);
            }
            Some(b't' | b'T') if names(line, b"transfer-encoding:") => {
                self.encodings = more(self.encodings);
                let coding = line[b"transfer-encoding:".len()..].trim_ascii();
                self.is_coded |= !coding.eq_ignore_ascii_case(b"chunked");
            }
            Some(b'h' | b'H') if names(line, b"host:") => {
                self.hosts = more(self.hosts);
                self.is_wrong_host |= !is_host(line[b"host:".len()..].trim_ascii());
            }
            Some(_) => {}
        }
        if !self.has_lines {
            self.needs_host = line.ends_with(b"HTTP/1.1");
            self.has_lines = true;
        }
        false
    }

    fn fault(&self) -> Option<Fault> {
        if self.lengths + self.encodings > 1 {
            Some(Fault::TwoLengths)
        } else if self.bare_line_feed {
            Some(Fault::BareLineFeed)
        } else if self.is_coded {
            Some(Fault::Coding)
        } else if self.is_wrong_host || self.hosts > 1 || self.needs_host && self.hosts == 0 {
            Some(Fault::Host)
        } else {
            None
        }
    }
}

/// Bytes that are in no host and port, by value.
const IN_NO_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b" \t/\\@,?#";
    let mut index = 0;
    while index < bytes.len() {
        table[bytes[index] as usize] = true;
        index += 1;
    }
    table
};

/// Whether it can be a host and a port: what separates parts of URLs and lists is in neither.
fn is_host(value: &[u8]) -> bool {
    !value.iter().any(|byte| IN_NO_HOST[usize::from(*byte)])
}

/// A number in decimal digits.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// One more, as far as anybody wants to know: two are a fault already.
fn more(count: u8) -> u8 {
    count.saturating_add(1).min(8)
}

/// Whether a line begins with the name of a header, which ends in a colon. Nearly all that do not have no colon in its place.
fn names(line: &[u8], header: &[u8]) -> bool {
    let last = header.len() - 1;
    line.get(last) == Some(&b':') && line[..last].eq_ignore_ascii_case(&header[..last])
}

#[cfg(test)]
mod tests;
