//! Stock and prices, one record a product. Read by the inventory service, and by the catalogue's REST copy of it.

use serde::Serialize;

use super::{
    PRODUCTS,
    random::Random,
    time::{DAY, MINUTE, OPENING, Time},
};

/// What the warehouses know of a product.
#[derive(Debug, Serialize)]
pub(crate) struct Stock {
    pub(crate) product_id: u32,
    pub(crate) available: i32,
    pub(crate) reserved: i32,
    pub(crate) price: Money,
    pub(crate) warehouse: Warehouse,
    pub(crate) updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restocked_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<&'static str>,
}

/// 12.50 EUR is `units` 12, `nanos` 500,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Money {
    pub(crate) units: i64,
    pub(crate) nanos: i32,
    pub(crate) currency_code: &'static str,
}

/// Numbered as in `inventory.proto`.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) enum Warehouse {
    #[serde(rename = "WAREHOUSE_NORTH")]
    North = 1,
    #[serde(rename = "WAREHOUSE_SOUTH")]
    South = 2,
    #[serde(rename = "WAREHOUSE_EAST")]
    East = 3,
}

const NANOS_PER_CENT: i32 = 10_000_000;

pub(super) fn make() -> Vec<Stock> {
    (1..=PRODUCTS).map(Stock::make).collect()
}

// === impl Stock ===

impl Stock {
    fn make(product_id: u32) -> Self {
        let mut random = Random::new(1_000_000 + u64::from(product_id));
        let sold_out = random.chance(0.08);
        let available = if sold_out {
            0
        } else {
            random.between(1, 400).cast_signed()
        };
        let updated_at = OPENING.after(400 * DAY + i64::from(random.below(100_000)) * MINUTE);
        Self {
            product_id,
            available,
            reserved: random.below(20).cast_signed(),
            price: Money::cents(i64::from(random.between(2, 400)) * 100 - 5),
            warehouse: random.pick(&[Warehouse::North, Warehouse::South, Warehouse::East]),
            updated_at,
            restocked_at: sold_out.then(|| updated_at.after(14 * DAY)),
            note: random.chance(0.1).then_some("Ships in two parcels: \"1 of 2\" first."),
        }
    }
}

// === impl Money ===

impl Money {
    /// Euro cents.
    pub(crate) fn cents(cents: i64) -> Self {
        let rest = i32::try_from(cents % 100).expect("less than a hundred");
        Self {
            units: cents / 100,
            nanos: rest * NANOS_PER_CENT,
            currency_code: "EUR",
        }
    }

    pub(crate) fn as_cents(self) -> i64 {
        self.units * 100 + i64::from(self.nanos / NANOS_PER_CENT)
    }
}
