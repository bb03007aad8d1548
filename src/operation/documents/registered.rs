//! Documents that clients register themselves, by the hash of their text.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use moka::sync::Cache;

use super::id::Hash;
use crate::{identity::network, telemetry::PersistedOutcome};

/// What an entry takes beside its text: hash, counters and links.
const ENTRY_BYTES: usize = 256;

/// Clients whose registrations are counted at a time. Whoever has more addresses than that is not held up by a count of addresses.
const CLIENTS_MAX: u64 = 10_000;

/// A document that may be stored once its operation has passed everything.
#[derive(Debug)]
pub struct Registration {
    pub(super) hash: Hash,
    pub(super) text: Arc<str>,
    pub(super) peer: Option<IpAddr>,
}

/// Texts by hash, bounded in bytes; those asked for least make room.
#[derive(Debug)]
pub(super) struct Registered {
    texts: Cache<Hash, Arc<str>>,
    bytes_max: usize,
    /// Registrations of the current minute.
    recent: Cache<IpAddr, Arc<AtomicU32>>,
    per_minute: u32,
}

// === impl Registered ===

impl Registered {
    /// `per_minute`: registrations of one client; 0 = no limit.
    pub(super) fn new(bytes_max: usize, per_minute: u32) -> Self {
        let texts = Cache::builder()
            .max_capacity(bytes_max as u64)
            .weigher(|_: &Hash, text: &Arc<str>| weight(text))
            .build();
        let recent = Cache::builder()
            .max_capacity(CLIENTS_MAX)
            .time_to_live(Duration::from_secs(60))
            .build();
        Self {
            texts,
            bytes_max,
            recent,
            per_minute,
        }
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<Arc<str>> {
        self.texts.get(hash)
    }

    /// Keeps a document; `None` if it is there already or can never fit.
    pub(super) fn keep(&self, registration: Registration) -> Option<PersistedOutcome> {
        let Registration { hash, text, peer } = registration;
        if self.texts.contains_key(&hash) || weight(&text) as usize > self.bytes_max {
            return None;
        }
        if peer.is_some_and(|peer| !self.admits(peer)) {
            return Some(PersistedOutcome::OverQuota);
        }
        self.texts.insert(hash, text);
        // Registering is rare: the bound holds at once and not only on average.
        self.texts.run_pending_tasks();
        Some(PersistedOutcome::Stored)
    }

    /// Keeps what another process has stored: its quota counted there.
    pub(super) fn adopt(&self, hash: Hash, text: Arc<str>) {
        if weight(&text) as usize <= self.bytes_max {
            self.texts.insert(hash, text);
        }
    }

    fn admits(&self, peer: IpAddr) -> bool {
        if self.per_minute == 0 {
            return true;
        }
        let count = self.recent.get_with(network(peer), Arc::default);
        count.fetch_add(1, Relaxed) < self.per_minute
    }
}

fn weight(text: &str) -> u32 {
    u32::try_from(text.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
}
