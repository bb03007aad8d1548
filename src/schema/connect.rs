//! `@connect`: reads each one as far as it can be read, and classifies it (DIALECT §1.9).

use apollo_compiler::{Name, Node, ast::FieldDefinition, schema::ExtendedType};

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    directive::Directive,
    grpc, header,
    literal::Text,
    local, mappings,
    model::{ConnectRequest, ErrorMapping, KeyTree, Kind, Mapping, Place, Resilience},
    part::{Owner, Part, Scope},
    problem::{Code, Problems},
    source::{self, Context, SourceDraft},
    suggest, template, url,
};
use crate::mapping::Spec;

/// A connector as far as it could be read.
#[derive(Debug)]
pub(crate) struct ConnectDraft {
    pub coordinate: String,
    /// The type that it stands on, or whose field it stands on.
    pub type_name: Name,
    /// The field that it stands on.
    pub field: Option<Node<FieldDefinition>>,
    pub kind: Kind,
    pub entity: Option<bool>,
    /// Where `entity:` is written, or else the whole directive.
    pub entity_place: Place,
    /// Index of its source.
    pub source: Option<usize>,
    pub request: Option<ConnectRequest>,
    /// The text of a gRPC `message:`.
    pub message: Option<Text>,
    pub selection: Option<(Mapping, Text)>,
    pub is_success: Option<Mapping>,
    pub errors: ErrorMapping,
    pub max_size: Option<u32>,
    pub group_by: Option<Mapping>,
    pub not_found_is_error: bool,
    pub this_reads: KeyTree,
    pub batch_reads: KeyTree,
    pub resilience: Option<Resilience>,
    /// Keys of keys of `$batch`, as they are written.
    pub nested_batch_reads: Vec<(String, Place)>,
    pub place: Place,
}

/// Methods of `http:`, in the order of the specification.
const METHODS: &[(&str, http::Method)] = &[
    ("GET", http::Method::GET),
    ("POST", http::Method::POST),
    ("PUT", http::Method::PUT),
    ("PATCH", http::Method::PATCH),
    ("DELETE", http::Method::DELETE),
];

/// Reads all connectors in order.
pub(crate) fn read_all(
    uses: &[Use],
    sources: &[SourceDraft],
    context: Context<'_>,
    problems: &mut Problems<'_>,
) -> Vec<ConnectDraft> {
    let connects: Vec<&Use> = uses
        .iter()
        .filter(|used| used.directive == Directive::Connect)
        .collect();
    check_ids(&connects, problems);
    let mut drafts: Vec<ConnectDraft> = Vec::new();
    for (index, used) in connects.iter().enumerate() {
        let Some((type_name, field)) = find_site(used, context, problems) else {
            continue;
        };
        let number = connects[..index].iter().filter(|other| other.site == used.site).count();
        let is_alone = connects.iter().filter(|other| other.site == used.site).count() == 1;
        let mut draft = read(used, type_name, field, sources, context, problems);
        if !is_alone {
            draft.coordinate.push_str(&format!("[{number}]"));
        }
        drafts.push(draft);
    }
    drafts
}

/// `id:` is a GraphQL name and unique.
fn check_ids(connects: &[&Use], problems: &mut Problems<'_>) {
    let mut ids: Vec<String> = Vec::new();
    for used in connects {
        let Some(id) = Arguments::Directive(&used.node).text(problems.files(), "id") else {
            continue;
        };
        if Name::new(&id.value).is_err() {
            problems
                .error(
                    Code::InvalidConnectorIdName,
                    &id.place,
                    format!("`{}` cannot be an `id`", id.value),
                )
                .hint("use letters, digits and `_`, and do not begin with a digit");
        } else if ids.contains(&id.value) {
            problems
                .error(
                    Code::DuplicateIdName,
                    &id.place,
                    format!("there is already a connector with `id: \"{}\"`", id.value),
                )
                .hint("ids are unique in a schema, over all of its files");
        }
        ids.push(id.value);
    }
}

/// The type and field that a connector stands on, if connectors may stand there.
fn find_site(
    used: &Use,
    context: Context<'_>,
    problems: &mut Problems<'_>,
) -> Option<(Name, Option<Node<FieldDefinition>>)> {
    let (type_name, field_name) = match &used.site {
        UseSite::Type(name) => (name, None),
        UseSite::Field(name, field) => (name, Some(field)),
        UseSite::Schema | UseSite::Argument(..) | UseSite::Inside => return None,
    };
    match context.schema.types.get(type_name) {
        Some(ExtendedType::Object(object)) => {
            let is_root = is_root(context, type_name);
            if field_name.is_none() && is_root {
                problems
                    .error(
                        Code::ConnectOnRoot,
                        &used.place,
                        format!("`@connect` cannot stand on `{type_name}` itself"),
                    )
                    .hint("put it on the fields");
                return None;
            }
            let field = match field_name {
                Some(name) => Some(object.fields.get(name)?.node.clone()),
                None => None,
            };
            Some((type_name.clone(), field))
        }
        Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
            problems
                .error(
                    Code::ConnectorsUnsupportedAbstractType,
                    &used.place,
                    format!("`@connect` cannot stand on `{type_name}`, which is not an object type"),
                )
                .hint("put it on the object types");
            None
        }
        _ => None,
    }
}

fn is_root(context: Context<'_>, type_name: &str) -> bool {
    context
        .schema
        .schema_definition
        .iter_root_operations()
        .any(|(_, name)| name.as_str() == type_name)
}

fn read(
    used: &Use,
    type_name: Name,
    field: Option<Node<FieldDefinition>>,
    sources: &[SourceDraft],
    context: Context<'_>,
    problems: &mut Problems<'_>,
) -> ConnectDraft {
    let files = problems.files();
    let arguments = Arguments::Directive(&used.node);
    let is_root = is_root(context, &type_name);
    let field_definition = field.clone();
    let owner = match &field_definition {
        Some(field) => Owner::Field {
            parent: &type_name,
            field,
            is_root,
        },
        None => Owner::Type(&type_name),
    };
    let mut scope = Scope::new(context.schema, context.spec, owner);
    scope.is_grpc = arguments.get("grpc").is_some();
    scope.is_local = arguments.get("local").is_some();
    scope.is_requestless = !scope.is_grpc && !scope.is_local && arguments.get("http").is_none();

    let batch = read_batch(arguments, &mut scope, context, problems);
    let source = find_source(arguments, sources, &scope, problems);
    let request = read_request(used, source.map(|index| &sources[index]), context, &mut scope, problems);
    let message = arguments.object("grpc").and_then(|grpc| grpc.text(files, "message"));
    let selection = arguments.text(files, "selection").and_then(|text| {
        let mapping = mappings::read(&text, Part::Selection, &mut scope, problems)?;
        Some((mapping, text))
    });
    let is_success = source::read_mapping(arguments, "isSuccess", Part::IsSuccess, &mut scope, problems);
    let errors = source::read_errors(arguments, &mut scope, problems);
    let (this_reads, batch_reads) = (
        std::mem::take(&mut scope.this_reads),
        std::mem::take(&mut scope.batch_reads),
    );
    let coordinate = match &field {
        Some(field) => format!("{type_name}.{}", field.name),
        None => type_name.to_string(),
    };
    let entity = arguments.boolean("entity");
    let nested_batch_reads = std::mem::take(&mut scope.nested_batch_reads);
    let reads_batch = !batch_reads.0.is_empty();
    let kind = match (&field, is_root) {
        (None, _) if reads_batch => Kind::Batch,
        (None, _) => Kind::Entity,
        (Some(_), true) if entity == Some(true) => Kind::EntityField,
        (Some(_), true) => Kind::Root,
        (Some(_), false) if reads_batch => Kind::FieldBatch,
        (Some(_), false) => Kind::Field,
    };
    ConnectDraft {
        coordinate,
        type_name,
        field,
        kind,
        entity,
        entity_place: arguments
            .argument_place(files, "entity")
            .unwrap_or_else(|| used.place.clone()),
        source,
        request,
        message,
        selection,
        is_success,
        errors,
        max_size: batch.max_size,
        group_by: batch.group_by,
        not_found_is_error: batch.not_found_is_error,
        this_reads,
        batch_reads,
        resilience: None,
        nested_batch_reads,
        place: used.place.clone(),
    }
}

/// `batch:`.
#[derive(Default)]
struct Batch {
    max_size: Option<u32>,
    group_by: Option<Mapping>,
    not_found_is_error: bool,
}

fn read_batch(
    arguments: Arguments<'_>,
    scope: &mut Scope<'_>,
    context: Context<'_>,
    problems: &mut Problems<'_>,
) -> Batch {
    let files = problems.files();
    let mut read = Batch::default();
    let Some(batch) = arguments.object("batch") else {
        return read;
    };
    if let Some((size, place)) = batch.integer(files, "maxSize") {
        match u32::try_from(size) {
            Ok(size) if size > 0 => read.max_size = Some(size),
            _ => {
                problems.error(Code::GraphqlError, &place, "`maxSize` must be at least 1");
            }
        }
    }
    if let Some(place) = batch.place(files, "groupBy") {
        // Read even where it is refused, so that nothing else is reported that only follows from that.
        let is_linked = source::check_addition("groupBy:", &place, context.links, problems);
        let is_on_field = matches!(scope.owner, Owner::Field { is_root: false, .. });
        scope.groups = is_on_field;
        if is_linked && !is_on_field {
            problems
                .error(
                    Code::GraphqlError,
                    &place,
                    "`groupBy` belongs on a field of an object type",
                )
                .hint("on a type the keys in the answer say which element is which");
        }
        if is_linked || is_on_field {
            read.group_by = source::read_mapping(batch, "groupBy", Part::GroupBy, scope, problems);
        }
    }
    if let Some(place) = batch.place(files, "notFound")
        && source::check_addition("notFound:", &place, context.links, problems)
    {
        read.not_found_is_error = batch
            .get("notFound")
            .and_then(|value| value.as_enum())
            .is_some_and(|name| name == "ERROR");
    }
    read
}

/// The index of the source that `source:` names.
fn find_source(
    arguments: Arguments<'_>,
    sources: &[SourceDraft],
    scope: &Scope<'_>,
    problems: &mut Problems<'_>,
) -> Option<usize> {
    let name = arguments.text(problems.files(), "source")?;
    let Some(index) = sources.iter().position(|source| source.name == name.value) else {
        if sources.is_empty() {
            problems
                .error(
                    Code::NoSourcesDefined,
                    &name.place,
                    format!("`source: \"{}\"`, but the schema has no `@source`", name.value),
                )
                .hint("add: extend schema @source(name: …, http: { baseURL: … })");
        } else {
            let names = || sources.iter().map(|source| source.name.as_str());
            let hint = suggest::did_you_mean(&name.value, names())
                .unwrap_or_else(|| format!("sources are: {}", suggest::list(names())));
            problems
                .error(
                    Code::SourceNameMismatch,
                    &name.place,
                    format!("there is no source `{}`", name.value),
                )
                .hint(hint);
        }
        return None;
    };
    let written = |is_grpc: bool, is_local: bool| match (is_grpc, is_local) {
        (true, _) => "grpc:",
        (_, true) => "local:",
        _ => "http:",
    };
    let has = written(sources[index].is_grpc, sources[index].is_local);
    let wants = written(scope.is_grpc, scope.is_local);
    if has != wants && !scope.is_requestless {
        problems
            .error(
                Code::SourceNameMismatch,
                &name.place,
                format!(
                    "source `{}` is declared with `{has}`, this connector has `{wants}`",
                    name.value
                ),
            )
            .hint(format!("use `{has}` here, or another source"));
        return None;
    }
    Some(index)
}

fn read_request(
    used: &Use,
    source: Option<&SourceDraft>,
    context: Context<'_>,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> Option<ConnectRequest> {
    let files = problems.files();
    let arguments = Arguments::Directive(&used.node);
    if !source::check_one_transport(arguments, &used.place, "a connector", context.links, problems) {
        return None;
    }
    if let Some(http) = arguments.object("http") {
        return read_http(arguments, http, scope, problems);
    }
    if let Some(grpc) = arguments.object("grpc") {
        if arguments.get("source").is_none() {
            problems
                .error(
                    Code::RelativeConnectUrlWithoutSource,
                    &used.place,
                    "`grpc:` needs a `source`",
                )
                .hint("add: source: \"…\", the name of a `@source` with `grpc:`");
        }
        return grpc::read_connector(
            grpc,
            source.and_then(|source| source.descriptors.as_ref()),
            scope,
            problems,
        );
    }
    if let Some(local) = arguments.object("local") {
        let source = source.and_then(|source| source.local.as_ref());
        return local::read_connector(used, local, source, context, scope, problems);
    }
    if context.spec < Spec::V0_4 {
        problems
            .error(
                Code::HttpOmittedRequiresV0_4,
                &used.place,
                "a connector without `http:` needs connect/v0.4",
            )
            .hint("link https://specs.apollo.dev/connect/v0.4, or add `http:`");
        return None;
    }
    if let Some(place) = arguments.place(files, "source") {
        problems
            .error(
                Code::MissingHttpMethod,
                &place,
                "a `source` is named, but no request is made to it",
            )
            .hint("add `http: { GET: \"/…\" }`, or leave out `source`");
        return None;
    }
    Some(ConnectRequest::None)
}

fn read_http(
    arguments: Arguments<'_>,
    http: Arguments<'_>,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> Option<ConnectRequest> {
    let files = problems.files();
    let given: Vec<&(&str, http::Method)> = METHODS.iter().filter(|(name, _)| http.get(name).is_some()).collect();
    let place = arguments.place(files, "http").unwrap_or_default();
    if given.is_empty() {
        problems
            .error(Code::MissingHttpMethod, &place, "`http` names no method")
            .hint("add one of GET, POST, PUT, PATCH, DELETE");
    }
    if given.len() > 1 {
        let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
        problems
            .error(
                Code::MultipleHttpMethods,
                &place,
                format!("`http` names {} methods: {}", names.len(), names.join(", ")),
            )
            .hint("keep one");
    }
    let source = arguments.text(files, "source");
    let mut templates = Vec::new();
    for (name, method) in given {
        let Some(text) = http.text(files, name) else {
            continue;
        };
        let Some(template) = template::read(&text, Part::Url, scope, problems) else {
            continue;
        };
        if source.is_none() && url::is_blank(&template) {
            problems.error(Code::InvalidUrl, &text.place, "the URL is empty");
            continue;
        }
        url::check_connect(
            &template,
            &text,
            source.as_ref().map(|source| source.value.as_str()),
            problems,
        );
        templates.push((method.clone(), template));
    }
    let path = source::read_mapping(http, "path", Part::Path, scope, problems);
    let query = source::read_mapping(http, "queryParams", Part::Query, scope, problems);
    let headers = header::read(http, "headers", scope, problems);
    let body = source::read_mapping(http, "body", Part::Body, scope, problems);
    let (method, url) = templates.pop()?;
    Some(ConnectRequest::Http {
        method,
        url,
        path,
        query,
        headers,
        body,
    })
}
