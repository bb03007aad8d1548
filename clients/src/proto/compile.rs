//! .proto files, or a descriptor set made from them, to descriptors.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use miette::Diagnostic;
use prost_reflect::DescriptorPool;
use protox::Compiler;

/// What is said of files of an edition, which the libraries underneath do not know.
const EDITIONS: &str =
    "files of an edition (2023 and later) are not read yet; with `syntax = \"proto3\"` or \"proto2\" they are";

/// Where descriptors come from.
#[derive(Debug)]
pub struct Descriptors;

/// What is wrong with a .proto file or a descriptor set. Displays as `file:line:column: message`, as far as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtoError {
    /// The file, as it was named or imported.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<usize>,
    /// From 1, in bytes.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
}

// === impl Descriptors ===

impl Descriptors {
    /// Compiles .proto files with everything they import. The well-known types (`google/protobuf/…`) need no include.
    ///
    /// A file is named by its path, either itself or below one of `includes`; without includes each file's own folder is
    /// one.
    ///
    /// # Errors
    /// For the first file that cannot be read, parsed or linked.
    pub fn compile(files: &[impl AsRef<Path>], includes: &[PathBuf]) -> Result<DescriptorPool, ProtoError> {
        let mut folders = includes.to_vec();
        if folders.is_empty() {
            folders.extend(
                files
                    .iter()
                    .filter_map(|file| file.as_ref().parent())
                    .map(Path::to_owned),
            );
            folders.sort();
            folders.dedup();
        }
        let mut compiler = Compiler::new(&folders).map_err(ProtoError::from_protox)?;
        compiler.include_imports(true);
        for file in files {
            compiler
                .open_file(file)
                .map_err(|error| ProtoError::from_protox(error).of_edition(&folders))?;
        }
        // Not `descriptor_pool()`: there, options such as `packed` are still text that nobody has read.
        Self::from_descriptor_set(&compiler.encode_file_descriptor_set())
    }

    /// Reads an encoded `google.protobuf.FileDescriptorSet` (`protoc --include_imports -o`, `buf build -o`).
    ///
    /// # Errors
    /// When the bytes are no such set, or its files do not fit together.
    pub fn from_descriptor_set(bytes: &[u8]) -> Result<DescriptorPool, ProtoError> {
        DescriptorPool::decode(bytes).map_err(|error| ProtoError {
            file: error.file().map(str::to_owned),
            line: None,
            column: None,
            message: match error.to_string() {
                message if message.contains("'editions'") => EDITIONS.to_owned(),
                message => message,
            },
        })
    }
}

// === impl ProtoError ===

impl ProtoError {
    fn from_protox(error: protox::Error) -> Self {
        let at = error.labels().and_then(|mut labels| labels.next()).and_then(|label| {
            let contents = error.source_code()?.read_span(label.inner(), 0, 0).ok()?;
            Some((contents.line() + 1, contents.column() + 1))
        });
        let file = error.file().map(str::to_owned);
        Self {
            message: without_file(error.to_string(), file.as_deref()),
            file,
            line: at.map(|(line, _)| line),
            column: at.map(|(_, column)| column),
        }
    }
}

/// Whether a .proto file declares an edition in place of a syntax.
fn declares_edition(text: &str) -> bool {
    let mut after = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("edition"));
    after.any(|rest| rest.trim_start().starts_with('='))
}

/// Some messages open with the file's name already.
fn without_file(message: String, file: Option<&str>) -> String {
    match file
        .and_then(|file| message.strip_prefix(file))
        .and_then(|rest| rest.split_once(": "))
    {
        Some((_, rest)) => rest.to_owned(),
        None => message,
    }
}

impl ProtoError {
    /// The same, unless the file is one of an edition: then that is what is wrong with it. `folders`: where it was looked for.
    fn of_edition(self, folders: &[PathBuf]) -> Self {
        let read = |file: &String| {
            let paths = folders.iter().map(|folder| folder.join(file));
            paths.filter_map(|path| std::fs::read_to_string(path).ok()).next()
        };
        match self.file.as_ref().and_then(read) {
            Some(text) if declares_edition(&text) => Self {
                message: EDITIONS.to_owned(),
                ..self
            },
            _ => self,
        }
    }
}

impl fmt::Display for ProtoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| line.to_string());
        let column = self.column.map(|column| column.to_string());
        for place in [self.file.clone(), line, column].into_iter().flatten() {
            write!(f, "{place}:")?;
        }
        if self.file.is_some() {
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProtoError {}
