//! `switchboard diff`: what changed between two schemas, and whom it hits.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{
    ConfigArg, Failure, Format, configured,
    listed::{self, ManifestArg, Name},
    print,
};
use crate::{
    app,
    operation::{documents::ListedDocument, usage},
    schema::{
        SourceFile,
        compare::{self, Change, PublicSchema, Severity},
        report,
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The schema before: a file, or a folder whose .graphql files are one schema
    old: PathBuf,
    /// The schema after; without it, that of --surface as the configuration has it
    #[arg(required_unless_present = "surface")]
    new: Option<PathBuf>,
    /// The surface whose registered operations are looked at
    #[arg(long)]
    surface: Option<String>,
    /// More operations: a manifest or folder, and whom it is for
    #[arg(long, value_name = "[CLIENT[@VERSION]=]FILE")]
    manifest: Vec<ManifestArg>,
    /// What makes the exit status 1
    #[arg(long, value_enum, default_value_t = FailOn::Breaking)]
    fail_on: FailOn,
    /// Leave out safe changes
    #[arg(long)]
    no_safe: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    config: ConfigArg,
}

/// What makes the exit status 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// A breaking change
    Breaking,
    /// A breaking change that hits a registered operation
    Hit,
    /// A breaking or dangerous change
    Dangerous,
    /// Nothing
    Never,
}

/// A change and the operations that it hits.
struct Told {
    change: Change,
    hits: BTreeSet<Name>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (new, documents) = sides(args)?;
    let old = read(&args.old)?;
    let (used, outside) = used(&old, &documents);
    let told: Vec<Told> = compare::compare(&old, &new)
        .into_iter()
        .filter(|change| !(args.no_safe && change.severity == Severity::Safe))
        .map(|change| Told {
            hits: hits(&change, &used),
            change,
        })
        .collect();
    match args.format {
        Format::Text => print(&text(&told, documents.len(), &outside))?,
        Format::Json => print(&format!("{:#}\n", json(&told, documents.len(), &outside)))?,
    }
    let fails = |told: &Told| match args.fail_on {
        FailOn::Breaking => told.change.severity == Severity::Breaking,
        FailOn::Hit => !told.hits.is_empty(),
        FailOn::Dangerous => told.change.severity != Severity::Safe,
        FailOn::Never => false,
    };
    Ok(if told.iter().any(fails) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The schema after, and the operations that are looked at.
fn sides(args: &Args) -> Result<(PublicSchema, Vec<ListedDocument>), Failure> {
    let mut documents = listed::of_arguments(&args.manifest)?;
    let Some(name) = &args.surface else {
        let new = args.new.as_deref().expect("clap requires one of both");
        return Ok((read(new)?, documents));
    };
    let config = args.config.load()?;
    let surface = configured(&config, name)?;
    documents.extend(listed::of_surface(surface, &config.base)?);
    let new = match &args.new {
        Some(new) => read(new)?,
        None => read_files(&surface.schema, &config.base)?,
    };
    Ok((new, documents))
}

/// A schema from a file or folder.
fn read(path: &Path) -> Result<PublicSchema, Failure> {
    if !path.is_dir() {
        return read_files(&[path.to_owned()], Path::new(""));
    }
    let files = app::operation_files(path);
    let files = files.map_err(|error| Failure(format!("{}: cannot be read: {error}", path.display())))?;
    if files.is_empty() {
        return Err(Failure(format!("{}: there is no .graphql file in it", path.display())));
    }
    read_files(&files, Path::new(""))
}

/// A schema from its files.
pub(super) fn read_files(paths: &[PathBuf], base: &Path) -> Result<PublicSchema, Failure> {
    let mut files = Vec::new();
    for path in paths {
        files.push(SourceFile {
            path: app::shown(path, base),
            text: super::read(path)?,
        });
    }
    compare::read_public(&files).map_err(|problems| Failure(report::to_text(&problems, &files)))
}

/// The operations of a document, and what they use of the schema before.
type Used = (Vec<Name>, BTreeSet<String>);

/// What each document uses of the schema before, and those that are not valid in it.
fn used(old: &PublicSchema, documents: &[ListedDocument]) -> (Vec<Used>, Vec<Name>) {
    let (mut used, mut outside) = (Vec::new(), Vec::new());
    for document in documents {
        match usage::uses(old, &document.text) {
            Ok(uses) => used.push((Name::all(document), uses)),
            Err(_) => outside.extend(Name::all(document)),
        }
    }
    (used, outside)
}

fn hits(change: &Change, used: &[Used]) -> BTreeSet<Name> {
    if change.severity != Severity::Breaking {
        return BTreeSet::new();
    }
    let concerned = used
        .iter()
        .filter(|(_, uses)| change.touches.iter().all(|touched| uses.contains(touched)));
    concerned.flat_map(|(names, _)| names.iter().cloned()).collect()
}

fn count(told: &[Told], severity: Severity) -> usize {
    told.iter().filter(|told| told.change.severity == severity).count()
}

fn text(told: &[Told], documents: usize, outside: &[Name]) -> String {
    let mut text = String::new();
    for Told { change, hits } in told {
        let (word, kind) = (change.severity.word(), change.kind);
        text += &format!(
            "{word:<9} {}  {kind}\n          {}\n",
            change.coordinate, change.message
        );
        for hit in hits {
            text += &format!("          hits {hit}, {}\n", hit.origin);
        }
        if change.severity == Severity::Breaking && hits.is_empty() && documents > 0 {
            text += "          hits no registered operation\n";
        }
    }
    if !outside.is_empty() {
        text += "\nNot valid in the schema before, so not looked at:\n";
        for name in outside {
            text += &format!("          {name}, {}\n", name.origin);
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let hit: BTreeSet<_> = told
        .iter()
        .flat_map(|told| &told.hits)
        .map(|name| &name.origin)
        .collect();
    let of = |severity: Severity| format!("{} {}", count(told, severity), severity.word());
    let [breaking, dangerous, safe] = [Severity::Breaking, Severity::Dangerous, Severity::Safe].map(of);
    text += &format!("{breaking}, {dangerous}, {safe}");
    text += &match documents {
        0 => "; no registered operations were looked at\n".to_owned(),
        _ => format!("; {} of {documents} registered documents are hit\n", hit.len()),
    };
    text
}

fn json(told: &[Told], documents: usize, outside: &[Name]) -> Value {
    let changes = told.iter().map(|Told { change, hits }| {
        json!({
            "severity": change.severity.word(),
            "kind": change.kind,
            "coordinate": change.coordinate,
            "message": change.message,
            "operations": hits.iter().map(Name::json).collect::<Vec<_>>(),
        })
    });
    json!({
        "breaking": count(told, Severity::Breaking),
        "dangerous": count(told, Severity::Dangerous),
        "safe": count(told, Severity::Safe),
        "documents": documents,
        "changes": changes.collect::<Vec<_>>(),
        "notLookedAt": outside.iter().map(Name::json).collect::<Vec<_>>(),
    })
}
