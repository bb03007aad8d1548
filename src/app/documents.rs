//! The documents that surfaces list: read from their files, and read again when these change.
//!
//! A list that cannot be read stops the start; later, the one before stays. A document that is refused stops the start if it is one of the surface's
//! `operations`; in a manifest, which may name what old versions of an app send, it is left out with a warning.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::AccessKind};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{
    config::{ManifestConfig, SurfaceConfig},
    engine::Engine,
    operation::documents::{
        ListedDocument, Unlisted,
        manifest::{self, ManifestOf},
    },
    telemetry::PersistedMetrics,
};

/// How long files must be quiet before they are read: whoever writes one writes several.
const QUIET: Duration = Duration::from_millis(100);

/// How long they are waited for.
const QUIET_MAX: Duration = Duration::from_secs(2);

/// How often they are read though nobody said that they have changed: some file systems do not say.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What a surface lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Those of `operations`, then those of the manifests.
    pub documents: Vec<ListedDocument>,
    /// How many are of `operations`.
    pub shipped: usize,
}

/// Lists what a surface's files say; what stops a start.
pub(super) fn start(engine: &Engine, surface: &SurfaceConfig) -> (List, Vec<String>) {
    let list = match read(surface) {
        Ok(list) => list,
        Err(errors) => return (List::default(), errors),
    };
    let unlisted = engine.list(&list.documents);
    let (fatal, others): (Vec<_>, Vec<_>) = unlisted.into_iter().partition(|one| one.index < list.shipped);
    warn(surface, &list, &others);
    let errors = fatal
        .iter()
        .map(|one| {
            let (line, column) = one.location.unwrap_or((1, 1));
            let origin = &list.documents[one.index].origin;
            format!("{origin}:{line}:{column}: error: {}", one.message)
        })
        .collect();
    (list, errors)
}

/// Reads the files of a surface.
///
/// # Errors
/// Each that cannot be read.
pub fn read(surface: &SurfaceConfig) -> Result<List, Vec<String>> {
    let mut errors = Vec::new();
    let mut list = List::default();
    if let Some(directory) = &surface.operations {
        match folder(directory, &ManifestOf::default()) {
            Ok(documents) => list.documents = documents,
            Err(why) => errors.push(format!("surfaces.{}.operations: {why}", surface.name)),
        }
    }
    list.shipped = list.documents.len();
    for manifest in &surface.persisted.manifests {
        match read_manifest(manifest) {
            Ok(documents) => list.documents.extend(documents),
            Err(why) => errors.push(format!("surfaces.{}.persisted.manifests: {why}", surface.name)),
        }
    }
    if errors.is_empty() { Ok(list) } else { Err(errors) }
}

/// Reads a manifest, or a folder that is used as one.
///
/// # Errors
/// It cannot be read: why.
pub fn read_manifest(manifest: &ManifestConfig) -> Result<Vec<ListedDocument>, String> {
    let path = &manifest.file;
    if path.is_dir() {
        return folder(path, &manifest.of);
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    manifest::read(&text, &manifest.of, &path.display().to_string())
}

/// The documents of a directory's `.graphql` files. Each is also called as its file is.
///
/// # Errors
/// It cannot be read: why.
pub fn folder(directory: &Path, of: &ManifestOf) -> Result<Vec<ListedDocument>, String> {
    let files = operation_files(directory).map_err(|error| unreadable(directory, &error))?;
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let prefixed = of.prefix.iter().map(|prefix| format!("{prefix}{stem}"));
        Ok(ListedDocument {
            ids: prefixed.chain([stem.to_owned()]).collect(),
            text,
            client: of.client.clone(),
            version: of.version.clone(),
            origin: path.display().to_string(),
        })
    };
    files.into_iter().map(read).collect()
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// The `.graphql` files of a directory, by name.
///
/// # Errors
/// The directory cannot be read.
pub fn operation_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "graphql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn warn(surface: &SurfaceConfig, list: &List, unlisted: &[Unlisted]) {
    for one in unlisted {
        tracing::warn!(
            surface = surface.name,
            document = list.documents[one.index].origin,
            "not listed: {}",
            one.message
        );
    }
}

/// Keeps a surface's list as its files are. Ends when aborted.
pub(super) fn watch(
    engine: Arc<Engine>,
    surface: SurfaceConfig,
    known: List,
    metrics: PersistedMetrics,
) -> Option<JoinHandle<()>> {
    let directories = directories(&surface);
    if directories.is_empty() {
        return None;
    }
    let (changed, mut changes) = mpsc::channel(1);
    let watcher = watcher(&directories, changed)
        .map_err(|error| tracing::warn!(%error, "files are not watched, only read once a minute"))
        .ok();
    Some(tokio::spawn(async move {
        // Dropped, it would tell nothing more.
        let _watcher = watcher;
        let (mut known, surface) = (known, Arc::new(surface));
        loop {
            // First of all: something may have changed between the start and the watcher.
            let (engine, surface, metrics) = (engine.clone(), surface.clone(), metrics.clone());
            let before = known;
            match tokio::task::spawn_blocking(move || replace(&engine, &surface, before, &metrics)).await {
                Ok(list) => known = list,
                Err(_) => return tracing::error!("listing documents panicked; changes are not followed any more"),
            }
            // Without a watcher the channel is closed, and the time is what is waited for.
            match timeout(LOOK_AGAIN, changes.recv()).await {
                Ok(Some(())) => quiet(&mut changes).await,
                Ok(None) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(_) => {}
            }
        }
    }))
}

/// Reads the files again, and lists what they say if it is something else; what is listed then.
fn replace(engine: &Engine, surface: &SurfaceConfig, known: List, metrics: &PersistedMetrics) -> List {
    match read(surface) {
        Ok(list) if list == known => known,
        Ok(list) => {
            let unlisted = engine.list(&list.documents);
            warn(surface, &list, &unlisted);
            tracing::info!(
                surface = surface.name,
                documents = engine.listed(),
                "the list of documents was replaced"
            );
            list
        }
        Err(errors) => {
            metrics.reload_failures.inc();
            tracing::warn!(
                surface = surface.name,
                "the list of documents stays as it was: {}",
                errors.join("; ")
            );
            known
        }
    }
}

pub(super) async fn quiet(changes: &mut mpsc::Receiver<()>) {
    let quiet = async { while let Ok(Some(())) = timeout(QUIET, changes.recv()).await {} };
    let _ = timeout(QUIET_MAX, quiet).await;
}

/// Where changes of the files show: their directories, and the listed folders themselves. A file that is replaced by renaming is another file, so
/// watching the file would not do.
fn directories(surface: &SurfaceConfig) -> BTreeSet<PathBuf> {
    let manifests = surface.persisted.manifests.iter().map(|manifest| &manifest.file);
    let mut directories = BTreeSet::new();
    for path in surface.operations.iter().chain(manifests) {
        directories.extend(path.is_dir().then(|| path.clone()));
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        directories.insert(parent.unwrap_or(Path::new(".")).to_owned());
    }
    directories
}

pub(super) fn watcher(
    directories: &BTreeSet<PathBuf>,
    changed: mpsc::Sender<()>,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_reading = event.is_ok_and(|event| {
            matches!(event.kind, EventKind::Access(access) if !matches!(access, AccessKind::Close(notify::event::AccessMode::Write)))
        });
        if !is_reading {
            // One that is waiting says it all.
            let _ = changed.try_send(());
        }
    })?;
    for directory in directories {
        watcher.watch(directory, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
