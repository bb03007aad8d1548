//! What is wrong with input objects and default values, and the library does not say.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{InputValueDefinition, Value},
    schema::ExtendedType,
};

use super::{
    files::Files,
    problem::{Code, Problems},
};

/// Checks all default values, and what is deprecated of what must be given.
pub(crate) fn check(schema: &Schema, problems: &mut Problems<'_>) {
    let mut inputs: Vec<(String, &Node<InputValueDefinition>)> = Vec::new();
    for (name, ty) in schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        let fields = match ty {
            ExtendedType::InputObject(object) => {
                inputs.extend(
                    object
                        .fields
                        .values()
                        .map(|field| (format!("{name}.{}", field.name), &field.node)),
                );
                continue;
            }
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            _ => continue,
        };
        for field in fields.values() {
            let arguments = field.arguments.iter();
            inputs.extend(arguments.map(|argument| (format!("{name}.{}({}:)", field.name, argument.name), argument)));
        }
    }
    for directive in schema
        .directive_definitions
        .values()
        .filter(|directive| !directive.is_built_in())
    {
        let arguments = directive.arguments.iter();
        inputs.extend(arguments.map(|argument| (format!("@{}({}:)", directive.name, argument.name), argument)));
    }
    for (coordinate, input) in inputs {
        check_deprecated(&coordinate, input, problems);
        if let Some(default) = &input.default_value {
            check_unique(&coordinate, default, problems);
        }
    }
    check_circles(schema, problems);
}

/// Nobody can stop using what must be given.
///
/// <https://spec.graphql.org/September2025/#sec--deprecated>
fn check_deprecated(coordinate: &str, input: &Node<InputValueDefinition>, problems: &mut Problems<'_>) {
    if !input.is_required() {
        return;
    }
    if let Some(deprecated) = input.directives.get("deprecated") {
        let place = problems.files().place(deprecated.location());
        problems
            .error(
                Code::GraphqlError,
                &place,
                format!("`{coordinate}` must be given, so it cannot be deprecated"),
            )
            .hint("make its type nullable first, or give it a default value");
    }
}

/// <https://spec.graphql.org/September2025/#sec-Input-Object-Field-Uniqueness>
fn check_unique(coordinate: &str, value: &Node<Value>, problems: &mut Problems<'_>) {
    match &**value {
        Value::List(items) => items.iter().for_each(|item| check_unique(coordinate, item, problems)),
        Value::Object(fields) => {
            let mut names = HashSet::new();
            for (name, value) in fields {
                if !names.insert(name) {
                    let place = problems.files().place(name.location());
                    problems.error(
                        Code::GraphqlError,
                        &place,
                        format!("`{name}` stands twice in the default value of `{coordinate}`"),
                    );
                }
                check_unique(coordinate, value, problems);
            }
        }
        _ => {}
    }
}

/// <https://spec.graphql.org/September2025/#sec-Input-Objects.Type-Validation>, InputObjectDefaultValueHasCycle
fn check_circles(schema: &Schema, problems: &mut Problems<'_>) {
    let mut walk = Walk {
        schema,
        files: problems.files(),
        open: Vec::new(),
        done: HashSet::new(),
        circles: Vec::new(),
    };
    for (name, _) in schema.types.iter().filter(|(_, ty)| ty.is_input_object()) {
        walk.value(name, &Value::Object(Vec::new()));
    }
    for (message, place) in walk.circles {
        problems
            .error(Code::GraphqlError, &place, message)
            .hint("give one of them another default value, or none");
    }
}

struct Walk<'a> {
    schema: &'a Schema,
    files: &'a Files,
    /// Fields whose defaults are being looked at, from the outside in.
    open: Vec<(Name, Name)>,
    done: HashSet<(Name, Name)>,
    circles: Vec<(String, super::model::Place)>,
}

// === impl Walk ===

impl Walk<'_> {
    /// A value of a type: what is not given in it has its own default.
    fn value(&mut self, ty: &Name, value: &Value) {
        let given = match value {
            Value::List(items) => return items.iter().for_each(|item| self.value(ty, item)),
            Value::Object(given) => given,
            _ => return,
        };
        let schema = self.schema;
        let Some(object) = schema.get_input_object(ty) else {
            return;
        };
        for (name, field) in &object.fields {
            match given.iter().find(|(given, _)| given == name) {
                Some((_, value)) => self.value(field.ty.inner_named_type(), value),
                None => self.default(ty, name, field),
            }
        }
    }

    fn default(&mut self, ty: &Name, name: &Name, field: &Node<InputValueDefinition>) {
        let Some(default) = &field.default_value else { return };
        let own = (ty.clone(), name.clone());
        if let Some(first) = self.open.iter().position(|open| *open == own) {
            let circle = self.open[first..].iter().chain([&own]);
            let circle: Vec<String> = circle.map(|(ty, field)| format!("`{ty}.{field}`")).collect();
            let message = format!("the default value of {}: it has no end", circle.join(" has that of "));
            self.circles.push((message, self.files.place(default.location())));
        } else if self.done.insert(own.clone()) {
            self.open.push(own);
            self.value(field.ty.inner_named_type(), default);
            self.open.pop();
        }
    }
}
