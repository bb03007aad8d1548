//! Credentials of a request → a caller, or no; and the cookie that carries them for pages.
//!
//! Beside `decode`, and before a byte of the body is read: whoever is refused costs no more than its head.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header, request::Parts};

use super::{refusal::Refusal, watch::Watch};
use crate::{
    identity::{Caller, Identity, Rejected},
    telemetry::{SecurityEvent, Suspect, security},
};

/// Who sent a request. Takes out of its headers what only we may say.
///
/// # Errors
/// Its credentials do not hold, or the surface needs some and there are none.
pub(super) async fn caller(
    identity: Option<&Identity>,
    parts: &mut Parts,
    is_required: bool,
    suspect: Suspect<'_>,
) -> Result<Arc<Caller>, Refusal> {
    let Some(identity) = identity else {
        return Ok(Caller::anonymous());
    };
    let caller = identity
        .identify(&parts.headers)
        .await
        .map_err(|why| refused(why, suspect))?;
    if is_required && !caller.is_authenticated() {
        security(
            SecurityEvent::CredentialsMissing,
            "the surface needs credentials",
            suspect,
        );
        return Err(Refusal::NoCredentials);
    }
    identity.forward().strip(&mut parts.headers);
    Ok(caller)
}

/// Makes or drops the cookie of a page's session.
///
/// # Errors
/// The token does not hold, or another site's page may have sent the request.
pub(super) async fn session(
    identity: &Identity,
    parts: &Parts,
    suspect: Suspect<'_>,
) -> Result<Option<HeaderValue>, Refusal> {
    let Some(session) = identity.session() else {
        return Err(Refusal::NoSuchPath);
    };
    if !session.is_own(&parts.headers) {
        return Err(refused(Rejected::CrossSite, suspect));
    }
    match parts.method {
        Method::POST => {
            let token = bearer(&parts.headers).ok_or(Refusal::NoCredentials)?;
            let caller = identity.of_token(token).await.map_err(|why| refused(why, suspect))?;
            let cookie = session.set(token, &caller).ok_or(Refusal::BadCredentials)?;
            Ok(Some(cookie))
        }
        Method::DELETE => Ok(session.drop_it()),
        Method::OPTIONS => Ok(None),
        _ => Err(Refusal::SessionMethod),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

fn refused(why: Rejected, suspect: Suspect<'_>) -> Refusal {
    let event = match why {
        Rejected::CrossSite => SecurityEvent::CrossSite,
        _ => SecurityEvent::CredentialsRefused,
    };
    security(event, &why.to_string(), suspect);
    match why {
        Rejected::CrossSite => Refusal::ForeignSession,
        _ => Refusal::BadCredentials,
    }
}

/// Who is to blame, as far as the connection knows.
pub(super) fn suspect<'a>(request_id: &'a HeaderValue, surface: &'a str, watch: &Watch) -> Suspect<'a> {
    Suspect {
        request_id: request_id.to_str().unwrap_or_default(),
        surface,
        peer: watch.peer(),
    }
}
