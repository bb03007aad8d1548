//! Names in a schema file that do not exist, by the rules of GraphQL: which of those that do was meant, and where the name stands.

use apollo_compiler::{Schema, schema::ExtendedType};

use super::{definitions, files::Files, model::Place, suggest};

/// What the GraphQL library says of a name that does not exist.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    /// ``field `x` does not exist on `Input` ``: a key of an input object, but the place is its value's.
    Key,
    /// ``value `X` does not exist on `Enum` ``
    Value,
    /// ``the argument `x` is not supported by `@directive` ``
    Argument,
    /// ``cannot find type `X` in this document``
    Type,
    /// ``cannot find directive `@x` in this document``
    Directive,
}

/// The names that could have been written, and the one that was.
struct Choice<'s> {
    written: &'s str,
    names: Vec<&'s str>,
    /// Few enough to be listed when none is near.
    is_short: bool,
}

/// What to write instead of a name that does not exist, if `error` is about one.
pub(super) fn hint(error: Option<&str>, message: &str, schema: &Schema) -> Option<String> {
    let unknown = Unknown::of(error)?;
    let choice = unknown.choice(message, schema)?;
    let sign = if matches!(unknown, Unknown::Directive) { "@" } else { "" };
    match suggest::nearest(choice.written, choice.names.iter().copied()) {
        Some(name) => Some(format!("did you mean `{sign}{name}`?")),
        None if choice.is_short => Some(format!("known are {}", suggest::list(choice.names))),
        None => None,
    }
}

/// Where the name stands: before `place`, when that is only what is said of it.
pub(super) fn place(error: Option<&str>, message: &str, place: Place, files: &Files) -> Place {
    let (Some(Unknown::Key), Some(key)) = (Unknown::of(error), quoted(message).next()) else {
        return place;
    };
    let before = files.slice(&Place {
        file: place.file,
        span: 0..place.span.start,
    });
    let start = before
        .trim_end()
        .strip_suffix(':')
        .and_then(|name| name.trim_end().strip_suffix(key))
        .map(str::len);
    match start {
        Some(start) => Place {
            file: place.file,
            span: start..start + key.len(),
        },
        None => place,
    }
}

/// What stands between backticks.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

// === impl Unknown ===

impl Unknown {
    fn of(error: Option<&str>) -> Option<Self> {
        Some(match error? {
            "UndefinedInputValue" => Self::Key,
            "UndefinedEnumValue" => Self::Value,
            "UndefinedArgument" => Self::Argument,
            "UndefinedDefinition" => Self::Type,
            "UndefinedDirective" => Self::Directive,
            _ => return None,
        })
    }

    fn choice<'s>(self, message: &'s str, schema: &'s Schema) -> Option<Choice<'s>> {
        let mut words = quoted(message);
        let (written, owner) = (words.next()?, words.next().unwrap_or_default());
        let names: Vec<&str> = match self {
            Self::Key => {
                let input = schema.get_input_object(owner)?;
                input.fields.keys().map(|name| name.as_str()).collect()
            }
            Self::Value => match schema.types.get(owner)? {
                ExtendedType::Enum(values) => values.values.keys().map(|name| name.as_str()).collect(),
                _ => return None,
            },
            Self::Argument => {
                let directive = schema.directive_definitions.get(owner.strip_prefix('@')?)?;
                directive
                    .arguments
                    .iter()
                    .map(|argument| argument.name.as_str())
                    .collect()
            }
            Self::Type => {
                let names = schema.types.keys().map(|name| name.as_str());
                let is_ours = |name: &&str| !name.starts_with(definitions::PREFIX) && !name.starts_with("__");
                names.filter(is_ours).collect()
            }
            Self::Directive => schema.directive_definitions.keys().map(|name| name.as_str()).collect(),
        };
        Some(Choice {
            written: written.trim_start_matches('@'),
            names,
            is_short: !matches!(self, Self::Type | Self::Directive),
        })
    }
}
