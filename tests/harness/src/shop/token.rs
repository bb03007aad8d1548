//! Who is calling. The shop believes `authorization: Bearer token-<user id>`.

use http::{HeaderMap, StatusCode, header::AUTHORIZATION};

use crate::{data::USERS, rest::Refusal};

/// The bearer's user id.
pub(super) fn bearer(headers: &HeaderMap) -> Result<u32, Refusal> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer token-"));
    let user = token
        .and_then(|user| user.parse().ok())
        .filter(|user| (1..=USERS).contains(user));
    user.ok_or_else(|| {
        Refusal(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            "a valid bearer token is required".to_owned(),
        )
    })
}

/// Makes sure that the bearer is `user`.
pub(super) fn require(headers: &HeaderMap, user: u32) -> Result<(), Refusal> {
    let stranger = || {
        Refusal(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            "this belongs to somebody else".to_owned(),
        )
    };
    if bearer(headers).ok() == Some(user) {
        Ok(())
    } else {
        Err(stranger())
    }
}
