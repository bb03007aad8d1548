//! `switchboard.yaml` and the environment → the settings of every stage.
//!
//! Right of all stages, left of `app`: reads the settings types that stages define, and defines those of the limits itself. Reading never
//! stops at the first problem: [`Config::load`] reports all of them, each with its place and what to do.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value};

use crate::{
    engine::overload::{Priorities, Settings as OverloadSettings},
    execute::Detail,
    http, identity,
    operation::{
        LimitMode,
        documents::{Exempt, Mode, manifest::ManifestOf},
    },
    quota,
    schema::PolicySettings,
    telemetry::LogSettings,
};

mod auth;
mod build;
mod classes;
mod cors;
mod expand;
mod keys;
mod overload;
mod problem;
mod quotas;
mod read;
mod resilience;
mod switches;
mod yaml;

pub use crate::identity::Secret;
pub use classes::SurfaceClass;
pub use keys::{Key, KeyValue, keys};
pub use problem::{ConfigError, Problem};
pub use quotas::{OperationQuotaConfig, TierConfig};
pub use resilience::{BreakerConfig, ResilienceConfig, RetryConfig};
pub use switches::switches;

/// Everything the file says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the public port. `listen`, default `127.0.0.1:4000`.
    pub listen: SocketAddr,
    /// Address of the port for probes and metrics. `admin`, default `127.0.0.1:4001`; `off` for none.
    pub admin: Option<SocketAddr>,
    /// In the order of the file. `surfaces`, at least one.
    pub surfaces: Vec<SurfaceConfig>,
    /// By name. `sources`; those not named here have [`SourceConfig::default`].
    pub sources: BTreeMap<String, SourceConfig>,
    /// `auth`.
    pub auth: AuthConfig,
    /// Which classes of clients there are, by name: of those that a surface names, the first that fits. `classes`.
    pub classes: Vec<identity::ClassSettings>,
    /// How much clients may ask for in a while. `quotas`.
    pub quotas: quota::Settings,
    /// Where processes share the documents that clients have registered. `documents`; none by default.
    pub documents: Option<DocumentStoreConfig>,
    /// How much may be done at once, and who has to go when it is too much. `overload`.
    pub overload: OverloadSettings,
    /// `http`.
    pub http: http::Settings,
    /// `log`.
    pub log: LogSettings,
    /// When it is read again. `reload`: `signal` (default) or `watch`.
    pub reload: Reload,
    /// A file that says what is switched off. `switches`; without one, only the admin port does.
    pub switches: Option<PathBuf>,
    /// Whether it is for `switchboard dev`.
    pub is_for_development: bool,
    /// The file itself.
    pub file: PathBuf,
    /// Directory of the file: where its relative paths start. Those in this structure are resolved.
    pub base: PathBuf,
}

/// When a configuration is read again, schemas and all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reload {
    /// On SIGHUP: whoever writes several files says when they are done.
    #[default]
    Signal,
    /// When a file was saved, and on SIGHUP.
    Watch,
}

/// One surface.
#[derive(Debug, Clone)]
pub struct SurfaceConfig {
    /// Its key: letters, digits, `-` and `_`.
    pub name: String,
    /// Path of its requests. `path`, default `/NAME/graphql`.
    pub path: String,
    /// Files of its schema. `schema`, one or several.
    pub schema: Vec<PathBuf>,
    /// Directory of the operations its app ships. `operations`.
    pub operations: Option<PathBuf>,
    /// Whether clients may read the schema. `introspection`, default false: a schema is a map of the shop's back rooms.
    pub introspection: bool,
    /// Whether every answer has `extensions.cost`, and not only those whose clients ask for it. `show_cost`, default false.
    pub show_cost: bool,
    /// Whether identical requests in flight share one execution. `sharing`, default true.
    pub sharing: bool,
    /// Bytes of answers of sources, and again of whole answers, that are kept as long as `Cache-Control` of the source and
    /// `@cacheControl` allow. `cache_bytes`, default 64 MiB; 0 = none are kept.
    pub cache_bytes: u64,
    /// Whether only callers who prove who they are are answered. `require_auth`, default false.
    pub require_auth: bool,
    /// Which of `quotas.tiers` its clients have. `tier`; without one they are not counted.
    pub tier: Option<Arc<str>>,
    /// How much errors say of what is behind them: `terse` has no sources and connectors, `full` has addresses and what sources said. `errors`, default `normal`.
    pub errors: Detail,
    /// How often a client may ask for some operations or fields of the root. `quotas`, by the operation's name or as `Type.field`, of which each alias counts.
    pub quotas: Vec<OperationQuotaConfig>,
    /// What is otherwise for the clients of some classes. `classes`, by name.
    pub classes: Vec<SurfaceClass>,
    /// Whether a field that a caller may not have refuses the whole operation, or is null. `on_refused`: `null` (default) or `error`.
    pub refuses_operations: bool,
    /// `persisted`.
    pub persisted: PersistedConfig,
    /// Which operations go first when there is too much to do. `priority`.
    pub priority: Priorities,
    /// `limits`.
    pub limits: Limits,
}

/// Documents that clients name instead of sending them. `surfaces.NAME.persisted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersistedConfig {
    /// Which documents are answered. `mode`: `off`, `automatic` (default), `log`, `safelist`, `only`.
    pub mode: Mode,
    /// Files that list documents, beside the surface's `operations`. `manifests`.
    pub manifests: Vec<ManifestConfig>,
    /// Limits that listed documents are not held to. `exempt`: a list of `depth` and `cost`; none by default.
    pub exempt: Exempt,
    /// Bytes of all documents that clients have registered by hash. `registered_bytes`, default 16 MiB: some thousand operations.
    pub registered_bytes: usize,
    /// Registrations of one client, by address, in a minute. `registrations_per_minute`, default 100: more operations than an app sends in
    /// its first minute. 0 = no limit.
    pub registrations_per_minute: usize,
}

/// A store of registered documents that processes share. `documents`.
#[derive(Debug, Clone)]
pub struct DocumentStoreConfig {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`. Never printed. `redis`.
    pub redis: Secret<String>,
    /// How long a request waits for it. `timeout`, default 5 ms: whoever waits longer had better send the text again.
    pub timeout: Duration,
    /// Days that a document is kept there after it was stored. `keep_days`, default 30.
    pub keep_days: u32,
}

/// A file or folder that lists documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestConfig {
    /// A manifest, or a folder of `.graphql` files. `file`.
    pub file: PathBuf,
    /// Whom it is for. `client`, `version`, `prefix`.
    pub of: ManifestOf,
}

/// What one request may ask of a surface; 0 = no limit. `surfaces.NAME.limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Whether an operation beyond a limit is refused or only counted. `enforce` or `measure`.
    pub mode: LimitMode,
    /// Bytes of a request body. 256 KiB: ten times the largest operation with its variables.
    pub body_bytes: usize,
    /// Bytes of a document. 64 KiB.
    pub document_bytes: usize,
    /// Tokens of a document. 5,000.
    pub tokens: usize,
    /// Brackets within brackets while parsing. 64.
    pub nesting: usize,
    /// Fields within fields. 15.
    pub depth: usize,
    /// Aliases in an operation: every one is a way to ask the same thing again. 50.
    pub aliases: usize,
    /// Fields at the root. 20.
    pub root_fields: usize,
    /// Directives in a document, wherever they stand. 20.
    pub directives: usize,
    /// Selections after all fragments are expanded. 10,000.
    pub expanded_selections: usize,
    /// Estimated cost. 1,000.
    pub cost: usize,
    /// Worst-case number of calls to sources. 1,000.
    pub calls: usize,
    /// Largest value of a size argument whose field says nothing else. 100.
    pub list_size: usize,
    /// Elements of a list in the variables or arguments. 250.
    pub input_list: usize,
    /// Bytes of a string in the variables or arguments. 16 KiB.
    pub string_bytes: usize,
    /// Errors returned from validation. 20: the rest would only make a small request a large answer.
    pub errors: usize,
    /// Bytes of an answer. 8 MiB.
    pub response_bytes: usize,
}

/// Who callers are, and what they may. `auth`.
#[derive(Debug, Clone, Default)]
pub struct AuthConfig {
    /// How callers prove who they are.
    pub identity: identity::Settings,
    /// Rules that schemas name with `@policy`. `policies`.
    pub policies: Vec<PolicySettings>,
}

/// What a source is told of callers. `sources.NAME.identity`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToldIdentity {
    /// Nothing.
    #[default]
    None,
    /// The headers of `auth.forward.headers`.
    Headers,
    /// The token of `auth.forward.token`.
    Token,
}

/// What the file says of a source. `sources.NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    /// Replaces the schema's `baseURL` or address. `override_url`: one, or several that differ in scheme, host and port only.
    pub override_url: Vec<String>,
    /// `$config` of the source's mappings. `config`.
    pub config: Secret<Map<String, Value>>,
    /// Calls one operation may make; the rest get `REQUEST_LIMIT_EXCEEDED` at their paths. `max_requests_per_operation`, default
    /// 100; 0 = no limit.
    pub max_requests_per_operation: usize,
    /// What an answer may be. `limits`.
    pub limits: ReplyLimits,
    /// Time for one attempt. `timeout`, default as `@resilience` says, else 1 s.
    pub timeout: Option<Duration>,
    /// Time to open a connection. `connect_timeout`, default 250 ms.
    pub connect_timeout: Duration,
    /// Calls under way at once, of all requests together; more are refused. `max_in_flight`: a number, 0 = no limit, or `auto`; default as
    /// `@resilience` says, else 256.
    pub max_in_flight: Option<InFlight>,
    /// What is done when it is slow, failing or gone. `resilience`.
    pub resilience: ResilienceConfig,
    /// What it is told of callers. `identity`: `none` (default), `headers`, `token`.
    pub identity: ToldIdentity,
}

/// Calls under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InFlight {
    /// So many; 0 = no limit.
    AtMost(usize),
    /// What the source's rate and latency account for, and a third more.
    Adapts,
}

/// What an answer of a source may be; 0 = no limit. `sources.NAME.limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Bytes. 4 MiB.
    pub body_bytes: usize,
    /// Levels of nesting. 64.
    pub depth: usize,
    /// Elements of a list. 10,000.
    pub list: usize,
}

// === impl Config ===

impl Config {
    /// Reads a file and what it takes from the environment.
    ///
    /// # Errors
    /// All that is wrong with it, by place.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::unreadable(file, &error))?;
        Self::parse(&text, file, &|name| std::env::var(name).ok())
    }

    /// Reads the text of a file. `file` is for messages, and its directory is where relative paths start; `environment` gives the
    /// values of variables.
    ///
    /// # Errors
    /// All that is wrong with it, by place.
    pub fn parse(text: &str, file: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        build::build(text, file, environment)
    }

    /// The same for those who write the schemas: read again on every save, with a page to try operations with and errors that say everything.
    #[must_use]
    pub fn for_development(mut self) -> Self {
        self.is_for_development = true;
        self.reload = Reload::Watch;
        self.http.ide = true;
        self.surfaces.iter_mut().for_each(SurfaceConfig::introspected);
        self
    }

    /// What the file says of a source, or the defaults.
    #[must_use]
    pub fn source(&self, name: &str) -> SourceConfig {
        self.sources.get(name).cloned().unwrap_or_default()
    }

    /// Where each surface is reached, in their order.
    #[must_use]
    pub fn routes(&self) -> Vec<http::Route> {
        self.surfaces
            .iter()
            .map(|surface| http::Route {
                surface: surface.name.clone(),
                path: surface.path.clone(),
                terms: surface.terms(),
                classes: surface
                    .classes
                    .iter()
                    .filter_map(|own| {
                        let class = self.classes.iter().find(|class| class.name == own.name)?;
                        Some((class.clone(), own.terms()))
                    })
                    .collect(),
            })
            .collect()
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            mode: LimitMode::Enforce,
            body_bytes: 256 * 1024,
            document_bytes: 64 * 1024,
            tokens: 5_000,
            nesting: 64,
            depth: 15,
            aliases: 50,
            root_fields: 20,
            directives: 20,
            expanded_selections: 10_000,
            cost: 1_000,
            calls: 1_000,
            list_size: 100,
            input_list: 250,
            string_bytes: 16 * 1024,
            errors: 20,
            response_bytes: 8 * 1024 * 1024,
        }
    }
}

// === impl PersistedConfig ===

impl Default for PersistedConfig {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            manifests: Vec::new(),
            exempt: Exempt::default(),
            registered_bytes: 16 * 1024 * 1024,
            registrations_per_minute: 100,
        }
    }
}

// === impl SourceConfig ===

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            override_url: Vec::new(),
            config: Secret::default(),
            max_requests_per_operation: 100,
            limits: ReplyLimits::default(),
            timeout: None,
            connect_timeout: Duration::from_millis(250),
            max_in_flight: None,
            resilience: ResilienceConfig::default(),
            identity: ToldIdentity::None,
        }
    }
}

// === impl ReplyLimits ===

impl Default for ReplyLimits {
    fn default() -> Self {
        Self {
            body_bytes: 4 * 1024 * 1024,
            depth: 64,
            list: 10_000,
        }
    }
}
