//! `switchboard check`: every error of schemas and operations, with its place.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::Value;

use super::{ConfigArg, Failure, Format, LocalArg, print, unknown_surface};
use crate::{
    app::{
        self,
        descriptors::{Ask, Descriptors},
    },
    config::{Config, SurfaceConfig},
    engine,
    operation::{
        self, Limits,
        documents::{ListedDocument, manifest::ManifestOf},
    },
    schema::{Advice, LoadOptions, Surface},
};
use estimates::Estimates;
use findings::Findings;

mod estimates;
mod findings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files of one schema; then no configuration is read
    files: Vec<PathBuf>,
    /// Check this surface only
    #[arg(long, conflicts_with = "files")]
    surface: Option<String>,
    /// Also tell what would not work on other servers of the same dialect
    #[arg(long)]
    portable: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    locals: LocalArg,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    let mut estimates = Estimates::default();
    let checked = if args.files.is_empty() {
        from_config(args, &mut findings, &mut estimates)?
    } else {
        files(args, &mut findings)?
    };
    match args.format {
        Format::Json => print(&format!("{:#}\n", Value::Array(findings.json)))?,
        Format::Text => print(&format!(
            "{}{estimates}{checked}: {}\n",
            findings.text(),
            findings.summary()
        ))?,
    }
    Ok(if findings.errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the files of the command line as one schema; what was checked.
fn files(args: &Args, findings: &mut Findings) -> Result<String, Failure> {
    // Files that keep to the published language are told what other readers of it tell.
    let options = args.options(Path::new(""), Advice::IfLinked)?;
    findings.schema(&app::read_files("check", &args.files, &options));
    Ok(counted(args.files.len(), "file"))
}

/// Checks the surfaces of the configuration with their operations; what was checked.
fn from_config(args: &Args, findings: &mut Findings, estimates: &mut Estimates) -> Result<String, Failure> {
    let config = match Config::load(&args.config.config) {
        Ok(config) => config,
        Err(error) => {
            findings.config_error(&error);
            return Ok(error.file);
        }
    };
    let is_wanted = |surface: &&SurfaceConfig| args.surface.as_ref().is_none_or(|name| *name == surface.name);
    let surfaces: Vec<_> = config.surfaces.iter().filter(is_wanted).collect();
    if let (Some(name), true) = (&args.surface, surfaces.is_empty()) {
        return Err(unknown_surface(&config, name));
    }
    let options = LoadOptions {
        reflection: Descriptors::new(&config, Ask::Unlocked).reflection(),
        policies: Some(config.auth.policies.clone()),
        ..args.options(&config.base, Advice::All)?
    };
    let mut operations = 0;
    let mut sources = (surfaces.len() == config.surfaces.len()).then(BTreeSet::new);
    for surface in &surfaces {
        let read = app::read_files(&surface.name, &surface.schema, &options);
        findings.schema(&read);
        let names = read.surface.iter().flat_map(|surface| &surface.sources);
        let names = names.map(|source| source.name.to_string());
        sources = sources
            .filter(|_| read.surface.is_some())
            .map(|all| all.into_iter().chain(names).collect());
        if let Some(loaded) = &read.surface {
            estimates.begin(&surface.name);
            operations += check_operations(&config, surface, loaded, findings, estimates);
        }
    }
    findings.unused_sources(&config);
    findings.start_errors(&config, sources.as_ref());
    Ok(format!(
        "{}, {}",
        counted(surfaces.len(), "surface"),
        counted(operations, "operation")
    ))
}

/// Checks the documents that a surface lists; how many there are.
fn check_operations(
    config: &Config,
    settings: &SurfaceConfig,
    surface: &Surface,
    findings: &mut Findings,
    estimates: &mut Estimates,
) -> usize {
    let limits = settings.persisted.exempt.of(&app::engine_settings(settings).limits);
    let mut count = 0;
    let folders = settings.operations.iter().map(|directory| (directory, None));
    let manifests = settings.persisted.manifests.iter();
    for (file, manifest) in folders.chain(manifests.map(|manifest| (&manifest.file, Some(manifest)))) {
        let read = match manifest {
            None => app::documents::folder(file, &ManifestOf::default()),
            Some(manifest) => app::documents::read_manifest(manifest),
        };
        match read {
            Ok(documents) => {
                count += documents.len();
                for document in documents {
                    check_document(config, surface, &document, &limits, findings, estimates);
                }
            }
            Err(why) => findings.file_error(&app::shown(file, &config.base), &why),
        }
    }
    count
}

fn check_document(
    config: &Config,
    surface: &Surface,
    document: &ListedDocument,
    limits: &Limits,
    findings: &mut Findings,
    estimates: &mut Estimates,
) {
    let shown = app::shown(Path::new(&document.origin), &config.base);
    match operation::documents::check_all(surface, &document.text, limits) {
        Err(error) => findings.request_error(&shown, &document.text, &error, "error"),
        Ok(operations) => {
            for operation in operations {
                if let Ok(estimate) = engine::estimate(surface, &operation) {
                    let name = operation.name.as_deref().unwrap_or(&shown);
                    estimates.add(name, estimate);
                }
                // Its variables may make it dearer still, or cheaper: a warning.
                if let Err(error) = engine::check_estimate(surface, &operation, limits) {
                    findings.request_error(&shown, &document.text, &error, "warning");
                }
            }
        }
    }
}

/// `1 error`, `2 errors`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

// === impl Args ===

impl Args {
    /// How schemas below a directory are read.
    fn options(&self, root: &Path, advice: Advice) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions {
            root: root.to_path_buf(),
            portable: self.portable,
            local: self.locals.load()?,
            advice,
            ..LoadOptions::default()
        })
    }
}
