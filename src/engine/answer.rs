//! Executing an admitted operation, and sharing that between identical requests.
//!
//! Requests are identical when everything that takes part in their answer is equal: the operation, its variables, what an
//! error does, and every header of the client that a call sends or a mapping reads. Headers that nobody uses make no
//! difference. Mutations, and queries whose calls may do more than read, are never shared.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    execute::{self, Backends, Scope, in_flight::InFlight},
    operation::{Operation, OperationKind, Variables},
    plan::Plan,
    response::{self, Assembled, OnError},
    schema::Surface,
};

/// Number of the next request that shares.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// An operation about to be executed.
pub(super) struct Work {
    pub(super) surface: Arc<Surface>,
    pub(super) backends: Arc<Backends>,
    pub(super) plan: Arc<Plan>,
    pub(super) variables: Variables,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) deadline: Instant,
    pub(super) writing: response::Settings,
    /// Whether identical calls of other requests may be joined.
    pub(super) shares_calls: bool,
}

/// An answer that many may have.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) body: Bytes,
    pub(super) errors: u32,
}

/// Executions that others may join. `None`: our own code failed.
pub(super) type Executions = InFlight<Option<Shared>>;

/// A task that ends with its owner.
struct Owned(JoinHandle<Shared>);

// === impl Work ===

impl Work {
    /// Executes the operation and writes its answer.
    ///
    /// # Cancel safety
    /// Dropping the future drops a query's calls. A mutation that has begun finishes.
    pub(super) async fn run(self, introspection: Option<Map<String, Value>>) -> Assembled {
        let Self {
            surface,
            backends,
            plan,
            variables,
            headers,
            deadline,
            writing,
            shares_calls,
        } = self;
        let mut scope = Scope::new(surface, backends, plan.clone(), variables, headers, deadline);
        scope.shares_calls = shares_calls;
        let run = execute::run(Arc::new(scope));
        let outcome = match plan.kind {
            OperationKind::Query => run.await,
            // What has begun to change things is not stopped by a client that leaves.
            OperationKind::Mutation => tokio::spawn(run)
                .await
                .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
        };
        response::assemble(&plan, &outcome, introspection.as_ref(), &writing)
    }

    /// Whether others may have the answer.
    pub(super) fn is_shareable(&self) -> bool {
        !self.plan.introspection && self.backends.sharing(&self.plan).is_safe
    }

    /// The answer of identical work under way, or else of this, which others can then join.
    ///
    /// # Panics
    /// Where the shared execution did: each of those who waited for it gets the answer that its own panic would have given.
    ///
    /// # Cancel safety
    /// Dropping the future drops the execution's calls if nobody else waits for them.
    pub(super) async fn share(self, operation: &Operation, executions: &Arc<Executions>) -> Shared {
        let key = self.key(operation);
        let deadline = self.deadline;
        let next = NEXT.fetch_add(1, Relaxed);
        let start = || {
            // In a task of its own: while it runs, those who wait for it are not woken.
            let task = Owned(tokio::spawn(async move {
                let assembled = self.run(None).await;
                Shared {
                    body: assembled.body.into(),
                    errors: assembled.errors,
                }
            }));
            task.end().boxed()
        };
        match executions.join(&key, next, deadline, start).await {
            Some(shared) => shared,
            None => std::panic::resume_unwind(Box::new("the execution that was shared has panicked")),
        }
    }

    /// Everything that takes part in the answer, so that two are equal only if all of it is.
    fn key(&self, operation: &Operation) -> Vec<u8> {
        // In no JSON text.
        const ENDS: u8 = 0xFF;
        let mut key = Vec::with_capacity(64);
        key.extend_from_slice(&operation.id.to_le_bytes());
        key.push(match self.writing.on_error {
            OnError::Propagate => 0,
            OnError::Null => 1,
            OnError::Halt => 2,
        });
        for value in self.variables.iter() {
            if let Some(value) = value {
                crate::mapping::text::write_value(value, &mut key);
            }
            key.push(ENDS);
        }
        self.backends.sharing(&self.plan).headers.write(&self.headers, &mut key);
        key
    }
}

// === impl Owned ===

impl Owned {
    async fn end(mut self) -> Option<Shared> {
        (&mut self.0).await.ok()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}
