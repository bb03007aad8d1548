//! `grpc:` of sources and connectors (DIALECT §3): .proto files are compiled at start-up.

use std::path::{Path, PathBuf};

use switchboard_clients::proto::{self, DescriptorPool};

use super::{
    arguments::Arguments,
    header,
    literal::Text,
    model::{ConnectRequest, Place, SourceTransport},
    options::{LoadOptions, Reflected},
    part::{Part, Scope},
    problem::{Code, Problems},
    source, template, url,
};

/// Folder of what sources with `reflection: true` said, beside the schema file that has them.
const LOCK_FOLDER: &str = "grpc.lock";

/// Reads `grpc:` of a source.
pub(crate) fn read_source(
    grpc: Arguments<'_>,
    source: (&str, &Place),
    options: &LoadOptions,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> (Option<SourceTransport>, Option<DescriptorPool>) {
    let address = grpc.text(problems.files(), "address").and_then(|text| {
        let template = template::read(&text, Part::BaseUrl, scope, problems)?;
        url::check_base(&template, &text, problems);
        Some(template)
    });
    let metadata = header::read(grpc, "metadata", scope, problems);
    let transport = address.map(|address| SourceTransport::Grpc { address, metadata });
    let descriptors = grpc
        .object("schema")
        .and_then(|schema| read_schema(schema, source, transport.as_ref(), options, problems));
    (transport, descriptors)
}

fn read_schema(
    schema: Arguments<'_>,
    (name, place): (&str, &Place),
    transport: Option<&SourceTransport>,
    options: &LoadOptions,
    problems: &mut Problems<'_>,
) -> Option<DescriptorPool> {
    let files = problems.files();
    let root = options.root.join(files.directory(place));
    let reflection = schema.boolean("reflection") == Some(true);
    let given = ["proto", "descriptorSet"]
        .into_iter()
        .filter(|name| schema.get(name).is_some())
        .count()
        + usize::from(reflection);
    if given != 1 {
        problems
            .error(
                Code::GraphqlError,
                place,
                "`schema` of a gRPC source needs exactly one of `proto`, `descriptorSet` and `reflection`",
            )
            .hint("e.g. schema: { proto: [\"shop/catalog.proto\"], includes: [\"proto\"] }");
        return None;
    }
    if reflection {
        let lock = root.join(LOCK_FOLDER).join(format!("{name}.binpb"));
        let place = schema.place(files, "reflection").unwrap_or_default();
        // Without a transport its problem was reported.
        let transport = transport?;
        return reflected(&Reflected { name, transport, lock }, &place, options, problems);
    }
    if let Some(set) = schema.text(files, "descriptorSet") {
        return descriptor_set(&set, &root, problems);
    }
    protos(schema, &root, problems)
}

/// What a source says of itself, or said when its lock was written.
fn reflected(
    source: &Reflected<'_>,
    place: &Place,
    options: &LoadOptions,
    problems: &mut Problems<'_>,
) -> Option<DescriptorPool> {
    let described = options.reflection.describe(source).and_then(|set| {
        proto::Descriptors::from_descriptor_set(&set).map_err(|error| format!("this is no descriptor set: {error}"))
    });
    match described {
        Ok(pool) => Some(pool),
        Err(why) => {
            problems
                .error(
                    Code::GraphqlError,
                    place,
                    format!("nothing is known of the messages of `{}`: {why}", source.name),
                )
                .hint(format!(
                    "where the source can be reached, `switchboard grpc lock {}` writes {}; commit it",
                    source.name,
                    source.lock.display()
                ));
            None
        }
    }
}

fn descriptor_set(set: &Text, root: &Path, problems: &mut Problems<'_>) -> Option<DescriptorPool> {
    let path = root.join(&set.value);
    let bytes = std::fs::read(&path).map_err(|error| error.to_string());
    let pool =
        bytes.and_then(|bytes| proto::Descriptors::from_descriptor_set(&bytes).map_err(|error| error.to_string()));
    pool.map_err(|why| {
        problems
            .error(
                Code::GraphqlError,
                &set.place,
                format!("`{}` cannot be used: {why}", set.value),
            )
            .hint(format!(
                "the path starts from `{}`; `buf build -o x.binpb` and `protoc --include_imports -o x.binpb` write such files",
                root.display()
            ));
    })
    .ok()
}

fn protos(schema: Arguments<'_>, root: &Path, problems: &mut Problems<'_>) -> Option<DescriptorPool> {
    let files = problems.files();
    let protos = schema.texts(files, "proto");
    let includes: Vec<PathBuf> = schema
        .texts(files, "includes")
        .iter()
        .map(|text| root.join(&text.value))
        .collect();
    let paths: Vec<PathBuf> = protos
        .iter()
        .map(|text| {
            // A file is named below an include, or by its own path below the root.
            let own = root.join(&text.value);
            if own.is_file() { own } else { PathBuf::from(&text.value) }
        })
        .collect();
    let place = schema.place(files, "proto").unwrap_or_default();
    match proto::Descriptors::compile(&paths, &includes) {
        Ok(pool) => Some(pool),
        Err(error) => {
            problems
                .error(
                    Code::GraphqlError,
                    &place,
                    format!("the .proto files cannot be used: {error}"),
                )
                .hint(format!("paths start from `{}` and from `includes`", root.display()));
            None
        }
    }
}

/// Reads `grpc:` of a connector. Without descriptors (a problem of its source) the method stays unknown.
pub(crate) fn read_connector(
    grpc: Arguments<'_>,
    descriptors: Option<&DescriptorPool>,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> Option<ConnectRequest> {
    let message = source::read_mapping(grpc, "message", Part::Body, scope, problems);
    let metadata = header::read(grpc, "metadata", scope, problems);
    let name = grpc.text(problems.files(), "method")?;
    let method = match proto::method(descriptors?, &name.value) {
        Ok(method) => method,
        Err(error) => {
            problems.error(Code::GraphqlError, &name.place, error.to_string());
            return None;
        }
    };
    Some(ConnectRequest::Grpc {
        method,
        message,
        metadata,
    })
}
