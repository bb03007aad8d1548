//! The cookie that carries a token for pages: scripts cannot read it, and other sites' pages cannot use it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Caller, Rejected};

/// The cookie. `auth.session`.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Its name. `cookie`, default `__Host-session`: browsers take such a cookie from this very host over TLS only, for all paths.
    pub cookie: String,
    /// Where it is made (POST with a bearer token) and dropped (DELETE). `path`, default `/session`.
    pub path: String,
    /// Whether it is sent over TLS only. `secure`, default true; false is for development.
    pub secure: bool,
    /// `lax` (default), `strict`, or `none` for pages of other sites that `http.cors` lists. `same_site`.
    pub same_site: &'static str,
    /// Origins whose pages may use it beside our own: those of `http.cors` with credentials.
    pub origins: Vec<String>,
    /// Longest that a browser keeps it; never longer than the token. `max_age`, default 12 h.
    pub max_age: Duration,
}

/// The cookie at work.
#[derive(Debug)]
pub struct Session {
    settings: SessionSettings,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

// === impl Session ===

impl Session {
    pub(super) fn new(settings: SessionSettings) -> Self {
        Self { settings }
    }

    /// Where the cookie is made and dropped.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.settings.path
    }

    /// The token in a request's cookies. A request that a page of another site may have made has none that counts: it is refused rather than taken for nobody's,
    /// because its answer would differ.
    ///
    /// # Errors
    /// The cookie is there, and the request may be another site's.
    pub(super) fn token<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Rejected> {
        let mut found = None;
        for line in headers.get_all(header::COOKIE) {
            // Other cookies may have any bytes.
            for pair in line.as_bytes().split(|byte| *byte == b';') {
                let Some(value) = pair
                    .trim_ascii()
                    .strip_prefix(self.settings.cookie.as_bytes())
                    .and_then(|rest| rest.strip_prefix(b"="))
                else {
                    continue;
                };
                if found.replace(value).is_some() {
                    // One of them was set by somebody else.
                    return Err(Rejected::Malformed);
                }
            }
        }
        let Some(token) = found.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        if !self.is_own(headers) {
            return Err(Rejected::CrossSite);
        }
        std::str::from_utf8(token).map(Some).map_err(|_| Rejected::Malformed)
    }

    /// Whether a request comes from our own pages or those that are listed.
    #[must_use]
    pub fn is_own(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) => self.is_own_origin(origin.as_bytes(), headers),
            (Some(_), Some(_)) => false,
            (None, _) => match headers.get(SEC_FETCH_SITE) {
                Some(site) => matches!(site.as_bytes(), b"same-origin" | b"none"),
                None => true,
            },
        }
    }

    fn is_own_origin(&self, origin: &[u8], headers: &HeaderMap) -> bool {
        if self.settings.origins.iter().any(|listed| listed.as_bytes() == origin) {
            return true;
        }
        let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
        let scheme: &[u8] = if self.settings.secure { b"https://" } else { b"http://" };
        host.is_some() && origin.strip_prefix(scheme) == host
    }

    /// `Set-Cookie` for a verified token.
    #[must_use]
    pub fn set(&self, token: &str, caller: &Caller) -> Option<HeaderValue> {
        let left = caller.expires()?.duration_since(SystemTime::now()).ok()?;
        self.cookie(token, left.min(self.settings.max_age).as_secs())
    }

    /// `Set-Cookie` that drops it.
    #[must_use]
    pub fn drop_it(&self) -> Option<HeaderValue> {
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let SessionSettings {
            cookie,
            same_site,
            secure,
            ..
        } = &self.settings;
        let secure = if *secure { "; Secure" } else { "" };
        let text = format!("{cookie}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}");
        HeaderValue::try_from(text).ok()
    }
}
