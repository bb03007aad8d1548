//! Parses and validates a document and takes one operation out of it, in our own terms.
//!
//! With `check/empty`, the one place that knows which library validates.

mod empty;

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use apollo_compiler::{
    ExecutableDocument, Name, Node,
    ast::{self, DirectiveList},
    diagnostic::ToCliReport as _,
    executable::{self, Selection, SelectionSet},
    parser::{Parser, SourceSpan},
    validation::{DiagnosticList, Valid},
};

use super::{
    Argument, Condition, FieldNode, Limits, Operation, OperationKind, RequestError, RequestErrorKind, Selected, bounds,
    count,
    error::{Exceeded, LimitKind, RequestErrorDetail},
    gates,
    input::{self, Declared},
    lexical, overlap,
    places::Places,
    values,
};
use crate::schema::{Surface, model::TypeId, pairs, readable};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// What the library calls a document.
const FILE: &str = "operation.graphql";

/// Selections beside each other in what people write.
const SELECTIONS_USUAL: usize = 64;

/// Checks a document and takes the operation called `name` out of it; without a name, its only one.
///
/// # Errors
/// Everything that is wrong with the document, up to the number of errors that are told.
pub fn check(surface: &Surface, text: &str, name: Option<&str>, limits: &Limits) -> Result<Operation, RequestError> {
    lexical::check(text, limits)?;
    let mut parser = Parser::new().recursion_limit(limits.nesting).token_limit(limits.tokens);
    let document = parse(text, &mut parser).map_err(|error| match parser.tokens_reached() >= limits.tokens {
        true => lexical::too_many_tokens(limits),
        false => error,
    })?;
    let exceeded = count::check_document(&document, limits)?;
    overlap::check_document(surface, &document)?;
    let exceeded = exceeded.and(count::check_roots(&document, limits)?);
    count::check_names(&document)?;
    let validated = document.to_executable_validate(&surface.schema).map_err(|errors| {
        if !limits.introspection && count::introspects(&document) {
            return RequestError::introspection_disabled();
        }
        let told = refused(RequestErrorKind::Validation, text, &errors.errors, limits.errors_told());
        empty::without_echoes(told, &document)
    })?;
    values::check(&surface.schema, &validated, text, limits.errors_told())?;
    // A third of what a document takes: not needed while our own form of it is made.
    drop(document);
    let definition = choose(&validated, name)?.clone();
    build(surface, (text, validated), definition, limits, exceeded)
}

/// Parses a document. Of one that the parser does not take a form is read that means the same and has everything in its place.
///
/// # Errors
/// It is no GraphQL: the first thing that is wrong, what comes after it follows from it.
pub(super) fn parse(text: &str, parser: &mut Parser) -> Result<ast::Document, RequestError> {
    let parsed = match parser.parse_ast(text, FILE) {
        Ok(document) => Ok(document),
        Err(broken) => match lexical::plain(text) {
            Cow::Borrowed(_) => Err(broken),
            Cow::Owned(plain) => {
                // What was read of it is as large as what will be.
                drop(broken);
                parser.parse_ast(plain, FILE)
            }
        },
    };
    let document = parsed.map_err(|broken| refused(RequestErrorKind::Syntax, text, &broken.errors, 1))?;
    match pairs::missing(text, pairs::Text::Operations) {
        None => Ok(document),
        Some(at) => {
            let place = Places::of(text).at(at);
            let message = "syntax error: expected a colon and a value behind a name";
            Err(RequestError::at(RequestErrorKind::Syntax, message, Some(place)))
        }
    }
}

fn choose<'a>(
    document: &'a Valid<ExecutableDocument>,
    name: Option<&str>,
) -> Result<&'a Node<executable::Operation>, RequestError> {
    let name = name.filter(|name| !name.is_empty());
    document.operations.get(name).map_err(|_| {
        let message = match name {
            Some(name) => format!("Unknown operation named {name:?}."),
            None if document.operations.is_empty() => "The document has no operation.".to_owned(),
            None => "Must provide operation name if query contains multiple operations.".to_owned(),
        };
        RequestError::new(RequestErrorKind::OperationChoice, message)
    })
}

/// A message with the schema for what the library calls the document: it is there that a type or directive has to be, of which it says no more than the client has.
fn of_schema(message: String) -> String {
    let missing = message
        .strip_prefix("cannot find ")
        .and_then(|rest| rest.strip_suffix(" in this document"))
        .filter(|missing| missing.starts_with("type ") || missing.starts_with("directive "));
    match missing {
        Some(missing) => format!("the schema has no {missing}"),
        None => message,
    }
}

pub(super) fn refused(kind: RequestErrorKind, text: &str, errors: &DiagnosticList, errors_max: usize) -> RequestError {
    let places = Places::of(text);
    let details = errors.iter().take(errors_max).map(|diagnostic| RequestErrorDetail {
        message: of_schema(readable(diagnostic.error.to_string())),
        location: diagnostic.error.location().map(|span| places.at(span.offset())),
    });
    RequestError {
        kind,
        errors: details.collect(),
    }
}

/// Lines and columns of a document that was checked. Its text is walked when the first is asked for.
pub(super) struct Located<'d> {
    document: &'d ExecutableDocument,
    places: OnceCell<Places<'d>>,
}

struct Builder<'a> {
    surface: &'a Surface,
    document: &'a ExecutableDocument,
    places: Places<'a>,
    operation: &'a executable::Operation,
    limits: &'a Limits,
    exceeded: Exceeded,
    conditions: Vec<u16>,
    fragments: HashMap<Name, Arc<[Selected]>>,
    /// Names of fields and response keys: the same one is held once.
    names: HashMap<Name, Arc<str>>,
}

fn build(
    surface: &Surface,
    (text, document): (&str, Valid<ExecutableDocument>),
    definition: Node<executable::Operation>,
    limits: &Limits,
    exceeded: Exceeded,
) -> Result<Operation, RequestError> {
    let kind = match definition.operation_type {
        ast::OperationType::Query => OperationKind::Query,
        ast::OperationType::Mutation => OperationKind::Mutation,
        ast::OperationType::Subscription => {
            return Err(RequestError::new(
                RequestErrorKind::Validation,
                "Subscriptions are not served here.",
            ));
        }
    };
    let mut builder = Builder {
        surface,
        document: &document,
        places: Places::of(text),
        operation: &definition,
        limits,
        exceeded,
        conditions: Vec::new(),
        fragments: HashMap::new(),
        names: HashMap::new(),
    };
    builder.defaults()?;
    let selections = builder.selections(&definition.selection_set)?;
    let Builder {
        conditions, exceeded, ..
    } = builder;
    if conditions.len() > 64 {
        return Err(RequestError::new(
            RequestErrorKind::Limit(LimitKind::Directives),
            "More than 64 variables decide @skip and @include.",
        ));
    }
    let root = match kind {
        OperationKind::Query => surface.query,
        OperationKind::Mutation => surface.mutation.unwrap_or(surface.query),
    };
    Ok(Operation {
        gates: gates::of(surface, root, &selections),
        id: NEXT_ID.fetch_add(1, Relaxed),
        kind,
        name: definition.name.as_ref().map(|name| Arc::from(name.as_str())),
        selections,
        conditions,
        exceeded,
        variables: definition.variables.clone(),
        document: Arc::new(document),
        definition,
    })
}

// === impl Located ===

impl<'d> Located<'d> {
    pub(super) fn new(document: &'d ExecutableDocument) -> Self {
        Self {
            document,
            places: OnceCell::new(),
        }
    }

    /// Line and column, from 1.
    pub(super) fn at(&self, span: Option<SourceSpan>) -> Option<(u32, u32)> {
        let span = span?;
        let source = self.document.sources.get(&span.file_id())?;
        let places = self.places.get_or_init(|| Places::of(source.source_text()));
        Some(places.at(span.offset()))
    }
}

// === impl Builder ===

impl Builder<'_> {
    /// Checks the default values of variables: they are used as often as the request likes.
    fn defaults(&mut self) -> Result<(), RequestError> {
        for definition in &self.operation.variables {
            let Some(default) = &definition.default_value else {
                continue;
            };
            let what = format!("variable ${}", definition.name);
            let place = self.place(definition.location());
            let value = input::constant(&self.surface.schema, &definition.ty, default)
                .map_err(|message| RequestError::at(RequestErrorKind::BadInput, format!("{what}: {message}"), place))?;
            if let Err(excess) = bounds::check_value(&value, self.limits) {
                self.exceeded = self.exceeded.and(self.limits.over(excess.of(&what, place))?);
            }
        }
        Ok(())
    }

    fn selections(&mut self, set: &SelectionSet) -> Result<Arc<[Selected]>, RequestError> {
        let selections = &set.selections[..];
        if selections.is_empty() {
            return Ok(Arc::default());
        }
        let mut out = Vec::with_capacity(selections.len().min(SELECTIONS_USUAL));
        let mut plain = HashSet::new();
        for selection in selections {
            // Where there are too many, somebody repeats them: a name alone, said twice, says no more.
            if selections.len() > SELECTIONS_USUAL
                && let Some(name) = plain_name(selection)
                && !plain.insert(name)
            {
                continue;
            }
            let Some(conditions) = self.conditions(selection.directives()) else {
                continue;
            };
            match selection {
                Selection::Field(field) => out.push(Selected::Field(Arc::new(self.field(&set.ty, field, conditions)?))),
                Selection::InlineFragment(fragment) => out.push(Selected::Group {
                    on: fragment
                        .type_condition
                        .as_ref()
                        .and_then(|name| self.surface.type_ids.get(name.as_str()).copied()),
                    conditions,
                    selections: self.selections(&fragment.selection_set)?,
                }),
                Selection::FragmentSpread(spread) => out.push(self.spread(&spread.fragment_name, conditions)?),
            }
        }
        Ok(out.into())
    }

    /// A named fragment is built once, however often it is spread.
    fn spread(&mut self, name: &Name, conditions: Vec<Condition>) -> Result<Selected, RequestError> {
        let fragment = self.document.fragments.get(name).ok_or_else(|| {
            RequestError::new(RequestErrorKind::Validation, format!("fragment {name} is not defined"))
        })?;
        let selections = match self.fragments.get(name) {
            Some(known) => known.clone(),
            None => {
                let built = self.selections(&fragment.selection_set)?;
                self.fragments.insert(name.clone(), built.clone());
                built
            }
        };
        Ok(Selected::Group {
            on: self.surface.type_ids.get(fragment.type_condition().as_str()).copied(),
            conditions,
            selections,
        })
    }

    fn field(
        &mut self,
        parent: &Name,
        field: &Node<executable::Field>,
        conditions: Vec<Condition>,
    ) -> Result<FieldNode, RequestError> {
        let location = self.place(field.location()).unwrap_or((1, 1));
        let arguments = self.arguments(&field.definition.arguments, field, location)?;
        for (name, argument) in &arguments {
            if let Err(excess) = bounds::check_argument(argument, self.limits) {
                let what = format!("Field {:?}: argument {name:?}", field.name.as_str());
                self.exceeded = self.exceeded.and(self.limits.over(excess.of(&what, Some(location)))?);
            }
        }
        let mut node = FieldNode {
            response_key: self.name(field.response_key()),
            name: self.name(&field.name),
            arguments,
            conditions,
            selections: self.selections(&field.selection_set)?,
            location,
            on_objects: Vec::new(),
        };
        node.on_objects = self.on_objects(parent, field, &node)?;
        Ok(node)
    }

    /// The field for objects that define its arguments otherwise than the interface that it is selected on.
    ///
    /// <https://spec.graphql.org/September2025/#CoerceArgumentValues()>
    fn on_objects(
        &self,
        parent: &Name,
        field: &executable::Field,
        node: &FieldNode,
    ) -> Result<Vec<(TypeId, Arc<FieldNode>)>, RequestError> {
        let schema = &self.surface.schema;
        let Some(id) = self
            .surface
            .type_ids
            .get(parent.as_str())
            .filter(|_| schema.get_interface(parent).is_some())
        else {
            return Ok(Vec::new());
        };
        let mut on_objects = Vec::new();
        for object in &self.surface.types[id.0 as usize].possible {
            let definition = schema.get_object(&self.surface.types[object.0 as usize].name);
            let Some(definition) = definition.and_then(|object| object.fields.get(&field.name)) else {
                continue;
            };
            if are_alike(&definition.arguments, &field.definition.arguments) {
                continue;
            }
            let own = FieldNode {
                response_key: node.response_key.clone(),
                name: node.name.clone(),
                arguments: self.arguments(&definition.arguments, field, node.location)?,
                conditions: node.conditions.clone(),
                selections: node.selections.clone(),
                location: node.location,
                on_objects: Vec::new(),
            };
            on_objects.push((*object, Arc::new(own)));
        }
        Ok(on_objects)
    }

    /// The arguments of a field by a definition of them.
    fn arguments(
        &self,
        definitions: &[Node<ast::InputValueDefinition>],
        field: &executable::Field,
        location: (u32, u32),
    ) -> Result<Vec<(Arc<str>, Argument)>, RequestError> {
        let variables = &self.operation.variables;
        let index = |name: &str| {
            let index = variables.iter().position(|variable| variable.name == name)?;
            Some(Declared {
                index: index as u16,
                is_never_null: values::is_never_null(&variables[index]),
            })
        };
        input::coerce_arguments(&self.surface.schema, definitions, &field.arguments, &index).map_err(|message| {
            let message = format!("Field {:?}: {message}.", field.name.as_str());
            RequestError::at(RequestErrorKind::BadInput, message, Some(location))
        })
    }

    fn place(&self, span: Option<SourceSpan>) -> Option<(u32, u32)> {
        Some(self.places.at(span?.offset()))
    }

    fn name(&mut self, name: &Name) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let held: Arc<str> = Arc::from(name.as_str());
        self.names.insert(name.clone(), held.clone());
        held
    }

    /// The conditions that depend on variables; `None` when a constant one leaves the selection out.
    fn conditions(&mut self, directives: &DirectiveList) -> Option<Vec<Condition>> {
        let mut conditions = Vec::new();
        for (directive, counts_if) in [("skip", false), ("include", true)] {
            let Some(directive) = directives.get(directive) else {
                continue;
            };
            match directive.specified_argument_by_name("if").map(|value| &**value) {
                Some(ast::Value::Boolean(value)) if *value != counts_if => return None,
                Some(ast::Value::Variable(name)) => {
                    let index = self
                        .operation
                        .variables
                        .iter()
                        .position(|variable| variable.name == *name)? as u16;
                    let variable = self
                        .conditions
                        .iter()
                        .position(|known| *known == index)
                        .unwrap_or_else(|| {
                            self.conditions.push(index);
                            self.conditions.len() - 1
                        });
                    conditions.push(Condition {
                        variable: variable as u16,
                        counts_if,
                    });
                }
                _ => {}
            }
        }
        Some(conditions)
    }
}

/// Whether two definitions of arguments give the same values.
fn are_alike(one: &[Node<ast::InputValueDefinition>], other: &[Node<ast::InputValueDefinition>]) -> bool {
    let is_same = |(one, other): (&Node<ast::InputValueDefinition>, &Node<ast::InputValueDefinition>)| {
        one.name == other.name && one.default_value == other.default_value
    };
    one.len() == other.len() && one.iter().zip(other).all(is_same)
}

/// The name of a field of which nothing else is said.
fn plain_name(selection: &Selection) -> Option<&Name> {
    let Selection::Field(field) = selection else {
        return None;
    };
    let is_plain = field.alias.is_none()
        && field.arguments.is_empty()
        && field.directives.is_empty()
        && field.selection_set.selections.is_empty();
    is_plain.then_some(&field.name)
}
