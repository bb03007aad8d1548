//! Items of batch answers, kept by key: a batch then asks only for the keys that are not there.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use switchboard_clients::Reply;
use tokio::time::Instant;

use super::{
    Failure, FailureKind, Scope,
    backends::Compiled,
    batch::{self, Chunk},
    cache::{self, Hit, Kept},
    call,
    keys::Keys,
    lifetime::{Keep, Lifetime, Outside},
    vars::CallVars,
};
use crate::{
    mapping::{Context, Node, Table, Vars},
    plan::{Align, Fetch},
    schema::model::{ConnectRequest, Connector, Kind},
};

/// The items of one fetch.
pub(super) struct Items<'a> {
    scope: &'a Scope,
    fetch: &'a Fetch,
    connector: &'a Connector,
    compiled: &'a Compiled,
    parts: &'a [Vec<u16>],
    many: bool,
    /// What all keys of this request begin with.
    base: Vec<u8>,
}

/// What there is for some keys.
#[derive(Default)]
pub(super) struct LookedUp {
    /// Kept ones: the key, and a JSON list of its items.
    found: Vec<(u32, Bytes)>,
    pub(super) keep: Keep,
    pub(super) outside: Outside,
    /// Keys whose items are stale: found, and to be fetched anew.
    pub(super) stale: Vec<u32>,
    pub(super) stale_items: Vec<Arc<Kept>>,
    /// Keys of which nothing is kept.
    pub(super) missing: Vec<u32>,
}

// === impl Items ===

impl<'a> Items<'a> {
    /// The items of a fetch, if they may be kept one by one: each must be a JSON object that the mapping reads by itself.
    pub(super) fn of(
        scope: &'a Scope,
        fetch: &'a Fetch,
        connector: &'a Connector,
        compiled: &'a Compiled,
    ) -> Result<Option<Self>, Failure> {
        let reply = &compiled.reply;
        let is_its_own =
            !(reply.status || reply.response || reply.batch || reply.this) && fetch.projection.reads_items();
        let is_batch = matches!(connector.kind, Kind::Batch | Kind::FieldBatch)
            && matches!(connector.request, ConnectRequest::Http { .. });
        let Align::Items { parts, many } = &fetch.align else {
            return Ok(None);
        };
        if !(is_batch && is_its_own && call::is_cacheable(scope, compiled)) {
            return Ok(None);
        }
        let mut base = Vec::with_capacity(64);
        base.extend_from_slice(b"item ");
        base.extend_from_slice(&fetch.connector.0.to_le_bytes());
        let args = CallVars::arguments(scope, fetch)?;
        crate::mapping::text::write_value(&args, &mut base);
        compiled.request.headers.write(&scope.headers, &mut base);
        base.push(0xFF);
        compiled.reply.headers.write(&scope.headers, &mut base);
        base.push(0xFF);
        compiled.request.context.write(&scope.caller, &mut base);
        compiled.reply.context.write(&scope.caller, &mut base);
        if compiled.is_private {
            base.push(0xFF);
            cache::add_identity(&scope.headers, &scope.caller, &mut base);
        }
        base.push(0xFF);
        Ok(Some(Self {
            scope,
            fetch,
            connector,
            compiled,
            parts,
            many: *many,
            base,
        }))
    }

    fn key(&self, keys: &Keys, number: u32) -> Vec<u8> {
        let mut key = self.base.clone();
        for part in keys.parts(number) {
            key.extend_from_slice(part);
            key.push(b',');
        }
        key
    }

    /// What is kept for some keys.
    pub(super) fn look_up(&self, numbers: &[u32], keys: &Mutex<Keys>) -> LookedUp {
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut looked = LookedUp::default();
        for number in numbers {
            match self.scope.backends.cache.get(&self.key(&keys, *number), now) {
                Some(hit) => {
                    let (Hit::Fresh(kept) | Hit::Stale(kept)) = &hit;
                    looked.keep = looked.keep.and(Keep::For(kept.lifetime));
                    looked.outside = looked.outside.and(kept.lifetime.into());
                    looked.found.push((*number, kept.reply.body.clone()));
                    if let Hit::Stale(kept) = &hit {
                        looked.stale.push(*number);
                        looked.stale_items.push(kept.clone());
                    }
                }
                None => looked.missing.push(*number),
            }
        }
        looked
    }

    /// What is kept for some keys and better than nothing, and when the oldest of it came.
    pub(super) fn look_up_anyway(&self, numbers: &[u32], keys: &Mutex<Keys>) -> (LookedUp, Instant) {
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut looked = LookedUp {
            keep: Keep::Not,
            outside: Outside::Not,
            ..LookedUp::default()
        };
        let mut since = now;
        for number in numbers {
            match self.scope.backends.cache.get_anyway(&self.key(&keys, *number), now) {
                Some(kept) => {
                    since = since.min(kept.lifetime.since);
                    looked.found.push((*number, kept.reply.body.clone()));
                }
                None => looked.missing.push(*number),
            }
        }
        (looked, since)
    }

    /// Reads kept items as if one call had brought them.
    pub(super) fn read(&self, looked: &LookedUp, keys: &Mutex<Keys>) -> Result<Option<(Vec<u32>, Chunk)>, Failure> {
        if looked.found.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<u32> = looked.found.iter().map(|(number, _)| *number).collect();
        let mut body = vec![b'['];
        for (_, list) in &looked.found {
            let inside = &list[1..list.len() - 1];
            if body.len() > 1 && !inside.is_empty() {
                body.push(b',');
            }
            body.extend_from_slice(inside);
        }
        body.push(b']');
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        let vars = CallVars::of_request(self.scope, self.fetch, &self.compiled.reply, &numbers, &keys)?;
        let pairs = vars.pairs();
        let mut context = Context {
            vars: &Vars::new(&pairs),
            declared: Vec::new(),
        };
        let mut table = Table::new(self.fetch.projection.layouts.len());
        // Each was within its limits when it came; together they may be more.
        let limits = crate::mapping::ScanLimits {
            list: u32::MAX,
            ..crate::mapping::ScanLimits::default()
        };
        let node = self
            .fetch
            .projection
            .read_items(body.into(), limits, &mut context, &mut table)
            .map_err(|_| Failure::new(FailureKind::Internal, "Internal server error."))?;
        let found = batch::align(&mut table, &node, self.parts, self.many, &numbers, &keys);
        let chunk = Chunk {
            table,
            found,
            declared: context.declared,
            failed_values: Vec::new(),
            keep: looked.keep,
            stale: None,
            outside: looked.outside,
        };
        Ok(Some((numbers, chunk)))
    }

    /// Keeps what a call brought, by key. `output` has not been aligned yet.
    pub(super) fn put(
        &self,
        reply: &Reply,
        (table, output): (&mut Table, &Node),
        numbers: &[u32],
        keys: &Keys,
        lifetime: Lifetime,
    ) {
        let limits = self
            .scope
            .backends
            .of(self.connector)
            .map_or_else(Default::default, |backend| backend.scan);
        let Some(spans) = self.fetch.projection.item_spans(&reply.body, limits) else {
            return;
        };
        let Some(items_of) = batch::items_by_key(table, output, self.parts, numbers, keys, spans.len()) else {
            return;
        };
        for (number, items) in numbers.iter().zip(items_of) {
            let mut list = vec![b'['];
            for item in items {
                if list.len() > 1 {
                    list.push(b',');
                }
                list.extend_from_slice(&reply.body[spans[item].clone()]);
            }
            list.push(b']');
            self.compiled.is_kept.store(true, std::sync::atomic::Ordering::Relaxed);
            self.scope
                .backends
                .cache
                .put(&self.key(keys, *number), cache::item(list), lifetime);
        }
    }
}
