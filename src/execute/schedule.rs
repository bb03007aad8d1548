//! Starts each wave when what it needs is there, loads it, and links what it brought to the rows it is for.

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use dataloader::{BatchFn, cached::Loader};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream::FuturesUnordered,
};
use smallvec::SmallVec;
use tokio::task::JoinHandle;

use super::{
    Failure, FailureKind, Link, Outcome, Scope, StandIn, StepOutcome, Used,
    batch::{self, Batch, Found},
    ending,
    fallback::Fallbacks,
    gather::{self, Asks, Wanted},
    keys::Keys,
};
use crate::{
    operation::OperationKind,
    plan::{FetchId, StepId, Wave},
};

/// A wave's calls, awaited by everybody who needs a key of it.
#[derive(Clone)]
struct Calls(Shared<BoxFuture<'static, Arc<Batch>>>);

/// The loader of one fetch: remembers which calls bring which key, for as long as the request lives.
type FetchLoader = Loader<u32, Calls, Caller>;

/// Starts the calls of a batch in a task of their own, so that dropping one of those who wait loses nothing.
struct Caller {
    scope: Arc<Scope>,
    fetch: FetchId,
    keys: Arc<Mutex<Keys>>,
}

/// A task that ends with its owner.
struct Owned(JoinHandle<Batch>);

/// A wave whose keys are known.
struct Started {
    number: u16,
    fetch: FetchId,
    /// The keys to load; none at a root field.
    numbers: Vec<u32>,
    /// By step, the rows it is for; none at a root field.
    wanted: Vec<Vec<Wanted>>,
    keys: Arc<Mutex<Keys>>,
    /// Where other waves of the same fetch may have loaded some of the keys.
    loader: Option<FetchLoader>,
}

/// What came of one wave.
struct Landed {
    number: u16,
    batches: Vec<Arc<Batch>>,
    wanted: Vec<Vec<Wanted>>,
}

struct Run {
    scope: Arc<Scope>,
    outcome: Outcome,
    keys: Vec<Arc<Mutex<Keys>>>,
    loaders: Vec<Option<FetchLoader>>,
    /// Where the tables of a batch begin among those of the outcome.
    known: Vec<(Arc<Batch>, u32)>,
    failures: HashMap<usize, u32>,
}

/// Runs a plan to its end. What cannot be had is a failure of its places, never of the whole.
///
/// # Cancel safety
/// Dropping the future drops or aborts every call it has started.
pub async fn run(scope: Arc<Scope>) -> Outcome {
    let plan = scope.plan.clone();
    let mut run = Run {
        outcome: Outcome {
            steps: plan.steps.iter().map(|_| StepOutcome::default()).collect(),
            scope: (!plan.guards.is_empty()).then(|| scope.clone()),
            ..Outcome::default()
        },
        keys: plan.fetches.iter().map(|_| Arc::default()).collect(),
        loaders: plan.fetches.iter().map(|_| None).collect(),
        known: Vec::new(),
        failures: HashMap::new(),
        scope,
    };
    match plan.kind {
        OperationKind::Query => run.waves(&|_| true).await,
        OperationKind::Mutation => {
            let root_field = |wave: &Wave| plan.steps[usize::from(wave.steps[0].0)].root_field;
            let last = plan.waves.iter().map(root_field).max().unwrap_or(0);
            for field in 0..=last {
                run.waves(&|wave| root_field(wave) == field).await;
                // There will be no data: what comes after must not be done.
                if ending::leaves_nothing(&run.scope, &run.outcome, field) {
                    break;
                }
            }
        }
    }
    run.outcome
}

// === impl Run ===

impl Run {
    /// Runs the waves that are meant, each as soon as those before it are over.
    async fn waves(&mut self, meant: &(dyn Fn(&Wave) -> bool + Sync)) {
        let plan = self.scope.plan.clone();
        let mut waiting: Vec<u16> = (0..plan.waves.len() as u16)
            .filter(|wave| meant(&plan.waves[usize::from(*wave)]))
            .collect();
        let mut over = vec![true; plan.waves.len()];
        for wave in &waiting {
            over[usize::from(*wave)] = false;
        }
        // Most plans have one wave at a time, and no use for it.
        let mut under_way: Option<FuturesUnordered<_>> = None;
        loop {
            let mut ready = SmallVec::<[u16; 8]>::new();
            waiting.retain(|wave| {
                let mut before = plan.waves[usize::from(*wave)].after.iter();
                let is_ready = before.all(|before| over[usize::from(*before)]);
                if is_ready {
                    ready.push(*wave);
                }
                !is_ready
            });
            let landed = match ready[..] {
                // Alone: nothing to wait for beside it.
                [wave] if under_way.as_ref().is_none_or(FuturesUnordered::is_empty) => {
                    load(self.scope.clone(), self.start(wave)).await
                }
                [] if under_way.is_none() => return,
                _ => {
                    let under_way = under_way.get_or_insert_with(FuturesUnordered::new);
                    for wave in ready {
                        under_way.push(load(self.scope.clone(), self.start(wave)));
                    }
                    match under_way.next().await {
                        Some(landed) => landed,
                        None => return,
                    }
                }
            };
            self.land(landed.number, &landed.batches, &landed.wanted);
            over[usize::from(landed.number)] = true;
        }
    }

    /// Gathers the keys of a wave.
    fn start(&mut self, number: u16) -> Started {
        let scope = &self.scope;
        let wave = &scope.plan.waves[usize::from(number)];
        let fetch = wave.fetch;
        let keys = self.keys[usize::from(fetch.0)].clone();
        let mut started = Started {
            number,
            fetch,
            numbers: Vec::new(),
            wanted: Vec::new(),
            keys,
            loader: None,
        };
        if scope.plan.steps[usize::from(wave.steps[0].0)].parent.is_none() {
            return started;
        }
        started.wanted = {
            let mut keys = started.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let gather = |step: &StepId| {
                let step = &scope.plan.steps[usize::from(step.0)];
                gather::gather(scope, step, &self.outcome, &mut keys)
            };
            wave.steps.iter().map(gather).collect()
        };
        if self.scope.plan.fetches[usize::from(fetch.0)].waves == 1 {
            // Keys are numbered as they are met, and nobody else meets any.
            let keys = started.keys.lock().unwrap_or_else(PoisonError::into_inner);
            started.numbers = keys.distinct();
            drop(keys);
            return started;
        }
        let numbers = &mut started.numbers;
        numbers.extend(started.wanted.iter().flatten().filter_map(|wanted| match wanted.asks {
            Asks::Key(number) => Some(number),
            Asks::Nobody | Asks::Failed(_) => None,
        }));
        numbers.sort_unstable();
        numbers.dedup();
        started.loader = Some(self.loader(fetch));
        started
    }

    /// What remembers the keys of a fetch that several waves load.
    fn loader(&mut self, fetch: FetchId) -> FetchLoader {
        let loader = self.loaders[usize::from(fetch.0)].get_or_insert_with(|| {
            let caller = Caller {
                scope: self.scope.clone(),
                fetch,
                keys: self.keys[usize::from(fetch.0)].clone(),
            };
            Loader::new(caller).with_max_batch_size(usize::MAX).with_yield_count(1)
        });
        loader.clone()
    }

    /// Registers what a wave brought and links it to the rows it is for.
    fn land(&mut self, number: u16, batches: &[Arc<Batch>], wanted: &[Vec<Wanted>]) {
        let scope = self.scope.clone();
        let wave = &scope.plan.waves[usize::from(number)];
        let bases: Vec<u32> = batches.iter().map(|batch| self.register(batch)).collect();
        // By key number: keys are numbered from 0.
        let found = batches.iter().map(|batch| batch.found.len()).sum();
        let mut links: Vec<Link> = Vec::with_capacity(found);
        let mut has_failed = false;
        for (batch, base) in batches.iter().zip(bases) {
            for (key, found) in &batch.found {
                let link = match found {
                    Found::Value { table, node } => Link::Value {
                        table: base + table,
                        node: *node,
                    },
                    Found::Nothing => Link::Nothing,
                    Found::Failed(failure) => {
                        has_failed = true;
                        Link::Failed(self.failure(failure))
                    }
                };
                let key = *key as usize;
                if links.len() <= key {
                    links.resize(key + 1, Link::Nothing);
                }
                links[key] = link;
            }
        }
        for (index, step) in wave.steps.iter().enumerate() {
            let lacks_keys = |rows: &&Vec<Wanted>| rows.iter().any(|row| matches!(row.asks, Asks::Failed(_)));
            let rows = wanted.get(index);
            let may_fall = has_failed
                || !scope.plan.steps[usize::from(step.0)].stand_bys.is_empty()
                    && rows.is_some_and(|rows| lacks_keys(&rows));
            if may_fall && self.land_on_fallbacks(*step, &links, rows) {
                continue;
            }
            let outcome = &mut self.outcome.steps[usize::from(step.0)];
            let Some(wanted) = wanted.get(index) else {
                outcome.root = links.first().copied().unwrap_or_default();
                outcome.live = vec![outcome.root];
                continue;
            };
            if let Some(last) = wanted.last() {
                outcome.reserve(last.table, last.ordinal);
            }
            let mut seen = vec![false; links.len()];
            for row in wanted {
                let key = match row.asks {
                    Asks::Key(key) if (key as usize) < links.len() => key as usize,
                    Asks::Failed(failure) => {
                        outcome.set(row.table, row.ordinal, Link::Failed(failure));
                        continue;
                    }
                    Asks::Key(_) | Asks::Nobody => {
                        outcome.set(row.table, row.ordinal, Link::Nothing);
                        continue;
                    }
                };
                outcome.set(row.table, row.ordinal, links[key]);
                if !std::mem::replace(&mut seen[key], true) {
                    outcome.live.push(links[key]);
                }
            }
            outcome.repeats |= wanted.len() >= 2 * seen.len();
        }
    }

    /// Links a step of which some calls failed, with what stands in for them. `false`: nothing does.
    fn land_on_fallbacks(&mut self, id: StepId, links: &[Link], wanted: Option<&Vec<Wanted>>) -> bool {
        let scope = self.scope.clone();
        let step = &scope.plan.steps[usize::from(id.0)];
        let Some(mut fallbacks) = Fallbacks::of(&scope, step, &self.outcome) else {
            return false;
        };
        let failures = &self.outcome.failures;
        let mut link = |row: usize, asks: Asks| {
            let link = match asks {
                Asks::Key(key) => links.get(key as usize).copied().unwrap_or_default(),
                Asks::Failed(failure) => Link::Failed(failure),
                Asks::Nobody => Link::Nothing,
            };
            match link {
                Link::Failed(number) => fallbacks.link(row, number, &failures[number as usize]),
                link => link,
            }
        };
        let rows: Vec<Link> = match wanted {
            None => vec![link(0, Asks::Key(0))],
            Some(wanted) => wanted
                .iter()
                .enumerate()
                .map(|(row, wanted)| link(row, wanted.asks))
                .collect(),
        };
        self.outcome.declared.append(&mut fallbacks.declared);
        for (table, stand_in) in fallbacks.finish() {
            self.outcome.tables.push(Arc::new(table));
            self.outcome.stand_ins.push(stand_in);
        }
        let outcome = &mut self.outcome.steps[usize::from(id.0)];
        let Some(wanted) = wanted else {
            outcome.root = rows[0];
            outcome.live = rows;
            return true;
        };
        let mut seen = HashSet::new();
        for (row, link) in wanted.iter().zip(&rows) {
            outcome.set(row.table, row.ordinal, *link);
            if row.asks != Asks::Nobody && seen.insert(*link) {
                outcome.live.push(*link);
            }
        }
        outcome.repeats |= wanted.len() >= 2 * seen.len();
        true
    }

    /// The place of a batch's tables among those of the outcome.
    fn register(&mut self, batch: &Arc<Batch>) -> u32 {
        if let Some((_, base)) = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, batch)) {
            return *base;
        }
        let base = self.outcome.tables.len() as u32;
        self.outcome.keep = self.outcome.keep.and(batch.keep);
        self.outcome.outside = self.outcome.outside.and(batch.outside);
        self.outcome.tables.extend(batch.tables.iter().cloned());
        self.outcome.declared.extend(batch.declared.iter().cloned());
        for (table, failures) in &batch.failed_values {
            let first = self.outcome.failures.len() as u32;
            self.outcome.failures.extend(failures.iter().cloned());
            let failures = first..self.outcome.failures.len() as u32;
            self.outcome.failed_values.push((base + table, failures));
        }
        for (table, stale) in &batch.stale {
            let stand_in = StandIn {
                table: base + table,
                failure: self.failure(&stale.failure),
                used: Used::Stale { age: stale.age },
            };
            self.outcome.stand_ins.push(stand_in);
        }
        self.known.push((batch.clone(), base));
        base
    }

    fn failure(&mut self, failure: &Arc<Failure>) -> u32 {
        let failures = &mut self.outcome.failures;
        // Calls that were not made have a failure each, and nothing to tell them apart.
        if matches!(failure.kind, FailureKind::RequestLimit | FailureKind::Limited) {
            let same = |known: &Arc<Failure>| known.kind == failure.kind && known.coordinate == failure.coordinate;
            if let Some(known) = failures.iter().position(same) {
                return known as u32;
            }
        }
        *self.failures.entry(Arc::as_ptr(failure).addr()).or_insert_with(|| {
            failures.push(failure.clone());
            (failures.len() - 1) as u32
        })
    }
}

/// Makes the calls of a wave.
///
/// # Cancel safety
/// Dropping the future drops its calls, but for those that other waves wait for too.
async fn load(scope: Arc<Scope>, started: Started) -> Landed {
    let Started {
        number,
        fetch,
        numbers,
        wanted,
        keys,
        loader,
    } = started;
    let is_root = wanted.is_empty();
    let batches = match loader {
        _ if numbers.is_empty() && !is_root => Vec::new(),
        None => {
            let failing = numbers.clone();
            // Pinned where it is made: it is large, and each hand it passes through would copy it.
            let calls = pin!(batch::run(scope, fetch, numbers, keys));
            let batch = AssertUnwindSafe(calls)
                .catch_unwind()
                .await
                .unwrap_or_else(|_| match is_root {
                    true => panicked(&[0]),
                    false => panicked(&failing),
                });
            vec![Arc::new(batch)]
        }
        Some(loader) => {
            let calls = loader.try_load_many(numbers).await.unwrap_or_default();
            let mut distinct: Vec<Calls> = Vec::new();
            for call in calls.into_values() {
                if !distinct.iter().any(|known| known.0.ptr_eq(&call.0)) {
                    distinct.push(call);
                }
            }
            futures_util::future::join_all(distinct.into_iter().map(|calls| calls.0)).await
        }
    };
    Landed {
        number,
        batches,
        wanted,
    }
}

// === impl Caller ===

impl BatchFn<u32, Calls> for Caller {
    async fn load(&mut self, keys: &[u32]) -> HashMap<u32, Calls> {
        let mut numbers = keys.to_vec();
        numbers.sort_unstable();
        let (scope, fetch, all) = (self.scope.clone(), self.fetch, self.keys.clone());
        let task = Owned(tokio::spawn(batch::run(scope, fetch, numbers.clone(), all)));
        let failing = numbers.clone();
        let calls = Calls(async move { Arc::new(task.end(&failing).await) }.boxed().shared());
        numbers.into_iter().map(|number| (number, calls.clone())).collect()
    }
}

/// What keys have when our own code failed on them: the places that need them, and no others.
fn panicked(keys: &[u32]) -> Batch {
    let failure = Arc::new(Failure::new(FailureKind::Internal, "Internal server error."));
    Batch {
        found: keys.iter().map(|key| (*key, Found::Failed(failure.clone()))).collect(),
        ..Batch::default()
    }
}

// === impl Owned ===

impl Owned {
    /// The task's result; if it panicked, its keys have failed.
    async fn end(mut self, keys: &[u32]) -> Batch {
        (&mut self.0).await.unwrap_or_else(|_| panicked(keys))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::{FetchLoader, Run};

    #[test]
    fn loaders_belong_to_the_run_of_one_request_and_to_nobody_else() {
        struct Probe<T>(std::marker::PhantomData<T>);
        trait IsNot {
            const CLONE: bool = false;
        }
        impl<T> IsNot for Probe<T> {}
        impl<T: Clone> Probe<T> {
            #[allow(dead_code, reason = "that it is not looked at is what is asserted")]
            const CLONE: bool = true;
        }

        // By value: a run that ends takes its loaders along, and there is no second run with them.
        let _: fn(Run) -> Vec<Option<FetchLoader>> = |run| run.loaders;
        const { assert!(!Probe::<Run>::CLONE) };
    }
}
