//! A surface as an `async-graphql` executor: for integrations of that library, in a program of your own.

use std::{
    any::TypeId,
    iter,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_graphql::{
    BatchRequest, BatchResponse, Data, Executor, Request, Response, ServerError, Value as GraphqlValue, Variables,
};
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
/// Several requests at once are answered where the configuration has `http.batching`, up to `http.batch_max` and under one budget. There are
/// no subscriptions: [`Executor::execute_stream`] gives one answer.
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
    batch_max: Option<usize>,
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
            batch_max: self.config.http.batch_max,
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
        shown(*self.engine.handle(&given).await)
    }

    /// Answers in the order of the requests; those whose credentials do not hold are refused in their places.
    async fn answer_several(&self, requests: Vec<Request>) -> Vec<Response> {
        let mut admitted = Vec::with_capacity(requests.len());
        let mut refused = Vec::with_capacity(requests.len());
        for request in requests {
            let mut given = self.request(request);
            match self.identify(&mut given).await {
                Ok(()) => {
                    admitted.push(given);
                    refused.push(None);
                }
                Err(refusal) => refused.push(Some(refusal)),
            }
        }
        let mut answers = self.engine.handle_batch(admitted).await.into_iter().map(shown);
        let all = refused
            .into_iter()
            .filter_map(|refused| refused.or_else(|| answers.next()));
        all.collect()
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

    async fn execute_batch(&self, requests: BatchRequest) -> BatchResponse {
        let requests = match requests {
            BatchRequest::Single(request) => return BatchResponse::Single(self.answer(request).await),
            BatchRequest::Batch(requests) => requests,
        };
        let refusal = match self.batch_max {
            None => refused(
                "Batches are not supported; send one request at a time.",
                "BATCHING_NOT_SUPPORTED",
            ),
            Some(most) if requests.is_empty() || requests.len() > most => {
                let message = format!("An array must hold from 1 to {most} requests.");
                refused(message, "BATCH_LIMIT")
            }
            Some(_) => return BatchResponse::Batch(self.answer_several(requests).await),
        };
        BatchResponse::Single(refusal)
    }

    fn execute_stream(&self, request: Request, _session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let executor = self.clone();
        async move { executor.answer(request).await }.into_stream().boxed()
    }
}

fn unauthenticated(message: &str) -> Response {
    refused(message, "UNAUTHENTICATED")
}

fn refused(message: impl Into<String>, code: &str) -> Response {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    Response::from_errors(vec![error])
}

/// An answer of the engine as one of the library.
fn shown(answer: engine::Response) -> Response {
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
