//! The composition root: configuration → surfaces bound to their sources → a server.
//!
//! Sees everything. Checks every binding before anything listens, and reports all that is wrong at once.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use switchboard_clients::{
    Breakers, Registry,
    budget::Budget,
    policy::Resilience,
    registry::{RegistryError, SourceSettings as ClientSettings, TransportSettings},
};

mod builder;
mod control;
pub mod descriptors;
pub mod documents;
mod executor;
pub mod faults;
mod locals;
mod page;
mod redis;
mod settings;
mod sources;
mod states;
mod watch;

use crate::{
    config::{Config, SourceConfig, SurfaceConfig, ToldIdentity},
    engine::{Engine, overload::Limiter},
    execute::{
        Backends, Told,
        backends::{NO_SOURCE, environment},
    },
    http::{Server, ServerError, Stop},
    identity::Identity,
    operation::documents as persisted,
    quota::Quotas,
    schema::{self, Advice, LoadOptions, LocalSchemas, Problem, Severity, SourceFile, Surface, report},
    telemetry::Metrics,
};

use self::redis::RedisStore;
use control::{Control, Live};
use descriptors::{Ask, Descriptors};
use documents::List;
use locals::Locals;

pub use builder::Builder;
pub use documents::operation_files;
use faults::Faults;
pub use settings::engine_settings;
use watch::Looks;

pub use executor::SurfaceExecutor;

/// A server that has everything but its sockets.
#[derive(Debug)]
pub struct App {
    config: Config,
    surfaces: Vec<(String, Arc<Engine>)>,
    lists: Vec<List>,
    identity: Arc<Identity>,
    descriptors: Arc<Descriptors>,
    shared: Option<Arc<dyn persisted::SharedStore>>,
    beside: Beside,
    /// What its files were like before they were read.
    seen: Looks,
}

/// The schema of one surface as it was read.
#[derive(Debug)]
pub struct ReadSchema {
    /// The files, for reports.
    pub files: Vec<SourceFile>,
    /// The surface, unless the schema has an error.
    pub surface: Option<Surface>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

/// Why the app cannot be built: every reason, ready to be printed.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct AppError(pub Vec<String>);

/// What a reading of the configuration is not about: it stays when that is read again.
#[derive(Debug, Clone)]
struct Beside {
    metrics: Arc<Metrics>,
    /// In development.
    faults: Option<Arc<Faults>>,
    locals: Arc<Locals>,
    /// Places of executions; none: there are as many as come.
    limiter: Option<Arc<Limiter>>,
    /// What clients have used up is not forgotten by reading files again; none: nobody is counted.
    quotas: Option<Arc<Quotas>>,
    /// What one surface learns of an address holds for all, and after a reload as well.
    breakers: Arc<Breakers>,
    /// Memory for answers of sources; none: as much as they take.
    budget: Option<Arc<Budget>>,
}

/// The engine of each surface.
struct Surfaces(Vec<Arc<Engine>>);

// === impl App ===

impl App {
    /// Reads and checks all schemas and binds them to their sources. Connects to nothing yet. With schemas in Rust: see [`Builder`].
    ///
    /// # Errors
    /// All that is wrong with schemas, operations and sources.
    pub fn build(config: Config) -> Result<Self, AppError> {
        Builder::new(config).build()
    }

    fn build_with(config: Config, locals: Locals) -> Result<Self, AppError> {
        let faults = config.is_for_development.then(Arc::<Faults>::default);
        let metrics = Arc::new(Metrics::new(
            config.surfaces.iter().map(|surface| &*surface.name),
            config.sources.keys().map(String::as_str),
        ));
        let identity = Identity::new(&config.auth.identity).map_err(AppError)?;
        let counts = config.surfaces.iter().any(SurfaceConfig::is_counted);
        let beside = Beside {
            metrics,
            faults,
            locals: Arc::new(locals),
            limiter: Limiter::new(&config.overload),
            quotas: counts.then(|| Arc::new(Quotas::new(&config.quotas))),
            breakers: Arc::default(),
            budget: budget(&config),
        };
        Self::build_again(config, Arc::new(identity), beside)
    }

    /// The same beside a server that runs: what is counted goes on being counted.
    fn build_again(config: Config, identity: Arc<Identity>, beside: Beside) -> Result<Self, AppError> {
        let seen = watch::looks_of(&config);
        let descriptors = Descriptors::new(&config, Ask::Unlocked);
        let read: Vec<ReadSchema> = config
            .surfaces
            .iter()
            .map(|surface| read_with(&config, surface, &descriptors, beside.locals.types.as_ref()))
            .collect();
        let mut errors = Vec::new();
        let mut loaded = Vec::new();
        for schema in read {
            let (fatal, warnings): (Vec<_>, Vec<_>) = schema
                .problems
                .into_iter()
                .partition(|problem| problem.severity == Severity::Error);
            if !fatal.is_empty() {
                errors.push(report::to_text(&fatal, &schema.files));
            }
            for warning in warnings {
                tracing::warn!(file = warning.file, line = warning.line, code = %warning.code, "{}", warning.message);
            }
            loaded.extend(schema.surface);
        }
        if !errors.is_empty() {
            return Err(AppError(errors));
        }
        let app = Self::bind(config, loaded, descriptors, identity, beside)?;
        Ok(Self { seen, ..app })
    }

    fn bind(
        config: Config,
        surfaces: Vec<Surface>,
        descriptors: Arc<Descriptors>,
        identity: Arc<Identity>,
        beside: Beside,
    ) -> Result<Self, AppError> {
        let metrics = &beside.metrics;
        let names: BTreeSet<String> = surfaces
            .iter()
            .flat_map(|surface| surface.sources.iter().map(|source| source.name.to_string()))
            .collect();
        let mut errors = unused_sources(&config, &names);
        // Each series begins at zero, also those of sources that the configuration does not name.
        names.iter().for_each(|name| metrics.add_source(name));
        let mut engines = Vec::new();
        let shared = shared_documents(&config).unwrap_or_else(|why| {
            errors.push(why);
            None
        });
        for (settings, surface) in config.surfaces.iter().zip(surfaces) {
            match bind_surface(&config, surface, settings.cache_bytes, &identity, &beside) {
                Ok((surface, backends)) => {
                    let mut of_engine = engine_settings(settings);
                    of_engine.persisted.shared.clone_from(&shared);
                    of_engine.persisted.metrics = metrics.surface(&settings.name).persisted;
                    of_engine.degraded = metrics.surface(&settings.name).degraded;
                    of_engine.overload.clone_from(&beside.limiter);
                    of_engine.weighs = settings.weighs(&config.quotas);
                    let own = settings::operation_quotas(settings, &surface, beside.quotas.as_ref());
                    of_engine.quotas = own.unwrap_or_else(|why| {
                        errors.extend(why);
                        Arc::from([])
                    });
                    let engine = Engine::new(Arc::new(surface), Arc::new(backends), of_engine);
                    engines.push((settings.name.clone(), Arc::new(engine)));
                }
                Err(problems) => errors.extend(problems),
            }
        }
        let mut lists = Vec::new();
        for ((_, engine), surface) in engines.iter().zip(&config.surfaces) {
            let (list, refused) = documents::start(engine, surface);
            lists.push(list);
            errors.extend(refused);
        }
        if errors.is_empty() {
            Ok(Self {
                config,
                surfaces: engines,
                lists,
                identity,
                descriptors,
                shared,
                beside,
                seen: Looks::default(),
            })
        } else {
            Err(AppError(errors))
        }
    }

    /// The engine of a surface.
    #[must_use]
    pub fn engine(&self, surface: &str) -> Option<&Engine> {
        self.surfaces
            .iter()
            .find(|(name, _)| name == surface)
            .map(|(_, engine)| &**engine)
    }

    /// Binds both ports.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub async fn listen(&self) -> Result<Server, ServerError> {
        let Config {
            listen,
            admin,
            http,
            log,
            ..
        } = &self.config;
        let server = Server::bind(*listen, *admin, http.clone(), log.requests, self.beside.metrics.clone()).await?;
        let server = server.with_identity(self.identity.clone());
        Ok(server.with_quotas(self.beside.quotas.clone()))
    }

    /// Serves on ports that [`Self::listen`] bound until asked to stop.
    pub async fn serve_on(self, server: Server, stop: Stop) {
        if let Some(shared) = &self.shared {
            shared.begin();
        }
        let routes = self.config.routes();
        let surfaces: Vec<&str> = self.surfaces.iter().map(|(name, _)| &**name).collect();
        let surfaces = surfaces.join(",");
        let _keys = self.identity.watch();
        let control = Control::new(self);
        let _tasks = control.start();
        // Whoever reads this may send signals.
        tracing::info!(listen = %server.public_address(), surfaces, "serving");
        let server = server.operated_by(control.clone());
        server.run(Live(control.clone()), &routes, stop).await;
        control.end();
    }

    /// The faults that a developer may ask for; `None`: this is no development.
    #[must_use]
    pub fn faults(&self) -> Option<&Faults> {
        self.beside.faults.as_deref()
    }

    /// Binds both ports and serves until asked to stop.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub async fn serve(self, stop: Stop) -> Result<(), ServerError> {
        let server = self.listen().await?;
        self.serve_on(server, stop).await;
        Ok(())
    }
}

/// Reads and checks the schema of one surface.
#[must_use]
pub fn read_schema(config: &Config, surface: &SurfaceConfig) -> ReadSchema {
    read_with(config, surface, &Descriptors::new(config, Ask::Unlocked), None)
}

fn read_with(
    config: &Config,
    surface: &SurfaceConfig,
    descriptors: &Arc<Descriptors>,
    local: Option<&LocalSchemas>,
) -> ReadSchema {
    let options = LoadOptions {
        root: config.base.clone(),
        portable: false,
        local: local.cloned(),
        advice: Advice::Start,
        policies: Some(config.auth.policies.clone()),
        reflection: descriptors.reflection(),
    };
    read_files(&surface.name, &surface.schema, &options)
}

/// Reads and checks files as one schema. Paths in messages are shown from the root of the options, or as given.
#[must_use]
pub fn read_files(name: &str, paths: &[PathBuf], options: &LoadOptions) -> ReadSchema {
    let base = &options.root;
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        match fs::read_to_string(path) {
            Ok(text) => files.push(SourceFile {
                path: shown(path, base),
                text,
            }),
            Err(error) => problems.push(Problem::of_file(
                &shown(path, base),
                &format!("cannot be read: {error}"),
            )),
        }
    }
    if !problems.is_empty() {
        return ReadSchema {
            files,
            surface: None,
            problems,
        };
    }
    match schema::load(name, &files, options) {
        Ok(loaded) => ReadSchema {
            files,
            surface: Some(loaded.surface),
            problems: loaded.warnings,
        },
        Err(problems) => ReadSchema {
            files,
            surface: None,
            problems,
        },
    }
}

/// A path as messages show it: from the configuration's directory where it is below that.
#[must_use]
pub fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

fn bind_surface(
    config: &Config,
    surface: Surface,
    cache_bytes: u64,
    identity: &Identity,
    beside: &Beside,
) -> Result<(Surface, Backends), Vec<String>> {
    let env = environment();
    let mut errors = Vec::new();
    let mut settings = HashMap::new();
    let absolute = sources::of_client(NO_SOURCE, &SourceConfig::default(), None, TransportSettings::Rest);
    let mut clients = vec![ClientSettings {
        // Each host has its own, with the connectors that call it.
        resilience: Resilience {
            breaker: None,
            ..absolute.resilience
        },
        ..absolute
    }];
    for source in &surface.sources {
        let configured = config.source(&source.name);
        let mut own = sources::of_engine(&configured);
        own.told = match configured.identity {
            ToldIdentity::None => None,
            ToldIdentity::Headers => Some(Told::Headers(identity.forward().clone())),
            ToldIdentity::Token => Some(Told::Token(identity.forward().clone())),
        };
        match sources::transport(source, &configured, &own, (&env, &beside.locals)) {
            Ok(transport) => clients.push(ClientSettings {
                place: sources::place(source, &own, &env),
                ..sources::of_client(&source.name, &configured, source.resilience.as_ref(), transport)
            }),
            Err(why) => errors.push(format!("source {:?}: {why}", source.name)),
        }
        settings.insert(source.name.to_string(), own);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    for client in &mut clients {
        client.budget.clone_from(&beside.budget);
        client.breakers = (client.name != NO_SOURCE).then(|| beside.breakers.clone());
    }
    let registry = Registry::build(clients.iter()).map_err(|error| vec![with_causes(&error)])?;
    let client = |name: &str| {
        let client = registry.get(name)?.clone();
        Some(match &beside.faults {
            Some(faults) if name != NO_SOURCE => {
                let settings = clients.iter().find(|settings| settings.name == name);
                faults.around(name, client, settings?.call_timeout)
            }
            _ => client,
        })
    };
    let backends = Backends::bind(&surface, &settings, &client, &beside.metrics)?;
    let backends = backends.with_cache(cache_bytes).verbose(config.is_for_development);
    Ok((surface, backends))
}

/// What answers of sources may take. Kept ones are bounded by themselves, and must not keep others out.
fn budget(config: &Config) -> Option<Arc<Budget>> {
    let kept = config.surfaces.iter().map(|surface| surface.cache_bytes);
    let kept = usize::try_from(kept.fold(0, u64::saturating_add)).unwrap_or(usize::MAX);
    match config.overload.source_bytes {
        0 => None,
        bytes => Some(Budget::new(bytes.saturating_add(kept))),
    }
}

/// Where processes share registered documents.
fn shared_documents(config: &Config) -> Result<Option<Arc<dyn persisted::SharedStore>>, String> {
    let Some(settings) = &config.documents else {
        return Ok(None);
    };
    match RedisStore::new(settings) {
        Ok(store) => Ok(Some(Arc::new(store))),
        Err(_) => {
            Err("documents.redis: this is no URL of a Redis server; write one such as `redis://host:6379`".to_owned())
        }
    }
}

fn with_causes(error: &RegistryError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What a start refuses beside schemas, and whether that may only be so on this machine: a file that is elsewhere. `sources`: those of all schemas, if these are in
/// order.
#[must_use]
pub fn start_errors(config: &Config, sources: Option<&BTreeSet<String>>) -> Vec<(String, bool)> {
    let mut errors = sources.map_or_else(Vec::new, |names| unused_sources(config, names));
    errors.extend(shared_documents(config).err());
    errors.extend(Identity::new(&config.auth.identity).err().into_iter().flatten());
    let tls = config.http.tls.as_ref().map(crate::http::Tls::check);
    errors.extend(tls.and_then(Result::err).map(|error| format!("http.tls: {error}")));
    let absent = std::io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error()).to_string();
    let told = errors.into_iter().map(|why| {
        let is_absent = why.contains(&absent);
        (why, is_absent)
    });
    told.collect()
}

/// Sources that the configuration names and no schema has: most likely a slip of the pen.
fn unused_sources(config: &Config, names: &BTreeSet<String>) -> Vec<String> {
    let unknown = config.sources.keys().filter(|name| !names.contains(*name));
    let known = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    unknown
        .map(|name| format!("sources.{name}: no schema has a source of that name (there are: {known})"))
        .collect()
}
