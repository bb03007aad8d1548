//! REST `catalog`: products as they are shown, and a REST copy of the stock.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::token::bearer;
use crate::{
    data::{Data, PRODUCTS, USERS, products::Product, random::Random},
    query::Query,
    rest::{Refusal, json_list, json_response, push_joined},
};

const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 100;

pub(super) fn router(data: &'static Data) -> Router {
    Router::new()
        .route("/products", get(products))
        .route("/products/{id}", get(product))
        .route("/products/search", get(search))
        .route("/products/recommended", get(recommended))
        .route("/stock", get(stock))
        .with_state(data)
}

async fn product(State(data): State<&'static Data>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let product = id.parse().ok().and_then(|id| data.product(id));
    let product = product.ok_or_else(|| Refusal::not_found("product"))?;
    Ok(json_response(StatusCode::OK, product.json()))
}

/// `?id=1&id=2`: those that exist, each once, in the order asked for.
async fn products(State(data): State<&'static Data>, query: Query) -> Response {
    let products = distinct(&query).filter_map(|id| data.product(id));
    json_response(StatusCode::OK, json_list("products", products.map(Product::json)))
}

/// `?q=&first=&after=`: products that have all words of `q` in title, brand or tags.
async fn search(State(data): State<&'static Data>, query: Query) -> Result<Response, Refusal> {
    let wanted = query.first("q").unwrap_or_default().to_lowercase();
    let found: Vec<_> = data
        .products
        .iter()
        .filter(|product| has_words(product, &wanted))
        .collect();
    let after = match query.first("after") {
        None | Some("") => 0,
        Some(cursor) => position(cursor).ok_or_else(|| {
            Refusal(
                StatusCode::BAD_REQUEST,
                "BAD_CURSOR",
                "`after` is no cursor of this search".to_owned(),
            )
        })?,
    };
    let first = query.size("first", PAGE_DEFAULT, PAGE_MAX);
    let page: Vec<_> = found.iter().enumerate().skip(after).take(first).collect();
    let end = after.min(found.len()) + page.len();
    let items: Vec<_> = page
        .iter()
        .map(|(index, product)| {
            format!(
                r#"{{"cursor":"{}","score":{},"product":{}}}"#,
                cursor(index + 1),
                found.len() - index,
                product.json()
            )
        })
        .collect();
    let mut body = String::from("{\"items\":[");
    push_joined(&mut body, items.iter().map(String::as_str));
    let next = if end < found.len() {
        format!("\"{}\"", cursor(end))
    } else {
        "null".to_owned()
    };
    body.push_str(&format!(
        r#"],"nextCursor":{next},"hasMore":{},"hasPrevious":{},"total":{}}}"#,
        end < found.len(),
        after > 0,
        found.len()
    ));
    Ok(json_response(StatusCode::OK, body))
}

/// `?user=7&limit=8`: the same ones for the same user each time. Without `user`, the bearer of the token; without
/// one, what is recommended to everybody.
async fn recommended(State(data): State<&'static Data>, headers: HeaderMap, query: Query) -> Response {
    let user = query
        .first_as("user")
        .or_else(|| bearer(&headers).ok())
        .unwrap_or(USERS + 1);
    let limit = query.size("limit", 8, PAGE_MAX);
    let mut random = Random::new(8_000_000 + u64::from(user));
    let mut chosen: Vec<u32> = Vec::with_capacity(limit);
    while chosen.len() < limit {
        let id = random.skewed(PRODUCTS) + 1;
        if !chosen.contains(&id) {
            chosen.push(id);
        }
    }
    let products = chosen.into_iter().filter_map(|id| data.product(id));
    json_response(StatusCode::OK, json_list("products", products.map(Product::json)))
}

/// `?id=1&id=2`: exactly what the inventory service answers, as REST.
async fn stock(State(data): State<&'static Data>, query: Query) -> Response {
    let stock: Vec<_> = distinct(&query).filter_map(|id| data.stock(id)).collect();
    json_response(StatusCode::OK, json!({ "stock": stock }).to_string())
}

fn distinct(query: &Query) -> impl Iterator<Item = u32> {
    let mut seen = std::collections::HashSet::new();
    query.all_as::<u32>("id").filter(move |id| seen.insert(*id))
}

fn has_words(product: &Product, wanted: &str) -> bool {
    wanted.split_whitespace().all(|word| product.words().contains(word))
}

/// An opaque text for a position, with characters that must be encoded in a URL.
fn cursor(position: usize) -> String {
    format!("pos+{position}/==")
}

fn position(cursor: &str) -> Option<usize> {
    cursor.strip_prefix("pos+")?.strip_suffix("/==")?.parse().ok()
}
