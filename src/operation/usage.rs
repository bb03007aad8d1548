//! What a document uses of a schema: which changes of the schema concern it.

use std::collections::BTreeSet;

use apollo_compiler::{
    ExecutableDocument, Node, Schema,
    ast::{self, DirectiveList, Value},
    executable::{Field, Selection, SelectionSet},
    parser::Parser,
    schema::ExtendedType,
};

use super::{
    RequestError, RequestErrorKind,
    check::{parse, refused},
    values,
};
use crate::schema::compare::{
    PublicSchema, use_of_argument, use_of_condition, use_of_directive, use_of_input, use_of_member, use_of_type,
};

/// Brackets within brackets in a document.
const NESTING_MAX: usize = 500;

/// What the operations of a document use, in the words of [`crate::schema::compare`].
///
/// # Errors
/// The document does not parse, or is not valid in this schema.
pub fn uses(schema: &PublicSchema, text: &str) -> Result<BTreeSet<String>, RequestError> {
    let mut parser = Parser::new().recursion_limit(NESTING_MAX);
    let document = parse(text, &mut parser)?;
    let document = document
        .to_executable_validate(&schema.schema)
        .map_err(|errors| refused(RequestErrorKind::Validation, text, &errors.errors, usize::MAX))?;
    values::check(&schema.schema, &document, text, usize::MAX)?;
    let mut usage = Usage {
        schema: &schema.schema,
        found: BTreeSet::new(),
    };
    usage.document(&document);
    Ok(usage.found)
}

struct Usage<'a> {
    schema: &'a Schema,
    found: BTreeSet<String>,
}

// === impl Usage ===

impl Usage<'_> {
    fn document(&mut self, document: &ExecutableDocument) {
        for operation in document.operations.iter() {
            self.directives(&operation.directives);
            for variable in &operation.variables {
                self.directives(&variable.directives);
                self.found.insert(use_of_type(variable.ty.inner_named_type()));
                self.sent(variable.ty.inner_named_type());
                if let Some(default) = &variable.default_value {
                    self.value(variable.ty.inner_named_type(), default);
                }
            }
            self.set(&operation.selection_set);
        }
        // Each once, wherever it is spread.
        for fragment in document.fragments.values() {
            self.directives(&fragment.directives);
            self.condition(fragment.type_condition());
            self.set(&fragment.selection_set);
        }
    }

    fn condition(&mut self, name: &str) {
        self.found.insert(use_of_condition(name));
        self.found.insert(use_of_type(name));
    }

    fn set(&mut self, set: &SelectionSet) {
        self.found.insert(use_of_type(&set.ty));
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => self.field(&set.ty, field),
                Selection::InlineFragment(fragment) => {
                    if let Some(name) = &fragment.type_condition {
                        self.condition(name);
                    }
                    self.set(&fragment.selection_set);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn field(&mut self, parent: &str, field: &Node<Field>) {
        if !field.name.starts_with("__") {
            self.found.insert(use_of_member(parent, &field.name));
            self.found.insert(use_of_type(field.definition.ty.inner_named_type()));
        }
        for argument in &field.arguments {
            self.found.insert(use_of_argument(parent, &field.name, &argument.name));
            if let Some(definition) = field.definition.argument_by_name(&argument.name) {
                self.value(definition.ty.inner_named_type(), &argument.value);
            }
        }
        self.set(&field.selection_set);
    }

    fn directives(&mut self, directives: &DirectiveList) {
        for directive in directives.iter() {
            self.found.insert(use_of_directive(&directive.name));
            let Some(definition) = self.schema.directive_definitions.get(&directive.name) else {
                continue;
            };
            for argument in &directive.arguments {
                if let Some(definition) = definition.argument_by_name(&argument.name) {
                    self.value(definition.ty.inner_named_type(), &argument.value);
                }
            }
        }
    }

    /// A value in the text.
    fn value(&mut self, ty: &ast::NamedType, value: &Value) {
        match (value, self.schema.types.get(ty)) {
            (Value::List(items), _) => items.iter().for_each(|item| self.value(ty, item)),
            (Value::Enum(name), _) => {
                self.found.insert(use_of_type(ty));
                self.found.insert(use_of_member(ty, name));
            }
            (Value::Object(fields), Some(ExtendedType::InputObject(input))) => {
                self.found.insert(use_of_type(ty));
                self.found.insert(use_of_input(ty));
                for (name, value) in fields {
                    self.found.insert(use_of_member(ty, name));
                    if let Some(field) = input.fields.get(name) {
                        self.value(field.ty.inner_named_type(), value);
                    }
                }
            }
            _ => {}
        }
    }

    /// A value that comes by a variable: it may have all that its type has.
    fn sent(&mut self, ty: &ast::NamedType) {
        match self.schema.types.get(ty) {
            Some(ExtendedType::Enum(definition)) => {
                let values = definition.values.keys().map(|name| use_of_member(ty, name));
                self.found.extend(values);
            }
            Some(ExtendedType::InputObject(input)) => {
                // Input objects may have themselves in them.
                if !self.found.insert(use_of_input(ty)) {
                    return;
                }
                for (name, field) in &input.fields {
                    self.found.insert(use_of_member(ty, name));
                    self.found.insert(use_of_type(field.ty.inner_named_type()));
                    self.sent(field.ty.inner_named_type());
                }
            }
            _ => {}
        }
    }
}
