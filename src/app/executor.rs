//! A surface as an `async-graphql` executor: for integrations of that library, in a program of your own.

use std::{
    any::TypeId,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_graphql::{Data, Executor, Request, Response, ServerError, Value as GraphqlValue, Variables};
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::engine::{self, Engine, OnError};

/// Answers requests of `async-graphql`'s making with a surface's engine, under all of its limits.
///
/// Whatever takes an [`Executor`] can serve it, e.g. `async_graphql_axum::GraphQL`. Such an integration decides about HTTP: what it
/// lets through (bodies of any size, content types of any kind, mutations by GET) is its own affair; [`Self::queries_only`] is for
/// routes of GET. Where mappings or resolvers read headers, put them into the request, as an [`http::HeaderMap`], with
/// `Request::data`; likewise who asks, as a [`SocketAddr`] or [`IpAddr`].
///
/// There are no subscriptions: [`Executor::execute_stream`] gives one answer.
#[derive(Debug, Clone)]
pub struct SurfaceExecutor {
    engine: Arc<Engine>,
    surface: usize,
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
        Some(SurfaceExecutor::new(engine, number, self.config.http.operation_timeout))
    }
}

// === impl SurfaceExecutor ===

impl SurfaceExecutor {
    fn new(engine: Arc<Engine>, surface: usize, operation_timeout: Duration) -> Self {
        Self {
            engine,
            surface,
            operation_timeout,
            queries_only: false,
        }
    }

    /// The same, refusing mutations: what may be asked by HTTP GET.
    #[must_use]
    pub fn queries_only(self) -> Self {
        Self {
            queries_only: true,
            ..self
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let given = self.request(request);
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
