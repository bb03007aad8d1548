//! Parses a mapping and checks it against the place where it stands: variables, keys, kinds of values.

use apollo_compiler::schema::ExtendedType;

use super::{
    features::Feature,
    literal::Text,
    members::Members,
    model::{Mapping, Place},
    part::{Owner, Part, Scope},
    problem::{Code, Problems},
    shape::{self, Kinds},
    suggest, visit,
};
use crate::mapping::{self, Expr, Head, Item, Key, Path, Reads, Selection, Step};

/// Every variable of the language, for suggestions and to tell the misplaced from the misspelt.
const VARIABLES: &[&str] = &[
    "args", "this", "batch", "config", "context", "request", "env", "status", "response", "error",
];

/// Parses and checks a mapping. `None` when it cannot be parsed; other problems do not stand in the way of more checks.
pub(crate) fn read(text: &Text, part: Part, scope: &mut Scope<'_>, problems: &mut Problems<'_>) -> Option<Mapping> {
    let selection = match mapping::parse(&text.value, scope.spec) {
        Ok(selection) => selection,
        Err(error) => {
            problems.error(part.code(), &text.span(&error.span), error.message);
            return None;
        }
    };
    check(&selection, text, part, scope, problems);
    collect_keys(&mapping::reads(&selection), text, part, scope, problems);
    Some(Mapping {
        selection: selection.into(),
        spec: scope.spec,
        place: text.place.clone(),
    })
}

/// Notes which keys of `$this` and `$batch` are read. All of an object at once is no key.
fn collect_keys(reads: &Reads, text: &Text, part: Part, scope: &mut Scope<'_>, problems: &mut Problems<'_>) {
    for read in &reads.0 {
        let (name, keys) = match read.variable() {
            Some("this") => ("this", &mut scope.this_reads),
            Some("batch") => ("batch", &mut scope.batch_reads),
            _ => continue,
        };
        let tree = read.tree();
        if tree.is_whole() {
            problems
                .error(
                    part.code(),
                    &text.span(&read.span),
                    format!("`${name}` is read as a whole"),
                )
                .hint(format!("name the fields that are needed, e.g. `${name}.id`"));
        } else if keys.is_whole() {
            *keys = tree;
        } else {
            *keys = std::mem::take(keys).union(tree);
        }
    }
}

fn check(selection: &Selection, text: &Text, part: Part, scope: &Scope<'_>, problems: &mut Problems<'_>) {
    let before = problems.len();
    let bound = visit::bound_names(selection);
    let allowed = scope.variables(part);
    visit::paths(selection, &mut |path, around| match &path.head {
        Head::Variable(name) if bound.contains(&name.text) => {}
        Head::Variable(name) => {
            let checker = Checker {
                text,
                part,
                scope,
                allowed: &allowed,
            };
            checker.variable(name, path, problems);
        }
        Head::Root | Head::Key(_) if !around.is_rebound => {
            Checker {
                text,
                part,
                scope,
                allowed: &allowed,
            }
            .input(path, problems);
        }
        Head::At if !around.is_rebound && !around.is_argument => {
            Checker {
                text,
                part,
                scope,
                allowed: &allowed,
            }
            .input(path, problems);
        }
        _ => {}
    });
    if problems.len() == before {
        check_kind(selection, text, part, scope, problems);
    }
}

/// Compares what a mapping can be with what its place accepts.
fn check_kind(selection: &Selection, text: &Text, part: Part, scope: &Scope<'_>, problems: &mut Problems<'_>) {
    let checker = Checker {
        text,
        part,
        scope,
        allowed: &[],
    };
    let kinds = shape::of_selection(selection, &|path| checker.kinds(path));
    let accepted = part.accepts();
    if !kinds.never_fits(accepted) {
        return;
    }
    let variable = match selection {
        Selection::Value(Expr::Path(Path {
            head: Head::Variable(name),
            ..
        })) => Some(name),
        _ => None,
    };
    let message = format!(
        "{} must be {}, this is {}",
        part.name(),
        accepted.describe(),
        kinds.describe()
    );
    match variable {
        Some(_) if accepted == Kinds::SCALAR => problems
            .error(
                Code::UnsupportedVariableType,
                &text.place(&(0..text.value.len())),
                message,
            )
            .hint("take one value of it, or join it: `->joinNotNull(\",\")`"),
        _ => problems.error(part.code(), &text.place(&(0..text.value.len())), message),
    };
}

/// Checks the paths of one mapping.
struct Checker<'c> {
    text: &'c Text,
    part: Part,
    scope: &'c Scope<'c>,
    allowed: &'c [&'static str],
}

// === impl Checker ===

impl Checker<'_> {
    fn place(&self, key: &Key) -> Place {
        self.text.span(&key.span)
    }

    /// A path that starts in the input.
    fn input(&self, path: &Path, problems: &mut Problems<'_>) {
        let place = self.text.span(&path.span);
        let written = &self.text.value[path.span.start as usize..path.span.end as usize];
        if !self.part.has_input() {
            let problem = problems.error(
                self.part.code(),
                &place,
                match self.part {
                    Part::Fallback(_) => {
                        format!("`{written}` reads from an answer; where a fallback runs there is none")
                    }
                    part => format!(
                        "`{written}` reads from an answer, but {} is made before there is one",
                        part.name()
                    ),
                },
            );
            if let Head::Key(key) = &path.head {
                problem.maybe_hint(self.qualified(&key.text));
            }
        } else if self.scope.is_requestless {
            problems
                .error(
                    Code::RequestlessSelectionUsesRequestData,
                    &place,
                    format!("`{written}` reads from an answer, but a connector without a request has none"),
                )
                .hint("use `$args`, `$this`, `$config` or a literal, or add `http:`");
        }
    }

    /// `$args.x` for someone who wrote `x`.
    fn qualified(&self, key: &str) -> Option<String> {
        let has = |members: Members<'_>| members.find(key).is_some();
        match self.scope.owner {
            Owner::Field { field, .. } if has(Members::Arguments(field)) => {
                Some(format!("did you mean `$args.{key}`?"))
            }
            Owner::Field {
                parent, is_root: false, ..
            }
            | Owner::Type(parent)
                if has(Members::of(self.scope.schema, parent)) =>
            {
                Some(format!("did you mean `$this.{key}`?"))
            }
            _ => Some("start with a variable, e.g. `$args`".to_owned()),
        }
    }

    fn variable(&self, name: &Key, path: &Path, problems: &mut Problems<'_>) {
        // With its `$`.
        let place = self.text.span(&(name.span.start.saturating_sub(1)..name.span.end));
        if !VARIABLES.contains(&name.text.as_str()) {
            problems
                .error(
                    self.part.code(),
                    &place,
                    format!("there is no variable `${}`", name.text),
                )
                .maybe_hint(
                    suggest::nearest(&name.text, self.allowed.iter().copied())
                        .map(|name| format!("did you mean `${name}`?")),
                );
            return;
        }
        if name.text == "context" && !Feature::Context.require(&place, problems) {
            return;
        }
        if !self.allowed.contains(&name.text.as_str()) {
            self.misplaced(name, &place, problems);
            return;
        }
        let members = match (name.text.as_str(), self.scope.owner) {
            ("args", Owner::Field { field, .. }) => Members::Arguments(field),
            ("this" | "batch", Owner::Field { parent, .. } | Owner::Type(parent)) => {
                Members::of(self.scope.schema, parent)
            }
            ("request", _) => Members::Names("$request", &["headers"]),
            ("response", _) if self.scope.is_grpc => {
                Members::Names("$response", &["headers", "trailers", "message", "details"])
            }
            ("response", _) => Members::Names("$response", &["headers"]),
            ("status", _) => Members::None("`$status`"),
            ("error", _) => Members::Names("$error", &["kind", "status", "message"]),
            _ => Members::Any,
        };
        self.steps(&path.steps, members, problems);
    }

    /// A variable that exists, but not here.
    fn misplaced(&self, name: &Key, place: &Place, problems: &mut Problems<'_>) {
        let why = match (name.text.as_str(), self.scope.owner) {
            ("status" | "response", _) if self.scope.is_requestless && self.part.has_input() => {
                problems
                    .error(
                        Code::RequestlessSelectionUsesRequestData,
                        place,
                        format!(
                            "`${}` belongs to an answer, but a connector without a request has none",
                            name.text
                        ),
                    )
                    .hint("add `http:`, or leave it out");
                return;
            }
            ("status" | "response", _) if self.part == Part::GroupBy => "`groupBy` reads the items only",
            ("status" | "response", _) if matches!(self.part, Part::Fallback(_)) => {
                "there is no answer; `$error.status` is its status"
            }
            ("error", _) => "only fallbacks run when there is one",
            ("status" | "response", _) => "there is no answer yet when the request is made",
            ("this", Owner::Field { is_root: true, .. }) => "a root field has no parent object",
            ("args", Owner::Type(_)) => "a type has no arguments",
            ("batch", Owner::Field { .. }) => "on a field it needs `batch: { groupBy: … }`",
            (_, Owner::Source) if self.part != Part::BaseUrl => "a source serves many fields",
            (_, _) if self.part == Part::BaseUrl => "only `$config` and `$env` are known before any request",
            _ => "it has no meaning at this place",
        };
        problems
            .error(
                self.part.code(),
                place,
                format!("`${}` cannot be used in {}: {why}", name.text, self.part.name()),
            )
            .hint(format!(
                "variables here: {}",
                self.allowed
                    .iter()
                    .filter(|name| **name != "context" || Feature::Context.is_supported())
                    .map(|name| format!("`${name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
    }

    /// Follows keys from a variable as long as they are plain.
    fn steps<'m>(&'m self, steps: &[Step], mut members: Members<'m>, problems: &mut Problems<'_>) {
        for step in steps {
            match step {
                Step::Key(key) => match self.key(key, &members, problems) {
                    Some(inner) => members = inner,
                    None => return,
                },
                Step::Optional(_) => {}
                Step::Method { .. } => return,
                Step::Select(block) => {
                    for item in &block.items {
                        let (Item::Named { value, .. } | Item::Spread { value, .. }) = item;
                        if let Expr::Path(Path {
                            head: Head::Key(key),
                            steps,
                            ..
                        }) = value
                            && let Some(inner) = self.key(key, &members, problems)
                        {
                            self.steps(steps, inner, problems);
                        }
                    }
                    return;
                }
            }
        }
    }

    fn key<'m>(&'m self, key: &Key, members: &Members<'m>, problems: &mut Problems<'_>) -> Option<Members<'m>> {
        let schema = self.scope.schema;
        match members.find(&key.text) {
            Some(ty) => Some(ty.map_or(Members::Any, |ty| Members::of(schema, ty))),
            None => {
                let is_argument = matches!(members, Members::Arguments(_));
                let code = if is_argument {
                    Code::UndefinedArgument
                } else {
                    Code::UndefinedField
                };
                problems
                    .error(
                        code,
                        &self.place(key),
                        format!(
                            "{} has no {} `{}`",
                            members.describe(),
                            if is_argument { "argument" } else { "field" },
                            key.text
                        ),
                    )
                    .maybe_hint(suggest::did_you_mean(&key.text, members.names()));
                None
            }
        }
    }

    /// What kinds of values a variable with keys behind it can have.
    fn kinds(&self, path: &Path) -> Kinds {
        let Head::Variable(name) = &path.head else {
            return Kinds::ANY;
        };
        let keys: Option<Vec<&Key>> = path
            .steps
            .iter()
            .filter(|step| !matches!(step, Step::Optional(_)))
            .map(|step| if let Step::Key(key) = step { Some(key) } else { None })
            .collect();
        let Some(keys) = keys else { return Kinds::ANY };
        match (name.text.as_str(), self.scope.owner) {
            ("status", _) => Kinds::NUMBER,
            ("request" | "response", _) => match keys.as_slice() {
                [] => Kinds::OBJECT,
                [first] if first.text == "headers" => Kinds::OBJECT,
                // One header: the list of its values.
                [first, _] if first.text == "headers" => Kinds::ARRAY | Kinds::NULL,
                _ => Kinds::ANY,
            },
            ("batch", _) => Kinds::ARRAY,
            ("args", Owner::Field { field, .. }) => self.typed_kinds(Members::Arguments(field), &keys),
            ("this", Owner::Field { parent, .. } | Owner::Type(parent)) => {
                self.typed_kinds(Members::of(self.scope.schema, parent), &keys)
            }
            _ => Kinds::ANY,
        }
    }

    /// Follows keys through types; lists on the way make a list.
    fn typed_kinds<'m>(&'m self, mut members: Members<'m>, keys: &[&Key]) -> Kinds {
        let mut kinds = Kinds::OBJECT;
        let mut is_list = false;
        for key in keys {
            let Some(ty) = members.find_type(&key.text) else {
                return Kinds::ANY;
            };
            is_list |= ty.is_list();
            let named = ty.inner_named_type();
            kinds = match self.scope.schema.types.get(named) {
                Some(ExtendedType::Enum(_)) => Kinds::TEXT | Kinds::NULL,
                Some(ExtendedType::Scalar(_)) | None => match named.as_str() {
                    "Int" | "Float" => Kinds::NUMBER | Kinds::NULL,
                    "String" => Kinds::TEXT | Kinds::NULL,
                    "ID" => Kinds::TEXT | Kinds::NUMBER | Kinds::NULL,
                    "Boolean" => Kinds::BOOL | Kinds::NULL,
                    _ => Kinds::ANY,
                },
                Some(_) => Kinds::OBJECT,
            };
            members = Members::of(self.scope.schema, named);
        }
        if is_list { Kinds::ARRAY } else { kinds }
    }
}
