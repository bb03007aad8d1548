//! A surface bound to its sources: clients, settings, and what of each connector can be worked out before a request.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};
use switchboard_clients::{Client, Safety, state::SourceState};

use super::{
    Failure,
    cache::AnswerCache,
    call::Calls,
    keys::Keys,
    params::{self, Param},
    render::{self, Asked},
    told::Told,
    url::{BaseUrl, UrlTemplate},
};
use crate::{
    mapping::{ScanLimits, evaluate::Vars},
    operation::OperationKind,
    plan::{Plan, Sharing},
    schema::{
        Surface,
        model::{ConnectRequest, Connector, ConnectorId, LocalOperation, SourceId, SourceTransport, TemplatePart},
    },
    telemetry::{Metrics, SourceMetrics},
};

mod limits;
mod needs;
mod origins;

pub use limits::{breaker, retry};
pub(super) use needs::Needs;
use origins::{base_of, base_of_source, without_origin};

/// Settings of one source.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Replaces `baseURL` or `address`.
    pub override_url: Option<String>,
    /// `$config`.
    pub config: Value,
    /// Calls that one operation may make to it.
    pub max_requests_per_operation: u32,
    /// Bounds on its answers.
    pub scan: ScanLimits,
    /// What it is told of callers.
    pub told: Option<Told>,
    /// gRPC methods that may be called twice, though their `.proto` file does not say so: `package.Service/Method`.
    pub repeatable_methods: Vec<String>,
}

/// The sources of a surface, ready to be called.
#[derive(Debug)]
pub struct Backends {
    sources: Vec<Backend>,
    connectors: Vec<Compiled>,
    /// What is kept of their answers.
    pub(super) cache: AnswerCache,
    /// `$env`.
    pub(super) env: Value,
    /// Whether errors say what only developers should know.
    pub(super) is_verbose: bool,
}

/// One source.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) client: Arc<dyn Client>,
    pub(super) config: Value,
    pub(super) max_requests: u32,
    pub(super) scan: ScanLimits,
    pub(super) told: Option<Told>,
    pub(super) metrics: Option<SourceMetrics>,
    /// Those under way.
    pub(super) calls: Arc<Calls>,
    /// Whether an operator has switched it off.
    pub(super) is_off: AtomicBool,
}

/// What of a connector is known before a request.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    pub(super) base: BaseUrl,
    pub(super) url: UrlTemplate,
    /// The whole URL, when nothing of it depends on a request.
    pub(super) constant_uri: Option<Uri>,
    /// `queryParams:`, when they are keys and constants only.
    pub(super) params: Option<Vec<Param>>,
    /// Whether the call only reads: it may be made once for many.
    pub(super) is_safe: bool,
    /// Whether the call may be made again.
    pub(super) may_repeat: bool,
    /// The client of its source, held to the connector's own limits.
    pub(super) client: Option<Arc<dyn Client>>,
    /// Whether its schema says how long an answer is good.
    pub(super) is_declared: bool,
    /// Whether its schema calls an answer its user's own.
    pub(super) is_private: bool,
    /// Whether an answer of it was ever kept, or its schema says that it can be: else nobody need look for one.
    pub(super) is_kept: AtomicBool,
    /// Whether an operator has switched its field off.
    pub(super) is_off: AtomicBool,
    /// Variables that the request reads.
    pub(super) request: Needs,
    /// Variables that selection, success rule and error mapping read.
    pub(super) reply: Needs,
}

/// Bytes of kept answers, unless said otherwise.
pub const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Calls without a source of their own (absolute URLs) go by this one.
pub const NO_SOURCE: &str = "";

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            override_url: None,
            config: Value::Object(Map::new()),
            max_requests_per_operation: 100,
            scan: ScanLimits::default(),
            told: None,
            repeatable_methods: Vec::new(),
        }
    }
}

// === impl Backend ===

impl Backend {
    fn new(client: Arc<dyn Client>, settings: &SourceSettings, metrics: Option<SourceMetrics>) -> Self {
        Self {
            client,
            config: settings.config.clone(),
            max_requests: settings.max_requests_per_operation,
            scan: settings.scan,
            told: settings.told.clone(),
            metrics,
            calls: Arc::default(),
            is_off: AtomicBool::new(false),
        }
    }
}

// === impl Backends ===

impl Backends {
    /// Binds a surface to its sources.
    ///
    /// # Errors
    /// One line for each base URL that cannot be used or client that is not there.
    pub fn bind(
        surface: &Surface,
        settings: &HashMap<String, SourceSettings>,
        client: &dyn Fn(&str) -> Option<Arc<dyn Client>>,
        metrics: &Metrics,
    ) -> Result<Self, Vec<String>> {
        let env = environment();
        let mut errors = Vec::new();
        let defaults = SourceSettings::default();
        let mut bases = Vec::new();
        let mut sources = Vec::new();
        for source in &surface.sources {
            let settings = settings.get(&*source.name).unwrap_or(&defaults);
            bases.push(base_of_source(&source.transport, settings, &env).unwrap_or_else(|why| {
                errors.push(format!("source {:?}: {why}", source.name));
                BaseUrl::default()
            }));
            match client(&source.name) {
                Some(client) => sources.push(Backend::new(client, settings, metrics.source(&source.name))),
                None => errors.push(format!("source {:?} has no client", source.name)),
            }
        }
        if let Some(client) = client(NO_SOURCE) {
            let config = Value::Null;
            sources.push(Backend::new(client, &SourceSettings { config, ..defaults }, None));
        }
        let mut connectors: Vec<Compiled> = surface
            .connectors
            .iter()
            .map(|connector| {
                let source = connector.source.and_then(|id| sources.get(id.0 as usize));
                compile(surface, connector, &bases).telling(source)
            })
            .collect();
        if errors.is_empty() {
            for (number, source) in surface.sources.iter().enumerate() {
                let methods = settings.get(&*source.name).map(|own| own.repeatable_methods.as_slice());
                let methods = methods.unwrap_or_default();
                errors.extend(limits::allow_repeats(surface, number, methods, &mut connectors));
            }
            let mut hosts = HashMap::new();
            for (connector, compiled) in surface.connectors.iter().zip(&mut connectors) {
                compiled.client = match (connector.source, sources.last()) {
                    (Some(id), _) => limits::tightened(connector, &sources[id.0 as usize].client),
                    (None, Some(source)) => limits::of_host(connector, compiled, &source.client, &mut hosts),
                    (None, None) => None,
                };
            }
        }
        if errors.is_empty() {
            Ok(Self {
                sources,
                connectors,
                cache: AnswerCache::new(CACHE_BYTES),
                env,
                is_verbose: false,
            })
        } else {
            Err(errors)
        }
    }

    /// The same with room for so many bytes of kept answers; 0: none are kept.
    #[must_use]
    pub fn with_cache(self, bytes_max: u64) -> Self {
        Self {
            cache: AnswerCache::new(bytes_max),
            ..self
        }
    }

    /// How the sources do now, in their order.
    #[must_use]
    pub fn states(&self) -> Vec<SourceState> {
        self.sources.iter().filter_map(|source| source.client.state()).collect()
    }

    /// The same with errors that say what only developers should know: addresses, causes, a source's own words.
    #[must_use]
    pub fn verbose(self, is_verbose: bool) -> Self {
        Self { is_verbose, ..self }
    }

    /// Switches these sources and fields off, and all others on. A field is `Type.field`.
    pub fn switch(&self, surface: &Surface, sources: &BTreeSet<String>, fields: &BTreeSet<String>) {
        for (source, backend) in surface.sources.iter().zip(&self.sources) {
            backend.is_off.store(sources.contains(&*source.name), Relaxed);
        }
        for (connector, compiled) in surface.connectors.iter().zip(&self.connectors) {
            let is_off = fields.iter().any(|field| connector.is_of_field(field));
            compiled.is_off.store(is_off, Relaxed);
        }
    }

    pub(super) fn source(&self, id: SourceId) -> &Backend {
        &self.sources[id.0 as usize]
    }

    /// The source of a connector, or the one that stands in for connectors with absolute URLs.
    pub(super) fn of(&self, connector: &Connector) -> Option<&Backend> {
        match connector.source {
            Some(id) => self.sources.get(id.0 as usize),
            None => self.sources.last(),
        }
    }

    /// Whether all that a plan needs was evaluated once and for all, and nothing of it is switched off.
    #[must_use]
    pub fn are_constant(&self, plan: &Plan) -> bool {
        plan.kind == OperationKind::Query
            && plan.guards.is_empty()
            && !plan.introspection
            && plan
                .fetches
                .iter()
                .all(|fetch| fetch.constant.get().is_some() && !self.compiled(fetch.connector).is_off.load(Relaxed))
    }

    /// Whether and by what requests for a plan of this surface can share an answer.
    #[must_use]
    pub fn sharing<'a>(&self, plan: &'a Plan) -> &'a Sharing {
        plan.sharing.get_or_init(|| {
            let is_query = plan.kind == OperationKind::Query;
            let mut sharing = Sharing {
                is_safe: is_query,
                may_be_kept: is_query,
                ..Sharing::default()
            };
            for fetch in &plan.fetches {
                let compiled = self.compiled(fetch.connector);
                sharing.is_safe &= compiled.is_safe;
                sharing.is_private |= compiled.is_private;
                sharing.may_be_kept &= compiled.is_safe || compiled.is_declared;
                sharing.headers.add_all(&compiled.request.headers);
                sharing.headers.add_all(&compiled.reply.headers);
                sharing.context.add_all(&compiled.request.context);
                sharing.context.add_all(&compiled.reply.context);
            }
            plan.guards
                .iter()
                .for_each(|guard| sharing.context.add_all(&guard.context));
            for stand_by in plan.steps.iter().flat_map(|step| &step.stand_bys) {
                let mut needs = Needs::default();
                needs.add(&stand_by.fallback.selection);
                sharing.headers.add_all(&needs.headers);
                sharing.context.add_all(&needs.context);
            }
            sharing.vary = sharing.headers.vary();
            sharing
        })
    }

    /// The URL that a REST connector without keys would call with these variables: for tools that look at URLs without calling.
    ///
    /// # Errors
    /// What these variables make is no URL, or one that must not be called.
    pub fn url_of(&self, surface: &Surface, id: ConnectorId, vars: &Vars<'_>) -> Result<Uri, Failure> {
        let asked = Asked {
            vars,
            numbers: &[],
            keys: &Keys::default(),
        };
        render::uri(surface, &surface.connectors[id.0 as usize], self.compiled(id), asked)
    }

    pub(super) fn compiled(&self, id: ConnectorId) -> &Compiled {
        &self.connectors[id.0 as usize]
    }
}

/// The base URL or address of a source, with `$config` and `$env` filled in.
///
/// # Errors
/// An expression in it is no text.
pub fn base_url(transport: &SourceTransport, settings: &SourceSettings, env: &Value) -> Result<String, String> {
    if let Some(url) = &settings.override_url {
        return Ok(url.clone());
    }
    let template = match transport {
        SourceTransport::Http { base_url, .. } => base_url,
        SourceTransport::Grpc { address, .. } => address,
        SourceTransport::Local { schema } => return Ok(schema.to_string()),
    };
    let pairs = [("config", &settings.config), ("env", env)];
    let vars = Vars::new(&pairs);
    let mut text = String::new();
    for part in &template.parts {
        match part {
            TemplatePart::Text(part) => text.push_str(part),
            TemplatePart::Expr(mapping) => {
                let value = super::url::scalar_text(mapping, &vars).map_err(|failure| failure.message)?;
                if value.is_empty() {
                    return Err(format!(
                        "an expression of {:?} gives nothing; is the variable set?",
                        mapping.selection.to_string()
                    ));
                }
                text.push_str(&value);
            }
        }
    }
    Ok(text)
}

/// Metadata that a gRPC source gets with every call, as far as it is the same for all of them: without what comes from
/// clients.
///
/// # Errors
/// An expression in it is no text, or gives what metadata cannot be.
pub fn base_metadata(transport: &SourceTransport, settings: &SourceSettings, env: &Value) -> Result<HeaderMap, String> {
    let SourceTransport::Grpc { metadata, .. } = transport else {
        return Ok(HeaderMap::new());
    };
    let pairs = [("config", &settings.config), ("env", env)];
    super::render::render_metadata(metadata, &[], &HeaderMap::new(), &Vars::new(&pairs))
        .map_err(|failure| failure.message)
}

/// `$env`: the environment as it was at the start.
#[must_use]
pub fn environment() -> Value {
    Value::Object(
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, Value::from(value.into_string().ok()?))))
            .collect(),
    )
}

/// Whether a schema says how long an answer is good, and whether it calls it its user's own.
fn declared(connector: &Connector) -> (bool, bool) {
    let policy = connector.cache.unwrap_or_default();
    let is_declared = policy.max_age.is_some() || policy.stale_if_error.is_some();
    (is_declared, policy.is_private == Some(true))
}

fn compile(surface: &Surface, connector: &Connector, bases: &[BaseUrl]) -> Compiled {
    let mut compiled = Compiled::default();
    let source = connector.source.map(|id| &surface.sources[id.0 as usize]);
    (compiled.is_declared, compiled.is_private) = declared(connector);
    compiled.is_kept = AtomicBool::new(compiled.is_declared);
    compiled.reply.add(&connector.selection);
    compiled.reply.add_all([&connector.is_success].into_iter().flatten());
    compiled.reply.add_error_mapping(&connector.errors);
    if let Some(source) = source {
        compiled.reply.add_all(source.is_success.iter());
        compiled.reply.add_error_mapping(&source.errors);
    }
    let needs = &mut compiled.request;
    match &connector.request {
        ConnectRequest::None => compiled.is_safe = true,
        ConnectRequest::Local { field, args } => {
            compiled.is_safe = field.operation == LocalOperation::Query;
            needs.add_resolver(args.as_ref());
        }
        ConnectRequest::Grpc {
            method,
            message,
            metadata,
        } => {
            compiled.is_safe = method.idempotent;
            needs.add_all(message.iter());
            needs.add_headers(metadata);
            if let Some(SourceTransport::Grpc { metadata, .. }) = source.map(|source| &source.transport) {
                needs.add_headers(metadata);
            }
        }
        ConnectRequest::Http {
            method,
            url,
            path,
            query,
            headers,
            body,
        } => {
            compiled.is_safe = matches!(*method, Method::GET | Method::HEAD);
            needs.add_template(url);
            compiled.params = query.as_ref().and_then(|query| params::compile(connector, query));
            let evaluated = query.iter().filter(|_| compiled.params.is_none());
            needs.add_all(path.iter().chain(evaluated).chain(body));
            needs.add_headers(headers);
            let mut is_constant = path.is_none() && query.is_none();
            if let Some(SourceTransport::Http {
                path, query, headers, ..
            }) = source.map(|source| &source.transport)
            {
                needs.add_all(path.iter().chain(query));
                needs.add_headers(headers);
                is_constant &= path.is_none() && query.is_none();
            }
            compiled.base = base_of(connector, bases, url);
            compiled.url = if connector.source.is_some() {
                UrlTemplate::new(url)
            } else {
                UrlTemplate::new(&without_origin(url))
            };
            compiled.url.allows_empty = !surface.has_additions;
            if is_constant && compiled.url.is_constant() {
                let url = render::join(&compiled.base, (None, None), &compiled.url, None, &Vars::default());
                compiled.constant_uri = url.and_then(|url| render::to_uri(&compiled.base, url)).ok();
            }
        }
    }
    compiled.may_repeat = compiled.is_safe;
    compiled
}

// === impl Compiled ===

impl Compiled {
    /// Whether its calls may be made again.
    pub(super) fn safety(&self) -> Safety {
        if self.may_repeat {
            Safety::Repeatable
        } else {
            Safety::Once
        }
    }

    /// The same for a source that may be told of callers: its calls depend on what it is told.
    fn telling(mut self, source: Option<&Backend>) -> Self {
        if let Some(told) = source.and_then(|source| source.told.as_ref()) {
            self.request.context.add_all(&told.reads());
        }
        self
    }

    /// Who makes its calls.
    pub(super) fn client<'c>(&'c self, backend: &'c Backend) -> &'c Arc<dyn Client> {
        self.client.as_ref().unwrap_or(&backend.client)
    }
}
