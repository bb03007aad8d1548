//! Building a server, or an engine, in a program of your own.

use switchboard_clients::local::LocalSchema;

use super::{App, AppError, locals::Locals};
use crate::{
    config::Config,
    schema::{LocalSchemas, LocalTypes},
};

/// Puts an [`App`] together: a configuration, and the schemas in Rust that its sources name.
///
/// What the `switchboard` program does itself, and what a program with resolvers of its own does instead. A source
/// `@source(name: "badges", local: { schema: "badges" })` needs a schema of that name:
///
/// ```
/// use std::path::Path;
///
/// use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema};
/// use switchboard::{Builder, config::Config};
///
/// struct Query;
///
/// #[Object]
/// impl Query {
///     async fn greeting(&self, name: String) -> String {
///         format!("Hello, {name}!")
///     }
/// }
///
/// let directory = tempfile::tempdir()?;
/// let sdl = r#"
///     extend schema
///       @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
///       @link(url: "https://switchboard.example/bff/v0.1")
///       @source(name: "greeter", local: { schema: "greeter" })
///     type Query {
///       hello(name: String!): String
///         @connect(source: "greeter", local: { field: "Query.greeting", args: "name: $args.name" }, selection: "$")
///     }"#;
/// std::fs::write(directory.path().join("schema.graphql"), sdl)?;
/// let file = directory.path().join("switchboard.yaml");
/// let config = Config::parse("surfaces: { app: { schema: schema.graphql } }", &file, &|_| None)?;
///
/// let app = Builder::new(config)
///     .local("greeter", Schema::build(Query, EmptyMutation, EmptySubscription))
///     .build()?;
/// let executor = app.executor("app").expect("the surface is configured");
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let answer = runtime.block_on(async_graphql::Executor::execute(&executor, Request::new(r#"{ hello(name: "Ada") }"#)));
/// assert_eq!(answer.data.to_string(), r#"{hello: "Hello, Ada!"}"#);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// [`App::serve`] listens where the configuration says; [`App::executor`] gives a surface to a server of your own.
#[derive(Debug)]
#[must_use = "nothing is built before `build`"]
pub struct Builder {
    config: Config,
    locals: Locals,
    problems: Vec<String>,
}

// === impl Builder ===

impl Builder {
    /// A server by this configuration.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            locals: Locals {
                types: Some(LocalSchemas::new()),
                ..Locals::default()
            },
            problems: Vec::new(),
        }
    }

    /// Mounts a schema: sources with `local: { schema: NAME }` call it. Any `async-graphql` schema will do; one that is not finished
    /// ([`SchemaBuilder`](async_graphql::SchemaBuilder)) is the better choice, see [`LocalSchema`].
    pub fn local(mut self, name: impl Into<String>, schema: impl Into<LocalSchema>) -> Self {
        let (name, schema) = (name.into(), schema.into());
        match LocalTypes::parse(schema.sdl()) {
            Ok(types) => {
                let types = std::sync::Arc::new(types);
                self.locals.types.get_or_insert_default().insert(name.clone(), types);
            }
            Err(why) => self
                .problems
                .push(format!("the schema {name:?} cannot be mounted: {why}")),
        }
        if self.locals.schemas.insert(name.clone(), schema).is_some() {
            self.problems.push(format!("two schemas are mounted as {name:?}"));
        }
        self
    }

    /// The same for plans only: schemas in Rust need not be there. Nothing that is built can call them.
    pub(crate) fn for_plans(mut self, types: Option<LocalSchemas>) -> Self {
        self.locals.types = types;
        self
    }

    /// Reads and checks all schemas and binds them to their sources. Connects to nothing yet.
    ///
    /// # Errors
    /// All that is wrong with schemas, operations and sources.
    pub fn build(self) -> Result<App, AppError> {
        if !self.problems.is_empty() {
            return Err(AppError(self.problems));
        }
        App::build_with(self.config, self.locals)
    }
}
