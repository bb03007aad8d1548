//! Parses a mapping and checks it against the place where it stands: variables, keys, kinds of values.

use super::{
    features::Feature,
    literal::Text,
    members::Members,
    model::{Mapping, Place},
    part::{Owner, Part, Scope},
    problem::{Code, Problem, Problems},
    shape::{Kinds, Shape, eval::Evaluator},
    suggest, visit,
};
use crate::mapping::{self, Head, Item, Key, Path, Reads, Selection, Span};

/// Every variable of the language, for suggestions and to tell the misplaced from the misspelt.
const VARIABLES: &[&str] = &[
    "args", "this", "batch", "config", "context", "request", "env", "status", "response", "error",
];

/// Parses and checks a mapping. `None` when it cannot be parsed; other problems do not stand in the way of more checks.
pub(crate) fn read(text: &Text, part: Part, scope: &mut Scope<'_>, problems: &mut Problems<'_>) -> Option<Mapping> {
    let before = problems.len();
    let selection = match mapping::parse_with_misuses(&text.value, scope.spec) {
        Ok((selection, misuses)) => {
            for misuse in misuses {
                problems.error(part.code(), &text.span(&misuse.span), misuse.message);
            }
            selection
        }
        Err(error) => {
            problems.error(part.code(), &text.span(&error.span), error.message);
            return None;
        }
    };
    let shape = check(&selection, text, part, scope, problems);
    // What is wrong with a part is not said of the whole again.
    if problems.len() == before {
        check_shape(&selection, &shape, text, part, problems);
    }
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
        if read.variable() == Some("batch") && read.path.len() > 1 {
            let path: Vec<&str> = read.path.iter().map(|key| key.text.as_str()).collect();
            scope.nested_batch_reads.push((path.join("."), text.span(&read.span)));
        }
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

/// Checks every path and method of a mapping. Returns what it makes.
fn check<'a>(
    selection: &Selection,
    text: &Text,
    part: Part,
    scope: &Scope<'a>,
    problems: &mut Problems<'_>,
) -> Shape<'a> {
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
            checker.variable(name, problems);
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
    Evaluator::new(text, part, scope, &allowed, problems).selection(selection)
}

/// Compares what a mapping can be with what its place accepts.
fn check_shape(selection: &Selection, shape: &Shape<'_>, text: &Text, part: Part, problems: &mut Problems<'_>) {
    let accepted = part.accepts();
    let whole = match selection {
        Selection::Value(expr) => expr.span(),
        Selection::Fields(block) => block.span.clone(),
    };
    if shape.kinds.never_serves(accepted) {
        let problem = misfit(part.name(), &whole, shape, accepted, text, part, problems);
        // A lone key makes an object with that key.
        if let Selection::Fields(block) = selection
            && let [Item::Named { name, .. }] = &*block.items
            && part.has_input()
        {
            problem.hint(format!(
                "`{0}` makes {{ {0}: … }}; for the value alone write `$.{0}`",
                name.text
            ));
        }
        return;
    }
    let is_only = |kind| shape.kinds.without(Kinds::NULL) == kind;
    match part {
        Part::Path if is_only(Kinds::ARRAY) => {
            let element = shape.element();
            if element.kinds.never_serves(Kinds::SCALAR) {
                misfit(
                    "a segment of `path`",
                    &whole,
                    &element,
                    Kinds::SCALAR,
                    text,
                    part,
                    problems,
                );
            }
        }
        Part::Query => {
            for key in shape.made_keys() {
                let what = format!("parameter `{}`", key.name);
                // A list repeats the name.
                if key.shape.kinds.never_serves(Kinds::SCALAR | Kinds::ARRAY) {
                    misfit(
                        &what,
                        &key.span,
                        &key.shape,
                        Kinds::SCALAR | Kinds::ARRAY,
                        text,
                        part,
                        problems,
                    );
                } else if key.shape.element().kinds.never_serves(Kinds::SCALAR) {
                    misfit(
                        &what,
                        &key.span,
                        &key.shape.element(),
                        Kinds::SCALAR,
                        text,
                        part,
                        problems,
                    );
                }
            }
        }
        _ => {}
    }
}

fn misfit<'p>(
    what: &str,
    span: &Span,
    shape: &Shape<'_>,
    accepted: Kinds,
    text: &Text,
    part: Part,
    problems: &'p mut Problems<'_>,
) -> &'p mut Problem {
    let kinds = shape.kinds.without(Kinds::NULL);
    let kinds = if kinds == Kinds::NONE { shape.kinds } else { kinds };
    let message = format!("{what} must be {}, this is {}", accepted.describe(), kinds.describe());
    let problem = problems.error(part.code(), &text.span(span), message);
    if accepted == Kinds::SCALAR && kinds == Kinds::ARRAY {
        problem.hint("take one value of it, `->first`, or join it: `->joinNotNull(',')`");
    } else if accepted == Kinds::SCALAR && kinds == Kinds::OBJECT {
        problem.hint("choose a key of it, or send it as text: `->jsonStringify`");
    }
    problem
}

/// What a mapping makes. What is wrong with it was told when it was read.
pub(crate) fn shape_of<'a>(
    selection: &Selection,
    text: &Text,
    part: Part,
    scope: &Scope<'a>,
    problems: &Problems<'_>,
) -> Shape<'a> {
    let mut told = Problems::new(problems.files());
    let allowed = scope.variables(part);
    Evaluator::new(text, part, scope, &allowed, &mut told).selection(selection)
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
            _ if self.allowed.contains(&key) => Some(format!("did you mean `${key}`?")),
            _ => Some("start with a variable, e.g. `$args`".to_owned()),
        }
    }

    fn variable(&self, name: &Key, problems: &mut Problems<'_>) {
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
        }
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
}
