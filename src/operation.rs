//! GraphQL text → a checked [`Operation`], and a request's values → [`Variables`].
//!
//! After [`crate::schema`], before `plan`. Which document a request means: [`documents`]. A text seen before is neither parsed nor validated
//! again ([`store`]).
//! The types of the validating library stop here.

pub mod bounds;
pub mod check;
mod count;
pub mod documents;
pub mod error;
pub mod gates;
pub mod input;
mod introspect;
mod lexical;
pub mod limits;
mod overlap;
mod places;
mod recent;
pub mod store;
pub mod usage;
mod values;
pub mod variables;

use std::sync::Arc;

use apollo_compiler::{ExecutableDocument, Node, ast, executable, validation::Valid};
use serde_json::{Map, Value};

use crate::schema::{Surface, model::TypeId};

pub use error::{Exceeded, RequestError, RequestErrorKind};
pub use gates::{Gate, Verdict};
pub use limits::{LimitMode, Limits};
pub(crate) use recent::Recent;
pub use store::OperationStore;
pub use variables::Variables;

/// One operation of a checked document, in our own terms. Made by [`check::check`] only.
#[derive(Debug)]
pub struct Operation {
    /// Unique among the operations of this process.
    pub id: u64,
    /// Query or mutation.
    pub kind: OperationKind,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its root selections.
    pub selections: Arc<[Selected]>,
    /// Variables that decide `@skip` and `@include`, by index into its variables: a plan is made for each
    /// combination of their values that is asked for.
    pub conditions: Vec<u16>,
    /// What it asks for that not everybody may have.
    pub gates: Vec<Gate>,
    /// What its document exceeds, where limits are only measured.
    pub exceeded: Exceeded,
    variables: Vec<Node<ast::VariableDefinition>>,
    document: Arc<Valid<ExecutableDocument>>,
    definition: Node<executable::Operation>,
}

/// What kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// May run by GET, root fields together.
    Query,
    /// Root fields one after the other.
    Mutation,
}

/// A selection.
#[derive(Debug, Clone)]
pub enum Selected {
    /// A field.
    Field(Arc<FieldNode>),
    /// A fragment, named or inline.
    Group {
        /// Its type condition.
        on: Option<TypeId>,
        /// When it counts.
        conditions: Vec<Condition>,
        /// What is in it.
        selections: Arc<[Selected]>,
    },
}

/// A field as selected.
#[derive(Debug)]
pub struct FieldNode {
    /// Alias or name.
    pub response_key: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its arguments, coerced as far as they are known; those that are absent are left out.
    pub arguments: Vec<(Arc<str>, Argument)>,
    /// When it counts.
    pub conditions: Vec<Condition>,
    /// Selections below it.
    pub selections: Arc<[Selected]>,
    /// Line and column in the document, from 1.
    pub location: (u32, u32),
    /// What it is for objects whose own definition gives its arguments other values than that of the interface it is selected on.
    pub on_objects: Vec<(TypeId, Arc<FieldNode>)>,
}

/// `@skip` or `@include` with a variable; constants are resolved when the document is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Index into [`Operation::conditions`].
    pub variable: u16,
    /// The value with which the selection counts.
    pub counts_if: bool,
}

/// An argument's value, before variables are known.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Known.
    Constant(Value),
    /// A variable's value.
    Variable {
        /// Index of the variable.
        variable: u16,
        /// Used when the variable is not given.
        default: Option<Value>,
        /// Whether null is refused here though the variable allows it.
        non_null: bool,
    },
    /// A list with variables in it.
    List(Vec<Argument>),
    /// An input object with variables in it.
    Object(Vec<(Arc<str>, Argument)>),
}

// === impl FieldNode ===

impl FieldNode {
    /// The field as objects of a type have it.
    #[must_use]
    pub fn on(self: &Arc<Self>, object: TypeId) -> &Arc<Self> {
        let own = self.on_objects.iter().find(|(ty, _)| *ty == object);
        own.map_or(self, |(_, node)| node)
    }
}

// === impl Operation ===

impl Operation {
    /// Answers `__schema` and `__type`, by response key.
    ///
    /// # Errors
    /// Lists within lists beyond what any tool asks for.
    pub fn introspect(&self, surface: &Surface, variables: &Variables) -> Result<Map<String, Value>, RequestError> {
        introspect::answer(surface, &self.document, &self.definition, &self.variables, variables)
    }

    /// `query` or `mutation`.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            OperationKind::Query => "query",
            OperationKind::Mutation => "mutation",
        }
    }
}
