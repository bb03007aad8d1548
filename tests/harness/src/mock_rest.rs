//! A REST backend whose answers a test writes as closures.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    control::Control,
    query::Query,
    rest::{injected, seen},
};

mod answer;

pub use answer::Answer;

/// A REST backend whose answers a test writes.
///
/// ```
/// # tokio_test(async {
/// use serde_json::json;
/// use switchboard_harness::{Answer, MockRest};
///
/// let things = MockRest::start().await;
/// things.on("GET /things/{id}", |request| Answer::json(json!({ "id": request.captured("id") })));
///
/// assert_eq!(things.calls(), 0, "a mock is a `Backend`: it counts, logs, delays, holds and stops");
/// # });
/// # fn tokio_test(test: impl Future<Output = ()>) {
/// #     tokio::runtime::Runtime::new().unwrap().block_on(test);
/// # }
/// ```
///
/// A call no route matches is answered 404 and counted under its own path.
#[derive(Debug, Clone)]
pub struct MockRest {
    backend: Backend,
    routes: Routes,
}

/// A call, as the closure of a route sees it.
#[derive(Debug, Clone)]
pub struct RestRequest {
    /// GET, POST …
    pub method: Method,
    /// Still percent-encoded.
    pub path: String,
    /// Without the `?`, still percent-encoded; empty when there is none.
    pub query: String,
    /// As received.
    pub headers: HeaderMap,
    /// Empty when there is none.
    pub body: Bytes,
    captured: Vec<(String, String)>,
}

#[derive(Clone, Default)]
struct Routes(Arc<RwLock<Vec<Route>>>);

type Respond = Arc<dyn Fn(&RestRequest) -> Answer + Send + Sync>;

#[derive(Clone)]
struct Route {
    method: Method,
    template: Arc<str>,
    respond: Respond,
}

// === impl MockRest ===

impl MockRest {
    /// Listens on a free loopback port. Answers 404 to everything until told better.
    ///
    /// # Panics
    /// When no port can be had.
    #[allow(
        clippy::unused_async,
        reason = "it spawns, so it must be called inside a runtime; `await` says so"
    )]
    pub async fn start() -> Self {
        let (control, routes) = (Control::new(), Routes::default());
        let router = Router::new()
            .fallback(serve)
            .with_state((Arc::clone(&control), routes.clone()));
        let backend = Backend::start(0, control, router).expect("loopback has a free port");
        Self { backend, routes }
    }

    /// Answers `route`, written `METHOD /path/{segment}`. The newest route that matches wins.
    ///
    /// # Panics
    /// When `route` is not of that form.
    pub fn on<R>(&self, route: &str, respond: R) -> &Self
    where
        R: Fn(&RestRequest) -> Answer + Send + Sync + 'static,
    {
        let (method, template) = route.split_once(' ').expect("a route is METHOD /path");
        let method = method.parse().expect("a route begins with a method");
        let route = Route {
            method,
            template: template.into(),
            respond: Arc::new(respond),
        };
        self.routes
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(route);
        self
    }

    /// Answers `route` with the same JSON each time.
    pub fn on_json(&self, route: &str, body: Value) -> &Self {
        self.on(route, move |_| Answer::json(body.clone()))
    }

    /// The backend behind it, to keep or hand on.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }
}

impl Deref for MockRest {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        &self.backend
    }
}

// === impl RestRequest ===

impl RestRequest {
    /// The text of a `{name}` segment of the route; empty for names it does not have.
    #[must_use]
    pub fn captured(&self, name: &str) -> &str {
        self.captured
            .iter()
            .find(|(of, _)| of == name)
            .map_or("", |(_, value)| value)
    }

    /// Every value of a query parameter, decoded, in order.
    #[must_use]
    pub fn query_values(&self, name: &str) -> Vec<String> {
        Query::parse(&self.query).all(name).map(str::to_owned).collect()
    }

    /// The first value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

// === impl Routes ===

impl Routes {
    fn find(&self, method: &Method, path: &str) -> Option<(Route, Vec<(String, String)>)> {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let fitting = routes.iter().rev().filter(|route| route.method == *method);
        fitting
            .filter_map(|route| Some((route.clone(), capture(&route.template, path)?)))
            .next()
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list()
            .entries(
                routes
                    .iter()
                    .map(|route| format!("{} {}", route.method, route.template)),
            )
            .finish()
    }
}

/// What the `{name}` segments of `template` stand for in `path`; `None` when it does not match.
fn capture(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (names, values) = (template.split('/'), path.split('/'));
    if names.clone().count() != values.clone().count() {
        return None;
    }
    let mut captured = Vec::new();
    for (name, value) in names.zip(values) {
        match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => captured.push((name.to_owned(), value.to_owned())),
            None if name == value => {}
            None => return None,
        }
    }
    Some(captured)
}

async fn serve(State((control, routes)): State<(Arc<Control>, Routes)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let found = routes.find(&parts.method, parts.uri.path());
    let template = found
        .as_ref()
        .map_or(parts.uri.path(), |(route, _)| &route.template)
        .to_owned();
    let admitted = match control.admit(seen(&control, &template, &parts, body.clone())).await {
        Ok(admitted) => admitted,
        Err(status) => return injected(status),
    };
    let answer = match found {
        Some((route, captured)) => (route.respond)(&RestRequest {
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            method: parts.method,
            headers: parts.headers,
            body,
            captured,
        }),
        None => {
            Answer::json(json!({ "error": { "code": "NO_ROUTE", "message": "no route matches" } })).with_status(404)
        }
    };
    admitted.finish();
    answer.into_response()
}
