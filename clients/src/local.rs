//! Calls to `async-graphql` schemas in this process: what Rust resolvers know of a request, and how their answers come back.
//!
//! A call asks one root field for what an operation needs of it, and nothing else, so that a resolver nobody asked for does not
//! run. Its reply is the field's value as JSON, with the errors that came beside it ([`ReplyError`]). The status is one of HTTP's:
//! 200, 400 when the schema refused the query (a value does not fit its argument), 500 when the field itself failed.

use std::{
    collections::HashMap,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    Executor, ObjectType, Request, Response, Schema, SchemaBuilder, SubscriptionType, Variables, dynamic,
    parser::{self, types::ExecutableDocument},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::{sync::watch, time::Instant};

use crate::{Call, CallError, Reply, failure::protocol, registry::SourceSettings, stack::Transport};

mod answer;
mod panics;

pub use panics::CatchPanics;

/// Parsed documents that are kept for a schema. A surface has one for each way in which its operations use a field.
const DOCUMENTS_MAX: usize = 1_000;

/// A schema that can be mounted as a source.
///
/// Any `async-graphql` schema can be made into one. A schema that is not finished yet ([`SchemaBuilder`]) is the better choice: it
/// gets [`CatchPanics`], so that a resolver that panics costs its own field; without, it costs the whole call.
///
/// ```
/// use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
/// use switchboard_clients::local::LocalSchema;
///
/// struct Query;
///
/// #[Object]
/// impl Query {
///     async fn answer(&self) -> i32 {
///         42
///     }
/// }
///
/// let schema = LocalSchema::from(Schema::build(Query, EmptyMutation, EmptySubscription));
/// assert!(schema.sdl().contains("answer: Int!"));
/// ```
#[derive(Clone)]
pub struct LocalSchema {
    executor: Arc<dyn Execute>,
    sdl: Arc<str>,
}

/// Whoever asks, as a resolver finds it in its context: `ctx.data::<Caller>()`.
///
/// ```
/// use async_graphql::{Context, Object, Result};
/// use switchboard_clients::local::Caller;
///
/// struct Query;
///
/// #[Object]
/// impl Query {
///     async fn language(&self, ctx: &Context<'_>) -> Result<Option<String>> {
///         let caller = ctx.data::<Caller>()?;
///         Ok(caller.header("accept-language").map(str::to_owned))
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Caller {
    headers: Arc<HeaderMap>,
    context: Arc<Map<String, Value>>,
    deadline: Instant,
    ended: watch::Receiver<()>,
}

/// A query to a schema in this process.
#[derive(Debug, Clone)]
pub struct LocalCall {
    /// `query` or `mutation`.
    pub operation: &'static str,
    /// The root field.
    pub field: Arc<str>,
    /// Its arguments: name, type as the schema writes it, value.
    pub arguments: Vec<(Arc<str>, Arc<str>, Value)>,
    /// What is asked of its value, with braces; empty for a leaf.
    pub selection: Arc<str>,
    /// The client's headers.
    pub headers: Arc<HeaderMap>,
    /// Values that belong to the request.
    pub context: Arc<Map<String, Value>>,
}

/// An error that came beside a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyError {
    /// First byte of the `null` that stands in the body where the value is missing; `None` when the value is there all the same.
    pub at: Option<u32>,
    /// Path within the reply, for logs: names and indices, a dot between them.
    pub path: String,
    /// What the resolver said.
    pub message: String,
    /// What the resolver said for programs.
    pub extensions: Map<String, Value>,
    /// Where it comes from.
    pub origin: ErrorOrigin,
}

/// Where an error comes from: whether its words are meant for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorOrigin {
    /// The resolver's author wrote it: text, or an error with `extensions`.
    Author,
    /// It came through `?` from another library, whose words are nobody's business.
    Library,
    /// The resolver panicked.
    Panic,
    /// The schema did not take the query.
    Query,
}

/// Calls one schema.
#[derive(Debug, Clone)]
pub struct LocalClient {
    schema: LocalSchema,
    documents: Arc<Mutex<HashMap<String, Arc<ExecutableDocument>>>>,
    body_bytes_max: usize,
}

/// An [`Executor`] whose type nobody needs to know.
trait Execute: Send + Sync {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response>;
}

// === impl LocalSchema ===

impl LocalSchema {
    /// A schema of another making, with its definition: what [`Schema::sdl`] would say.
    pub fn new(executor: impl Executor, sdl: impl Into<String>) -> Self {
        Self {
            executor: Arc::new(executor),
            sdl: sdl.into().into(),
        }
    }

    /// Its definition.
    #[must_use]
    pub fn sdl(&self) -> &str {
        &self.sdl
    }
}

impl<E: Executor> Execute for E {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Executor::execute(self, request).boxed()
    }
}

impl<Q, M, S> From<Schema<Q, M, S>> for LocalSchema
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    fn from(schema: Schema<Q, M, S>) -> Self {
        let sdl = schema.sdl();
        Self::new(schema, sdl)
    }
}

impl<Q, M, S> From<SchemaBuilder<Q, M, S>> for LocalSchema
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    fn from(builder: SchemaBuilder<Q, M, S>) -> Self {
        builder.extension(CatchPanics).finish().into()
    }
}

impl From<dynamic::Schema> for LocalSchema {
    fn from(schema: dynamic::Schema) -> Self {
        let sdl = schema.sdl();
        Self::new(schema, sdl)
    }
}

impl fmt::Debug for LocalSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalSchema")
    }
}

// === impl Caller ===

impl Caller {
    /// All headers of the client's request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first value of one header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The request's id, as the log has it.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.header("x-request-id").unwrap_or_default()
    }

    /// `$context`: what is known of the request beside its headers.
    #[must_use]
    pub fn context(&self) -> &Map<String, Value> {
        &self.context
    }

    /// When the answer must be there; the call is dropped then.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether nobody waits for the answer any more: the client left, the deadline has passed, or the call is over.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.ended.has_changed().is_err()
    }

    /// Waits until nobody waits for the answer any more. Resolvers themselves need not look at it, they are dropped; this is for the
    /// tasks they spawn.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn left(&self) {
        // Nothing is ever sent: the end is the sender's own.
        let _ = self.ended.clone().changed().await;
    }
}

// === impl LocalCall ===

impl LocalCall {
    /// The document that is sent.
    #[must_use]
    pub fn document(&self) -> String {
        let mut text = String::with_capacity(64 + self.selection.len());
        text.push_str(self.operation);
        self.list(&mut text, |text, name, ty| {
            text.push('$');
            text.push_str(name);
            text.push(':');
            text.push_str(ty);
        });
        text.push('{');
        text.push_str(&self.field);
        self.list(&mut text, |text, name, _| {
            text.push_str(name);
            text.push_str(":$");
            text.push_str(name);
        });
        text.push_str(&self.selection);
        text.push('}');
        text
    }

    fn list(&self, text: &mut String, write: impl Fn(&mut String, &str, &str)) {
        for (position, (name, ty, _)) in self.arguments.iter().enumerate() {
            text.push(if position == 0 { '(' } else { ',' });
            write(text, name, ty);
        }
        if !self.arguments.is_empty() {
            text.push(')');
        }
    }

    fn variables(&mut self) -> Variables {
        let given = std::mem::take(&mut self.arguments).into_iter();
        let object = given.map(|(name, _, value)| (name.to_string(), value)).collect();
        Variables::from_json(Value::Object(object))
    }
}

// === impl LocalClient ===

impl LocalClient {
    /// A client of a schema, with the limits of `settings`.
    #[must_use]
    pub fn new(schema: LocalSchema, settings: &SourceSettings) -> Self {
        Self {
            schema,
            documents: Arc::default(),
            body_bytes_max: settings.body_bytes_max,
        }
    }

    /// The document of a call, parsed at its first use.
    fn document(&self, text: String) -> Result<Arc<ExecutableDocument>, CallError> {
        let lock = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&text) {
            return Ok(known.clone());
        }
        let document = Arc::new(parser::parse_query(&text).map_err(protocol)?);
        let mut documents = lock();
        if documents.len() >= DOCUMENTS_MAX {
            documents.clear();
        }
        documents.insert(text, document.clone());
        Ok(document)
    }
}

impl Transport for LocalClient {
    fn send<'a>(
        &'a self,
        call: &'a Call,
        deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + 'a {
        let client = self;
        async move {
            let Call::Local(call) = call else {
                return Err(protocol("not a call to a schema"));
            };
            let mut call = call.clone();
            let text = call.document();
            let document = client.document(text.clone())?;
            let mut request = Request::new(text).variables(call.variables());
            request.set_parsed_query((*document).clone());
            // Ends with this future, and with it everybody who waits in `Caller::left`.
            let (_here, ended) = watch::channel(());
            let caller = Caller {
                headers: call.headers,
                context: call.context,
                deadline,
                ended,
            };
            let executing = client.schema.executor.execute(request.data(caller));
            match AssertUnwindSafe(executing).catch_unwind().await {
                Ok(response) => answer::reply(response, &document, client.body_bytes_max),
                Err(_) => Ok(answer::panicked()),
            }
        }
    }
}
