//! Answers of sources that are kept: whole ones by the call that brought them, items of batches by their key.
//!
//! An entry is found only by everything that took part in it: the complete rendered call, and whose it is where it is private.
//! For an item of a batch, which many different calls can bring, that is what the call is rendered from: the connector, its
//! arguments, the headers of the client that it reads or sends, and the key.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use foldhash::quality::RandomState;
use http::{HeaderMap, HeaderValue, header};
use moka::sync::Cache;
use switchboard_clients::{Counted, Reply};
use tokio::time::Instant;

use super::lifetime::Lifetime;
use crate::identity::Caller;

/// Bytes that an entry takes beside its body and key, by an estimate that is rather too high.
const ENTRY_BYTES: usize = 512;

/// Kept answers of the sources of one surface, bounded in bytes.
#[derive(Debug)]
pub(super) struct AnswerCache(Option<Cache<Arc<[u8]>, Arc<Kept>, RandomState>>);

/// A kept answer.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) reply: Reply,
    pub(super) lifetime: Lifetime,
    /// Whether a new one is being fetched.
    refreshing: AtomicBool,
}

/// What there is for a call.
#[derive(Debug)]
pub(super) enum Hit {
    /// It can be used.
    Fresh(Arc<Kept>),
    /// It can be used, and whoever gets this has to fetch a new one. Others get it as fresh meanwhile.
    Stale(Arc<Kept>),
}

// === impl AnswerCache ===

impl AnswerCache {
    /// An empty cache; with 0 bytes, one that stays empty.
    pub(super) fn new(bytes_max: u64) -> Self {
        let cache = (bytes_max > 0).then(|| {
            Cache::builder()
                .max_capacity(bytes_max)
                .weigher(|key: &Arc<[u8]>, kept: &Arc<Kept>| {
                    let headers: usize = kept
                        .reply
                        .headers
                        .iter()
                        .map(|(name, value)| name.as_str().len() + value.len())
                        .sum();
                    u32::try_from(key.len() + kept.reply.body.len() + headers + ENTRY_BYTES).unwrap_or(u32::MAX)
                })
                .build_with_hasher(RandomState::default())
        });
        Self(cache)
    }

    /// Whether anything is ever kept.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What is kept under a key and still good.
    pub(super) fn get(&self, key: &[u8], now: Instant) -> Option<Hit> {
        let kept = self.0.as_ref()?.get(key)?;
        if now < kept.lifetime.fresh_until {
            return Some(Hit::Fresh(kept));
        }
        if now >= kept.lifetime.stale_until {
            return None;
        }
        if kept.refreshing.swap(true, Relaxed) {
            return Some(Hit::Fresh(kept));
        }
        Some(Hit::Stale(kept))
    }

    /// What is kept under a key and better than nothing.
    pub(super) fn get_anyway(&self, key: &[u8], now: Instant) -> Option<Arc<Kept>> {
        let kept = self.0.as_ref()?.get(key)?;
        (now < kept.lifetime.error_until).then_some(kept)
    }

    /// Keeps an answer.
    pub(super) fn put(&self, key: &[u8], reply: Reply, lifetime: Lifetime) {
        if let Some(cache) = &self.0 {
            let kept = Kept {
                reply: by_itself(&reply),
                lifetime,
                refreshing: AtomicBool::new(false),
            };
            cache.insert(key.into(), Arc::new(kept));
        }
    }
}

// === impl Kept ===

impl Kept {
    /// The new one could not be had: the next request may try again.
    pub(super) fn is_not_refreshed(&self) {
        self.refreshing.store(false, Relaxed);
    }
}

/// The same reply in memory of its own: body and headers as they came are parts of a connection's read buffer, which may be
/// many times as large and would be kept with them.
fn by_itself(reply: &Reply) -> Reply {
    let own = |headers: &HeaderMap| {
        let mut copy = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("it is the value of a header");
            copy.append(name.clone(), value);
        }
        copy
    };
    Reply {
        status: reply.status,
        headers: own(&reply.headers),
        trailers: own(&reply.trailers),
        message: reply.message.clone(),
        details: Bytes::copy_from_slice(&reply.details),
        body: Bytes::copy_from_slice(&reply.body),
        errors: Vec::new(),
        counted: Counted::default(),
    }
}

/// Whether a request is anybody's in particular.
pub(crate) fn has_identity(client: &HeaderMap, caller: &Caller) -> bool {
    let has = |name| client.contains_key(name);
    caller.is_authenticated() || has(header::AUTHORIZATION) || has(header::COOKIE)
}

/// Appends whose a request is, where that must take part in a key.
pub(crate) fn add_identity(client: &HeaderMap, caller: &Caller, key: &mut Vec<u8>) {
    if caller.is_authenticated() {
        caller.write_identity(key);
        return;
    }
    for name in [header::AUTHORIZATION, header::COOKIE] {
        for value in client.get_all(&name) {
            key.extend_from_slice(value.as_bytes());
            key.push(b'\n');
        }
        key.push(b'\r');
    }
}

/// An item of a batch answer, kept as an answer of its own.
pub(super) fn item(body: Vec<u8>) -> Reply {
    Reply {
        status: 200,
        headers: HeaderMap::new(),
        trailers: HeaderMap::new(),
        message: String::new(),
        details: Bytes::new(),
        body: body.into(),
        errors: Vec::new(),
        counted: Counted::default(),
    }
}
