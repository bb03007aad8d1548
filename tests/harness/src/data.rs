//! The shop's data: made in code, the same in every run, never read from files.
//!
//! What nobody changes is made once a process; what calls can change (orders, names, added reviews) belongs to
//! each [`crate::Shop`] and starts from here.

use std::sync::OnceLock;

pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod random;
pub(crate) mod reviews;
pub(crate) mod stock;
pub(crate) mod time;
pub(crate) mod users;
mod words;

use orders::Order;
use products::Product;
use reviews::Reviews;
use stock::Stock;
use users::User;

pub(crate) const PRODUCTS: u32 = 2_000;
pub(crate) const USERS: u32 = 300;
pub(crate) const ORDERS: u32 = 5_000;
pub(crate) const REVIEWS: u32 = 20_000;

/// Everything the shop starts with. Ids count from 1, so that id `n` stands at index `n - 1`.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) products: Vec<Product>,
    pub(crate) stock: Vec<Stock>,
    pub(crate) users: Vec<User>,
    pub(crate) orders: Vec<Order>,
    pub(crate) reviews: Reviews,
}

// === impl Data ===

impl Data {
    /// The data, made at the first call.
    pub(crate) fn get() -> &'static Self {
        static DATA: OnceLock<Data> = OnceLock::new();
        DATA.get_or_init(|| {
            let stock = stock::make();
            Self {
                products: products::make(),
                users: users::make(),
                orders: orders::make(&stock),
                reviews: Reviews::new(),
                stock,
            }
        })
    }

    pub(crate) fn product(&self, id: u32) -> Option<&Product> {
        by_id(&self.products, id)
    }

    pub(crate) fn stock(&self, product: u32) -> Option<&Stock> {
        by_id(&self.stock, product)
    }
}

/// The element of this id: they are numbered from 1.
pub(crate) fn by_id<T>(all: &[T], id: u32) -> Option<&T> {
    all.get(usize::try_from(id).ok()?.checked_sub(1)?)
}
