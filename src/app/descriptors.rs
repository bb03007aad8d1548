//! What gRPC sources with `reflection: true` look like: from lock files, or as they say themselves.
//!
//! A lock is what a source said, as a descriptor set beside the schema file. With it a start needs no network and gives the same
//! server everywhere; whether the source still says the same is then only looked at while serving, and told in the log.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use serde_json::Value;
use switchboard_clients::{
    Client,
    grpc::reflect,
    proto::{self, DescriptorPool},
    registry::TransportSettings,
};
use tokio::{runtime::Builder, time::Instant};

use super::sources::{of_client, of_engine};
use crate::{
    config::Config,
    execute::backends::{base_metadata, base_url, environment},
    schema::{Reflected, Reflection},
};

// For all questions to one source. It is asked at the start and by a command, where people wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which sources are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Those without a lock.
    Unlocked,
    /// Those named, whether they have a lock or not; without names all of them.
    Anew(Vec<String>),
}

/// What is known of sources with `reflection: true`.
#[derive(Debug)]
pub struct Descriptors {
    config: Config,
    env: Value,
    ask: Ask,
    /// By lock: surfaces share files.
    known: Mutex<BTreeMap<PathBuf, Known>>,
}

/// What is known of one source.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its messages, or why they are not known.
    pub set: Result<Vec<u8>, String>,
    /// Whether they are from the lock.
    pub is_locked: bool,
    asker: Result<Asker, String>,
}

/// How to ask a source.
#[derive(Debug, Clone)]
struct Asker {
    client: Arc<dyn Client>,
    metadata: HeaderMap,
}

// === impl Descriptors ===

impl Descriptors {
    /// Of the sources of a configuration. Asks nothing yet.
    #[must_use]
    pub fn new(config: &Config, ask: Ask) -> Arc<Self> {
        Arc::new(Self {
            config: config.clone(),
            env: environment(),
            ask,
            known: Mutex::default(),
        })
    }

    /// For the loading of schemas.
    #[must_use]
    pub fn reflection(self: &Arc<Self>) -> Reflection {
        let descriptors = self.clone();
        Reflection::new(move |source| descriptors.describe(source))
    }

    /// What was found while schemas were loaded, by the path of the lock.
    #[must_use]
    pub fn known(&self) -> BTreeMap<PathBuf, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn describe(&self, source: &Reflected<'_>) -> Result<Vec<u8>, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&source.lock) {
            return known.set.clone();
        }
        let found = self.find(source);
        let set = found.set.clone();
        known.insert(source.lock.clone(), found);
        set
    }

    fn find(&self, source: &Reflected<'_>) -> Known {
        let asker = self.asker(source);
        let is_asked = match &self.ask {
            Ask::Unlocked => false,
            Ask::Anew(names) => names.is_empty() || names.iter().any(|name| name == source.name),
        };
        let locked = if is_asked { None } else { read_lock(source) };
        let is_locked = locked.is_some();
        let set = locked.unwrap_or_else(|| asker.as_ref().map_err(Clone::clone).and_then(Asker::ask_now));
        Known {
            name: source.name.to_owned(),
            set,
            is_locked,
            asker,
        }
    }

    fn asker(&self, source: &Reflected<'_>) -> Result<Asker, String> {
        let configured = self.config.source(source.name);
        let own = of_engine(&configured);
        let text = base_url(source.transport, &own, &self.env)?;
        let address = text
            .parse()
            .map_err(|_| format!("{text:?} is not an address such as http://host:50051"))?;
        let settings = of_client(source.name, &configured, None, TransportSettings::Grpc { address });
        Ok(Asker {
            client: settings.client().map_err(|error| with_causes(&error))?,
            metadata: base_metadata(source.transport, &own, &self.env)?,
        })
    }

    /// Asks sources that have a lock whether they still say what it says, and tells in the log where they do not.
    pub async fn compare_locks(&self) {
        for known in self.known().into_values() {
            let (true, Ok(locked), Ok(asker)) = (known.is_locked, &known.set, &known.asker) else {
                continue;
            };
            let source = known.name.as_str();
            match asker.ask().await {
                Ok(live) if live == *locked => tracing::debug!(source, "the descriptor lock is current"),
                Ok(live) => {
                    let changes = changes(locked, &live);
                    if !changes.is_empty() {
                        tracing::warn!(
                            source,
                            changes = changes.join("; "),
                            "the source is not what its descriptor lock says; `switchboard grpc lock` writes a new one"
                        );
                    }
                }
                Err(why) => tracing::debug!(source, why, "the descriptor lock cannot be compared"),
            }
        }
    }
}

/// `None`: there is no lock.
fn read_lock(source: &Reflected<'_>) -> Option<Result<Vec<u8>, String>> {
    match fs::read(&source.lock) {
        Ok(set) => Some(Ok(set)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(format!("{}: {error}", source.lock.display()))),
    }
}

/// What is different in a newer descriptor set, a line a thing.
#[must_use]
pub fn changes(old: &[u8], new: &[u8]) -> Vec<String> {
    let pool = |set: &[u8]| proto::Descriptors::from_descriptor_set(set).unwrap_or_else(|_| DescriptorPool::new());
    proto::changes(&pool(old), &pool(new))
}

/// Says how much is in a descriptor set.
#[must_use]
pub fn contents(set: &[u8]) -> impl fmt::Display {
    let pool = proto::Descriptors::from_descriptor_set(set).unwrap_or_else(|_| DescriptorPool::new());
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let methods = pool.services().map(|service| service.methods().len()).sum();
    format!(
        "{}, {}",
        counted(pool.services().len(), "service"),
        counted(methods, "method")
    )
}

// === impl Asker ===

impl Asker {
    async fn ask(&self) -> Result<Vec<u8>, String> {
        let deadline = Instant::now() + PATIENCE;
        reflect(&*self.client, &self.metadata, deadline)
            .await
            .map_err(|error| with_causes(&error))
    }

    /// On a thread of its own: a start may be inside a runtime, which must not wait.
    fn ask_now(&self) -> Result<Vec<u8>, String> {
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.map_err(|error| error.to_string())?.block_on(self.ask())
            });
            asking.join().unwrap_or_else(|_| Err("asking it failed".to_owned()))
        })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
