//! `switchboard operations`: manifests of the operations that an app ships.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    ConfigArg, Failure, Format, configured, diff,
    listed::{self, ManifestArg, Name},
    loaded, print,
};
use crate::{
    app, engine,
    operation::{
        Limits, RequestError,
        documents::{self, ListedDocument, export, manifest::ManifestOf},
        usage,
    },
    response,
    schema::{Surface, compare::PublicSchema},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write manifests of a surface's operations: for Apollo, and as {hash: text}
    Build(Build),
    /// Tell which operations of manifests a schema would refuse, and whose they are
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub(super) struct Build {
    /// The folder of operations; without it, the surface's own
    folder: Option<PathBuf>,
    /// The surface that they are for
    #[arg(long)]
    surface: String,
    /// Where the manifests are written: persisted-query-manifest.json and persisted-documents.json
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    out: PathBuf,
    /// The client that the operations are for
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// Manifests or folders, and whom they are for; without any, all that the surface lists
    #[arg(value_name = "[CLIENT[@VERSION]=]MANIFEST")]
    manifests: Vec<ManifestArg>,
    /// The surface that must answer them
    #[arg(long, required_unless_present = "schema")]
    surface: Option<String>,
    /// Files of the schema that must answer them, in place of the surface's
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    config: ConfigArg,
}

/// What operations are verified against.
enum Against {
    /// A surface, with its limits.
    Surface(Box<Surface>, Box<Limits>),
    /// A schema alone.
    Schema(PublicSchema),
}

/// What was found about a document.
struct Finding {
    names: Vec<Name>,
    error: RequestError,
    /// It would be answered nevertheless with other variables.
    is_warning: bool,
}

// === impl Command ===

impl Command {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        match self {
            Self::Build(args) => build(args),
            Self::Verify(args) => verify(args),
        }
    }
}

fn build(args: &Build) -> Result<ExitCode, Failure> {
    let config = args.config.load()?;
    let settings = configured(&config, &args.surface)?;
    let folder = args.folder.as_ref().or(settings.operations.as_ref()).ok_or_else(|| {
        Failure(format!(
            "surface `{}` has no `operations`; name the folder",
            settings.name
        ))
    })?;
    let (_, surface) = loaded(&config, settings)?;
    let limits = settings.persisted.exempt.of(&app::engine_settings(settings).limits);
    let listed = app::documents::folder(folder, &ManifestOf::default()).map_err(Failure)?;
    let against = Against::Surface(Box::new(surface), Box::new(limits));
    let findings: Vec<_> = listed.iter().flat_map(|document| against.check(document)).collect();
    if findings.iter().any(|finding| !finding.is_warning) {
        print(&findings.iter().map(Finding::text).collect::<String>())?;
        return Err(Failure("nothing was written".to_owned()));
    }
    let mut operations = Vec::new();
    let mut seen = BTreeSet::new();
    for document in &listed {
        let name = document.ids.last().map_or("", String::as_str);
        let exported =
            export::export(&document.text, name).map_err(|why| Failure(format!("{}: {why}", document.origin)))?;
        operations.extend(
            exported
                .into_iter()
                .filter(|operation| seen.insert(operation.id.clone())),
        );
    }
    let files = [
        (
            "persisted-query-manifest.json",
            export::apollo(&operations, args.client.as_deref()),
        ),
        ("persisted-documents.json", export::by_hash(&operations)),
    ];
    fs::create_dir_all(&args.out).map_err(|error| unwritten(&args.out, &error))?;
    for (name, content) in &files {
        write(&args.out.join(name), content)?;
    }
    let paths: Vec<_> = files
        .iter()
        .map(|(name, _)| args.out.join(name).display().to_string())
        .collect();
    match args.format {
        Format::Text => print(&format!("{} operations: {}\n", operations.len(), paths.join(", ")))?,
        Format::Json => {
            let listed = operations.iter();
            let listed = listed.map(|one| json!({ "id": one.id, "name": one.name, "type": one.kind }));
            let summary = json!({ "files": paths, "operations": listed.collect::<Vec<_>>() });
            print(&format!("{summary:#}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file beside its place and moves it there: a server that watches it never sees a half.
fn write(path: &Path, content: &Value) -> Result<(), Failure> {
    let beside = path.with_extension("json.new");
    fs::write(&beside, format!("{content:#}\n"))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure(format!("{}: cannot be written: {error}", path.display()))
}

fn verify(args: &Verify) -> Result<ExitCode, Failure> {
    let mut documents = listed::of_arguments(&args.manifests)?;
    let mut against = None;
    if let Some(name) = &args.surface {
        let config = args.config.load()?;
        let settings = configured(&config, name)?;
        if documents.is_empty() {
            documents = listed::of_surface(settings, &config.base)?;
        }
        if args.schema.is_empty() {
            let (_, surface) = loaded(&config, settings)?;
            let limits = settings.persisted.exempt.of(&app::engine_settings(settings).limits);
            against = Some(Against::Surface(Box::new(surface), Box::new(limits)));
        }
    }
    let against = match against {
        Some(against) => against,
        None => Against::Schema(diff::read_files(&args.schema, Path::new(""))?),
    };
    if documents.is_empty() {
        return Err(Failure("there is nothing to verify: name a manifest".to_owned()));
    }
    let findings: Vec<_> = documents.iter().flat_map(|document| against.check(document)).collect();
    let broken = findings.iter().filter(|finding| !finding.is_warning).count();
    match args.format {
        Format::Text => {
            let texts: String = findings.iter().map(Finding::text).collect();
            print(&format!("{texts}{}", summary(documents.len(), broken, &findings)))?;
        }
        Format::Json => {
            let found: Vec<_> = findings.iter().map(Finding::json).collect();
            let report = json!({ "documents": documents.len(), "broken": broken, "findings": found });
            print(&format!("{report:#}\n"))?;
        }
    }
    Ok(if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn summary(documents: usize, broken: usize, findings: &[Finding]) -> String {
    if broken == 0 {
        return format!("{documents} documents: all are answered\n");
    }
    let clients: BTreeSet<String> = findings
        .iter()
        .filter(|finding| !finding.is_warning)
        .flat_map(|finding| &finding.names)
        .filter_map(|name| {
            let client = name.client.as_ref()?;
            Some(
                name.version
                    .as_ref()
                    .map_or_else(|| client.clone(), |version| format!("{client} {version}")),
            )
        })
        .collect();
    let whose = match clients.is_empty() {
        true => String::new(),
        false => format!(", of {}", clients.into_iter().collect::<Vec<_>>().join(", ")),
    };
    format!("{documents} documents: {broken} would be refused{whose}\n")
}

// === impl Against ===

impl Against {
    fn check(&self, document: &ListedDocument) -> Vec<Finding> {
        let finding = |error: RequestError, is_warning| Finding {
            names: Name::all(document),
            error,
            is_warning,
        };
        match self {
            Self::Schema(schema) => {
                let refused = usage::uses(schema, &document.text).err();
                refused.into_iter().map(|error| finding(error, false)).collect()
            }
            Self::Surface(surface, limits) => match documents::check_all(surface, &document.text, limits) {
                Err(error) => vec![finding(error, false)],
                Ok(operations) => {
                    let over = operations
                        .iter()
                        .filter_map(|operation| engine::check_estimate(surface, operation, limits).err());
                    // Its variables may make it cheaper.
                    over.map(|error| finding(error, true)).collect()
                }
            },
        }
    }
}

// === impl Finding ===

impl Finding {
    fn severity(&self) -> &'static str {
        if self.is_warning { "warning" } else { "error" }
    }

    fn code(&self) -> &'static str {
        response::error::request_code(self.error.kind)
    }

    fn text(&self) -> String {
        let names: Vec<_> = self.names.iter().map(Name::to_string).collect();
        let origin = self.names.first().map_or("", |name| &name.origin);
        let mut text = format!("{}[{}]: {}, {origin}\n", self.severity(), self.code(), names.join(", "));
        for detail in &self.error.errors {
            let (line, column) = detail.location.unwrap_or((1, 1));
            text += &format!("    {line}:{column}: {}\n", detail.message);
        }
        text
    }

    fn json(&self) -> Value {
        let errors = self.error.errors.iter().map(|detail| {
            let (line, column) = detail.location.unwrap_or((1, 1));
            json!({ "message": detail.message, "line": line, "column": column })
        });
        json!({
            "severity": self.severity(),
            "code": self.code(),
            "operations": self.names.iter().map(Name::json).collect::<Vec<_>>(),
            "errors": errors.collect::<Vec<_>>(),
        })
    }
}
