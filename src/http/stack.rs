//! What stands around every request, outermost first: id, limits on the head, panics, metrics and log.
//!
//! After `connection`, before `decode`. One function rather than a pile of tower layers: a layer that boxes its future or body costs more than all
//! that is done here. Paths are few and fixed, so they are compared, not routed.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_lite::future::yield_now;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{
    Answer, Route, Settings, StatusProfile, Tls,
    accept::{self, Media},
    admission::{Admitted, Findings, Gate},
    baggage, body,
    browser::{Preflight, check_get},
    coding::Compressor,
    connection::Handle,
    credentials::{self, suspect},
    decode::{Decoded, decode},
    deliver::{Wishes, deliver},
    encode, ide,
    line::Line,
    peer::client_address,
    refusal::{METHODS, Refusal, SESSION_METHODS},
    request_id,
    seen::{Known, Seen},
    several,
    unwritten::Unwritten,
    watch::{BareRefusal, InFlight, Watch},
};
use crate::{
    engine::{self, OperationInfo, Outcome},
    identity::{ClientName, Identity},
    operation::Exceeded,
    quota::Quotas,
    telemetry::{LogRequests, Metrics, RequestOutcome, SurfaceMetrics, Suspect},
};

/// Larger bodies are not read when there is too much to do: parsing this much costs as much as refusing.
const OVERLOADED_BODY_BYTES_MAX: u64 = 16 * 1024;

/// The public port.
pub(super) struct Stack<A> {
    answer: A,
    surfaces: Vec<Surface>,
    unrouted: SurfaceMetrics,
    compressor: Compressor,
    unwritten: Arc<Unwritten>,
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
    Answered(Box<engine::Response>, Media),
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
            unwritten: Unwritten::new(settings.answer_bytes, metrics.unwritten.clone()),
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

    /// Makes or drops the pages' cookie. Tokens can be guessed at there as well as anywhere: who tries is counted by their address.
    async fn session<'a>(
        &'a self,
        method: &Method,
        headers: &HeaderMap,
        suspect: Suspect<'_>,
        findings: &mut Findings<'a>,
    ) -> Result<Option<HeaderValue>, Refusal> {
        let identity = self.identity.as_ref().ok_or(Refusal::NoSuchPath)?;
        if method == Method::POST
            && let Some(surface) = self.surfaces.iter().find(|surface| surface.gate.counts())
        {
            surface.gate.count_stranger(suspect, findings)?;
        }
        credentials::session(identity, method, headers, suspect).await
    }

    /// The engine's answer, and what caches in front may do with it.
    async fn answered(&self, request: &engine::Request, surface: Option<(usize, &Surface)>) -> Box<engine::Response> {
        let mut answer = self.answer.handle(request).await;
        if surface.is_some_and(|(_, surface)| surface.gate.wants_credentials()) {
            // They ask nobody who they are.
            answer.caching.control = answer.caching.control.private();
        }
        answer
    }

    /// What a browser asks before it sends something.
    fn preflight(&self, request: &Request<Incoming>) -> Option<Preflight> {
        if request.method() != Method::OPTIONS {
            return None;
        }
        let methods = match self.is_session(request.uri().path()) {
            true => SESSION_METHODS,
            false => METHODS,
        };
        Preflight::of(request.headers(), methods)
    }

    /// What a browser is shown in development.
    fn page(&self, surface: Option<(usize, &Surface)>, id: HeaderValue) -> Response<Full<Bytes>> {
        match surface {
            Some(_) => ide::page(id),
            None => ide::index(self.surfaces.iter().map(|surface| &*surface.route.path), id),
        }
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
        request: &mut Request<Incoming>,
        surface: Option<(usize, &'a Surface)>,
        watch: &Watch,
        (id, started, seen): (&HeaderValue, Instant, Seen),
        findings: &mut Findings<'a>,
    ) -> (End, bool) {
        let default = default_media(self.settings.status_profile);
        let media = match seen.has(Known::Accept) {
            true => accept::negotiate(request.headers(), self.settings.status_profile),
            false => Some(default),
        };
        let expects = seen.has(Known::Expect);
        let admitted = async {
            if watch.take_fault().is_some() {
                return Err(Refusal::Framing.into());
            }
            check_head(
                seen,
                request.uri().path_and_query().map_or("", |path| path.as_str()),
                &self.settings,
            )?;
            let peer = client_address(watch.peer(), request.headers(), self.settings.trusted_proxies);
            if self.is_session(request.uri().path()) {
                let suspect = suspect(id, "-", peer);
                let cookie = self
                    .session(request.method(), request.headers(), suspect, findings)
                    .await?;
                return Err(Early::Session(cookie));
            }
            if self.settings.ide && ide::is_wanted(request.method(), request.uri(), request.headers()) {
                return Err(Early::Page);
            }
            let (index, surface) = surface.ok_or(Refusal::NoSuchPath)?;
            match *request.method() {
                Method::GET => check_get(request.headers(), &self.settings)?,
                Method::POST => {}
                Method::OPTIONS => return Err(Early::Options),
                _ => return Err(Refusal::Method.into()),
            }
            let media = media.ok_or(Refusal::NotAcceptable)?;
            let suspect = suspect(id, &surface.route.surface, peer);
            let admitted = surface
                .gate
                .admit(self.identity.as_deref(), request.headers_mut(), suspect, findings);
            let Admitted {
                caller,
                standing,
                body_bytes_max: limit,
            } = admitted.await?;
            if request.body().size_hint().lower() > OVERLOADED_BODY_BYTES_MAX && self.answer.is_overloaded(index) {
                return Err(Refusal::Overloaded.into());
            }
            let deadline = started + self.settings.operation_timeout;
            let mut decoded = decode(request, index, (limit, seen), &self.settings, deadline).await?;
            findings.count(&decoded, &standing, suspect)?;
            decoded.is_from(peer, &caller, &standing);
            Ok((decoded, media))
        };
        let end = match admitted.await {
            Ok((Decoded::One(one), media)) => End::Answered(self.answered(&one, surface).await, media),
            Ok((Decoded::Several(requests), _)) => {
                let answer = several::answer(&self.answer, requests, self.settings.status_profile).await;
                // An array is no GraphQL response, so it has not its media type.
                End::Answered(Box::new(answer), Media::Json)
            }
            Err(Early::Options) => End::Options,
            Err(Early::Session(cookie)) => End::Session(cookie),
            Err(Early::Page) => End::Page,
            Err(Early::Refused(refusal)) => End::Refused(refusal, media.unwrap_or(default)),
        };
        let closes = closes(&end, request, expects).await;
        (end, watch.ends(closes))
    }

    /// What a client says of itself, where that may be logged.
    fn client(&self, headers: &HeaderMap, seen: Seen) -> Option<(HeaderValue, Option<HeaderValue>)> {
        match self.log {
            LogRequests::Off => None,
            LogRequests::Errors | LogRequests::All if seen.has(Known::ClientName) => ClientName::said(headers),
            LogRequests::Errors | LogRequests::All => None,
        }
    }

    /// An answer that there is no room for until its client has taken it is none; what a mutation has done is told all the same.
    fn with_room(&self, end: End) -> End {
        match end {
            End::Answered(answer, media)
                if !self.unwritten.has_room(answer.body.len())
                    && answer.operation.as_ref().is_some_and(|info| info.kind == "query") =>
            {
                End::Refused(Refusal::Overloaded, media)
            }
            end => end,
        }
    }

    /// What stands beside an answer whatever it is, and how the client stands.
    fn harden(&self, findings: &Findings<'_>, closes: bool, headers: &mut HeaderMap) {
        if closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        findings.write(headers);
        if let Some(hsts) = &self.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }
}

impl<A: Answer> Handle for Stack<A> {
    type Body = Full<Bytes>;

    async fn handle(&self, request: &mut Request<Incoming>, in_flight: &mut InFlight) -> Response<Full<Bytes>> {
        let started = Instant::now();
        let seen = Seen::of(request.headers());
        baggage::bound(request.headers_mut(), seen);
        let id = request_id::assign(request.headers_mut(), seen);
        let is_get = request.method() == Method::GET;
        let wishes = Wishes::of(request.method(), request.headers(), seen, &self.compressor);
        let surface = self.route(request.uri().path());
        let client = self.client(request.headers(), seen);
        let cors = &self.settings.cors;
        let origin = cors.admitted(request.headers());
        let preflight = self.preflight(request);
        let metrics = surface.map_or(&self.unrouted, |(_, surface)| &surface.metrics);
        let exchange = Exchange::begin(metrics, started);

        let mut findings = Findings::default();
        // Pinned where it is made: it is large, and each hand it passes through would copy it.
        let ran = {
            let running = pin!(self.run(request, surface, in_flight.watch(), (&id, started, seen), &mut findings));
            AssertUnwindSafe(running).catch_unwind().await
        };
        let (end, closes) = ran.unwrap_or_else(|_| {
            tracing::error!(request_id = id.to_str().unwrap_or_default(), "a handler panicked");
            (End::Refused(Refusal::Internal, Media::Json), false)
        });

        let profile = self.settings.status_profile;
        let end = self.with_room(end);
        let outcome = end.outcome();
        let mut operation = None;
        let mut exceeded = Exceeded::default();
        let mut response = match end {
            End::Answered(mut answer, media) => {
                operation = answer.operation.take();
                exceeded = answer.exceeded;
                exceeded.iter().for_each(|limit| metrics.over_limit(limit.key()));
                let out = (&self.compressor, &self.unwritten);
                deliver(answer, media, profile, id.clone(), wishes, out).await
            }
            End::Refused(refusal, media) => encode::refusal(refusal, media, profile, id.clone(), is_get),
            End::Options => encode::options(id.clone()),
            End::Session(cookie) => encode::session(cookie, id.clone()),
            End::Page => self.page(surface, id.clone()),
        };
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            metrics.over_limit("quota");
        }
        self.harden(&findings, closes, response.headers_mut());
        cors.add(origin, preflight, response.headers_mut());
        let ended = exchange.finish(outcome);
        in_flight.ended_at(ended);
        Line {
            surface: surface.map_or("-", |(_, surface)| surface.route.surface.as_str()),
            id: &id,
            client,
            class: findings.class,
            errors: errors(operation.as_ref(), outcome),
            operation,
            outcome,
            exceeded,
            status: response.status().as_u16(),
            took: ended - started,
        }
        .write(self.log);
        // Others first, once, so that answers go out together: a client that has many requests under way is woken once for several of them.
        yield_now().await;
        response
    }

    fn refused(&self, refusal: &BareRefusal) {
        let BareRefusal { id, status } = refusal;
        Exchange::begin(&self.unrouted, Instant::now()).finish(RequestOutcome::Refused);
        Line {
            surface: "-",
            id,
            client: None,
            class: None,
            operation: None,
            errors: 1,
            outcome: RequestOutcome::Refused,
            exceeded: Exceeded::default(),
            status: status.as_u16(),
            took: Duration::ZERO,
        }
        .write(self.log);
    }
}

/// Whether a connection ends with this: over HTTP/1 where there is more of the request than can be taken in, which could be taken for the next one. HTTP/2 resets a stream
/// without harm to its answer.
async fn closes(end: &End, request: &mut Request<Incoming>, expects: bool) -> bool {
    if request.version() >= Version::HTTP_2 {
        return false;
    }
    match end {
        // All of it has been read.
        End::Answered(..) if *request.method() == Method::POST => false,
        End::Refused(refusal, _) if refusal.closes() => true,
        // A client that waits for «100 Continue» has sent nothing to discard.
        _ if expects => !request.body().is_end_stream(),
        _ => !body::discard(request.body_mut()).await,
    }
}

/// What a client gets of which nothing is known.
fn default_media(profile: StatusProfile) -> Media {
    match profile {
        StatusProfile::Compat => Media::Json,
        StatusProfile::Draft2026 => Media::GraphqlResponse,
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

fn check_head(seen: Seen, path_and_query: &str, settings: &Settings) -> Result<(), Refusal> {
    if path_and_query.len() > settings.uri_bytes_max {
        return Err(Refusal::UriTooLong);
    }
    if seen.bytes > settings.header_bytes_max || seen.count > settings.header_count_max {
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
