//! gRPC `shop.inventory.v1.Inventory`: stock and prices. Messages as in `inventory.proto`, which a test compares.

use std::collections::HashSet;

use prost::Message;
use tonic::Status;

use crate::{
    data::{Data, stock, time::Time},
    grpc::{Methods, Unary},
};

#[derive(Clone, PartialEq, Message)]
struct GetStockRequest {
    #[prost(int32, tag = "1")]
    id: i32,
}

#[derive(Clone, PartialEq, Message)]
struct BatchGetStockRequest {
    #[prost(int32, repeated, tag = "1")]
    ids: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct BatchGetStockResponse {
    #[prost(message, repeated, tag = "1")]
    stock: Vec<Stock>,
}

#[derive(Clone, PartialEq, Message)]
struct Stock {
    #[prost(int32, tag = "1")]
    product_id: i32,
    #[prost(int32, tag = "2")]
    available: i32,
    #[prost(int32, tag = "3")]
    reserved: i32,
    #[prost(message, optional, tag = "4")]
    price: Option<Money>,
    #[prost(int32, tag = "5")]
    warehouse: i32,
    #[prost(message, optional, tag = "6")]
    updated_at: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    restocked_at: Option<Timestamp>,
    #[prost(string, optional, tag = "8")]
    note: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Money {
    #[prost(int64, tag = "1")]
    units: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
    #[prost(string, tag = "3")]
    currency_code: String,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

pub(super) fn methods(data: &'static Data) -> Methods {
    let mut methods = Methods::default();
    methods.insert(
        "shop.inventory.v1.Inventory/GetStock",
        Unary::typed(
            |request: GetStockRequest| vec![request.id],
            |request: GetStockRequest| find(data, request.id).ok_or_else(|| Status::not_found("no such product")),
        ),
    );
    methods.insert(
        "shop.inventory.v1.Inventory/BatchGetStock",
        Unary::typed(
            |request: BatchGetStockRequest| request.ids,
            |request: BatchGetStockRequest| {
                let mut seen = HashSet::new();
                let ids = request.ids.into_iter().filter(|id| seen.insert(*id));
                Ok(BatchGetStockResponse {
                    stock: ids.filter_map(|id| find(data, id)).collect(),
                })
            },
        ),
    );
    methods
}

fn find(data: &Data, id: i32) -> Option<Stock> {
    data.stock(u32::try_from(id).ok()?).map(Stock::from)
}

// === impl Stock ===

impl From<&stock::Stock> for Stock {
    fn from(stock: &stock::Stock) -> Self {
        Self {
            product_id: stock.product_id.cast_signed(),
            available: stock.available,
            reserved: stock.reserved,
            price: Some(Money {
                units: stock.price.units,
                nanos: stock.price.nanos,
                currency_code: stock.price.currency_code.to_owned(),
            }),
            warehouse: stock.warehouse as i32,
            updated_at: Some(stock.updated_at.into()),
            restocked_at: stock.restocked_at.map(Timestamp::from),
            note: stock.note.map(str::to_owned),
        }
    }
}

// === impl Timestamp ===

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Self {
            seconds: time.0,
            nanos: 0,
        }
    }
}
