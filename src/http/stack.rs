//! What stands around every request, outermost first: id, limits on the head, panics, metrics and log.
//!
//! After `connection`, before `decode`. One function rather than a pile of tower layers: a layer that boxes its future or body costs more than all
//! that is done here. Paths are few and fixed, so they are compared, not routed.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{
    Answer, Route, Settings, StatusProfile, Tls,
    accept::{self, Media},
    admission::{Admitted, Gate, Seen},
    body,
    browser::{Preflight, check_get},
    coding::Compressor,
    connection::Handle,
    credentials::{self, suspect},
    decode::{Decoded, decode},
    deliver::{Wishes, deliver},
    encode, ide,
    peer::client_address,
    refusal::Refusal,
    request_id, several,
    watch::Watch,
};
use crate::{
    engine::{self, OperationInfo, Outcome},
    identity::{ClientName, Identity},
    operation::{Exceeded, error::LimitKind},
    quota::Quotas,
    telemetry::{LogRequests, Metrics, RequestOutcome, SurfaceMetrics, clean},
};

/// Larger bodies are not read when there is too much to do: parsing this much costs as much as refusing.
const OVERLOADED_BODY_BYTES_MAX: u64 = 16 * 1024;

/// The public port.
pub(super) struct Stack<A> {
    answer: A,
    surfaces: Vec<Surface>,
    unrouted: SurfaceMetrics,
    compressor: Compressor,
    settings: Arc<Settings>,
    log: LogRequests,
    identity: Option<Arc<Identity>>,
    hsts: Option<HeaderValue>,
}

/// One surface as HTTP sees it.
struct Surface {
    route: Route,
    gate: Gate,
    metrics: SurfaceMetrics,
}

/// How a request ended.
enum End {
    Answered(engine::Response, Media),
    Refused(Refusal, Media),
    Options,
    Session(Option<HeaderValue>),
    Page,
}

/// Why a request ends before the engine.
enum Early {
    Refused(Refusal),
    Options,
    Session(Option<HeaderValue>),
    Page,
}

impl From<Refusal> for Early {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a log line says of a request.
struct Line<'a> {
    surface: &'a str,
    id: &'a HeaderValue,
    /// Name and version of its client, by its own account.
    client: Option<(HeaderValue, Option<HeaderValue>)>,
    class: Option<&'a str>,
    operation: Option<OperationInfo>,
    errors: u32,
    outcome: RequestOutcome,
    exceeded: Exceeded,
    status: u16,
    took: Duration,
}

/// Counts a request, whatever becomes of it: dropped without [`Exchange::finish`], its client left.
struct Exchange<'a> {
    metrics: &'a SurfaceMetrics,
    started: Instant,
    is_finished: bool,
}

// === impl Stack ===

impl<A: Answer> Stack<A> {
    pub(super) fn new(
        answer: A,
        routes: &[Route],
        settings: Arc<Settings>,
        log: LogRequests,
        metrics: &Metrics,
        (identity, quotas): (Option<Arc<Identity>>, Option<&Arc<Quotas>>),
    ) -> Self {
        let surfaces = routes
            .iter()
            .map(|route| Surface {
                route: route.clone(),
                gate: Gate::new(route, quotas),
                metrics: metrics.surface(&route.surface),
            })
            .collect();
        Self {
            answer,
            surfaces,
            unrouted: metrics.unrouted(),
            compressor: Compressor::new(settings.compression.clone()),
            hsts: settings.tls.as_ref().and_then(hsts),
            settings,
            log,
            identity,
        }
    }

    /// Whether a path is that of the pages' cookie.
    fn is_session(&self, path: &str) -> bool {
        let session = self.identity.as_ref().and_then(|identity| identity.session());
        session.is_some_and(|session| session.path() == path)
    }

    /// The surface at a path, with its number.
    fn route(&self, path: &str) -> Option<(usize, &Surface)> {
        self.surfaces
            .iter()
            .enumerate()
            .find(|(_, surface)| surface.route.path == path)
    }

    /// Everything between the head of a request and the end it comes to.
    async fn run<'a>(
        &'a self,
        request: Request<Incoming>,
        surface: Option<(usize, &'a Surface)>,
        watch: &Watch,
        (id, started): (&HeaderValue, Instant),
        seen: &mut Seen<'a>,
    ) -> (End, bool) {
        let (mut parts, mut body) = request.into_parts();
        let default = match self.settings.status_profile {
            StatusProfile::Compat => Media::Json,
            StatusProfile::Draft2026 => Media::GraphqlResponse,
        };
        let media = accept::negotiate(&parts.headers, self.settings.status_profile);
        let expects = parts.headers.contains_key(header::EXPECT);
        let is_http1 = parts.version < Version::HTTP_2;
        let admitted = async {
            if watch.take_fault().is_some() {
                return Err(Refusal::Framing.into());
            }
            check_head(
                &parts.headers,
                parts.uri.path_and_query().map_or("", |path| path.as_str()),
                &self.settings,
            )?;
            let peer = client_address(watch.peer(), &parts.headers, self.settings.trusted_proxies);
            if let Some(identity) = self.identity.as_ref().filter(|_| self.is_session(parts.uri.path())) {
                let cookie = credentials::session(identity, &parts, suspect(id, "-", peer)).await?;
                return Err(Early::Session(cookie));
            }
            let (index, surface) = surface.ok_or(Refusal::NoSuchPath)?;
            if self.settings.ide && ide::is_wanted(&parts.method, &parts.uri, &parts.headers) {
                return Err(Early::Page);
            }
            match parts.method {
                Method::GET => check_get(&parts.headers, &self.settings)?,
                Method::POST => {}
                Method::OPTIONS => return Err(Early::Options),
                _ => return Err(Refusal::Method.into()),
            }
            let media = media.ok_or(Refusal::NotAcceptable)?;
            let suspect = suspect(id, &surface.route.surface, peer);
            let admitted = surface.gate.admit(self.identity.as_deref(), &mut parts, suspect, seen);
            let Admitted {
                caller,
                standing,
                body_bytes_max: limit,
            } = admitted.await?;
            if body.size_hint().lower() > OVERLOADED_BODY_BYTES_MAX && self.answer.is_overloaded(index) {
                return Err(Refusal::Overloaded.into());
            }
            let deadline = started + self.settings.operation_timeout;
            let mut decoded = decode(parts, &mut body, index, limit, &self.settings, deadline).await?;
            seen.count(&decoded, &standing, suspect)?;
            decoded.each(|request| {
                request.peer = peer;
                request.caller = caller.clone();
                request.standing = standing.clone();
            });
            Ok((decoded, media))
        };
        match admitted.await {
            Ok((Decoded::One(request), media)) => (End::Answered(self.answer.handle(request).await, media), false),
            Ok((Decoded::Several(requests), _)) => {
                let answer = several::answer(&self.answer, requests, self.settings.status_profile).await;
                // An array is no GraphQL response, so it has not its media type.
                (End::Answered(answer, Media::Json), false)
            }
            Err(Early::Options) => (End::Options, false),
            Err(Early::Session(cookie)) => (End::Session(cookie), false),
            Err(Early::Page) => (End::Page, false),
            Err(Early::Refused(refusal)) => {
                // A client that waits for «100 Continue» has sent nothing to discard; HTTP/2 resets a stream without harm to its answer.
                let is_clean = !is_http1 || refusal.closes() || expects || body::discard(&mut body).await;
                let closes = is_http1 && (refusal.closes() || !is_clean || expects && !body.is_end_stream());
                (End::Refused(refusal, media.unwrap_or(default)), closes)
            }
        }
    }

    /// What a client says of itself, where that may be logged.
    fn client(&self, headers: &HeaderMap) -> Option<(HeaderValue, Option<HeaderValue>)> {
        match self.log {
            LogRequests::Off => None,
            LogRequests::Errors | LogRequests::All => ClientName::said(headers),
        }
    }

    /// Headers that all answers have, and how the client stands. Nothing here is a page or a script, whatever is in it: no browser may take it for one.
    fn harden(&self, seen: &Seen<'_>, headers: &mut HeaderMap) {
        seen.write(headers);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(hsts) = &self.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }

    /// Writes the request's line, if it is to have one.
    fn log(&self, line: &Line<'_>) {
        let has_errors =
            line.status >= 400 || line.errors > 0 || line.outcome != RequestOutcome::Data || !line.exceeded.is_empty();
        match self.log {
            LogRequests::Off => return,
            LogRequests::Errors if !has_errors => return,
            LogRequests::Errors | LogRequests::All => {}
        }
        let operation = line.operation.as_ref();
        let text = |value: &HeaderValue| clean(&String::from_utf8_lossy(value.as_bytes())).into_owned();
        let (client, version) = line.client.as_ref().map_or((None, None), |(name, version)| {
            (Some(text(name)), version.as_ref().map(text))
        });
        let limits: Vec<&str> = line.exceeded.iter().map(LimitKind::key).collect();
        tracing::info!(
            request_id = line.id.to_str().unwrap_or_default(),
            surface = line.surface,
            class = line.class,
            client,
            version,
            operation = operation.and_then(|info| info.name.as_deref()).map(clean).as_deref(),
            kind = operation.map(|info| info.kind),
            outcome = line.outcome.as_str(),
            status = line.status,
            duration_us = u64::try_from(line.took.as_micros()).unwrap_or(u64::MAX),
            errors = line.errors,
            over_limits = (!limits.is_empty()).then(|| limits.join(",")),
            "request"
        );
    }
}

impl<A: Answer> Handle for Stack<A> {
    type Body = Full<Bytes>;

    async fn handle(&self, mut request: Request<Incoming>, watch: &Watch) -> Response<Full<Bytes>> {
        let mut in_flight = watch.enter();
        let started = Instant::now();
        let id = request_id::assign(request.headers_mut());
        let is_get = request.method() == Method::GET;
        let wishes = Wishes::of(request.method(), request.headers(), &self.compressor);
        let surface = self.route(request.uri().path());
        let client = self.client(request.headers());
        let cors = &self.settings.cors;
        let origin = cors.admitted(request.headers());
        let preflight = (request.method() == Method::OPTIONS).then(|| Preflight::of(request.headers()));
        let metrics = surface.map_or(&self.unrouted, |(_, surface)| &surface.metrics);
        let exchange = Exchange::begin(metrics, started);

        let mut seen = Seen::default();
        let running = AssertUnwindSafe(self.run(request, surface, watch, (&id, started), &mut seen)).catch_unwind();
        let (end, closes) = running.await.unwrap_or_else(|_| {
            tracing::error!(request_id = id.to_str().unwrap_or_default(), "a handler panicked");
            (End::Refused(Refusal::Internal, Media::Json), false)
        });

        let profile = self.settings.status_profile;
        let outcome = end.outcome();
        let mut operation = None;
        let mut exceeded = Exceeded::default();
        let mut response = match end {
            End::Answered(mut answer, media) => {
                operation = answer.operation.take();
                exceeded = answer.exceeded;
                exceeded.iter().for_each(|limit| metrics.over_limit(limit.key()));
                deliver(answer, media, profile, id.clone(), wishes, &self.compressor).await
            }
            End::Refused(refusal, media) => {
                let mut refused = encode::refusal(refusal, media, profile, id.clone());
                if is_get {
                    refused
                        .headers_mut()
                        .insert(header::VARY, HeaderValue::from_static("accept"));
                }
                refused
            }
            End::Options => encode::options(id.clone()),
            End::Session(cookie) => encode::session(cookie, id.clone()),
            End::Page => ide::page(id.clone()),
        };
        if closes {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            metrics.over_limit("quota");
        }
        self.harden(&seen, response.headers_mut());
        cors.add(origin, preflight.flatten(), response.headers_mut());
        let ended = exchange.finish(outcome);
        in_flight.ended_at(ended);
        self.log(&Line {
            surface: surface.map_or("-", |(_, surface)| surface.route.surface.as_str()),
            id: &id,
            client,
            class: seen.class,
            errors: errors(operation.as_ref(), outcome),
            operation,
            outcome,
            exceeded,
            status: response.status().as_u16(),
            took: ended - started,
        });
        response
    }
}

/// How many errors an answer has.
fn errors(operation: Option<&OperationInfo>, outcome: RequestOutcome) -> u32 {
    operation.map_or(u32::from(outcome != RequestOutcome::Data), |info| info.errors)
}

/// «Come by https only.» Browsers believe it of answers that came by https.
fn hsts(tls: &Tls) -> Option<HeaderValue> {
    let seconds = tls.hsts_days.checked_mul(24 * 60 * 60).filter(|seconds| *seconds > 0)?;
    HeaderValue::try_from(format!("max-age={seconds}; includeSubDomains")).ok()
}

fn check_head(headers: &HeaderMap, path_and_query: &str, settings: &Settings) -> Result<(), Refusal> {
    if path_and_query.len() > settings.uri_bytes_max {
        return Err(Refusal::UriTooLong);
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > settings.header_bytes_max {
        return Err(Refusal::HeadersTooLarge);
    }
    Ok(())
}

// === impl End ===

impl End {
    fn outcome(&self) -> RequestOutcome {
        match self {
            Self::Answered(response, _) => match response.outcome {
                Outcome::Data | Outcome::Several { all_data: true } => RequestOutcome::Data,
                Outcome::Partial | Outcome::Several { all_data: false } => RequestOutcome::Partial,
                Outcome::Syntax => RequestOutcome::Syntax,
                Outcome::Invalid | Outcome::Refused(_) => RequestOutcome::Invalid,
                Outcome::MethodNotAllowed => RequestOutcome::Refused,
                Outcome::Unavailable(_) => RequestOutcome::Unavailable,
            },
            Self::Refused(Refusal::Internal, _) => RequestOutcome::Internal,
            Self::Refused(..) => RequestOutcome::Refused,
            Self::Options | Self::Session(_) | Self::Page => RequestOutcome::Data,
        }
    }
}

// === impl Exchange ===

impl<'a> Exchange<'a> {
    fn begin(metrics: &'a SurfaceMetrics, started: Instant) -> Self {
        metrics.in_flight.inc();
        Self {
            metrics,
            started,
            is_finished: false,
        }
    }

    /// Counts it as answered; when that was.
    fn finish(mut self, outcome: RequestOutcome) -> Instant {
        self.is_finished = true;
        let now = Instant::now();
        self.metrics.finished(outcome, now - self.started);
        now
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        if !self.is_finished {
            self.metrics.finished(RequestOutcome::Cancelled, self.started.elapsed());
        }
    }
}
