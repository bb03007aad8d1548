//! SDL with `@source` and `@connect` → a checked [`Surface`].
//!
//! After [`crate::mapping`], before `operation`. Reads files once, at start-up; reports every problem with its place.
//!
//! [`load`] is the way of a schema: parse the files, read `@link`, take our directives out (`annotations`), validate by
//! the rules of GraphQL, read sources and connectors with their mappings, check them against each other and against the
//! types, and `assemble` the result.

pub mod access;
mod advice;
mod annotations;
mod arguments;
mod assemble;
mod cache;
pub mod compare;
mod connect;
mod costs;
mod coverage;
mod definitions;
mod degrade;
mod deprecation;
mod directive;
mod entity;
mod fault;
mod features;
mod field_set;
mod files;
mod graphql;
mod group_by;
mod grpc;
mod grpc_paths;
mod header;
mod hidden;
mod inputs;
mod link;
mod literal;
pub mod local;
mod mappings;
mod members;
pub mod model;
mod options;
pub(crate) mod pairs;
mod part;
mod portable;
mod problem;
mod public;
pub mod report;
mod resilience;
mod roots;
mod select;
mod shape;
mod source;
mod suggest;
mod template;
pub(crate) mod tokens;
mod unknown;
mod url;
mod visit;

pub use access::PolicySettings;
pub use files::SourceFile;
pub(crate) use graphql::readable;
pub use local::{LocalSchemas, LocalTypes};
pub use model::Surface;
pub use options::{Advice, LoadOptions, Reflected, Reflection};
pub use problem::{Code, Problem, Severity};
pub use public::public_sdl;

use crate::mapping::Spec;
use annotations::Separated;
use files::Files;
use link::Links;
use problem::Problems;
use source::Context;

/// A schema that can be served.
#[derive(Debug)]
pub struct Loaded {
    /// The schema.
    pub surface: Surface,
    /// What probably is not as it was meant.
    pub warnings: Vec<Problem>,
}

/// Loads one schema from one file or several; several files are one schema, in which `extend` merges.
///
/// # Errors
/// All problems that were found, warnings included, by file and position.
pub fn load(name: &str, files: &[SourceFile], options: &LoadOptions) -> Result<Loaded, Vec<Problem>> {
    let mut files = Files::new(files);
    let parsed = graphql::parse(&mut files);
    let mut problems = Problems::new(&files);
    let surface = check(name, &parsed, options, &mut problems);
    let found = problems.into_sorted();
    let has_error = found.iter().any(|problem| problem.severity == Severity::Error);
    match surface {
        Some(surface) if !has_error => Ok(Loaded {
            surface,
            warnings: found,
        }),
        _ => Err(found),
    }
}

fn check(name: &str, parsed: &graphql::Parsed, options: &LoadOptions, problems: &mut Problems<'_>) -> Option<Surface> {
    graphql::report_syntax(parsed, problems);
    if problems.any_error() {
        // What was not read would only be reported as missing.
        return None;
    }
    let mut links = Links::read(&parsed.documents, problems);
    problems.keep_advice(links.bff || !matches!(options.advice, Advice::Off | Advice::IfLinked));
    let Separated { uses, full, public } = annotations::separate(&parsed.documents, &mut links, problems);
    let before = problems.len();
    let full = graphql::build_full(&full, &links, problems);
    let is_valid = problems.len() == before;

    let spec = links.connect.as_ref().map_or(Spec::V0_4, |(spec, _)| *spec);
    roots::check(&full, spec, problems);
    roots::check_federation(&uses, problems);
    costs::check(&uses, &full, problems);
    cache::check(&uses, problems);
    let rules = access::Rules::read(&uses, &full, options.policies.as_deref(), problems);
    let context = Context {
        schema: &full,
        links: &links,
        options,
        spec,
    };
    let mut sources = source::read_all(&uses, context, problems);
    let mut connectors = connect::read_all(&uses, &sources, context, problems);
    local::check_known(sources.iter().filter_map(|source| source.local.as_ref()), problems);
    resilience::read_all(&uses, &mut sources, &mut connectors, problems);
    let contracts = degrade::read_all(&uses, &connectors, context, problems);
    if is_valid {
        entity::check(&connectors, &full, problems);
        entity::check_keys(&uses, &connectors, &full, problems);
        let misspelt = select::check(&connectors, context, problems);
        grpc_paths::check(&connectors, &full, problems);
        local::paths::check(&connectors, &full, problems);
        coverage::check(&uses, &connectors, &misspelt, context, problems);
    }
    if options.portable {
        portable::check(&uses, &links, problems);
    }
    if problems.any_error() {
        return None;
    }
    hidden::check(&uses, &public, problems);
    if problems.any_error() {
        return None;
    }
    let schema = graphql::build_public(&public, problems)?;
    let surface = assemble::assemble(assemble::Parts {
        name,
        has_additions: links.bff,
        schema,
        uses: &uses,
        files: problems.files(),
        sources,
        connectors,
        rules,
        contracts,
    })?;
    match options.advice {
        Advice::All => advice::check(&surface, problems),
        Advice::IfLinked if links.bff => advice::check(&surface, problems),
        Advice::Start => advice::check_cover(&surface, problems),
        Advice::IfLinked | Advice::Off => {}
    }
    Some(surface)
}
