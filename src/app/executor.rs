//! A surface as an `async-graphql` executor: for integrations of that library, in a program of your own.

use std::{
    any::TypeId,
    iter,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_graphql::{Data, Executor, Request, Response, ServerError, Value as GraphqlValue, Variables};
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    engine::{self, Engine, OnError},
    http::Credentials,
    identity::{Caller, Classes, Identity, Watching},
    telemetry::{SecurityEvent, Suspect, security},
};

/// Answers requests of `async-graphql`'s making with a surface's engine, under all of its limits.
///
/// Whatever takes an [`Executor`] can serve it, e.g. `async_graphql_axum::GraphQL`. Such an integration decides about HTTP: what it
/// lets through (bodies of any size, content types of any kind, mutations by GET) is its own affair; [`Self::queries_only`] is for
/// routes of GET. Where mappings or resolvers read headers, put them into the request, as an [`http::HeaderMap`], with
/// `Request::data`; credentials among them are verified as our own server verifies them. Likewise the
/// client's address, as a [`SocketAddr`] or [`IpAddr`].
///
/// What classes of clients are held to holds here; quotas are counted by our own server alone.
///
/// There are no subscriptions: [`Executor::execute_stream`] gives one answer.
#[derive(Debug, Clone)]
pub struct SurfaceExecutor {
    engine: Arc<Engine>,
    surface: usize,
    name: Arc<str>,
    identity: Arc<Identity>,
    /// Keeps keys current, from the first request on.
    watching: Arc<OnceLock<Watching>>,
    classes: Arc<Classes>,
    /// By class, first of those who are in none.
    credentials: Vec<Credentials>,
    operation_timeout: Duration,
    queries_only: bool,
}

// === impl App ===

impl super::App {
    /// The engine of a surface as an `async-graphql` executor, to be served by a program of your own.
    #[must_use]
    pub fn executor(&self, surface: &str) -> Option<SurfaceExecutor> {
        let number = self.surfaces.iter().position(|(name, _)| name == surface)?;
        let engine = self.surfaces[number].1.clone();
        let route = self.config.routes().into_iter().nth(number)?;
        Some(SurfaceExecutor {
            engine,
            surface: number,
            name: Arc::from(surface),
            identity: self.identity.clone(),
            watching: Arc::default(),
            credentials: iter::once(&route.terms)
                .chain(route.classes.iter().map(|(_, terms)| terms))
                .map(|terms| terms.credentials)
                .collect(),
            classes: Arc::new(Classes::new(
                route.classes.into_iter().map(|(class, _)| class).collect(),
            )),
            operation_timeout: self.config.http.operation_timeout,
            queries_only: false,
        })
    }
}

// === impl SurfaceExecutor ===

impl SurfaceExecutor {
    /// The same, refusing mutations: what may be asked by HTTP GET.
    #[must_use]
    pub fn queries_only(self) -> Self {
        Self {
            queries_only: true,
            ..self
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let mut given = self.request(request);
        if let Err(refused) = self.identify(&mut given).await {
            return refused;
        }
        let answer = self.engine.handle(given).await;
        let mut response: Response = match serde_json::from_slice(&answer.body) {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(%error, "an answer is not one");
                Response::from_errors(vec![ServerError::new("Internal server error.", None)])
            }
        };
        for (name, value) in answer.headers {
            response.http_headers.append(name, value);
        }
        response
    }

    /// Finds out who asks, by the headers that came with the request, as our own server does.
    async fn identify(&self, request: &mut engine::Request) -> Result<(), Response> {
        self.watching.get_or_init(|| self.identity.watch());
        let suspect = Suspect {
            request_id: request
                .headers
                .get("x-request-id")
                .and_then(|id| id.to_str().ok())
                .unwrap_or_default(),
            surface: &self.name,
            peer: request.peer,
        };
        match self.identity.identify(&request.headers).await {
            Ok(caller) => {
                let class = self.classes.of(&caller, &request.headers);
                if let Some(lacking) = self.credentials[class].lacking(&caller) {
                    security(SecurityEvent::CredentialsMissing, lacking, suspect);
                    return Err(unauthenticated("Credentials are needed."));
                }
                request.standing.class = class;
                request.caller = caller;
            }
            Err(why) => {
                security(SecurityEvent::CredentialsRefused, &why.to_string(), suspect);
                return Err(unauthenticated("The credentials are not valid."));
            }
        }
        self.identity.forward().strip(Arc::make_mut(&mut request.headers));
        Ok(())
    }

    fn request(&self, request: Request) -> engine::Request {
        let headers = found::<Arc<HeaderMap>>(&request.data)
            .or_else(|| found::<HeaderMap>(&request.data).map(Arc::new))
            .unwrap_or_default();
        let peer =
            found::<IpAddr>(&request.data).or_else(|| found::<SocketAddr>(&request.data).map(|address| address.ip()));
        let extensions = request.extensions.0.into_iter();
        let extensions: Map<String, Value> = extensions
            .filter_map(|(name, value)| Some((name, json(value)?)))
            .collect();
        engine::Request {
            surface: self.surface,
            query: (!request.query.is_empty()).then_some(request.query),
            operation_name: request.operation_name,
            variables: Some(variables(request.variables)),
            extensions: (!extensions.is_empty()).then_some(extensions),
            document_id: None,
            on_error: OnError::default(),
            queries_only: self.queries_only,
            headers,
            peer,
            caller: Caller::anonymous(),
            standing: engine::Standing::default(),
            deadline: Instant::now() + self.operation_timeout,
        }
    }
}

impl Executor for SurfaceExecutor {
    async fn execute(&self, request: Request) -> Response {
        self.answer(request).await
    }

    fn execute_stream(&self, request: Request, _session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let executor = self.clone();
        async move { executor.answer(request).await }.into_stream().boxed()
    }
}

fn unauthenticated(message: &str) -> Response {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", "UNAUTHENTICATED");
    Response::from_errors(vec![error])
}

/// What a program put into a request.
fn found<T: Clone + 'static>(data: &Data) -> Option<T> {
    data.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
}

fn variables(variables: Variables) -> Map<String, Value> {
    match json(variables.into_value()) {
        Some(Value::Object(variables)) => variables,
        _ => Map::new(),
    }
}

fn json(value: GraphqlValue) -> Option<Value> {
    value.into_json().ok()
}
