//! Orders, oldest first.

use std::sync::OnceLock;

use serde::Serialize;

use super::{
    ORDERS, PRODUCTS, USERS, by_id,
    random::Random,
    stock::{Money, Stock},
    time::{DAY, MINUTE, OPENING, Time},
    users::Address,
};

/// An order with its two JSON texts, which are written at first use.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) user_id: u32,
    pub(crate) state: State,
    pub(crate) placed_at: Time,
    pub(crate) lines: Vec<Line>,
    full: OnceLock<String>,
    compact: OnceLock<String>,
}

/// Where an order is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Shipped,
    Done,
    Cancelled,
}

/// A product in an order.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) product_id: u32,
    pub(crate) qty: u32,
    pub(crate) unit_price: Money,
}

/// Later than every order the shop starts with.
pub(crate) const NEW_ORDERS_FROM: Time = Time(OPENING.0 + 900 * DAY);

#[derive(Serialize)]
struct Full<'a> {
    #[serde(flatten)]
    compact: Compact<'a>,
    shipping: Shipping,
}

#[derive(Serialize)]
struct Compact<'a> {
    id: &'a str,
    user_id: u32,
    state: State,
    placed_at: Time,
    lines: &'a [Line],
    total: Money,
}

#[derive(Serialize)]
struct Shipping {
    method: &'static str,
    tracking_code: Option<String>,
    address: Address,
}

pub(super) fn make(stock: &[Stock]) -> Vec<Order> {
    let mut random = Random::new(5_000_000);
    let mut placed_at = OPENING;
    let orders = (1..=ORDERS).map(|number| {
        placed_at = placed_at.after(i64::from(random.between(20, 230)) * MINUTE);
        // Every user has ordered; beyond that some order more than others.
        let user_id = if number <= USERS {
            number
        } else {
            random.skewed(USERS) + 1
        };
        let lines = (0..random.between(1, 4))
            .map(|_| Line::make(&mut random, stock))
            .collect();
        let mut order = Order::new(number, user_id, placed_at, lines);
        order.state = match ORDERS - number {
            0..150 => State::Open,
            150..400 => State::Shipped,
            _ if random.chance(0.04) => State::Cancelled,
            _ => State::Done,
        };
        order
    });
    orders.collect()
}

// === impl Order ===

impl Order {
    pub(crate) fn new(number: u32, user_id: u32, placed_at: Time, lines: Vec<Line>) -> Self {
        let id = format!("ord-{number:05}");
        Self {
            id,
            user_id,
            state: State::Open,
            placed_at,
            lines,
            full: OnceLock::new(),
            compact: OnceLock::new(),
        }
    }

    /// The same order in another state.
    pub(crate) fn in_state(&self, state: State) -> Self {
        Self {
            state,
            full: OnceLock::new(),
            compact: OnceLock::new(),
            ..self.clone()
        }
    }

    /// All there is to know.
    pub(crate) fn json(&self) -> &str {
        self.full.get_or_init(|| {
            let sent = matches!(self.state, State::Shipped | State::Done);
            let shipping = Shipping {
                method: if self.total_cents() > 20_000 {
                    "express"
                } else {
                    "standard"
                },
                tracking_code: sent.then(|| format!("TRK/{}", self.id)),
                address: Address::of(self.user_id),
            };
            let full = Full {
                compact: self.compact(),
                shipping,
            };
            serde_json::to_string(&full).expect("text keys only")
        })
    }

    /// The same without shipping.
    pub(crate) fn compact_json(&self) -> &str {
        self.compact
            .get_or_init(|| serde_json::to_string(&self.compact()).expect("text keys only"))
    }

    fn compact(&self) -> Compact<'_> {
        Compact {
            id: &self.id,
            user_id: self.user_id,
            state: self.state,
            placed_at: self.placed_at,
            lines: &self.lines,
            total: Money::cents(self.total_cents()),
        }
    }

    fn total_cents(&self) -> i64 {
        let lines = self.lines.iter();
        lines.map(|line| i64::from(line.qty) * line.unit_price.as_cents()).sum()
    }
}

// === impl Line ===

impl Line {
    fn make(random: &mut Random, stock: &[Stock]) -> Self {
        let product_id = random.skewed(PRODUCTS) + 1;
        let unit_price = by_id(stock, product_id).expect("every product has stock").price;
        Self {
            product_id,
            qty: random.between(1, 3),
            unit_price,
        }
    }
}
