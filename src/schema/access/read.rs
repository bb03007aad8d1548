//! Reads the directives and the rules they name.

use std::sync::Arc;

use apollo_compiler::{Name, Node, Schema, ast::Value, schema::ExtendedType};

use super::PolicySettings;
use crate::{
    mapping::{self, Origin, Spec},
    schema::{
        annotations::{Use, UseSite},
        arguments::Arguments,
        directive::Directive,
        members::Members,
        model::{Access, AccessId, Condition, Place, Policy},
        problem::{Code, Problems},
        suggest,
    },
};

/// The rules by number.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    names: Vec<String>,
    pub(crate) policies: Vec<Policy>,
}

/// What is asked of types and fields while a surface is put together.
#[derive(Debug)]
pub(crate) struct Accesses<'a> {
    uses: &'a [Use],
    schema: &'a Schema,
    rules: &'a Rules,
    pub(crate) known: Vec<Access>,
}

const DIRECTIVES: [Directive; 3] = [Directive::Authenticated, Directive::RequiresScopes, Directive::Policy];

// === impl Rules ===

impl Rules {
    /// Reads the rules that the schema names, and checks that they can be decided where they are named.
    pub(crate) fn read(
        uses: &[Use],
        schema: &Schema,
        settings: Option<&[PolicySettings]>,
        problems: &mut Problems<'_>,
    ) -> Self {
        let mut rules = Self::default();
        for used in uses.iter().filter(|used| DIRECTIVES.contains(&used.directive)) {
            check_lists(used, problems);
            if used.directive != Directive::Policy {
                continue;
            }
            for name in lists(used, "policies").into_iter().flatten() {
                let number = rules.number(&name, settings, &used.place, problems);
                check_reads(&name, &rules.policies[usize::from(number)], used, schema, problems);
            }
        }
        rules
    }

    fn number(
        &mut self,
        name: &str,
        settings: Option<&[PolicySettings]>,
        place: &Place,
        problems: &mut Problems<'_>,
    ) -> u16 {
        if let Some(known) = self.names.iter().position(|known| known == name) {
            return known as u16;
        }
        let found = settings.into_iter().flatten().find(|policy| policy.name == name);
        let policy = match (found, settings) {
            (Some(found), _) => policy(found, place, problems),
            (None, None) => Policy::default(),
            (None, Some(all)) => {
                let known = all.iter().map(|policy| policy.name.as_str());
                problems
                    .error(Code::GraphqlError, place, format!("there is no policy `{name}`"))
                    .hint(suggest::did_you_mean(name, known).unwrap_or_else(|| {
                        format!("add `auth: {{ policies: {{ {name}: {{ rule: \"…\" }} }} }}` to the configuration")
                    }));
                Policy::default()
            }
        };
        self.names.push(name.to_owned());
        self.policies.push(policy);
        (self.policies.len() - 1) as u16
    }

    fn find(&self, name: &str) -> u16 {
        // Every name of the schema was read.
        self.names.iter().position(|known| known == name).unwrap_or_default() as u16
    }
}

/// Parses a rule and notes what it reads.
fn policy(settings: &PolicySettings, place: &Place, problems: &mut Problems<'_>) -> Policy {
    let mut read = Policy {
        is_absent: settings.is_absent,
        ..Policy::default()
    };
    let mut complain =
        |message: String| {
            problems
            .error(Code::GraphqlError, place, format!("the policy `{}`: {message}", settings.name))
            .hint("a rule reads `$context`, `$args` and `$this`, such as `$context.claims.tenant->eq($this.tenantId)`");
        };
    let rule = match mapping::parse(&settings.rule, Spec::V0_4) {
        Ok(rule) => rule,
        Err(error) => {
            complain(error.message);
            return read;
        }
    };
    for found in &mapping::reads(&rule).0 {
        match &found.origin {
            Origin::Variable(name) if name == "context" => {}
            Origin::Variable(name) if name == "args" => read.reads_args = true,
            Origin::Variable(name) if name == "this" && !found.path.is_empty() => {
                let tree = found.tree();
                read.this = Some(match read.this.take() {
                    Some(known) => known.union(tree),
                    None => tree,
                });
            }
            Origin::Variable(name) if name == "this" => complain("`$this` is read as a whole".to_owned()),
            Origin::Variable(name) => complain(format!("`${name}` cannot be used")),
            Origin::Input => complain("there is no answer to read from".to_owned()),
        }
    }
    read.rule = Some(Arc::new(rule));
    read
}

/// A rule reads fields and arguments that are there.
fn check_reads(name: &str, policy: &Policy, used: &Use, schema: &Schema, problems: &mut Problems<'_>) {
    let mut complain = |message: String| {
        problems.error(
            Code::GraphqlError,
            &used.place,
            format!("the policy `{name}` {message}"),
        );
    };
    let (owner, has_arguments) = match &used.site {
        UseSite::Field(parent, field) => {
            let has = schema
                .type_field(parent, field)
                .is_ok_and(|field| !field.arguments.is_empty());
            (parent, has)
        }
        UseSite::Type(name) => (name, false),
        _ => return,
    };
    if policy.reads_args && !has_arguments {
        complain("reads `$args`, and there are no arguments here".to_owned());
    }
    let Some(tree) = &policy.this else { return };
    if is_root(schema, owner) {
        complain("reads `$this`, and a root type has no object".to_owned());
        return;
    }
    if !matches!(
        schema.types.get(owner),
        Some(ExtendedType::Object(_) | ExtendedType::Interface(_))
    ) {
        complain(format!("reads `$this`, and `{owner}` has no fields"));
        return;
    }
    let members = Members::of(schema, owner);
    for (key, _) in &tree.0 {
        if members.find(key).is_none() {
            complain(format!(
                "reads `$this.{key}`, and {} has no such field",
                members.describe()
            ));
        }
    }
}

fn is_root(schema: &Schema, name: &Name) -> bool {
    let definition = &schema.schema_definition;
    [&definition.query, &definition.mutation]
        .into_iter()
        .flatten()
        .any(|root| root.name == *name)
}

/// A list without alternatives lets nobody in, one without demands everybody: nobody means either.
fn check_lists(used: &Use, problems: &mut Problems<'_>) {
    let argument = match used.directive {
        Directive::RequiresScopes => "scopes",
        Directive::Policy => "policies",
        _ => return,
    };
    let lists = lists(used, argument);
    let why = match lists.iter().any(Vec::is_empty) {
        true => "has an empty list, which anybody fulfils",
        false if lists.is_empty() => "is empty: nobody could have this",
        false => return,
    };
    problems.error(Code::GraphqlError, &used.place, format!("`{argument}` {why}"));
}

/// `[["a", "b"], ["c"]]`: a and b, or c.
fn lists(used: &Use, argument: &str) -> Vec<Vec<String>> {
    let texts = |value: &Node<Value>| match &**value {
        Value::List(items) => items
            .iter()
            .filter_map(|item| item.as_str())
            .map(str::to_owned)
            .collect(),
        // A single value is a list of one.
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    };
    Arguments::Directive(&used.node)
        .list(argument)
        .iter()
        .map(texts)
        .collect()
}

// === impl Accesses ===

impl<'a> Accesses<'a> {
    pub(crate) fn new(uses: &'a [Use], schema: &'a Schema, rules: &'a Rules) -> Self {
        Self {
            uses,
            schema,
            rules,
            known: Vec::new(),
        }
    }

    /// What is asked of whoever asks for a field: before any object is there, but for rules on the field itself.
    pub(crate) fn of_field(&mut self, parent: &Name, field: &Name, gives: &Name) -> Option<AccessId> {
        let mut conditions = self.at(&UseSite::Field(parent.clone(), field.clone()));
        for interface in self.interfaces(parent) {
            self.add(&UseSite::Field(interface, field.clone()), &mut conditions);
        }
        let mut of_types = self.conditions_of_type(gives);
        if is_root(self.schema, parent) {
            of_types.extend(self.conditions_of_type(parent));
        }
        // What looks at the object that is given is decided there.
        of_types.retain(|condition| !condition.reads_object(&self.rules.policies));
        for condition in of_types {
            push(condition, &mut conditions);
        }
        self.id(conditions)
    }

    /// What is asked of whoever comes to an object of this type.
    pub(crate) fn of_type(&mut self, name: &Name) -> Option<AccessId> {
        if is_root(self.schema, name) {
            return None;
        }
        let conditions = self.conditions_of_type(name);
        self.id(conditions)
    }

    fn conditions_of_type(&self, name: &Name) -> Vec<Condition> {
        let mut conditions = self.at(&UseSite::Type(name.clone()));
        for interface in self.interfaces(name) {
            self.add(&UseSite::Type(interface), &mut conditions);
        }
        conditions
    }

    fn interfaces(&self, name: &Name) -> Vec<Name> {
        let interfaces = match self.schema.types.get(name) {
            Some(ExtendedType::Object(object)) => &object.implements_interfaces,
            Some(ExtendedType::Interface(interface)) => &interface.implements_interfaces,
            _ => return Vec::new(),
        };
        interfaces.iter().map(|interface| interface.name.clone()).collect()
    }

    fn at(&self, site: &UseSite) -> Vec<Condition> {
        let mut conditions = Vec::new();
        self.add(site, &mut conditions);
        conditions
    }

    fn add(&self, site: &UseSite, conditions: &mut Vec<Condition>) {
        for used in self.uses.iter().filter(|used| used.site == *site) {
            let condition = match used.directive {
                Directive::Authenticated => Condition::Authenticated,
                Directive::RequiresScopes => {
                    let either = lists(used, "scopes").into_iter();
                    let texts = |all: Vec<String>| all.iter().map(|scope| Arc::from(&**scope)).collect();
                    Condition::Scopes(either.map(texts).collect())
                }
                Directive::Policy => {
                    let either = lists(used, "policies").into_iter();
                    let numbers = |all: Vec<String>| all.iter().map(|name| self.rules.find(name)).collect();
                    Condition::Policies(either.map(numbers).collect())
                }
                _ => continue,
            };
            push(condition, conditions);
        }
    }

    fn id(&mut self, conditions: Vec<Condition>) -> Option<AccessId> {
        if conditions.is_empty() {
            return None;
        }
        let access = Access { conditions };
        let number = self.known.iter().position(|known| *known == access).unwrap_or_else(|| {
            self.known.push(access);
            self.known.len() - 1
        });
        Some(AccessId(number as u16))
    }
}

fn push(condition: Condition, conditions: &mut Vec<Condition>) {
    if !conditions.contains(&condition) {
        conditions.push(condition);
    }
}
