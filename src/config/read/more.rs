//! Values that few sections have.

use std::path::{Path, PathBuf};

use super::{KeyValue, Section, join};
use crate::config::Secret;

// === impl Section ===

impl<'a> Section<'a> {
    /// A secret: from the environment, never from the file itself.
    pub(in crate::config) fn secret(&self, key: &'static str) -> Option<Secret<String>> {
        self.note(key, KeyValue::Text);
        let node = self.take(key)?;
        let path = join(&self.path, key);
        let scalar = self.reader.scalar(node, &path, "a secret")?;
        if !scalar.is_from_environment {
            self.reader.report(
                node.place,
                &path,
                "a secret must not stand in this file",
                "write `${NAME}` and set it in the environment, or name a file of its own",
            );
        }
        Some(Secret::new(scalar.text))
    }

    /// A file that holds a secret, or stands beside one that does. Where its name comes from the environment it has to be there: that may be the secret itself, put
    /// into the wrong variable, which nobody may show.
    pub(in crate::config) fn secret_file(&self, key: &'static str, base: &Path) -> Option<PathBuf> {
        self.note(key, KeyValue::Text);
        let node = self.take(key)?;
        let path = join(&self.path, key);
        let scalar = self.reader.scalar(node, &path, "a file")?;
        let file = base.join(&scalar.text);
        if scalar.is_from_environment && !file.metadata().is_ok_and(|found| !found.is_dir()) {
            self.reader.report(
                node.place,
                &path,
                "the value from the environment is not the name of a file",
                "set the variable to the path of the file, not to what is in it",
            );
        }
        Some(file)
    }

    /// Names and their texts, in the order of the file.
    pub(in crate::config) fn pairs(&self, key: &'static str) -> Vec<(String, String)> {
        let section = self.section(key);
        self.note(key, KeyValue::Object);
        let pairs = section.entries.iter().filter_map(|(name, node)| {
            let scalar = self.reader.scalar(node, &join(&section.path, &name.text), "a text")?;
            Some((name.text.clone(), scalar.text))
        });
        pairs.collect()
    }

    /// A section within this one, if it is there.
    pub(in crate::config) fn optional(&self, key: &'static str) -> Option<Section<'a>> {
        (self.has(key) || self.reader.keys.is_some()).then(|| self.section(key))
    }
}
