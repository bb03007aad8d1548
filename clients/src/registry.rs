//! Source name → client. Built once, then read without locks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::Uri;

pub use crate::tls::{TlsError, TlsSettings};
use crate::{
    Client, Resolve,
    budget::{Budget, Room},
    grpc::{AddressError, GrpcClient},
    local::{LocalClient, LocalSchema},
    names,
    policy::Resilience,
    rest::RestClient,
    stack::{self, Address, Breakers, StackSettings, Transport, state::SourceState},
};

/// How one source is reached, and how long and how hard we try.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The name that `@source` gives it.
    pub name: String,
    /// The protocol it speaks.
    pub transport: TransportSettings,
    /// Longest that making a connection may take: name, TCP and TLS.
    pub connect_timeout: Duration,
    /// Longest one attempt may take, connecting and reading the body included. Shorter than a request's deadline.
    pub call_timeout: Duration,
    /// Largest body, or gRPC message, that is read, in bytes.
    pub body_bytes_max: usize,
    /// Calls in flight before a further one is refused; where the limit adapts, what it begins with.
    pub calls_in_flight_max: usize,
    /// What is done when it is slow, failing or gone.
    pub resilience: Resilience,
    /// Whom to trust over TLS.
    pub tls: TlsSettings,
    /// What bodies of all sources may take together; none: as much as comes.
    pub budget: Option<Arc<Budget>>,
    /// Where calls go that name their host themselves ([`TransportSettings::Rest`]), for breakers and log lines.
    pub place: String,
    /// From names to addresses; none: as the system does.
    pub resolve: Option<Arc<dyn Resolve>>,
    /// Breakers to share with other clients; none: its own.
    pub breakers: Option<Arc<Breakers>>,
}

/// The protocol of a source.
#[derive(Debug, Clone)]
pub enum TransportSettings {
    /// HTTP/1.1, or HTTP/2 where TLS agrees on it; each call carries its own URL.
    Rest,
    /// The same from several hosts: scheme, host and port of a call are replaced by one of theirs.
    RestAt {
        /// `http://host:port` or `https://host:port`; at least one.
        origins: Vec<Uri>,
    },
    /// gRPC over HTTP/2.
    Grpc {
        /// `http://host:port` without TLS, `https://host:port` with it.
        address: Uri,
    },
    /// A schema in this process.
    Local(LocalSchema),
    /// The same from several addresses.
    GrpcAt {
        /// At least one.
        addresses: Vec<Uri>,
    },
}

/// The clients of all sources.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    clients: Vec<Arc<dyn Client>>,
    numbers: HashMap<String, usize>,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Two sources have one name.
    #[error("source \"{0}\" is there twice")]
    Duplicate(String),
    /// The address of a gRPC source is no address.
    #[error("source \"{name}\"")]
    Address {
        /// The source.
        name: String,
        /// What is wrong with it.
        #[source]
        error: AddressError,
    },
    /// A certificate to trust cannot be read.
    #[error("source \"{name}\"")]
    Tls {
        /// The source.
        name: String,
        /// What is wrong with it.
        #[source]
        error: TlsError,
    },
}

// === impl SourceSettings ===

impl SourceSettings {
    /// A source with the defaults: connecting 250 ms, an attempt 1 s, 4 MiB, 256 calls in flight, three tries, a breaker.
    #[must_use]
    pub fn new(name: impl Into<String>, transport: TransportSettings) -> Self {
        Self {
            name: name.into(),
            transport,
            connect_timeout: Duration::from_millis(250),
            call_timeout: Duration::from_secs(1),
            body_bytes_max: 4 * 1024 * 1024,
            calls_in_flight_max: 256,
            resilience: Resilience::standard(),
            tls: TlsSettings::default(),
            budget: None,
            place: String::new(),
            resolve: None,
            breakers: None,
        }
    }

    pub(crate) fn resolver(&self) -> Arc<dyn Resolve> {
        self.resolve.clone().unwrap_or_else(names::system)
    }

    pub(crate) fn room(&self) -> Room {
        Room {
            limit: self.body_bytes_max,
            budget: self.budget.clone(),
        }
    }

    /// Makes the client. Connects to nothing yet.
    ///
    /// # Errors
    /// When the address or a certificate is malformed.
    pub fn client(&self) -> Result<Arc<dyn Client>, RegistryError> {
        let stack = self.stack();
        match &self.transport {
            TransportSettings::Rest => Ok(stack::build(vec![self.rest(None)?], &stack)),
            TransportSettings::RestAt { origins } => {
                // One client for all: its connections are kept by host anyway.
                let first = self.rest(None)?;
                let at = |uri: &Uri| Address {
                    transport: first.transport.clone(),
                    uri: Some(uri.clone()),
                };
                Ok(stack::build(origins.iter().map(at).collect(), &stack))
            }
            TransportSettings::Grpc { address } => Ok(stack::build(vec![self.grpc(address)?], &stack)),
            TransportSettings::GrpcAt { addresses } => {
                let addresses: Result<_, _> = addresses.iter().map(|address| self.grpc(address)).collect();
                Ok(stack::build(addresses?, &stack))
            }
            TransportSettings::Local(schema) => {
                let client = Address {
                    transport: Arc::new(LocalClient::new(schema.clone(), self)),
                    uri: None,
                };
                // What fails in this process fails again, and there is nobody to be spared.
                let stack = StackSettings {
                    resilience: Resilience::off(),
                    ..stack
                };
                Ok(stack::build(vec![client], &stack))
            }
        }
    }

    fn stack(&self) -> StackSettings {
        StackSettings {
            name: self.name.clone(),
            call_timeout: self.call_timeout,
            calls_in_flight_max: self.calls_in_flight_max,
            resilience: self.resilience.clone(),
            place: self.place.clone(),
            breakers: self.breakers.clone(),
        }
    }

    fn rest(&self, uri: Option<Uri>) -> Result<Address<RestClient>, RegistryError> {
        let client = RestClient::new(self).map_err(|error| RegistryError::Tls {
            name: self.name.clone(),
            error,
        })?;
        Ok(Address {
            transport: Arc::new(client),
            uri,
        })
    }

    fn grpc(&self, address: &Uri) -> Result<Address<GrpcClient>, RegistryError> {
        let client = GrpcClient::new(address, self).map_err(|error| RegistryError::Address {
            name: self.name.clone(),
            error,
        })?;
        Ok(Address {
            transport: Arc::new(client),
            uri: Some(address.clone()),
        })
    }

    /// Puts the layers around transports of another making, one for each address.
    #[must_use]
    pub fn client_over<T: Transport>(&self, transports: Vec<T>) -> Arc<dyn Client> {
        let addresses = transports.into_iter().map(|transport| Address {
            transport: Arc::new(transport),
            uri: None,
        });
        stack::build(addresses.collect(), &self.stack())
    }
}

// === impl Registry ===

impl Registry {
    /// Makes a client for every source, numbered in the given order.
    ///
    /// # Errors
    /// For the first source whose client cannot be made, or whose name was used before.
    pub fn build<'a>(sources: impl IntoIterator<Item = &'a SourceSettings>) -> Result<Self, RegistryError> {
        let mut registry = Self::default();
        for source in sources {
            registry.insert(&source.name, source.client()?)?;
        }
        Ok(registry)
    }

    /// Adds a client of another making and returns its number.
    ///
    /// # Errors
    /// When the name was used before.
    pub fn insert(&mut self, name: &str, client: Arc<dyn Client>) -> Result<usize, RegistryError> {
        let number = self.clients.len();
        if self.numbers.contains_key(name) {
            return Err(RegistryError::Duplicate(name.to_owned()));
        }
        self.numbers.insert(name.to_owned(), number);
        self.clients.push(client);
        Ok(number)
    }

    /// The client of the source called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Client>> {
        self.number(name).and_then(|number| self.at(number))
    }

    /// The number of the source called `name`, good for [`Registry::at`] as long as the registry lives.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// The client with this number.
    #[must_use]
    pub fn at(&self, number: usize) -> Option<&Arc<dyn Client>> {
        self.clients.get(number)
    }

    /// How each source does now, in the order of their numbers.
    #[must_use]
    pub fn states(&self) -> Vec<SourceState> {
        self.clients.iter().filter_map(|client| client.state()).collect()
    }

    /// How many sources there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}
