//! Registered documents in Redis, which several processes share.
//!
//! A request never waits for a connection, and for an answer no longer than it is told to. When Redis fails it is left alone for a moment, and the server does without.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use ::redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, aio::MultiplexedConnection, cmd};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    config::DocumentStoreConfig,
    operation::documents::{SHARED_DOCUMENT_BYTES_MAX, SharedStore},
};

/// How long a connection may take to come about, and how long is waited before the next try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Commands under way at a time; more are not sent. A command takes well under a millisecond.
const IN_FLIGHT_MAX: usize = 256;

/// How long writing a document may take; nobody waits for it.
const PUT_TIMEOUT: Duration = Duration::from_secs(1);

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The store.
#[derive(Debug)]
pub(super) struct RedisStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    settings: DocumentStoreConfig,
    connection: Mutex<Option<MultiplexedConnection>>,
    connecting: AtomicBool,
    in_flight: Arc<Semaphore>,
    /// Whether the last that was heard of it was a failure: told once.
    is_failing: AtomicBool,
}

// === impl RedisStore ===

impl RedisStore {
    /// A store at an address. Connects to nothing yet.
    ///
    /// # Errors
    /// The address is none.
    pub(super) fn new(settings: &DocumentStoreConfig) -> RedisResult<Self> {
        Ok(Self(Arc::new(Inner {
            client: Client::open(settings.redis.reveal().as_str())?,
            settings: settings.clone(),
            connection: Mutex::default(),
            connecting: AtomicBool::default(),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            is_failing: AtomicBool::default(),
        })))
    }
}

impl SharedStore for RedisStore {
    fn begin(&self) {
        self.0.connect();
    }

    fn get(&self, key: String, bytes_max: usize) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            let mut connection = self.0.connection()?;
            let _permit = self.0.in_flight.try_acquire().ok()?;
            // No more of it than a document can have: whoever writes there may write anything.
            let mut command = cmd("GETRANGE");
            command.arg(&key).arg(0).arg(bytes_max.min(SHARED_DOCUMENT_BYTES_MAX));
            let asked = command.query_async::<Vec<u8>>(&mut connection);
            let text = self.0.heard(timeout(self.0.settings.timeout, asked).await)?;
            (!text.is_empty()).then_some(text)
        })
    }

    fn put(&self, key: String, text: &str) {
        let inner = Arc::clone(&self.0);
        let (Some(mut connection), Ok(permit)) = (inner.connection(), inner.in_flight.clone().try_acquire_owned())
        else {
            return;
        };
        let mut command = cmd("SET");
        command
            .arg(key)
            .arg(text)
            .arg("EX")
            .arg(u64::from(inner.settings.keep_days) * SECONDS_PER_DAY);
        tokio::spawn(async move {
            let _permit = permit;
            inner.heard(timeout(PUT_TIMEOUT, command.query_async::<()>(&mut connection)).await);
        });
    }
}

// === impl Inner ===

impl Inner {
    /// The connection, if there is one now; else one is being made for later.
    fn connection(self: &Arc<Self>) -> Option<MultiplexedConnection> {
        let connection = self.lock().clone();
        if connection.is_none() {
            self.connect();
        }
        connection
    }

    /// Makes a connection in a task of its own, and tries again until there is one.
    fn connect(self: &Arc<Self>) {
        if self.connecting.swap(true, Relaxed) {
            return;
        }
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(inner) = weak.upgrade() {
                let settings = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(PUT_TIMEOUT));
                match inner
                    .client
                    .get_multiplexed_async_connection_with_config(&settings)
                    .await
                {
                    Ok(connection) => {
                        *inner.lock() = Some(connection);
                        inner.connecting.store(false, Relaxed);
                        return inner.tell_ok();
                    }
                    Err(error) => inner.tell_failing(&error.to_string()),
                }
                drop(inner);
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        });
    }

    /// What came of a command. One that says no leaves the connection as it is; after anything else the next one is a new one.
    fn heard<T>(self: &Arc<Self>, result: Result<RedisResult<T>, tokio::time::error::Elapsed>) -> Option<T> {
        match result {
            Ok(Ok(value)) => {
                self.tell_ok();
                Some(value)
            }
            Ok(Err(error)) => {
                self.tell_failing(&error.to_string());
                if is_of_connection(&error) {
                    self.leave_alone();
                }
                None
            }
            Err(_) => {
                self.tell_failing("no answer in time");
                self.leave_alone();
                None
            }
        }
    }

    /// Drops the connection and makes another one in a moment; until then the server does without.
    fn leave_alone(self: &Arc<Self>) {
        *self.lock() = None;
        if self.connecting.swap(true, Relaxed) {
            return;
        }
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(RECONNECT_PAUSE).await;
            if let Some(inner) = weak.upgrade() {
                inner.connecting.store(false, Relaxed);
                inner.connect();
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_ok(&self) {
        if self.is_failing.swap(false, Relaxed) {
            tracing::info!("the store of registered documents answers again");
        }
    }

    fn tell_failing(&self, why: &str) {
        if !self.is_failing.swap(true, Relaxed) {
            tracing::warn!(
                why,
                "the store of registered documents fails; this process does without"
            );
        }
    }
}

/// Whether an error is not about the command but about what carries it.
fn is_of_connection(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_timeout() || error.is_connection_refusal()
}
