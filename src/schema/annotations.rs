//! Takes the directives of the dialect out of a schema: what remains is what clients see.

use apollo_compiler::{
    Name, Node,
    ast::{self, Definition, DirectiveList, Document},
};

use super::{
    definitions,
    directive::{Directive, Family},
    link::{BFF_URL, CONNECT_URL, Links},
    model::Place,
    problem::{Code, Problems},
};

/// What someone who uses `@key` has to link.
const FEDERATION: &str = "https://specs.apollo.dev/federation/v2.13";

/// One use of a directive of the dialect.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub directive: Directive,
    pub node: Node<ast::Directive>,
    pub site: UseSite,
    pub place: Place,
}

/// Where a directive stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UseSite {
    Schema,
    Type(Name),
    Field(Name, Name),
    /// An argument of a field.
    Argument(Name, Name, Name),
    /// Enum values, input fields.
    Inside,
}

/// A schema taken apart.
pub(crate) struct Separated {
    /// All uses of directives of the dialect, in order.
    pub uses: Vec<Use>,
    /// Everything with the directives whose arguments are to be validated.
    pub full: Vec<Document>,
    /// What clients see.
    pub public: Vec<Document>,
}

/// Takes a schema apart. Directives that are used without a link are reported.
pub(crate) fn separate(documents: &[Document], links: &mut Links, problems: &mut Problems<'_>) -> Separated {
    report_unlinked(documents, links, problems);
    let files = problems.files();
    let mut full = without_declarations(documents, links);
    let mut public = full.clone();

    let mut uses = Vec::new();
    for document in &mut full {
        for_each_list(document, &mut |list, site| {
            list.retain(|node| {
                let Some(directive) = links.directive(&node.name) else {
                    return !links.is_foreign(&node.name);
                };
                let place = files.place(node.location());
                let supported = directive
                    .feature()
                    .is_none_or(|feature| feature.require(&place, problems));
                uses.push(Use {
                    directive,
                    node: node.clone(),
                    site: site.clone(),
                    place,
                });
                supported && directive.is_defined_here()
            });
        });
    }
    let is_hidden = |list: &DirectiveList| {
        list.iter()
            .any(|node| links.directive(&node.name) == Some(Directive::Inaccessible))
    };
    // The directive may stand on an extension: it hides the type all the same.
    let hidden: Vec<Name> = public
        .iter()
        .flat_map(|document| &document.definitions)
        .filter(|definition| is_hidden(definition.directives()))
        .filter_map(|definition| definition.name().cloned())
        .collect();
    for document in &mut public {
        hide(document, &hidden, &is_hidden);
        for_each_list(document, &mut |list, _| {
            list.retain(|node| links.directive(&node.name).is_none() && !links.is_foreign(&node.name));
        });
        document.definitions.retain(|definition| match definition {
            Definition::SchemaExtension(schema) => !schema.directives.is_empty() || !schema.root_operations.is_empty(),
            _ => true,
        });
    }
    Separated { uses, full, public }
}

/// Drops what a schema declares although it is supplied: definitions of linked directives and their types.
fn without_declarations(documents: &[Document], links: &Links) -> Vec<Document> {
    let is_ours = |definition: &Definition| match definition {
        Definition::DirectiveDefinition(directive) => {
            links.directive(&directive.name).is_some() || links.is_foreign(&directive.name)
        }
        _ => false,
    };
    let declares = documents.iter().flat_map(|document| &document.definitions).any(is_ours);
    let mut documents = documents.to_vec();
    for document in &mut documents {
        document.definitions.retain(|definition| {
            let header = match definition {
                Definition::ScalarTypeDefinition(_)
                | Definition::InputObjectTypeDefinition(_)
                | Definition::EnumTypeDefinition(_) => definition
                    .name()
                    .is_some_and(|name| definitions::is_header_type(name, declares)),
                _ => is_ours(definition),
            };
            !header
        });
    }
    documents
}

fn report_unlinked(documents: &[Document], links: &mut Links, problems: &mut Problems<'_>) {
    let declared: Vec<Name> = documents
        .iter()
        .flat_map(|document| &document.definitions)
        .filter_map(|definition| match definition {
            Definition::DirectiveDefinition(directive) => Some(directive.name.clone()),
            _ => None,
        })
        .collect();
    let files = problems.files();
    let mut found: Vec<(Node<ast::Directive>, Directive, Family)> = Vec::new();
    for document in &mut documents.to_vec() {
        for_each_list(document, &mut |list, _| {
            for node in list.iter() {
                if links.directive(&node.name).is_some()
                    || links.is_foreign(&node.name)
                    || found.iter().any(|(other, ..)| other.name == node.name)
                {
                    continue;
                }
                if let Some((directive, family)) = definitions::unlinked(&node.name)
                    // A schema may have a directive of its own that only happens to have the name.
                    && (family == Family::Connect || !declared.contains(&node.name))
                {
                    found.push((node.clone(), directive, family));
                }
            }
        });
    }
    for (node, directive, family) in found {
        let (url, linked) = match family {
            Family::Connect => (format!("{CONNECT_URL}/v0.4"), links.connect.is_some()),
            Family::Bff => (format!("{BFF_URL}/v0.1"), links.bff),
            Family::Federation => (FEDERATION.to_owned(), links.federation),
        };
        let (message, hint) = if linked {
            (
                format!("`@{}` is used, but the link does not import it", node.name),
                format!("add \"@{}\" to `import` of {url}", node.name),
            )
        } else {
            (
                format!("`@{}` is used, but its specification is not linked", node.name),
                format!("add: extend schema @link(url: \"{url}\", import: [\"@{}\"])", node.name),
            )
        };
        let place = files.place(node.location());
        problems.error(Code::GraphqlError, &place, message).hint(hint);
        links.assume(&node.name, directive, family);
    }
}

/// Removes types, fields, arguments and values that clients must not see.
fn hide(document: &mut Document, hidden: &[Name], is_hidden: &dyn Fn(&DirectiveList) -> bool) {
    document
        .definitions
        .retain(|definition| definition.name().is_none_or(|name| !hidden.contains(name)));
    if !hidden.is_empty() {
        document
            .definitions
            .iter_mut()
            .for_each(|definition| forget(definition, hidden));
    }
    for definition in &mut document.definitions {
        match definition {
            Definition::ObjectTypeDefinition(node) => hide_fields(&mut node.make_mut().fields, is_hidden),
            Definition::ObjectTypeExtension(node) => hide_fields(&mut node.make_mut().fields, is_hidden),
            Definition::InterfaceTypeDefinition(node) => hide_fields(&mut node.make_mut().fields, is_hidden),
            Definition::InterfaceTypeExtension(node) => hide_fields(&mut node.make_mut().fields, is_hidden),
            Definition::InputObjectTypeDefinition(node) => {
                node.make_mut().fields.retain(|field| !is_hidden(&field.directives));
            }
            Definition::InputObjectTypeExtension(node) => {
                node.make_mut().fields.retain(|field| !is_hidden(&field.directives));
            }
            Definition::EnumTypeDefinition(node) => {
                node.make_mut().values.retain(|value| !is_hidden(&value.directives));
            }
            Definition::EnumTypeExtension(node) => {
                node.make_mut().values.retain(|value| !is_hidden(&value.directives));
            }
            _ => {}
        }
    }
}

/// Takes hidden types out of unions and out of what types implement.
fn forget(definition: &mut Definition, hidden: &[Name]) {
    match definition {
        Definition::UnionTypeDefinition(node) => node.make_mut().members.retain(|name| !hidden.contains(name)),
        Definition::UnionTypeExtension(node) => node.make_mut().members.retain(|name| !hidden.contains(name)),
        Definition::ObjectTypeDefinition(node) => {
            node.make_mut()
                .implements_interfaces
                .retain(|name| !hidden.contains(name));
        }
        Definition::ObjectTypeExtension(node) => {
            node.make_mut()
                .implements_interfaces
                .retain(|name| !hidden.contains(name));
        }
        Definition::InterfaceTypeDefinition(node) => {
            node.make_mut()
                .implements_interfaces
                .retain(|name| !hidden.contains(name));
        }
        Definition::InterfaceTypeExtension(node) => {
            node.make_mut()
                .implements_interfaces
                .retain(|name| !hidden.contains(name));
        }
        _ => {}
    }
}

fn hide_fields(fields: &mut Vec<Node<ast::FieldDefinition>>, is_hidden: &dyn Fn(&DirectiveList) -> bool) {
    fields.retain(|field| !is_hidden(&field.directives));
    for field in fields {
        if field.arguments.iter().any(|argument| is_hidden(&argument.directives)) {
            field
                .make_mut()
                .arguments
                .retain(|argument| !is_hidden(&argument.directives));
        }
    }
}

/// Calls `visit` with every list of directives of a document and where it stands.
fn for_each_list(document: &mut Document, visit: &mut dyn FnMut(&mut DirectiveList, &UseSite)) {
    for definition in &mut document.definitions {
        match definition {
            Definition::SchemaDefinition(node) => visit(&mut node.make_mut().directives, &UseSite::Schema),
            Definition::SchemaExtension(node) => visit(&mut node.make_mut().directives, &UseSite::Schema),
            Definition::ObjectTypeDefinition(node) => {
                let node = node.make_mut();
                in_type(&node.name, &mut node.directives, &mut node.fields, visit);
            }
            Definition::ObjectTypeExtension(node) => {
                let node = node.make_mut();
                in_type(&node.name, &mut node.directives, &mut node.fields, visit);
            }
            Definition::InterfaceTypeDefinition(node) => {
                let node = node.make_mut();
                in_type(&node.name, &mut node.directives, &mut node.fields, visit);
            }
            Definition::InterfaceTypeExtension(node) => {
                let node = node.make_mut();
                in_type(&node.name, &mut node.directives, &mut node.fields, visit);
            }
            other => in_leaf(other, visit),
        }
    }
}

fn in_type(
    name: &Name,
    directives: &mut DirectiveList,
    fields: &mut [Node<ast::FieldDefinition>],
    visit: &mut dyn FnMut(&mut DirectiveList, &UseSite),
) {
    visit(directives, &UseSite::Type(name.clone()));
    for field in fields {
        let field = field.make_mut();
        visit(&mut field.directives, &UseSite::Field(name.clone(), field.name.clone()));
        for argument in &mut field.arguments {
            let argument = argument.make_mut();
            let site = UseSite::Argument(name.clone(), field.name.clone(), argument.name.clone());
            visit(&mut argument.directives, &site);
        }
    }
}

/// Types without fields of their own to connect.
fn in_leaf(definition: &mut Definition, visit: &mut dyn FnMut(&mut DirectiveList, &UseSite)) {
    match definition {
        Definition::ScalarTypeDefinition(node) => {
            let node = node.make_mut();
            visit(&mut node.directives, &UseSite::Type(node.name.clone()));
        }
        Definition::ScalarTypeExtension(node) => {
            let node = node.make_mut();
            visit(&mut node.directives, &UseSite::Type(node.name.clone()));
        }
        Definition::UnionTypeDefinition(node) => {
            let node = node.make_mut();
            visit(&mut node.directives, &UseSite::Type(node.name.clone()));
        }
        Definition::UnionTypeExtension(node) => {
            let node = node.make_mut();
            visit(&mut node.directives, &UseSite::Type(node.name.clone()));
        }
        Definition::EnumTypeDefinition(node) => {
            let node = node.make_mut();
            in_enum(&node.name, &mut node.directives, &mut node.values, visit);
        }
        Definition::EnumTypeExtension(node) => {
            let node = node.make_mut();
            in_enum(&node.name, &mut node.directives, &mut node.values, visit);
        }
        Definition::InputObjectTypeDefinition(node) => {
            let node = node.make_mut();
            in_input(&node.name, &mut node.directives, &mut node.fields, visit);
        }
        Definition::InputObjectTypeExtension(node) => {
            let node = node.make_mut();
            in_input(&node.name, &mut node.directives, &mut node.fields, visit);
        }
        _ => {}
    }
}

fn in_enum(
    name: &Name,
    directives: &mut DirectiveList,
    values: &mut [Node<ast::EnumValueDefinition>],
    visit: &mut dyn FnMut(&mut DirectiveList, &UseSite),
) {
    visit(directives, &UseSite::Type(name.clone()));
    for value in values {
        visit(&mut value.make_mut().directives, &UseSite::Inside);
    }
}

fn in_input(
    name: &Name,
    directives: &mut DirectiveList,
    fields: &mut [Node<ast::InputValueDefinition>],
    visit: &mut dyn FnMut(&mut DirectiveList, &UseSite),
) {
    visit(directives, &UseSite::Type(name.clone()));
    for field in fields {
        visit(&mut field.make_mut().directives, &UseSite::Inside);
    }
}
