//! Lines and columns of a document.
//!
//! The library's own index has some fifty bytes for each line, which makes a document of short lines take many times its size.

/// Bytes between two places that are known. A place is found by walking on from the one before it.
const STRIDE: usize = 64;

/// Where the lines of a document are.
#[derive(Debug)]
pub(super) struct Places<'t> {
    text: &'t str,
    /// Line and column of each [`STRIDE`]th byte.
    known: Vec<(u32, u32)>,
}

// === impl Places ===

impl<'t> Places<'t> {
    /// Walks a text once.
    pub(super) fn of(text: &'t str) -> Self {
        let mut known = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut place = (1, 1);
        for (at, stretch) in text.as_bytes().chunks(STRIDE).enumerate() {
            known.push(place);
            place = walk(text.as_bytes(), at * STRIDE, stretch.len(), place);
        }
        Self { text, known }
    }

    /// Line and column of a byte, from 1. Columns are characters; lines end as the specification says.
    ///
    /// <https://spec.graphql.org/September2025/#sec-Line-Terminators>
    pub(super) fn at(&self, offset: usize) -> (u32, u32) {
        let offset = offset.min(self.text.len());
        let mark = (offset / STRIDE).min(self.known.len().saturating_sub(1));
        let place = self.known.get(mark).copied().unwrap_or((1, 1));
        walk(self.text.as_bytes(), mark * STRIDE, offset - mark * STRIDE, place)
    }
}

/// The place behind so many bytes.
fn walk(text: &[u8], start: usize, length: usize, (mut line, mut column): (u32, u32)) -> (u32, u32) {
    for (index, byte) in text[start..start + length].iter().enumerate() {
        match byte {
            // Of `\r\n` the second ends the line.
            b'\r' if text.get(start + index + 1) == Some(&b'\n') => column += 1,
            b'\n' | b'\r' => (line, column) = (line + 1, 1),
            // What continues a character is no column of its own.
            0x80..=0xBF => {}
            _ => column += 1,
        }
    }
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_the_place_that_counting_from_the_start_gives() {
        let text = "a\nbé\r\n\rx😀y\n\n".repeat(200);
        let places = Places::of(&text);

        let (mut line, mut column) = (1, 1);
        for (offset, character) in text.char_indices() {
            assert_eq!(places.at(offset), (line, column), "{offset}");
            let ends = match character {
                '\n' => true,
                '\r' => text.as_bytes().get(offset + 1) != Some(&b'\n'),
                _ => false,
            };
            (line, column) = if ends { (line + 1, 1) } else { (line, column + 1) };
        }
        assert_eq!(places.at(text.len()), (line, column));
        assert_eq!(places.at(usize::MAX), (line, column));
        assert_eq!(Places::of("").at(0), (1, 1));
    }
}
