//! `@source`: the backends of a schema.

use std::sync::Arc;

use apollo_compiler::Schema;
use switchboard_clients::proto::DescriptorPool;

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    directive::Directive,
    grpc, header,
    link::{BFF_URL, Links},
    local::{self, LocalSource},
    mappings,
    model::{ErrorMapping, Mapping, Place, Source, SourceTransport},
    options::LoadOptions,
    part::{Part, Scope},
    problem::{Code, Problems},
    template, url,
};
use crate::mapping::Spec;

/// A source as far as it could be read.
#[derive(Debug)]
pub(crate) struct SourceDraft {
    pub name: String,
    pub is_grpc: bool,
    pub is_local: bool,
    /// What a source in this process offers.
    pub local: Option<LocalSource>,
    /// The .proto files of a gRPC source.
    pub descriptors: Option<DescriptorPool>,
    /// `None` when something about it is wrong, which was reported.
    pub source: Option<Source>,
}

/// What reading of sources and connectors needs to know.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub schema: &'a Schema,
    pub links: &'a Links,
    pub options: &'a LoadOptions,
    pub spec: Spec,
}

/// Reads all sources in order.
pub(crate) fn read_all(uses: &[Use], context: Context<'_>, problems: &mut Problems<'_>) -> Vec<SourceDraft> {
    let mut drafts: Vec<SourceDraft> = Vec::new();
    for used in uses {
        if used.directive == Directive::Source && used.site == UseSite::Schema {
            let draft = read(used, context, problems);
            let is_known = drafts.iter().any(|other| other.name == draft.name);
            if is_known && !draft.name.is_empty() {
                let place = Arguments::Directive(&used.node)
                    .place(problems.files(), "name")
                    .unwrap_or(used.place.clone());
                problems
                    .error(
                        Code::DuplicateSourceName,
                        &place,
                        format!("there is already a source `{}`", draft.name),
                    )
                    .hint("names of sources are unique in a schema, over all of its files");
            } else {
                drafts.push(draft);
            }
        }
    }
    drafts
}

fn read(used: &Use, context: Context<'_>, problems: &mut Problems<'_>) -> SourceDraft {
    let files = problems.files();
    let before = problems.len();
    let arguments = Arguments::Directive(&used.node);
    let name = read_name(arguments, problems);
    let mut scope = Scope::of_source(context.schema, context.spec);
    scope.is_grpc = arguments.get("grpc").is_some();
    scope.is_local = arguments.get("local").is_some();
    let (transport, descriptors) = read_transport(used, &name, context, &mut scope, problems);
    let local = read_local(arguments, transport.is_none(), context, problems);
    let transport = transport.or_else(|| local.as_ref().map(LocalSource::transport));
    let is_success = arguments
        .text(files, "isSuccess")
        .and_then(|text| mappings::read(&text, Part::IsSuccess, &mut scope, problems));
    let errors = read_errors(arguments, &mut scope, problems);
    let source = match (transport, problems.len() == before) {
        (Some(transport), true) => Some(Source {
            name: Arc::from(name.as_str()),
            transport,
            errors,
            is_success,
            resilience: None,
            place: used.place.clone(),
        }),
        _ => None,
    };
    SourceDraft {
        name,
        is_grpc: scope.is_grpc,
        is_local: scope.is_local,
        local,
        descriptors,
        source,
    }
}

/// Reads `local:`, where it may stand.
fn read_local(
    arguments: Arguments<'_>,
    is_alone: bool,
    context: Context<'_>,
    problems: &mut Problems<'_>,
) -> Option<LocalSource> {
    let local = arguments.object("local").filter(|_| is_alone && context.links.bff)?;
    local::read_source(local, context.options.local.as_ref(), problems)
}

fn read_name(arguments: Arguments<'_>, problems: &mut Problems<'_>) -> String {
    let Some(name) = arguments.text(problems.files(), "name") else {
        return String::new();
    };
    if name.value.is_empty() {
        problems
            .error(Code::EmptySourceName, &name.place, "a source needs a name")
            .hint("e.g. name: \"users\"");
    } else if let Some(wrong) = name
        .value
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'))
    {
        problems
            .error(
                Code::InvalidSourceName,
                &name.place,
                format!(
                    "`{}` is not the name of a source: {wrong:?} cannot be part of one",
                    name.value
                ),
            )
            .hint("use letters, digits, `_` and `-`");
    }
    name.value
}

fn read_transport(
    used: &Use,
    name: &str,
    context: Context<'_>,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> (Option<SourceTransport>, Option<DescriptorPool>) {
    let arguments = Arguments::Directive(&used.node);
    if !check_one_transport(arguments, &used.place, "a source", context.links, problems) {
        return (None, None);
    }
    if let Some(http) = arguments.object("http") {
        return (read_http(http, scope, problems), None);
    }
    match arguments.object("grpc") {
        Some(grpc) => grpc::read_source(grpc, (name, &used.place), context.options, scope, problems),
        None => {
            if arguments.get("local").is_none() {
                problems
                    .error(Code::GraphqlError, &used.place, "a source needs `http:`")
                    .hint("e.g. http: { baseURL: \"https://api.example.com\" }");
            }
            (None, None)
        }
    }
}

/// Checks that at most one of `http`, `grpc` and `local` is given and that it may be.
pub(crate) fn check_one_transport(
    arguments: Arguments<'_>,
    place: &Place,
    what: &str,
    links: &Links,
    problems: &mut Problems<'_>,
) -> bool {
    let files = problems.files();
    let given: Vec<&str> = ["http", "grpc", "local"]
        .into_iter()
        .filter(|name| arguments.get(name).is_some())
        .collect();
    if given.len() > 1 {
        problems.error(
            Code::GraphqlError,
            place,
            format!("{what} has {}: only one of them is possible", given.join(" and ")),
        );
        return false;
    }
    for name in ["grpc", "local"] {
        if let Some(place) = arguments.place(files, name)
            && !check_addition(&format!("{name}:"), &place, links, problems)
        {
            return false;
        }
    }
    true
}

/// Checks that our own link is there for something that the base language does not have.
pub(crate) fn check_addition(written: &str, place: &Place, links: &Links, problems: &mut Problems<'_>) -> bool {
    if !links.bff {
        problems
            .error(
                Code::GraphqlError,
                place,
                format!("`{written}` is not part of the connect specification"),
            )
            .hint(format!(
                "it is an addition: extend schema @link(url: \"{BFF_URL}/v0.1\")"
            ));
    }
    links.bff
}

fn read_http(http: Arguments<'_>, scope: &mut Scope<'_>, problems: &mut Problems<'_>) -> Option<SourceTransport> {
    let files = problems.files();
    let base_url = http.text(files, "baseURL").and_then(|text| {
        let template = template::read(&text, Part::BaseUrl, scope, problems)?;
        url::check_base(&template, &text, problems);
        Some(template)
    });
    let path = read_mapping(http, "path", Part::Path, scope, problems);
    let query = read_mapping(http, "queryParams", Part::Query, scope, problems);
    let headers = header::read(http, "headers", scope, problems);
    Some(SourceTransport::Http {
        base_url: base_url?,
        path,
        query,
        headers,
    })
}

/// Reads the mapping `name` of `arguments`.
pub(crate) fn read_mapping(
    arguments: Arguments<'_>,
    name: &str,
    part: Part,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> Option<Mapping> {
    let text = arguments.text(problems.files(), name)?;
    mappings::read(&text, part, scope, problems)
}

/// Reads `errors:`.
pub(crate) fn read_errors(
    arguments: Arguments<'_>,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> ErrorMapping {
    let Some(errors) = arguments.object("errors") else {
        return ErrorMapping::default();
    };
    ErrorMapping {
        message: read_mapping(errors, "message", Part::ErrorsMessage, scope, problems),
        extensions: read_mapping(errors, "extensions", Part::ErrorsExtensions, scope, problems),
    }
}
