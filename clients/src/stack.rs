//! What stands around every transport, outermost first.
//!
//! Layers are [`tower::Layer`]s and composed with tower's builder. What they wrap is a [`Transport`] instead of a tower
//! service: it is called through `&self` and is always ready, so that a call clones nothing, and its future has a type,
//! so that the whole stack is boxed once, in [`Stack`].
//!
//! A layer makes the inner future inside its own `async` block. One that is made before and captured has its place twice, as
//! what was captured and as what is awaited, and each layer would double it again.

use std::{fmt, future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tower::{Layer, ServiceBuilder};

use crate::{Call, CallError, CallFuture, Client, Reply};

/// What carries a call: a protocol, or a layer around one.
pub trait Transport: Send + Sync + 'static {
    /// Makes one call, to be answered by `deadline`.
    ///
    /// # Cancel safety
    /// Dropping the future drops the call.
    fn send(&self, call: Call, deadline: Instant) -> impl Future<Output = Result<Reply, CallError>> + Send + 'static;
}

/// How hard one source may be pressed.
#[derive(Debug, Clone)]
pub struct StackSettings {
    /// Longest one attempt may take, connecting and reading the body included.
    pub call_timeout: Duration,
    /// Calls in flight before a further one is refused. Not connections: HTTP/2 multiplexes.
    pub calls_in_flight_max: usize,
}

/// A transport with its layers, ready to be called.
pub struct Stack<T> {
    transport: T,
}

/// Refuses a call while `calls_in_flight_max` others are under way.
#[derive(Debug, Clone)]
pub struct BulkheadLayer {
    calls_in_flight_max: usize,
}

/// See [`BulkheadLayer`].
#[derive(Debug)]
pub struct Bulkhead<T> {
    inner: Arc<T>,
    places: Arc<Semaphore>,
    limit: usize,
}

/// Ends an attempt after `call_timeout`, or at the deadline if that is earlier.
#[derive(Debug, Clone)]
pub struct AttemptTimeoutLayer {
    call_timeout: Duration,
}

/// See [`AttemptTimeoutLayer`].
#[derive(Debug)]
pub struct AttemptTimeout<T> {
    inner: Arc<T>,
    call_timeout: Duration,
}

/// Puts the layers around `transport`.
pub fn build<T: Transport>(transport: T, settings: &StackSettings) -> Arc<dyn Client> {
    let transport = ServiceBuilder::new()
        // Cap our own pressure on a slow source, so that it cannot hold every connection and all memory. A full one
        // answers at once: waiting in line would only spend the deadline.
        .layer(BulkheadLayer {
            calls_in_flight_max: settings.calls_in_flight_max,
        })
        // Innermost: each attempt has its own clock, within what is left of the request's deadline.
        .layer(AttemptTimeoutLayer {
            call_timeout: settings.call_timeout,
        })
        .service(transport);
    Arc::new(Stack { transport })
}

// === impl Stack ===

impl<T: Transport> Client for Stack<T> {
    fn call(&self, call: Call, deadline: Instant) -> CallFuture {
        Box::pin(self.transport.send(call, deadline))
    }
}

impl<T> fmt::Debug for Stack<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stack")
    }
}

// === impl Bulkhead ===

impl<T> Layer<T> for BulkheadLayer {
    type Service = Bulkhead<T>;

    fn layer(&self, inner: T) -> Bulkhead<T> {
        let limit = self.calls_in_flight_max.min(Semaphore::MAX_PERMITS);
        Bulkhead {
            inner: Arc::new(inner),
            places: Arc::new(Semaphore::new(limit)),
            limit,
        }
    }
}

impl<T: Transport> Transport for Bulkhead<T> {
    fn send(&self, call: Call, deadline: Instant) -> impl Future<Output = Result<Reply, CallError>> + Send + 'static {
        let limit = self.limit;
        let place = self.places.clone().try_acquire_owned();
        let inner = self.inner.clone();
        async move {
            let Ok(_place) = place else {
                return Err(CallError::Limited { limit });
            };
            inner.send(call, deadline).await
        }
    }
}

// === impl AttemptTimeout ===

impl<T> Layer<T> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<T>;

    fn layer(&self, inner: T) -> AttemptTimeout<T> {
        AttemptTimeout {
            inner: Arc::new(inner),
            call_timeout: self.call_timeout,
        }
    }
}

impl<T: Transport> Transport for AttemptTimeout<T> {
    fn send(&self, call: Call, deadline: Instant) -> impl Future<Output = Result<Reply, CallError>> + Send + 'static {
        let now = Instant::now();
        let until = deadline.min(now + self.call_timeout);
        let inner = self.inner.clone();
        async move {
            // An attempt without time would still be sent: `timeout_at` looks at the clock last.
            if until <= now {
                return Err(CallError::Timeout(Duration::ZERO));
            }
            let sent = pin!(inner.send(call, until));
            timeout_at(until, sent)
                .await
                .unwrap_or_else(|_| Err(CallError::Timeout(until - now)))
        }
    }
}
