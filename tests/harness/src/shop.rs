//! The five services of the demo shop.

use std::{io, sync::Arc};

use crate::{backend::Backend, control::Control, data::Data, rest::observed};

mod accounts;
mod catalog;
mod inventory;
mod orders;
mod reviews;
mod token;

/// A running shop. Every shop starts with the same data; what its own calls change is its own.
#[derive(Debug, Clone)]
pub struct Shop {
    /// REST: products, search, recommendations.
    pub catalog: Backend,
    /// REST: users, their contact data, who the bearer of a token is.
    pub accounts: Backend,
    /// REST: orders.
    pub orders: Backend,
    /// gRPC `shop.inventory.v1.Inventory`: stock and prices.
    pub inventory: Backend,
    /// gRPC `shop.reviews.v1.Reviews`: reviews and their summary.
    pub reviews: Backend,
}

/// Where the services listen on loopback; 0 is any free port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// Port of [`Shop::catalog`].
    pub catalog: u16,
    /// Port of [`Shop::accounts`].
    pub accounts: u16,
    /// Port of [`Shop::orders`].
    pub orders: u16,
    /// Port of [`Shop::inventory`].
    pub inventory: u16,
    /// Port of [`Shop::reviews`].
    pub reviews: u16,
}

// === impl Ports ===

impl Ports {
    /// The ports that `switchboard.yaml` expects: 5001 to 5005.
    pub const FIXED: Self = Self {
        catalog: 5001,
        accounts: 5002,
        orders: 5003,
        inventory: 5004,
        reviews: 5005,
    };
}

// === impl Shop ===

impl Shop {
    /// Starts on free ports.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        Self::start_on(Ports::default()).await.expect("loopback has free ports")
    }

    /// Starts on these ports.
    ///
    /// # Errors
    /// When a port is taken.
    #[allow(
        clippy::unused_async,
        reason = "it spawns, so it must be called inside a runtime; `await` says so"
    )]
    pub async fn start_on(ports: Ports) -> io::Result<Self> {
        let data = Data::get();
        let rest = |port, router| {
            let control = Control::new();
            Backend::start(port, Arc::clone(&control), observed(router, control))
        };
        let grpc = |port, methods: crate::grpc::Methods| {
            let control = Control::new();
            Backend::start(port, Arc::clone(&control), methods.into_router(control))
        };
        Ok(Self {
            catalog: rest(ports.catalog, catalog::router(data))?,
            accounts: rest(ports.accounts, accounts::router(data))?,
            orders: rest(ports.orders, orders::router(data))?,
            inventory: grpc(ports.inventory, inventory::methods(data))?,
            reviews: grpc(ports.reviews, reviews::methods(data))?,
        })
    }

    /// All five with the names that the schemas give them.
    #[must_use]
    pub fn backends(&self) -> [(&'static str, &Backend); 5] {
        [
            ("catalog", &self.catalog),
            ("accounts", &self.accounts),
            ("orders", &self.orders),
            ("inventory", &self.inventory),
            ("reviews", &self.reviews),
        ]
    }

    /// Calls to all five together.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.backends().iter().map(|(_, backend)| backend.calls()).sum()
    }

    /// Every route of every service that was called, as `orders: GET /orders`, with its calls.
    #[must_use]
    pub fn calls_by_route(&self) -> Vec<(String, u64)> {
        let named = |(name, backend): (&str, &Backend)| {
            let calls = backend.calls_by_route().into_iter();
            calls
                .map(|(route, count)| (format!("{name}: {route}"), count))
                .collect::<Vec<_>>()
        };
        self.backends().into_iter().flat_map(named).collect()
    }

    /// Forgets the calls of all five.
    pub fn reset(&self) {
        self.backends().iter().for_each(|(_, backend)| backend.reset());
    }

    /// Takes back every delay, failure and hold of all five.
    pub fn recover(&self) {
        self.backends().iter().for_each(|(_, backend)| backend.recover());
    }
}
