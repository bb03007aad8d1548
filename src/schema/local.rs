//! `local:` of sources and connectors (DIALECT §3.1): fields of `async-graphql` schemas in this process.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    literal::Text,
    model::{ConnectRequest, Place, SourceTransport},
    part::{Part, Scope},
    problem::{Code, Problems},
    source::{self, Context},
    suggest,
};

pub(crate) mod paths;
mod types;

pub use types::LocalTypes;

/// Schemas by the names that sources call them.
pub type LocalSchemas = BTreeMap<String, Arc<LocalTypes>>;

/// The root field that a connector asks.
#[derive(Debug)]
pub struct LocalField {
    /// Below which root.
    pub operation: LocalOperation,
    /// Its name.
    pub name: Arc<str>,
    /// Its arguments.
    pub arguments: Vec<(Arc<str>, LocalArgument)>,
    /// The schema it is in; `None` while that is not at hand: then it cannot be asked.
    pub types: Option<Arc<LocalTypes>>,
}

/// A root of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalOperation {
    /// Only reads.
    Query,
    /// May do more.
    Mutation,
}

/// An argument of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalArgument {
    /// Its type, as it is written.
    pub text: Arc<str>,
    /// Whether it must be given.
    pub is_required: bool,
    /// What its values are, lists looked through.
    pub kind: ArgumentKind,
}

/// What values of an argument are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// `Int`, `Float`.
    Number,
    /// `String`.
    Text,
    /// Anything else.
    Other,
}

/// A source as far as it could be read.
#[derive(Debug)]
pub(crate) struct LocalSource {
    /// The name of its schema.
    pub schema: Arc<str>,
    /// `None`: what is mounted is not known here.
    pub types: Option<Arc<LocalTypes>>,
    /// Where its name stands.
    pub place: Place,
}

/// Reads `local:` of a source.
pub(crate) fn read_source(
    local: Arguments<'_>,
    mounted: Option<&LocalSchemas>,
    problems: &mut Problems<'_>,
) -> Option<LocalSource> {
    let name = local.text(problems.files(), "schema")?;
    let types = match mounted {
        None => None,
        Some(mounted) => {
            let found = mounted.get(&name.value).cloned();
            if found.is_none() {
                not_mounted(&name, mounted, problems);
                return None;
            }
            found
        }
    };
    Some(LocalSource {
        schema: name.value.into(),
        types,
        place: name.place,
    })
}

/// Says which schemas nobody knows here: warnings.
pub(crate) fn check_known<'s>(sources: impl Iterator<Item = &'s LocalSource>, problems: &mut Problems<'_>) {
    for source in sources.filter(|source| source.types.is_none()) {
        let name = &source.schema;
        problems
            .error(
                Code::LocalNotChecked,
                &source.place,
                format!(
                    "what is asked of the schema `{name}` is not checked: fields, arguments and types are known to the program that mounts it"
                ),
            )
            .hint(format!(
                "that program checks them when it starts; to check them here, give the schema's SDL: `--local {name}=FILE`"
            ))
            .warning();
    }
}

fn not_mounted(name: &Text, mounted: &LocalSchemas, problems: &mut Problems<'_>) {
    let names = || mounted.keys().map(String::as_str);
    let hint = suggest::did_you_mean(&name.value, names()).unwrap_or_else(|| {
        format!(
            "a program in Rust mounts it: switchboard::Builder::new(config).local(\"{}\", schema); the server as it is shipped has none",
            name.value
        )
    });
    problems
        .error(
            Code::GraphqlError,
            &name.place,
            format!("no schema `{}` is mounted", name.value),
        )
        .hint(hint);
}

/// Reads `local:` of a connector.
pub(crate) fn read_connector(
    used: &Use,
    local: Arguments<'_>,
    source: Option<&LocalSource>,
    context: Context<'_>,
    scope: &mut Scope<'_>,
    problems: &mut Problems<'_>,
) -> Option<ConnectRequest> {
    if Arguments::Directive(&used.node).get("source").is_none() {
        problems
            .error(
                Code::RelativeConnectUrlWithoutSource,
                &used.place,
                "`local:` needs a `source`",
            )
            .hint("add: source: \"…\", the name of a `@source` with `local:`");
    }
    let args = source::read_mapping(local, "args", Part::Args, scope, problems);
    let text = local.text(problems.files(), "field")?;
    let (operation, name) = read_field(&text, source, problems)?;
    if operation == LocalOperation::Mutation && !is_of_mutation(used, context) {
        problems
            .error(
                Code::InvalidSelection,
                &text.place,
                format!(
                    "`{}` may change something, and only fields of the mutation type may",
                    text.value
                ),
            )
            .hint("use a field of `Query`, or move the field to the mutation type");
    }
    let types = source?.types.clone();
    let arguments = match &types {
        Some(types) => match types.arguments(operation, name) {
            Some(arguments) => arguments,
            None => {
                no_such_field(&text, operation, name, types, problems);
                return None;
            }
        },
        None => Vec::new(),
    };
    if let Some(args) = &args
        && types.is_some()
    {
        let text = local.text(problems.files(), "args").unwrap_or_else(|| text.clone());
        paths::check_args(args, &text, name, &arguments, scope, problems);
    } else if let Some((missing, _)) = arguments.iter().find(|(_, argument)| argument.is_required) {
        problems
            .error(
                Code::InvalidBody,
                &text.place,
                format!("`{}` needs the argument `{missing}`", text.value),
            )
            .hint(format!("add: args: \"{missing}: …\""));
    }
    Some(ConnectRequest::Local {
        field: LocalField {
            operation,
            name: Arc::from(name),
            arguments,
            types,
        },
        args,
    })
}

fn is_of_mutation(used: &Use, context: Context<'_>) -> bool {
    let mutation = context.schema.schema_definition.mutation.as_ref();
    match &used.site {
        UseSite::Field(name, _) => mutation.is_some_and(|mutation| mutation.name == *name),
        _ => false,
    }
}

/// `Query.badges` or `Mutation.award`; the roots may also be called by their own names.
fn read_field<'t>(
    text: &'t Text,
    source: Option<&LocalSource>,
    problems: &mut Problems<'_>,
) -> Option<(LocalOperation, &'t str)> {
    let types = source.and_then(|source| source.types.as_deref());
    let found = text.value.split_once('.').and_then(|(root, name)| {
        let operation = match root {
            "Query" => LocalOperation::Query,
            "Mutation" => LocalOperation::Mutation,
            root => types?.operation(root)?,
        };
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then_some((operation, name))
    });
    if found.is_none() {
        problems
            .error(
                Code::InvalidSelection,
                &text.place,
                format!("`{}` does not name a root field", text.value),
            )
            .hint("write `Query.NAME` or `Mutation.NAME`");
    }
    found
}

fn no_such_field(text: &Text, operation: LocalOperation, name: &str, types: &LocalTypes, problems: &mut Problems<'_>) {
    let names = types.root_fields(operation);
    let nearest = suggest::nearest(name, names.iter().map(String::as_str));
    let hint = nearest.map(|name| format!("did you mean `{}.{name}`?", operation.root()));
    let hint = hint.unwrap_or_else(|| {
        if names.is_empty() {
            "it has none at all".to_owned()
        } else {
            format!("it has: {}", suggest::list(names.iter().map(String::as_str)))
        }
    });
    problems
        .error(
            Code::InvalidSelection,
            &text.place,
            format!("the mounted schema has no `{}`", text.value),
        )
        .hint(hint);
}

// === impl LocalSource ===

impl LocalSource {
    /// The transport of its calls.
    pub(crate) fn transport(&self) -> SourceTransport {
        SourceTransport::Local {
            schema: self.schema.clone(),
        }
    }
}

// === impl LocalOperation ===

impl LocalOperation {
    /// As documents write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }

    /// As connectors write it.
    #[must_use]
    pub fn root(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::Mutation => "Mutation",
        }
    }
}

// === impl LocalArgument ===

impl LocalArgument {
    /// A value as the argument takes it: keys come as text or as a number, by whoever made them.
    #[must_use]
    pub fn fit(&self, value: Value) -> Value {
        match (self.kind, value) {
            (ArgumentKind::Other, value) => value,
            (_, Value::Array(items)) => Value::Array(items.into_iter().map(|item| self.fit(item)).collect()),
            (ArgumentKind::Number, Value::String(text)) => match text.parse() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::String(text),
            },
            (ArgumentKind::Text, Value::Number(number)) => Value::String(number.to_string()),
            (_, value) => value,
        }
    }
}
