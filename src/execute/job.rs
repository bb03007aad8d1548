//! One call of a batch: rendered, had from what is kept or made, read, and kept for others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed};

use futures_util::{FutureExt, future::BoxFuture};
use switchboard_clients::{Call, Reply};
use tokio::time::Instant;

use super::{
    Failure, FailureKind, Scope,
    backends::Compiled,
    batch::{self, Chunk},
    cache::{self, Hit, Kept},
    call,
    items::Items,
    keys::Keys,
    lifetime::{self, Keep, Outside},
    render::{self, Asked},
    reply,
    vars::CallVars,
};
use crate::{
    mapping::{Context, Table, Vars},
    plan::{Align, Fetch, FetchId},
    schema::model::Connector,
};

/// Nodes that room is made for at once: 1 MiB. One huge answer must not make every later one take as much.
const NODES_HINT_MAX: usize = 64 * 1024;

/// What a call is made for.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) scope: Arc<Scope>,
    pub(super) fetch: FetchId,
    /// The keys; none for a root field.
    pub(super) numbers: Vec<u32>,
    pub(super) keys: Arc<Mutex<Keys>>,
    /// Whether a kept answer will do.
    pub(super) takes_kept: bool,
}

// === impl Job ===

impl Job {
    /// The same for other keys.
    pub(super) fn of(&self, numbers: Vec<u32>) -> Self {
        Self {
            scope: self.scope.clone(),
            fetch: self.fetch,
            numbers,
            keys: self.keys.clone(),
            takes_kept: self.takes_kept,
        }
    }

    pub(super) fn parts(&self) -> (&Fetch, &Connector, &Compiled) {
        let fetch = &self.scope.plan.fetches[usize::from(self.fetch.0)];
        let connector = &self.scope.surface.connectors[fetch.connector.0 as usize];
        (fetch, connector, self.scope.backends.compiled(fetch.connector))
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept of single keys; the others remain to be asked for. Has new ones fetched for those that are stale.
    pub(super) fn take_kept(&mut self) -> Option<(Vec<u32>, Chunk)> {
        let (fetch, connector, compiled) = self.parts();
        if self.numbers.is_empty() || !compiled.is_kept.load(Relaxed) || compiled.is_off.load(Relaxed) {
            return None;
        }
        let items = Items::of(&self.scope, fetch, connector, compiled).ok()??;
        let looked = items.look_up(&self.numbers, &self.keys);
        let kept = items.read(&looked, &self.keys).ok()??;
        if !looked.stale.is_empty() {
            tokio::spawn(self.of(looked.stale).refresh(looked.stale_items));
        }
        self.numbers = looked.missing;
        Some(kept)
    }

    /// Makes the call, or has its answer from what is kept, and reads it. Where that fails, an older answer may do.
    pub(super) async fn chunk(&self) -> Result<Chunk, Arc<Failure>> {
        let failure = match self.call_and_read().await {
            Ok(chunk) => return Ok(chunk),
            Err(failure) => reply::signed(&self.scope, self.parts().1, failure),
        };
        self.stale(&failure).ok_or(failure)
    }

    async fn call_and_read(&self) -> Result<Chunk, Failure> {
        let (_, connector, compiled) = self.parts();
        if compiled.is_off.load(Relaxed) {
            return Err(Failure::new(FailureKind::Unavailable, "The field is switched off."));
        }
        let Some(call) = self.render()? else {
            return self.read(None, (Keep::Always, Outside::ANY));
        };
        let key = match compiled.is_kept.load(Relaxed) {
            true => self.cache_key(&call),
            false => None,
        };
        if let Some(key) = key.as_ref().filter(|_| self.takes_kept)
            && let Some(hit) = self.scope.backends.cache.get(key, Instant::now())
        {
            let (Hit::Fresh(kept) | Hit::Stale(kept)) = &hit;
            if let Hit::Stale(kept) = &hit {
                tokio::spawn(self.of(self.numbers.clone()).refresh(vec![kept.clone()]));
            }
            return self.read(Some(&kept.reply), (Keep::For(kept.lifetime), kept.lifetime.into()));
        }
        let has_credentials = lifetime::has_credentials(&call) || compiled.request.context.is_any();
        let reply = call::send(&self.scope, connector, compiled, call, self.numbers.len()).await?;
        let policy = connector.cache.as_ref();
        let good = match call::is_cacheable(&self.scope, compiled) {
            true if reply.errors.is_empty() => {
                lifetime::lifetime(&reply.headers, policy, has_credentials, Instant::now())
            }
            _ => None,
        };
        // Most operations may not be kept outside whatever sources say.
        let outside = match self.scope.plan.policy {
            Some(_) if compiled.is_safe || compiled.is_declared => {
                lifetime::outside(&reply.headers, policy, has_credentials, Instant::now())
            }
            _ => Outside::Not,
        };
        // The first answer of a connector that may be kept: nobody expected it.
        let key = match (key, good) {
            (None, Some(_)) => self.render()?.and_then(|call| self.cache_key(&call)),
            (key, _) => key,
        };
        let good = good.filter(|_| key.is_some());
        // What is one user's own is kept only where the key says whose.
        let good = good.filter(|good| good.is_public || has_credentials || compiled.is_private);
        let chunk = self
            .read(Some(&reply), (good.into(), outside))
            .inspect_err(|failure| call::discredit(&self.scope, connector, compiled, &reply, failure))?;
        if let (Some(key), Some(good)) = (key, good) {
            compiled.is_kept.store(true, Relaxed);
            self.scope.backends.cache.put(&key, reply, good);
        }
        Ok(chunk)
    }

    /// Fetches a new answer in place of stale ones.
    fn refresh(self, stale: Vec<Arc<Kept>>) -> BoxFuture<'static, ()> {
        let job = Self {
            takes_kept: false,
            ..self
        };
        async move {
            if let Err(failure) = job.call_and_read().await {
                let (id, connector) = (job.scope.request_id(), &job.parts().1.coordinate);
                tracing::info!(request_id = id, %connector, failure = ?failure.kind, "a stale answer could not be renewed");
            }
            // New ones stand in their place by now, or the next request may try again.
            stale.iter().for_each(|kept| kept.is_not_refreshed());
        }
        .boxed()
    }

    /// What the answer to a call is kept under; `None`: it must not be kept.
    pub(super) fn cache_key(&self, call: &Call) -> Option<Vec<u8>> {
        let (_, connector, compiled) = self.parts();
        if !call::is_cacheable(&self.scope, compiled) {
            return None;
        }
        let mut key = call::key(call);
        // A gRPC call and one in this process do not say whom they are for.
        key.extend_from_slice(&connector.source.map_or(u32::MAX, |source| source.0).to_le_bytes());
        // The same call of another connector may be good for another time, and for others: also where it was made of who asks.
        key.push(u8::from(compiled.request.context.is_any()));
        let policy = connector.cache.unwrap_or_default();
        for seconds in [policy.max_age, policy.stale_while_revalidate, policy.stale_if_error] {
            key.extend_from_slice(&seconds.map_or(u64::MAX, u64::from).to_le_bytes());
        }
        key.push(policy.is_private.map_or(2, u8::from));
        if compiled.is_private {
            if !cache::has_identity(&self.scope.headers, &self.scope.caller) {
                return None;
            }
            key.push(0xFF);
            cache::add_identity(&self.scope.headers, &self.scope.caller, &mut key);
        }
        Some(key)
    }

    pub(super) fn render(&self) -> Result<Option<Call>, Failure> {
        let (fetch, connector, compiled) = self.parts();
        let keys = self.keys();
        let vars = CallVars::of_request(&self.scope, fetch, &compiled.request, &self.numbers, &keys)?;
        let pairs = vars.pairs();
        let asked = Asked {
            vars: &Vars::new(&pairs),
            numbers: &self.numbers,
            keys: &keys,
        };
        render::render(&self.scope, fetch, connector, compiled, asked)
    }

    /// Reads a reply, or evaluates a mapping that has none.
    pub(super) fn read(&self, reply: Option<&Reply>, (keep, outside): (Keep, Outside)) -> Result<Chunk, Failure> {
        let (fetch, connector, compiled) = self.parts();
        let keys = self.keys();
        let mut vars = CallVars::of_request(&self.scope, fetch, &compiled.reply, &self.numbers, &keys)?;
        let mut table = Table::new(fetch.projection.layouts.len());
        table.nodes.reserve(fetch.nodes_hint.load(Relaxed));
        let mut declared = Vec::new();
        let mut failed_values = Vec::new();
        let node = match reply {
            Some(reply) => {
                vars.add_reply(&compiled.reply, connector, reply);
                let node = reply::read(&self.scope, fetch, connector, reply, &vars, &mut table, &mut declared)?;
                if !reply.errors.is_empty() {
                    failed_values = reply::failed_values(&self.scope, connector, reply, &vars);
                }
                node
            }
            None => {
                let pairs = vars.pairs();
                let vars = Vars::new(&pairs);
                let mut context = Context {
                    vars: &vars,
                    declared: Vec::new(),
                };
                let node = fetch.projection.read_value(None, &mut context, &mut table);
                declared = context.declared;
                node
            }
        };
        let found = match &fetch.align {
            Align::Whole => {
                table.nodes.push(node);
                let at = (table.nodes.len() - 1) as u32;
                let number = self.numbers.first().copied().unwrap_or(0);
                vec![(number, Some(at))]
            }
            Align::Items { parts, many } => {
                if let (Keep::For(lifetime), Some(reply)) = (keep, reply)
                    && let Some(items) = Items::of(&self.scope, fetch, connector, compiled)?
                {
                    items.put(reply, (&mut table, &node), &self.numbers, &keys, lifetime);
                }
                batch::align(&mut table, &node, parts, *many, &self.numbers, &keys)
            }
        };
        fetch.nodes_hint.store(table.nodes.len().min(NODES_HINT_MAX), Relaxed);
        Ok(Chunk {
            table,
            found,
            declared,
            failed_values,
            keep,
            stale: None,
            outside,
        })
    }
}
