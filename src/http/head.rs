//! Reads along while the head of an HTTP/1 request comes in, and refuses what two servers could read differently.
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
    /// It is complete.
    Complete(Option<Fault>),
    /// This is HTTP/2.
    Http2,
}

/// Reads one head, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
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
    http2: bool,
}

// === impl HeadReader ===

impl HeadReader {
    /// Takes the next bytes. After anything but [`Progress::Partial`] the reader is ready for another head.
    pub(super) fn read(&mut self, fresh: &[u8]) -> Progress {
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
                return std::mem::take(self).finish();
            }
        }
        self.partial.extend_from_slice(&fresh[start..]);
        Progress::Partial
    }

    /// Whether nothing but a part of the request line has come.
    pub(super) fn is_in_first_line(&self) -> bool {
        !self.has_lines && !self.partial.is_empty()
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
            // The preface of HTTP/2: no HTTP/1 method starts like this.
            Some(b'P') if !self.has_lines && line.starts_with(b"PRI ") => {
                self.http2 = true;
                return true;
            }
            Some(b'c' | b'C') if names(line, b"content-length:") => self.lengths = more(self.lengths),
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

    fn finish(self) -> Progress {
        if self.http2 {
            Progress::Http2
        } else if self.lengths + self.encodings > 1 {
            Progress::Complete(Some(Fault::TwoLengths))
        } else if self.bare_line_feed {
            Progress::Complete(Some(Fault::BareLineFeed))
        } else if self.is_coded {
            Progress::Complete(Some(Fault::Coding))
        } else if self.is_wrong_host || self.hosts > 1 || self.needs_host && self.hosts == 0 {
            Progress::Complete(Some(Fault::Host))
        } else {
            Progress::Complete(None)
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
