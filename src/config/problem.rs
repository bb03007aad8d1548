//! What can be wrong with a configuration, and where.

use std::{fmt, io, path::Path};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 for the file as a whole.
    pub column: usize,
    /// The key it is about, with dots, e.g. `sources.catalog.timeout`; empty for the file as a whole.
    pub key: String,
    /// What is wrong. Never shows a value that came from the environment.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// All that is wrong with a configuration: never empty, by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

// === impl Problem ===

impl Problem {
    /// The problem in one line.
    pub(super) fn to_line(&self) -> String {
        let place = match self.line {
            0 => String::new(),
            line => format!("{line}:{}: ", self.column),
        };
        let key = match &*self.key {
            "" => String::new(),
            key => format!("{key}: "),
        };
        format!("{place}{key}{}; {}", self.message, self.hint)
    }
}

// === impl ConfigError ===

impl ConfigError {
    pub(super) fn new(file: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self {
            file: file.display().to_string(),
            problems,
        }
    }

    pub(super) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let problem = Problem {
            line: 0,
            column: 0,
            key: String::new(),
            message: format!("cannot be read: {error}"),
            hint: "name another file with --config".to_owned(),
        };
        Self::new(file, vec![problem])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file)?;
            if problem.line > 0 {
                write!(f, "{}:{}:", problem.line, problem.column)?;
            }
            if !problem.key.is_empty() {
                write!(f, " {}:", problem.key)?;
            }
            write!(f, " {}; {}", problem.message, problem.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
