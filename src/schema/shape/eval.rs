//! Follows an expression through its steps, and reports the keys that can never be there.

use super::{Found, Kinds, MadeKey, Nothing, Shape, variable};
use crate::{
    mapping::{Block, Expr, Head, Item, Key, Path, Selection, Span, Spec, Step},
    schema::{
        literal::Text,
        members::Members,
        part::{Part, Scope},
        problem::{Code, Problems},
        suggest,
    },
};

/// Finds the shape of one mapping.
pub(crate) struct Evaluator<'e, 'a, 'f> {
    text: &'e Text,
    part: Part,
    scope: &'e Scope<'a>,
    /// Variables that mean something here; the others were reported.
    allowed: &'e [&'static str],
    problems: &'e mut Problems<'f>,
    /// Names that `->as` has bound so far.
    bound: Vec<(String, Shape<'a>)>,
}

/// What `$` and `@` are at some place.
#[derive(Debug, Clone)]
struct Here<'a> {
    root: Shape<'a>,
    at: Shape<'a>,
}

/// The kinds that a method can do something with; the others give nothing, whatever the value.
fn accepted(method: &str) -> Kinds {
    match method {
        "trim" | "trimStart" | "trimEnd" | "split" | "jsonParse" => Kinds::TEXT,
        "parseInt" | "gt" | "gte" | "lt" | "lte" => Kinds::TEXT | Kinds::NUMBER,
        "add" | "sub" | "mul" | "div" | "mod" => Kinds::NUMBER,
        "and" | "or" | "not" => Kinds::BOOL,
        "slice" => Kinds::TEXT | Kinds::ARRAY,
        "size" | "get" => Kinds::TEXT | Kinds::ARRAY | Kinds::OBJECT,
        "contains" => Kinds::ARRAY,
        "entries" | "keysToCamelCase" => Kinds::OBJECT,
        "keysToCamelCaseDeep" => Kinds::OBJECT | Kinds::ARRAY,
        "toString" => Kinds::SCALAR,
        _ => Kinds::ANY,
    }
}

// === impl Evaluator ===

impl<'e, 'a, 'f> Evaluator<'e, 'a, 'f> {
    pub(crate) fn new(
        text: &'e Text,
        part: Part,
        scope: &'e Scope<'a>,
        allowed: &'e [&'static str],
        problems: &'e mut Problems<'f>,
    ) -> Self {
        Self {
            text,
            part,
            scope,
            allowed,
            problems,
            bound: Vec::new(),
        }
    }

    /// What the mapping can be. Its input may be anything.
    pub(crate) fn selection(&mut self, selection: &Selection) -> Shape<'a> {
        let here = Here {
            root: Shape::any(),
            at: Shape::any(),
        };
        match selection {
            Selection::Fields(block) => self.block(block, &here),
            Selection::Value(expr) => self.expr(expr, &here),
        }
    }

    fn expr(&mut self, expr: &Expr, here: &Here<'a>) -> Shape<'a> {
        match expr {
            Expr::Literal(value, _) => Shape::of_kinds(Kinds::of(value)),
            Expr::Array(values, _) => {
                let shapes: Vec<_> = values.iter().map(|value| self.expr(value, here)).collect();
                let element = shapes.into_iter().reduce(Shape::or).unwrap_or_else(Shape::any);
                Shape::list(element)
            }
            Expr::Object(block) => self.block(block, here),
            Expr::Chain(_, sides, _) => {
                let shapes: Vec<_> = sides.iter().map(|side| self.expr(side, here)).collect();
                shapes.into_iter().reduce(Shape::or).unwrap_or_else(Shape::any)
            }
            Expr::Path(path) => self.path(path, here),
        }
    }

    fn block(&mut self, block: &Block, here: &Here<'a>) -> Shape<'a> {
        let mut keys: Vec<MadeKey<'a>> = Vec::new();
        let mut is_open = false;
        for item in &block.items {
            match item {
                Item::Named { name, value } => {
                    let mut shape = self.expr(value, here);
                    let span = value.span();
                    match keys.iter().position(|known| known.name == name.text) {
                        // Two outputs under one name are merged.
                        Some(index) => {
                            shape = keys[index].shape.clone().or(shape);
                            keys[index].shape = Shape::of_kinds(shape.kinds);
                        }
                        None => keys.push(MadeKey {
                            name: name.text.clone(),
                            shape,
                            span,
                        }),
                    }
                }
                Item::Spread { value, .. } => {
                    self.expr(value, here);
                    is_open = true;
                }
            }
        }
        if is_open {
            Shape::some_object()
        } else {
            Shape::made(keys)
        }
    }

    fn path(&mut self, path: &Path, here: &Here<'a>) -> Shape<'a> {
        let bound = self.bound.len();
        let mut shape = match &path.head {
            Head::Root => here.root.clone(),
            Head::At => here.at.clone(),
            Head::Key(key) => self.key(key, &here.root),
            Head::Variable(name) => match self.bound.iter().rev().find(|(bound, _)| *bound == name.text) {
                Some((_, shape)) => shape.clone(),
                None if self.allowed.contains(&name.text.as_str()) => variable::shape(&name.text, self.scope),
                None => Shape::any(),
            },
            Head::Expr(expr) => self.expr(expr, here),
        };
        for step in &path.steps {
            shape = match step {
                Step::Key(key) => self.key(key, &shape),
                Step::Optional(_) => shape.not_null(),
                Step::Select(block) => self.select(block, &shape, here),
                Step::Method { name, args, span } => {
                    self.method(&name.text, args.as_deref().unwrap_or_default(), shape, here, span)
                }
            };
        }
        self.bound.truncate(bound);
        shape
    }

    /// A `{ … }` tail: `$` is the value before it, element by element.
    fn select(&mut self, block: &Block, shape: &Shape<'a>, here: &Here<'a>) -> Shape<'a> {
        let mut element = shape.clone();
        let mut depth = 0;
        while !element.kinds.never_fits(Kinds::ARRAY) && element.kinds != Kinds::ANY && depth < 8 {
            element = element.element();
            depth += 1;
        }
        let made = self.block(
            block,
            &Here {
                root: element,
                at: here.at.clone(),
            },
        );
        // A `{ }` on a scalar without fields is the scalar; on a list it is a list.
        let kinds = if shape.kinds == Kinds::ANY {
            Kinds::ANY
        } else {
            made.kinds | (shape.kinds & (Kinds::ARRAY | Kinds::NULL))
        };
        if kinds.never_fits(Kinds::ARRAY) {
            return Shape { kinds, ..made };
        }
        if kinds.without(Kinds::NULL) == Kinds::ARRAY | Kinds::OBJECT && shape.kinds.never_fits(Kinds::OBJECT) {
            let list = Shape::list(made);
            return if kinds.never_fits(Kinds::NULL) {
                list
            } else {
                list.or_null()
            };
        }
        Shape::of_kinds(kinds)
    }

    /// What is under a key. One that can never be there is reported.
    fn key(&mut self, key: &Key, shape: &Shape<'a>) -> Shape<'a> {
        match shape.key(&key.text) {
            Found::Shape(shape) => shape,
            Found::Nothing(why) => {
                self.report_key(key, &why);
                Shape::any()
            }
        }
    }

    fn report_key(&mut self, key: &Key, why: &Nothing<'_>) {
        let place = self.text.span(&key.span);
        let name = &key.text;
        let (code, message, hint) = match why {
            Nothing::Of(members) => {
                let (code, what) = match members {
                    Members::Arguments(_) => (Code::UndefinedArgument, "argument"),
                    _ => (Code::UndefinedField, "field"),
                };
                let message = format!("{} has no {what} `{name}`", members.describe());
                (code, message, suggest::did_you_mean(name, members.names()))
            }
            Nothing::OfFixed(variable, names) => (
                Code::UndefinedField,
                format!("`{variable}` has no field `{name}`"),
                suggest::did_you_mean(name, names.iter().copied()),
            ),
            Nothing::OfUnion(union) => (
                Code::UnsupportedVariableType,
                format!("`{union}` is a union: which fields it has is not known here"),
                Some("read a field that every object has, such as a key beside the union".to_owned()),
            ),
            Nothing::Made(names) => (
                self.part.code(),
                format!("the object before it is made without a key `{name}`"),
                suggest::did_you_mean(name, names.iter().map(String::as_str)),
            ),
            Nothing::Scalar(kinds) => (
                Code::UndefinedField,
                format!("{} has no field `{name}`", kinds.describe()),
                None,
            ),
        };
        self.problems.error(code, &place, message).maybe_hint(hint);
    }

    fn method(&mut self, name: &str, args: &[Expr], input: Shape<'a>, here: &Here<'a>, span: &Span) -> Shape<'a> {
        self.check_input(name, &input, span);
        let with = |at: Shape<'a>| Here {
            root: here.root.clone(),
            at,
        };
        match name {
            "as" => self.bind(args, input, here),
            "echo" => args.first().map_or_else(Shape::any, |arg| self.expr(arg, &with(input))),
            "map" => {
                let each = with(input.element());
                let element = args.first().map_or_else(Shape::any, |arg| self.expr(arg, &each));
                Shape::list(element.or_null())
            }
            "filter" | "find" => {
                let element = input.element();
                for arg in args {
                    let verdict = self.expr(arg, &with(element.clone()));
                    self.check_verdict(name, &verdict, arg);
                }
                if name == "find" {
                    element.or_null()
                } else {
                    Shape::list(element)
                }
            }
            "match" => self.arms(args, &with(input)),
            _ => {
                let here = with(input.clone());
                for arg in args {
                    self.expr(arg, &here);
                }
                self.result(name, args, input)
            }
        }
    }

    /// What a method without a rule of its own makes of its input.
    fn result(&mut self, name: &str, args: &[Expr], input: Shape<'a>) -> Shape<'a> {
        let checks_results = self.scope.spec >= Spec::V0_3;
        match name {
            "withWarning" | "withError" | "slice" => input,
            "first" | "last" if input.kinds == Kinds::ANY => Shape::any(),
            "first" | "last" => input.element().or_null(),
            "get" => match args.first() {
                Some(Expr::Literal(serde_json::Value::String(key), _)) => match input.key(key) {
                    Found::Shape(shape) => shape.or_null(),
                    Found::Nothing(_) => Shape::any(),
                },
                _ if input.kinds.without(Kinds::NULL) == Kinds::ARRAY => input.element().or_null(),
                _ => Shape::any(),
            },
            "entries" => Shape::list(Shape::any()),
            "split" => Shape::list(Shape::of_kinds(Kinds::TEXT)),
            "size" | "parseInt" | "add" | "sub" | "mul" | "div" | "mod" if checks_results => {
                Shape::of_kinds(Kinds::NUMBER)
            }
            "joinNotNull" | "trim" | "trimStart" | "trimEnd" | "toString" | "jsonStringify" if checks_results => {
                Shape::of_kinds(Kinds::TEXT)
            }
            "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "and" | "or" | "not" | "in" | "contains" if checks_results => {
                Shape::of_kinds(Kinds::BOOL)
            }
            "keysToCamelCase" | "keysToCamelCaseDeep" => Shape::of_kinds(Kinds::OBJECT | Kinds::ARRAY),
            _ => Shape::any(),
        }
    }

    fn bind(&mut self, args: &[Expr], input: Shape<'a>, here: &Here<'a>) -> Shape<'a> {
        let value = match args.get(1) {
            None => input.clone(),
            Some(value) => self.expr(
                value,
                &Here {
                    root: here.root.clone(),
                    at: input.clone(),
                },
            ),
        };
        if let Some(Expr::Path(Path {
            head: Head::Variable(name),
            ..
        })) = args.first()
        {
            self.bound.push((name.text.clone(), value));
        }
        input
    }

    /// `->match`: one of the values.
    fn arms(&mut self, args: &[Expr], here: &Here<'a>) -> Shape<'a> {
        let mut shapes = Vec::new();
        for arm in args {
            match arm {
                Expr::Array(pair, _) => {
                    for (index, expr) in pair.iter().enumerate() {
                        let shape = self.expr(expr, here);
                        if index == 1 {
                            shapes.push(shape);
                        }
                    }
                }
                other => {
                    self.expr(other, here);
                    shapes.push(Shape::any());
                }
            }
        }
        shapes.into_iter().reduce(Shape::or).unwrap_or_else(Shape::any)
    }

    /// A method that can do nothing with any value its input may have.
    fn check_input(&mut self, name: &str, input: &Shape<'_>, span: &Span) {
        let accepted = accepted(name);
        let kinds = input.kinds.without(Kinds::NULL);
        // Method results have shapes since 0.3; before, nobody was told.
        if self.scope.spec < Spec::V0_3 || kinds == Kinds::NONE || !kinds.never_fits(accepted) {
            return;
        }
        let message = format!("`->{name}` needs {}, this is {}", accepted.describe(), kinds.describe());
        let problem = self.problems.error(self.part.code(), &self.text.span(span), message);
        if kinds == Kinds::ARRAY {
            problem.hint("for each element: `->map(@->…)`; for one of them: `->first`");
        }
    }

    fn check_verdict(&mut self, name: &str, verdict: &Shape<'_>, arg: &Expr) {
        if self.scope.spec >= Spec::V0_3 && verdict.kinds.never_serves(Kinds::BOOL) {
            let message = format!(
                "`->{name}` needs something that is true or false, this is {}",
                verdict.kinds.describe()
            );
            self.problems
                .error(self.part.code(), &self.text.span(&arg.span()), message)
                .hint("compare it, e.g. `@.kind->eq('image')`");
        }
    }
}
