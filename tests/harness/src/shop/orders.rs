//! REST `orders`: what was ordered, newest first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use crate::{
    control::lock,
    data::{
        Data, USERS,
        orders::{Line, NEW_ORDERS_FROM, Order, State as OrderState},
        time::MINUTE,
    },
    query::Query,
    rest::{Refusal, json_list, json_response},
};

const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 100;
const LINES_MAX: usize = 50;
const QTY_MAX: u32 = 99;

#[derive(Debug, Clone)]
struct Orders {
    data: &'static Data,
    book: Arc<Mutex<Book>>,
}

/// All orders, oldest first, and where they stand.
#[derive(Debug, Default)]
struct Book {
    orders: Vec<Arc<Order>>,
    by_id: HashMap<String, usize>,
    by_user: HashMap<u32, Vec<usize>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewOrder {
    user_id: u32,
    lines: Vec<NewLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewLine {
    product_id: u32,
    qty: u32,
}

pub(super) fn router(data: &'static Data) -> Router {
    let mut book = Book::default();
    data.orders.iter().cloned().for_each(|order| book.add(order));
    Router::new()
        .route("/orders", get(list).post(create))
        .route("/orders/{id}", get(order))
        .route("/orders/{id}/cancel", post(cancel))
        .with_state(Orders {
            data,
            book: Arc::new(Mutex::new(book)),
        })
}

/// `?user=7&limit=5&view=compact`, or `?userId=1&userId=2` for several users at once, where `limit` counts for each.
/// Newest first, user by user in the order asked for.
async fn list(State(Orders { book, .. }): State<Orders>, query: Query) -> Response {
    let limit = query.size("limit", PAGE_DEFAULT, PAGE_MAX);
    let orders: Vec<_> = {
        let book = lock(&book);
        let users = query.all_as("user").chain(query.all_as("userId"));
        users.flat_map(|user| book.newest(user, limit)).collect()
    };
    let compact = query.first("view") == Some("compact");
    let json = orders
        .iter()
        .map(|order| if compact { order.compact_json() } else { order.json() });
    json_response(StatusCode::OK, json_list("orders", json))
}

async fn order(State(Orders { book, .. }): State<Orders>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let order = lock(&book).find(&id)?;
    Ok(json_response(StatusCode::OK, order.json().to_owned()))
}

/// `{"userId": 7, "lines": [{"productId": 12, "qty": 1}]}`.
async fn create(State(Orders { data, book }): State<Orders>, body: Bytes) -> Result<Response, Refusal> {
    let new: NewOrder = serde_json::from_slice(&body)
        .map_err(|error| Refusal::unprocessable("INVALID_BODY", format!("not an order: {error}")))?;
    if !(1..=USERS).contains(&new.user_id) {
        return Err(Refusal::unprocessable(
            "UNKNOWN_USER",
            format!("there is no user {}", new.user_id),
        ));
    }
    if new.lines.is_empty() || new.lines.len() > LINES_MAX {
        return Err(Refusal::unprocessable(
            "INVALID_LINES",
            format!("an order has 1 to {LINES_MAX} lines"),
        ));
    }
    let lines: Result<Vec<_>, _> = new.lines.iter().map(|line| price(data, line)).collect();
    let order = lock(&book).place(new.user_id, lines?);
    Ok(json_response(StatusCode::CREATED, order.json().to_owned()))
}

fn price(data: &Data, line: &NewLine) -> Result<Line, Refusal> {
    if !(1..=QTY_MAX).contains(&line.qty) {
        return Err(Refusal::unprocessable(
            "INVALID_QTY",
            format!("`qty` is 1 to {QTY_MAX}"),
        ));
    }
    let stock = data
        .stock(line.product_id)
        .ok_or_else(|| Refusal::unprocessable("UNKNOWN_PRODUCT", format!("there is no product {}", line.product_id)))?;
    Ok(Line {
        product_id: line.product_id,
        qty: line.qty,
        unit_price: stock.price,
    })
}

/// Only what has not left yet can be cancelled.
async fn cancel(State(Orders { book, .. }): State<Orders>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let order = lock(&book).cancel(&id)?;
    Ok(json_response(StatusCode::OK, order.json().to_owned()))
}

// === impl Book ===

impl Book {
    fn add(&mut self, order: Order) {
        let place = self.orders.len();
        self.by_id.insert(order.id.clone(), place);
        self.by_user.entry(order.user_id).or_default().push(place);
        self.orders.push(Arc::new(order));
    }

    fn newest(&self, user: u32, limit: usize) -> Vec<Arc<Order>> {
        let places = self.by_user.get(&user).map_or(&[][..], Vec::as_slice);
        places
            .iter()
            .rev()
            .take(limit)
            .map(|place| Arc::clone(&self.orders[*place]))
            .collect()
    }

    fn find(&self, id: &str) -> Result<Arc<Order>, Refusal> {
        let place = self.by_id.get(id).ok_or_else(|| Refusal::not_found("order"))?;
        Ok(Arc::clone(&self.orders[*place]))
    }

    fn place(&mut self, user: u32, lines: Vec<Line>) -> Arc<Order> {
        let number = u32::try_from(self.orders.len() + 1).expect("fewer orders than ids");
        // By number, not by the clock: the same calls must give the same answers.
        self.add(Order::new(
            number,
            user,
            NEW_ORDERS_FROM.after(i64::from(number) * MINUTE),
            lines,
        ));
        Arc::clone(self.orders.last().expect("one was just added"))
    }

    fn cancel(&mut self, id: &str) -> Result<Arc<Order>, Refusal> {
        let order = self.find(id)?;
        if order.state != OrderState::Open {
            let message = "only an open order can be cancelled".to_owned();
            return Err(Refusal(StatusCode::CONFLICT, "NOT_OPEN", message));
        }
        let cancelled = Arc::new(order.in_state(OrderState::Cancelled));
        self.orders[self.by_id[id]] = Arc::clone(&cancelled);
        Ok(cancelled)
    }
}
