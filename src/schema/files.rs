//! The texts of a schema, and how byte offsets become lines and columns.

use std::{collections::HashMap, path::Path};

use apollo_compiler::{
    Name,
    parser::{FileId, SourceSpan},
};

use super::model::Place;

/// A file of a schema: its path as messages show it, and its text.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// As messages show it.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// All files of one schema.
#[derive(Debug)]
pub(crate) struct Files {
    files: Vec<SourceFile>,
    /// Offsets at which lines start, per file.
    lines: Vec<Vec<usize>>,
    /// How the parser calls them.
    ids: HashMap<FileId, u32>,
}

// === impl Files ===

impl Files {
    pub(crate) fn new(files: &[SourceFile]) -> Self {
        Self {
            lines: files.iter().map(|file| line_starts(&file.text)).collect(),
            files: files.to_vec(),
            ids: HashMap::new(),
        }
    }

    /// Directory of the file that a place is in, as far as its path says.
    pub(crate) fn directory(&self, place: &Place) -> &Path {
        let file = self.files.get(place.file as usize);
        file.and_then(|file| Path::new(&file.path).parent())
            .unwrap_or(Path::new(""))
    }

    /// The files in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// Remembers how the parser calls a file.
    pub(crate) fn register(&mut self, id: FileId, index: usize) {
        self.ids.insert(id, u32::try_from(index).unwrap_or(u32::MAX));
    }

    /// The place of something that was parsed; the start of the first file for what was not read from a file.
    pub(crate) fn place(&self, span: Option<SourceSpan>) -> Place {
        let Some(span) = span else {
            return Place::default();
        };
        let Some(&file) = self.ids.get(&span.file_id()) else {
            return Place::default();
        };
        let mut place = Place {
            file,
            span: span.offset()..span.end_offset(),
        };
        // What the parser calls a node may end with the white space behind it.
        let trimmed = self.slice(&place).trim_end_matches([' ', '\t', '\r', '\n', ',']).len();
        place.span.end = place.span.start + trimmed;
        place
    }

    /// The place of something with a name and perhaps a description before it: from the name on.
    pub(crate) fn named_place(&self, name: &Name, node: Option<SourceSpan>) -> Place {
        let whole = self.place(node);
        let named = self.place(name.location());
        if named.file == whole.file && whole.span.contains(&named.span.start) {
            return Place {
                file: whole.file,
                span: named.span.start..whole.span.end,
            };
        }
        whole
    }

    /// The text at a place.
    pub(crate) fn slice(&self, place: &Place) -> &str {
        self.files
            .get(place.file as usize)
            .and_then(|file| file.text.get(place.span.clone()))
            .unwrap_or_default()
    }

    /// The path of a place's file.
    pub(crate) fn path(&self, place: &Place) -> &str {
        self.files.get(place.file as usize).map_or("", |file| &file.path)
    }

    /// Line and column of a place's start, both from 1; columns count characters.
    pub(crate) fn line_column(&self, place: &Place) -> (usize, usize) {
        let (Some(file), Some(lines)) = (self.files.get(place.file as usize), self.lines.get(place.file as usize))
        else {
            return (1, 1);
        };
        let offset = place.span.start.min(file.text.len());
        let line = lines.partition_point(|start| *start <= offset).max(1);
        let start = lines.get(line - 1).copied().unwrap_or(0);
        let column = file
            .text
            .get(start..offset)
            .map_or(0, |text| text.chars().filter(|c| *c != '\u{feff}').count());
        (line, column + 1)
    }
}

/// Offsets at which lines start. `\r\n` is one line end, a lone `\r` too.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (index, byte) in bytes.iter().enumerate() {
        let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n'));
        if ends {
            starts.push(index + 1);
        }
    }
    starts
}
