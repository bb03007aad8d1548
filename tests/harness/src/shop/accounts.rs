//! REST `accounts`: users, and who the bearer of a token is.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::token::{bearer, require};
use crate::{
    control::lock,
    data::{
        Data, by_id,
        users::{Contact, User},
    },
    query::Query,
    rest::{Refusal, json_list, json_response},
};

const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 80;

#[derive(Debug, Clone)]
struct Accounts(Arc<Mutex<Vec<Account>>>);

#[derive(Debug)]
struct Account {
    user: User,
    json: Arc<str>,
}

#[derive(Deserialize)]
struct Change {
    display_name: String,
}

pub(super) fn router(data: &'static Data) -> Router {
    let accounts = data.users.iter().cloned().map(Account::new).collect();
    Router::new()
        .route("/me", get(me))
        .route("/users", get(users))
        .route("/users/{id}", get(user).patch(change))
        .route("/users/{id}/contact", get(contact))
        .with_state(Accounts(Arc::new(Mutex::new(accounts))))
}

async fn me(State(accounts): State<Accounts>, headers: HeaderMap) -> Result<Response, Refusal> {
    accounts.answer(bearer(&headers)?)
}

async fn user(State(accounts): State<Accounts>, Path(id): Path<String>) -> Result<Response, Refusal> {
    accounts.answer(user_id(&id)?)
}

/// `?id=1&id=2`: those that exist, in the order asked for. `?limit=&offset=`: a page of all.
async fn users(State(accounts): State<Accounts>, query: Query) -> Response {
    let users: Vec<_> = {
        let accounts = lock(&accounts.0);
        if query.first("id").is_some() {
            query
                .all_as("id")
                .filter_map(|id| by_id(&accounts, id))
                .map(Account::json)
                .collect()
        } else {
            let (offset, limit) = (
                query.first_as("offset").unwrap_or(0),
                query.size("limit", PAGE_DEFAULT, PAGE_MAX),
            );
            accounts.iter().skip(offset).take(limit).map(Account::json).collect()
        }
    };
    json_response(StatusCode::OK, json_list("users", users.iter().map(AsRef::as_ref)))
}

async fn contact(Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let id = user_id(&id)?;
    require(&headers, id)?;
    let contact = serde_json::to_string(&Contact::of(id)).expect("text keys only");
    Ok(json_response(StatusCode::OK, contact))
}

/// `{"display_name": "…"}`, by the user only.
async fn change(
    State(accounts): State<Accounts>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let id = user_id(&id)?;
    require(&headers, id)?;
    let change: Change = serde_json::from_slice(&body)
        .map_err(|_| Refusal::unprocessable("INVALID_BODY", "`display_name` must be a text"))?;
    let name = change.display_name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Refusal::unprocessable(
            "INVALID_NAME",
            format!("a name has 1 to {NAME_CHARS_MAX} characters"),
        ));
    }
    accounts.rename(id, name);
    accounts.answer(id)
}

/// An id from a path. Text that is no number names nobody.
fn user_id(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| Refusal::not_found("user"))
}

// === impl Accounts ===

impl Accounts {
    fn answer(&self, id: u32) -> Result<Response, Refusal> {
        let json = by_id(&lock(&self.0), id)
            .map(Account::json)
            .ok_or_else(|| Refusal::not_found("user"))?;
        Ok(json_response(StatusCode::OK, json.to_string()))
    }

    fn rename(&self, id: u32, name: &str) {
        let mut accounts = lock(&self.0);
        if let Some(account) = accounts.iter_mut().find(|account| account.user.id == id) {
            let mut user = account.user.clone();
            user.display_name = name.to_owned();
            *account = Account::new(user);
        }
    }
}

// === impl Account ===

impl Account {
    fn new(user: User) -> Self {
        let json = serde_json::to_string(&user).expect("text keys only").into();
        Self { user, json }
    }

    fn json(&self) -> Arc<str> {
        Arc::clone(&self.json)
    }
}
