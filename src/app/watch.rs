//! Notices when a configuration, a schema or a .proto file was saved.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use notify::RecommendedWatcher;
use tokio::{sync::mpsc, time::timeout};

use super::documents::{quiet, watcher};
use crate::config::{Config, Reload};

/// How often files are looked at though nobody said that they have changed: some file systems do not say.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Directories within a schema's that are looked into.
const DEPTH_MAX: usize = 6;

/// Endings of files that a surface is made of.
const ENDINGS: [&str; 8] = ["graphql", "graphqls", "gql", "yaml", "yml", "proto", "pb", "bin"];

/// What files were like.
pub(super) type Looks = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// Waits for changes of the files of a configuration.
pub(super) struct Changes {
    directories: BTreeSet<PathBuf>,
    /// The file of switches: it is read by itself.
    beside: Option<PathBuf>,
    looks: Looks,
    changed: mpsc::Sender<()>,
    changes: mpsc::Receiver<()>,
    /// Dropped, it would tell nothing more.
    _watcher: Option<RecommendedWatcher>,
}

// === impl Changes ===

impl Changes {
    /// `seen`: what they were like when they were read.
    pub(super) fn of(config: &Config, seen: Looks) -> Self {
        let (changed, changes) = mpsc::channel(1);
        let mut this = Self {
            directories: BTreeSet::new(),
            beside: None,
            looks: Vec::new(),
            changed,
            changes,
            _watcher: None,
        };
        this.follow(config, seen);
        this
    }

    /// Follows the files of another configuration.
    pub(super) fn follow(&mut self, config: &Config, seen: Looks) {
        let directories = directories(config);
        if directories != self.directories {
            self._watcher = watcher(&directories, self.changed.clone())
                .map_err(|error| tracing::warn!(%error, "files are not watched, only looked at every few seconds"))
                .ok();
            self.directories = directories;
        }
        self.beside.clone_from(&config.switches);
        self.looks = seen;
    }

    /// Waits until a file looks different.
    pub(super) async fn next(&mut self) {
        // First of all: something may have changed since they were read.
        while looks(&self.directories, self.beside.as_deref()) == self.looks {
            if let Ok(Some(())) = timeout(LOOK_AGAIN, self.changes.recv()).await {
                quiet(&mut self.changes).await;
            }
        }
    }
}

/// What the files of a configuration are like; nothing where nobody follows them.
pub(super) fn looks_of(config: &Config) -> Looks {
    match config.reload {
        Reload::Watch => looks(&directories(config), config.switches.as_deref()),
        Reload::Signal => Looks::default(),
    }
}

/// Where files of a configuration are: its own directory, and those of schemas with all below them.
fn directories(config: &Config) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    found.extend(parent(&config.file));
    for schema in config.surfaces.iter().flat_map(|surface| &surface.schema) {
        if let Some(parent) = parent(schema) {
            below(&parent, DEPTH_MAX, &mut found);
        }
    }
    found
}

fn parent(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    Some(
        if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        }
        .to_owned(),
    )
}

fn below(directory: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    if depth == 0 || !found.insert(directory.to_owned()) {
        return;
    }
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !is_hidden {
            below(&entry.path(), depth - 1, found);
        }
    }
}

/// `beside`: a file that is none of them, though it may be where they are.
fn looks(directories: &BTreeSet<PathBuf>, beside: Option<&Path>) -> Looks {
    let mut looks: Looks = Vec::new();
    let is_beside = |path: &Path| {
        let named = beside.filter(|beside| beside.file_name() == path.file_name());
        let directory = |path: &Path| parent(path).and_then(|parent| fs::canonicalize(parent).ok());
        named.is_some_and(|beside| directory(beside) == directory(path))
    };
    for directory in directories {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if ENDINGS.contains(&ending)
                && !is_beside(&path)
                && let Ok(about) = fs::metadata(&path)
            {
                looks.push((path, about.modified().ok(), about.len()));
            }
        }
    }
    looks.sort();
    looks
}
