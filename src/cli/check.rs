//! `switchboard check`: every error of schemas and operations, with its place.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{ConfigArg, Failure, Format, print, unknown_surface};
use crate::{
    app::{self, ReadSchema},
    config::{Config, ConfigError, SurfaceConfig},
    engine,
    operation::{
        self, Limits, RequestError,
        documents::{ListedDocument, manifest::ManifestOf},
    },
    response,
    schema::{Surface, report},
};

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
    config: ConfigArg,
}

/// What is told, each thing once: surfaces share files.
#[derive(Debug, Default)]
struct Findings {
    json: Vec<Value>,
    texts: Vec<String>,
    seen: BTreeSet<String>,
    errors: usize,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    let checked = if args.files.is_empty() {
        from_config(args, &mut findings)?
    } else {
        files(args, &mut findings)
    };
    match args.format {
        Format::Json => print(&format!("{:#}\n", Value::Array(findings.json)))?,
        Format::Text => {
            let summary = match findings.errors {
                0 => format!("{checked}: no errors\n"),
                1 => format!("{checked}: 1 error\n"),
                errors => format!("{checked}: {errors} errors\n"),
            };
            print(&format!("{}{summary}", findings.texts.concat()))?;
        }
    }
    Ok(if findings.errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the files of the command line as one schema; what was checked.
fn files(args: &Args, findings: &mut Findings) -> String {
    findings.schema(&app::read_files("check", &args.files, Path::new(""), args.portable));
    counted(args.files.len(), "file")
}

/// Checks the surfaces of the configuration with their operations; what was checked.
fn from_config(args: &Args, findings: &mut Findings) -> Result<String, Failure> {
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
    let mut operations = 0;
    for surface in &surfaces {
        let read = app::read_files(&surface.name, &surface.schema, &config.base, args.portable);
        findings.schema(&read);
        if let Some(loaded) = &read.surface {
            operations += check_operations(&config, surface, loaded, findings);
        }
    }
    Ok(format!(
        "{}, {}",
        counted(surfaces.len(), "surface"),
        counted(operations, "operation")
    ))
}

/// Checks the documents that a surface lists; how many there are.
fn check_operations(config: &Config, settings: &SurfaceConfig, surface: &Surface, findings: &mut Findings) -> usize {
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
                    check_document(config, surface, &document, &limits, findings);
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
) {
    let shown = app::shown(Path::new(&document.origin), &config.base);
    match operation::documents::check_all(surface, &document.text, limits) {
        Err(error) => findings.request_error(&shown, &error, "error"),
        Ok(operations) => {
            for operation in operations {
                // Its variables may make it dearer still, or cheaper: a warning.
                if let Err(error) = engine::check_estimate(surface, &operation, limits) {
                    findings.request_error(&shown, &error, "warning");
                }
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

// === impl Findings ===

impl Findings {
    fn add(&mut self, json: Value, text: String) {
        if self.seen.insert(json.to_string()) {
            self.errors += usize::from(json["severity"] == "error");
            self.json.push(json);
            self.texts.push(text);
        }
    }

    fn schema(&mut self, read: &ReadSchema) {
        for problem in &read.problems {
            let one = std::slice::from_ref(problem);
            let json = report::to_json(one)
                .as_array_mut()
                .and_then(Vec::pop)
                .unwrap_or_default();
            self.add(json, format!("{}\n", report::to_text(one, &read.files)));
        }
    }

    fn file_error(&mut self, file: &str, why: &str) {
        self.error("FILE_ERROR", &format!("cannot be read: {why}"), file, 1, 1);
    }

    fn config_error(&mut self, error: &ConfigError) {
        for problem in &error.problems {
            let key = if problem.key.is_empty() {
                String::new()
            } else {
                format!("{}: ", problem.key)
            };
            let message = format!("{key}{}; {}", problem.message, problem.hint);
            self.error(
                "CONFIG_ERROR",
                &message,
                &error.file,
                problem.line.max(1),
                problem.column.max(1),
            );
        }
    }

    fn request_error(&mut self, file: &str, error: &RequestError, severity: &str) {
        let code = response::error::request_code(error.kind);
        for detail in &error.errors {
            let (line, column) = detail.location.unwrap_or((1, 1));
            let message = &detail.message;
            let json = json!({
                "code": code, "message": message, "file": file, "line": line, "column": column, "severity": severity,
            });
            self.add(
                json,
                format!("{file}:{line}:{column}: {severity}[{code}]: {message}\n\n"),
            );
        }
    }

    fn error(&mut self, code: &str, message: &str, file: &str, line: usize, column: usize) {
        let json = json!({
            "code": code, "message": message, "file": file, "line": line, "column": column, "severity": "error",
        });
        self.add(json, format!("{file}:{line}:{column}: error[{code}]: {message}\n\n"));
    }
}
