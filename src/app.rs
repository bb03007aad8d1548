//! The composition root: a configuration → surfaces, engines, a server. Sees everything, and checks every binding before listening.
//!
//! Right of all stages; only `cli` and `main` are further right.

use std::{path::PathBuf, sync::Arc};

use crate::{
    config::{Config, SurfaceConfig},
    engine::Engine,
    http::{Server, ServerError, Stop},
    schema::{self, LoadOptions, SourceFile, Surface, report},
    telemetry::{self, Metrics},
};

mod engines;

pub use engines::Engines;

/// A surface with the texts it was made from.
#[derive(Debug)]
pub struct LoadedSurface {
    /// Its part of the configuration.
    pub config: SurfaceConfig,
    /// Its files, for messages.
    pub files: Vec<SourceFile>,
    /// The checked schema.
    pub surface: Arc<Surface>,
    /// What probably is not as it was meant.
    pub warnings: Vec<schema::Problem>,
}

/// Why a schema cannot be had.
#[derive(Debug)]
pub enum SchemaError {
    /// A file cannot be read.
    File(FileError),
    /// The schema is wrong.
    Problems {
        /// Its files, for messages.
        files: Vec<SourceFile>,
        /// What is wrong with it.
        problems: Vec<schema::Problem>,
    },
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be read: {source}", path.display())]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Why the server cannot start. Its text is for the operator: all problems, one a line.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Schemas that are wrong.
    #[error("{0}")]
    Schemas(String),
    /// Sources that cannot be called.
    #[error("{}", .0.join("\n"))]
    Sources(Vec<String>),
    /// A log level that is not understood.
    #[error(transparent)]
    Log(#[from] telemetry::BadLevel),
    /// A port that cannot be listened on.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Everything a configuration names, checked and bound; nothing runs yet.
#[derive(Debug)]
pub struct App {
    config: Config,
    engines: Engines,
    metrics: Arc<Metrics>,
}

// === impl App ===

impl App {
    /// Loads all surfaces and binds their sources.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn build(config: Config) -> Result<Self, AppError> {
        let surfaces = load_surfaces(&config)?;
        let sources = surfaces.iter().flat_map(|loaded| loaded.surface.sources.iter().map(|source| &*source.name));
        let metrics = Arc::new(Metrics::new(surfaces.iter().map(|loaded| loaded.config.name.as_str()), sources));
        let engines = Engines::bind(&config, &surfaces, &metrics)?;
        Ok(Self { config, engines, metrics })
    }

    /// The engine of a surface.
    #[must_use]
    pub fn engine(&self, surface: &str) -> Option<&Engine> {
        let index = self.config.surfaces.iter().position(|known| known.name == surface)?;
        self.engines.get(index)
    }

    /// Listens, and serves until asked to stop.
    ///
    /// # Errors
    /// A port cannot be listened on.
    pub async fn serve(self, stop: Stop) -> Result<(), AppError> {
        let Self { config, engines, metrics } = self;
        let server = Server::bind(config.listen, config.admin, config.http.clone(), config.log.requests, metrics).await?;
        tracing::info!(
            public = %server.public_address(),
            admin = server.admin_address().map(tracing::field::display),
            surfaces = config.surfaces.len(),
            "listening"
        );
        server.run(engines, &config.routes(), stop).await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Loads the surfaces of a configuration, all of them even if the first is wrong; logs their warnings.
///
/// # Errors
/// All that is wrong, as text.
pub fn load_surfaces(config: &Config) -> Result<Vec<LoadedSurface>, AppError> {
    let mut loaded = Vec::with_capacity(config.surfaces.len());
    let mut reports = Vec::new();
    for surface in &config.surfaces {
        match load_surface(surface) {
            Ok(surface) => {
                for warning in &surface.warnings {
                    tracing::warn!(surface = surface.config.name, "{}", report::to_text(std::slice::from_ref(warning), &surface.files));
                }
                loaded.push(surface);
            }
            Err(error) => reports.push(error.to_text()),
        }
    }
    // A file that two surfaces share is told about once.
    reports.dedup();
    if reports.is_empty() { Ok(loaded) } else { Err(AppError::Schemas(reports.join("\n"))) }
}

/// Loads one surface.
///
/// # Errors
/// A file cannot be read, or the schema is wrong.
pub fn load_surface(config: &SurfaceConfig) -> Result<LoadedSurface, SchemaError> {
    let (files, loaded) = load_schema(&config.name, &config.schema, false)?;
    Ok(LoadedSurface { config: config.clone(), files, surface: Arc::new(loaded.surface), warnings: loaded.warnings })
}

/// Loads files as one schema. Their `.proto` files are looked for beside the first of them.
///
/// # Errors
/// A file cannot be read, or the schema is wrong.
pub fn load_schema(
    name: &str,
    paths: &[PathBuf],
    portable: bool,
) -> Result<(Vec<SourceFile>, schema::Loaded), SchemaError> {
    let files = paths.iter().map(read_file).collect::<Result<Vec<_>, _>>().map_err(SchemaError::File)?;
    let proto_root = paths.first().and_then(|path| path.parent()).unwrap_or(std::path::Path::new("")).to_owned();
    match schema::load(name, &files, &LoadOptions { proto_root, portable }) {
        Ok(loaded) => Ok((files, loaded)),
        Err(problems) => Err(SchemaError::Problems { files, problems }),
    }
}

fn read_file(path: &PathBuf) -> Result<SourceFile, FileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(SourceFile { path: path.display().to_string(), text }),
        Err(source) => Err(FileError { path: path.clone(), source }),
    }
}

// === impl SchemaError ===

impl SchemaError {
    /// For people: the place, the line, and what to do.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::File(error) => error.to_string(),
            Self::Problems { files, problems } => report::to_text(problems, files),
        }
    }
}
