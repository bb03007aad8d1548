//! Which document a request means: its own text, one that its clients have registered, or one of a list.
//!
//! After decoding, before planning. The text of a client that names no document is looked up and nothing else, unless the surface serves
//! what is listed only: no hash is made where none was sent.

pub mod export;
mod id;
mod listed;
pub mod manifest;
mod normal;
mod origin;
mod registered;
mod shared;

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use http::HeaderMap;
use moka::sync::Cache;
use serde_json::{Map, Value};

use super::{Limits, Operation, OperationStore, RequestError, RequestErrorKind};
use crate::{
    identity::ClientName,
    schema::Surface,
    telemetry::{PersistedMetrics, PersistedOutcome, clean},
};
use id::{Hash, Id};
use listed::{Found, Listed};
use registered::Registered;

pub use id::text_id;
pub use listed::ListedDocument;
pub use origin::Origin;
pub use registered::Registration;
pub use shared::{SHARED_DOCUMENT_BYTES_MAX, SharedStore};

/// Bytes of texts of listed documents whose operations are kept. What does not fit is checked again when it is asked for.
const LISTED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of texts that are not written as in the list, whose form is remembered.
const VARIANTS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Texts that `log` has told of.
const TOLD_MAX: u64 = 10_000;

/// Which documents a surface answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Texts only.
    Off,
    /// All texts; by id what is listed or what clients have registered.
    #[default]
    Automatic,
    /// The same; texts that are not listed are counted and logged.
    Log,
    /// What is listed, by id or text.
    Safelist,
    /// What is listed, by id.
    Only,
}

/// Limits that listed documents are not held to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exempt {
    /// `limits.depth`.
    pub depth: bool,
    /// `limits.cost`.
    pub cost: bool,
}

/// How a surface's documents are persisted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which documents are answered.
    pub mode: Mode,
    /// What listed documents are exempt from.
    pub exempt: Exempt,
    /// Bytes of all documents that clients have registered.
    pub registered_bytes: usize,
    /// Registrations of one client in a minute; 0 = no limit. Beyond it documents are answered and not stored.
    pub registrations_per_minute: u32,
    /// Where processes share what clients have registered.
    pub shared: Option<Arc<dyn SharedStore>>,
    /// What is counted.
    pub metrics: PersistedMetrics,
}

/// What a request says of its document.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `query`.
    pub text: Option<&'a str>,
    /// `documentId`.
    pub document_id: Option<&'a str>,
    /// `extensions`.
    pub extensions: Option<&'a Map<String, Value>>,
    /// `operationName`.
    pub operation_name: Option<&'a str>,
    /// Headers, for the client's name and version.
    pub headers: &'a HeaderMap,
    /// Where it came from.
    pub peer: Option<IpAddr>,
    /// Which of the surface's limits its client is held to.
    pub limits: usize,
}

/// The operation that a request means.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// Checked.
    pub operation: Arc<Operation>,
    /// What it is held to.
    pub limits: &'a Limits,
    /// To be stored once it has passed everything.
    pub registration: Option<Registration>,
    /// Whether another client would have meant another document, or none.
    pub by_client: bool,
    /// Where its document came from.
    pub origin: Origin,
}

/// A document that was not listed, or one of its ids.
#[derive(Debug)]
pub struct Unlisted {
    /// Which of those given.
    pub index: usize,
    /// Line and column in its text.
    pub location: Option<(u32, u32)>,
    /// Why.
    pub message: String,
}

/// The documents of one surface.
#[derive(Debug)]
pub struct Documents {
    settings: Settings,
    /// By the limits that documents are held to: what passes one may be over another.
    texts: Vec<OperationStore>,
    of_list: Vec<OperationStore>,
    listed: ArcSwap<Listed>,
    registered: Registered,
    variants: Cache<Arc<str>, Hash>,
    told: Cache<Hash, ()>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            exempt: Exempt::default(),
            registered_bytes: 16 * 1024 * 1024,
            registrations_per_minute: 100,
            shared: None,
            metrics: PersistedMetrics::default(),
        }
    }
}

// === impl Exempt ===

impl Exempt {
    /// The limits that are left.
    #[must_use]
    pub fn of(self, limits: &Limits) -> Limits {
        let mut limits = limits.clone();
        if self.depth {
            limits.depth = 0;
        }
        if self.cost {
            limits.cost = 0;
        }
        limits
    }
}

/// Checks all operations of a document.
///
/// # Errors
/// The document or one of its operations is refused.
pub fn check_all(surface: &Surface, text: &str, limits: &Limits) -> Result<Vec<Arc<Operation>>, RequestError> {
    let names = normal::read(text, limits).map_or_else(Vec::new, |normal| normal.names);
    OperationStore::new(limits.clone()).resolve_all(surface, text, &names)
}

// === impl Documents ===

impl Documents {
    /// A surface without a list. `limits`: those of its clients, first of those who are in no class.
    #[must_use]
    pub fn new(limits: &[Limits], settings: Settings) -> Self {
        let weigh = |text: &Arc<str>, _: &Hash| u32::try_from(text.len() + 256).unwrap_or(u32::MAX);
        Self {
            texts: limits.iter().cloned().map(OperationStore::new).collect(),
            of_list: limits
                .iter()
                .map(|limits| OperationStore::holding(LISTED_BYTES_MAX, settings.exempt.of(limits)))
                .collect(),
            listed: ArcSwap::default(),
            registered: Registered::new(settings.registered_bytes, settings.registrations_per_minute),
            variants: Cache::builder().max_capacity(VARIANTS_BYTES_MAX).weigher(weigh).build(),
            told: Cache::new(TOLD_MAX),
            settings,
        }
    }

    /// The operation of a text, whatever is listed.
    ///
    /// # Errors
    /// It is refused.
    pub fn of_text(&self, surface: &Surface, text: &str, name: Option<&str>) -> Result<Arc<Operation>, RequestError> {
        self.texts[0].resolve(surface, text, name)
    }

    /// The operation that a request means. An id is checked before anything is looked up, a hash before its text is parsed.
    ///
    /// # Errors
    /// The mode does not serve it, it is not known, or the document is refused.
    pub fn resolve(&self, surface: &Surface, asked: &Asked<'_>) -> Result<Resolved<'_>, RequestError> {
        let mode = self.settings.mode;
        let names_one = id::is_there(asked.document_id, asked.extensions);
        match asked.text {
            Some(text) if mode == Mode::Off || mode == Mode::Automatic && !names_one => {
                self.plain(surface, text, asked)
            }
            Some(_) if mode == Mode::Only => Err(RequestError::new(
                if names_one {
                    RequestErrorKind::PersistedIdAndText
                } else {
                    RequestErrorKind::PersistedIdRequired
                },
                "This surface answers listed documents by their id alone; the request must not have a `query`.",
            )),
            Some(text) => self.by_text(surface, text, asked),
            None if !names_one => Err(RequestError::new(
                RequestErrorKind::NoDocument,
                "The request has no `query`.",
            )),
            None if mode == Mode::Off => Err(RequestError::new(
                RequestErrorKind::PersistedNotSupported,
                "PersistedQueryNotSupported",
            )),
            None => self.by_id(surface, asked),
        }
    }

    fn plain(&self, surface: &Surface, text: &str, asked: &Asked<'_>) -> Result<Resolved<'_>, RequestError> {
        Ok(Resolved {
            operation: self.texts[asked.limits].resolve(surface, text, asked.operation_name)?,
            limits: self.texts[asked.limits].limits(),
            registration: None,
            by_client: false,
            origin: Origin::Text,
        })
    }

    fn of_list(&self, surface: &Surface, found: Found<'_>, asked: &Asked<'_>) -> Result<Resolved<'_>, RequestError> {
        self.count(PersistedOutcome::Listed);
        Ok(Resolved {
            operation: self.of_list[asked.limits].resolve(surface, found.text, asked.operation_name)?,
            limits: self.of_list[asked.limits].limits(),
            registration: None,
            by_client: found.by_client,
            origin: Origin::Listed,
        })
    }

    /// A request without a text.
    fn by_id(&self, surface: &Surface, asked: &Asked<'_>) -> Result<Resolved<'_>, RequestError> {
        let Some(id) = Id::read(asked.document_id, asked.extensions)? else {
            return Err(not_found());
        };
        let client = ClientName::of(asked.headers);
        if let Some(found) = self.listed.load().by_id(id.text(), client) {
            return self.of_list(surface, found, asked);
        }
        if let Some(text) = id.registered().and_then(|hash| self.registered.get(&hash)) {
            self.count(PersistedOutcome::Registered);
            let resolved = self.plain(surface, &text, asked)?;
            return Ok(Resolved {
                origin: Origin::Registered,
                ..resolved
            });
        }
        self.count(PersistedOutcome::NotFound);
        Err(match self.settings.mode {
            // Whoever is told «not found» sends the text next, which would be refused.
            Mode::Only => RequestError::new(
                RequestErrorKind::PersistedNotInList,
                "The document is not in this surface's list.",
            ),
            _ => not_found(),
        })
    }

    /// A text that came with an id, or that has to be in the list.
    fn by_text(&self, surface: &Surface, text: &str, asked: &Asked<'_>) -> Result<Resolved<'_>, RequestError> {
        let id = Id::read(asked.document_id, asked.extensions)?;
        let hash = match id {
            Some(Id::Hash { bytes, .. }) => Some(bytes),
            // The text decides: what else it is called cannot be checked.
            Some(Id::Custom(_)) | None => None,
        };
        let known = hash.and_then(|hash| self.registered.get(&hash));
        let is_known = known.is_some_and(|known| *known == *text);
        if hash.is_some_and(|hash| !is_known && id::hash(text) != hash) {
            self.count(PersistedOutcome::Mismatch);
            return Err(RequestError::new(
                RequestErrorKind::PersistedMismatch,
                "provided sha does not match query",
            ));
        }
        let client = ClientName::of(asked.headers);
        let listed = self.listed.load();
        let found = match self.settings.mode {
            Mode::Automatic => listed.by_text(text, client),
            _ => self.find(&listed, text, client),
        };
        if let Some(found) = found {
            return self.of_list(surface, found, asked);
        }
        match self.settings.mode {
            Mode::Safelist => {
                self.count(PersistedOutcome::Unlisted);
                return Err(RequestError::new(
                    RequestErrorKind::NotInSafelist,
                    "The document is not in this surface's list.",
                ));
            }
            Mode::Log => self.tell(text, asked.operation_name, client),
            Mode::Off | Mode::Automatic | Mode::Only => {}
        }
        let resolved = self.plain(surface, text, asked)?;
        if is_known {
            self.count(PersistedOutcome::Registered);
        }
        let registration = hash.filter(|_| !is_known).map(|hash| Registration {
            hash,
            text: Arc::from(text),
            peer: asked.peer,
        });
        Ok(Resolved {
            registration,
            origin: if is_known { Origin::Registered } else { Origin::Text },
            ..resolved
        })
    }

    /// The listed text that is this one but for blanks, comments and the order of definitions. What runs is what was listed.
    fn find<'a>(&self, listed: &'a Listed, text: &str, client: ClientName<'_>) -> Option<Found<'a>> {
        if let Some(found) = listed.by_text(text, client) {
            return Some(found);
        }
        let form = match self.variants.get(text) {
            Some(form) => form,
            None => {
                let form = normal::read(text, self.of_list[0].limits())?.hash;
                self.variants.insert(Arc::from(text), form);
                form
            }
        };
        listed.by_form(&form, client)
    }

    /// Counts a text that is not listed, and logs it once.
    fn tell(&self, text: &str, name: Option<&str>, client: ClientName<'_>) {
        self.count(PersistedOutcome::Unlisted);
        let hash = id::hash(text);
        if self.told.get(&hash).is_none() {
            self.told.insert(hash, ());
            tracing::info!(
                operation = name.map(clean).as_deref(),
                client = client.name.map(clean).as_deref(),
                sha256 = id::hex(&hash),
                "a document is not in the list"
            );
        }
    }

    /// Stores a document whose operation has passed everything, here and where others find it.
    pub fn register(&self, registration: Option<Registration>) {
        let Some(registration) = registration else { return };
        let (hash, text) = (registration.hash, Arc::clone(&registration.text));
        let Some(outcome) = self.registered.keep(registration) else {
            return;
        };
        self.count(outcome);
        if let (Some(shared), PersistedOutcome::Stored) = (&self.settings.shared, outcome) {
            shared.put(shared::key(&id::hex(&hash)), &text);
        }
    }

    /// Whether documents that clients have registered elsewhere may be had here.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.settings.shared.is_some()
    }

    /// Has a document that a client names by its hash from where processes share them, if it is not known here. What comes is believed only if it
    /// has that hash; then it is as if the client had sent it.
    ///
    /// # Cancel safety
    /// Nothing is lost but the document.
    pub async fn fetch(&self, asked: &Asked<'_>) {
        let (Some(shared), None, Mode::Automatic | Mode::Log) = (&self.settings.shared, asked.text, self.settings.mode)
        else {
            return;
        };
        let Ok(Some(id)) = Id::read(asked.document_id, asked.extensions) else {
            return;
        };
        let Some(hash) = id.registered() else { return };
        let is_known = self.registered.get(&hash).is_some()
            || self
                .listed
                .load()
                .by_id(id.text(), ClientName::of(asked.headers))
                .is_some();
        if is_known {
            return;
        }
        let most = match self.texts[asked.limits].limits().document_bytes {
            0 => SHARED_DOCUMENT_BYTES_MAX,
            most => most.min(SHARED_DOCUMENT_BYTES_MAX),
        };
        let Some(text) = shared.get(shared::key(id.text()), most).await else {
            return;
        };
        match String::from_utf8(text) {
            Ok(text) if id::hash(&text) == hash => {
                self.registered.adopt(hash, Arc::from(text));
                self.count(PersistedOutcome::Shared);
            }
            _ => self.count(PersistedOutcome::Foreign),
        }
    }

    /// Checks documents and makes them the list. `prepare` does what is to be done for each operation before anyone asks for it. Requests under way
    /// keep the list that they have begun with.
    ///
    /// Those that are refused are left out, and told.
    pub fn list(
        &self,
        surface: &Surface,
        documents: &[ListedDocument],
        mut prepare: impl FnMut(&Operation) -> Result<(), RequestError>,
    ) -> Vec<Unlisted> {
        let mut listed = Listed::default();
        let mut unlisted = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            let normal = normal::read(&document.text, self.of_list[0].limits());
            let (form, names) = normal.map_or((None, Vec::new()), |normal| (Some(normal.hash), normal.names));
            let checked = self.of_list[0]
                .resolve_all(surface, &document.text, &names)
                .and_then(|operations| {
                    // Clients may send the text as well.
                    if self.settings.exempt == Exempt::default() {
                        self.texts[0].adopt(&document.text, &names, &operations);
                    }
                    operations.iter().try_for_each(|operation| prepare(operation))
                });
            match checked {
                Ok(()) => unlisted.extend(listed.add(document, form).into_iter().map(|id| Unlisted {
                    index,
                    location: None,
                    message: format!("the id {id:?} stands for another document already"),
                })),
                Err(error) => unlisted.extend(error.errors.into_iter().map(|detail| Unlisted {
                    index,
                    location: detail.location,
                    message: detail.message,
                })),
            }
        }
        self.settings
            .metrics
            .listed
            .set(i64::try_from(listed.len()).unwrap_or(i64::MAX));
        self.listed.store(Arc::new(listed));
        unlisted
    }

    /// How many documents are listed.
    #[must_use]
    pub fn listed(&self) -> usize {
        self.listed.load().len()
    }

    fn count(&self, outcome: PersistedOutcome) {
        self.settings.metrics.count(outcome);
    }
}

fn not_found() -> RequestError {
    RequestError::new(RequestErrorKind::PersistedNotFound, "PersistedQueryNotFound")
}
