//! Credentials of a request → a caller, or no; and the cookie that carries them for pages.
//!
//! Beside `decode`, and before a byte of the body is read: whoever is refused costs no more than its head.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, header};

use super::{Credentials, refusal::Refusal};
use crate::{
    identity::{Caller, CallerKind, Identity, Rejected},
    telemetry::{SecurityEvent, Suspect, security},
};

/// Who sent a request. Takes out of its headers what only we may say.
///
/// # Errors
/// Its credentials do not hold.
pub(super) async fn caller(
    identity: Option<&Identity>,
    headers: &mut HeaderMap,
    suspect: Suspect<'_>,
) -> Result<Arc<Caller>, Refusal> {
    let Some(identity) = identity else {
        return Ok(Caller::anonymous());
    };
    let caller = identity.identify(headers).await.map_err(|why| refused(why, suspect))?;
    identity.forward().strip(headers);
    Ok(caller)
}

/// Refuses who has not proved what is wanted.
///
/// # Errors
/// There were no credentials, or not those.
pub(super) fn demand(wanted: Credentials, caller: &Caller, suspect: Suspect<'_>) -> Result<(), Refusal> {
    match wanted.lacking(caller) {
        None => Ok(()),
        Some(reason) => {
            security(SecurityEvent::CredentialsMissing, reason, suspect);
            Err(Refusal::NoCredentials)
        }
    }
}

// === impl Credentials ===

impl Credentials {
    /// What a caller lacks, for the log.
    #[must_use]
    pub fn lacking(self, caller: &Caller) -> Option<&'static str> {
        let (is_met, reason) = match self {
            Self::Optional => return None,
            Self::Any => (caller.is_authenticated(), "the surface needs credentials"),
            Self::ApiKey => (caller.client().is_some(), "clients of this class need an API key"),
            Self::Token => (caller.kind() == CallerKind::Token, "clients of this class need a token"),
        };
        (!is_met).then_some(reason)
    }
}

/// Makes or drops the cookie of a page's session.
///
/// # Errors
/// The token does not hold, or another site's page may have sent the request.
pub(super) async fn session(
    identity: &Identity,
    method: &Method,
    headers: &HeaderMap,
    suspect: Suspect<'_>,
) -> Result<Option<HeaderValue>, Refusal> {
    let Some(session) = identity.session() else {
        return Err(Refusal::NoSuchPath);
    };
    if !session.is_own(headers) {
        return Err(refused(Rejected::CrossSite, suspect));
    }
    match *method {
        Method::POST => {
            let token = bearer(headers).ok_or(Refusal::NoCredentials)?;
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

/// Who is to blame, as far as is known.
pub(super) fn suspect<'a>(request_id: &'a HeaderValue, surface: &'a str, peer: Option<IpAddr>) -> Suspect<'a> {
    Suspect {
        request_id: request_id.to_str().unwrap_or_default(),
        surface,
        peer,
    }
}
