//! What loading depends on besides the files themselves.

use std::{fmt, path::PathBuf, sync::Arc};

use super::model::SourceTransport;

/// How a schema is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Directory that relative paths of schema files start from. Paths of `.proto` files, includes, descriptor sets and locks
    /// start from the directory of the schema file that names them.
    pub root: PathBuf,
    /// Also report what would not work elsewhere: selections that contain their own type.
    pub portable: bool,
    /// Where the messages of sources with `reflection: true` come from.
    pub reflection: Reflection,
}

/// A source with `reflection: true`.
#[derive(Debug)]
pub struct Reflected<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its address and metadata.
    pub transport: &'a SourceTransport,
    /// Where the file is, or would be, that has what it said.
    pub lock: PathBuf,
}

type Describe = dyn Fn(&Reflected<'_>) -> Result<Vec<u8>, String> + Send + Sync;

/// Gives the encoded `google.protobuf.FileDescriptorSet` of a source, or says why there is none.
#[derive(Clone)]
pub struct Reflection(Arc<Describe>);

// === impl Reflection ===

impl Reflection {
    /// By a function.
    pub fn new(describe: impl Fn(&Reflected<'_>) -> Result<Vec<u8>, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(describe))
    }

    /// What a source looks like.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn describe(&self, source: &Reflected<'_>) -> Result<Vec<u8>, String> {
        (self.0)(source)
    }
}

impl Default for Reflection {
    /// From the lock file alone.
    fn default() -> Self {
        Self::new(|source| std::fs::read(&source.lock).map_err(|error| error.to_string()))
    }
}

impl fmt::Debug for Reflection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reflection")
    }
}
