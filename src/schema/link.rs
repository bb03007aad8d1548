//! `@link`: which specifications a schema uses, by which version, and how it calls their directives.
//!
//! URLs are identifiers and are never fetched. <https://specs.apollo.dev/link/v1.0/>

use std::collections::HashMap;

use apollo_compiler::{
    Name, Node,
    ast::{self, Value},
};

use super::{
    directive::{Directive, Family},
    literal::Text,
    model::Place,
    problem::{Code, Problems},
    suggest,
};
use crate::mapping::Spec;

/// What identifies our own additions.
pub(crate) const BFF_URL: &str = "https://switchboard.example/bff";
/// What identifies the connectors language.
pub(crate) const CONNECT_URL: &str = "https://specs.apollo.dev/connect";

/// The specifications a schema links.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Version of the connectors language, and where it is linked.
    pub connect: Option<(Spec, Place)>,
    /// Whether our additions may be used.
    pub bff: bool,
    /// Whether the schema was written for a federation.
    pub federation: bool,
    /// Names of directives as this schema writes them, without `@`.
    names: HashMap<String, (Directive, Family)>,
    /// Where our additions are linked.
    pub bff_places: Vec<Place>,
    /// Names that belong to specifications nobody here knows.
    foreign: Vec<String>,
    /// Namespaces of specifications nobody here knows.
    foreign_prefixes: Vec<String>,
}

/// One `@link`, read.
struct Link {
    identity: String,
    version: String,
    namespace: String,
    imports: Vec<Import>,
    required: bool,
    place: Place,
}

/// An entry of `import:`.
struct Import {
    name: String,
    local: String,
    place: Place,
}

// === impl Links ===

impl Links {
    /// Reads all `@link` of a schema.
    pub(crate) fn read(documents: &[ast::Document], problems: &mut Problems<'_>) -> Self {
        let mut links = Self::default();
        for directive in documents.iter().flat_map(schema_directives) {
            if directive.name == "link"
                && let Some(link) = Link::read(directive, problems)
            {
                links.add(link, problems);
            }
        }
        links
    }

    /// Which directive of ours a name means.
    pub(crate) fn directive(&self, name: &str) -> Option<Directive> {
        if name == "link" {
            return Some(Directive::Link);
        }
        self.names.get(name).map(|(directive, _)| *directive)
    }

    /// Whether a name stands for a directive of our own specification.
    pub(crate) fn is_addition(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|(_, family)| *family == Family::Bff)
    }

    /// Whether a name belongs to a linked specification that nobody here knows.
    pub(crate) fn is_foreign(&self, name: &str) -> bool {
        self.foreign.iter().any(|foreign| foreign == name)
            || self
                .foreign_prefixes
                .iter()
                .any(|prefix| name == prefix || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("__")))
    }

    /// All names by which a directive may be used.
    pub(crate) fn names_of(&self, directive: Directive) -> impl Iterator<Item = &str> {
        self.names
            .iter()
            .filter(move |(_, (known, _))| *known == directive)
            .map(|(name, _)| name.as_str())
    }

    /// Lets a name stand for a directive although no link says so; the missing link was reported.
    pub(crate) fn assume(&mut self, name: &str, directive: Directive, family: Family) {
        self.names.entry(name.to_owned()).or_insert((directive, family));
    }

    fn add(&mut self, link: Link, problems: &mut Problems<'_>) {
        let family = match (
            link.identity.as_str(),
            link.identity.rsplit('/').next().unwrap_or_default(),
        ) {
            (CONNECT_URL, _) => self.add_connect(&link, problems).then_some(Family::Connect),
            _ if link.means_connect() => {
                problems
                    .error(
                        Code::UnknownConnectorsVersion,
                        &link.place,
                        "its directives are imported, but this is not how the connect specification is linked",
                    )
                    .hint(format!("link {CONNECT_URL}/v0.4, spelt exactly so"));
                // Go on as if it were: the rest of the file has problems of its own to report.
                self.connect.get_or_insert((Spec::V0_4, link.place.clone()));
                Some(Family::Connect)
            }
            (BFF_URL, _) if link.version == "v0.1" => {
                self.bff = true;
                self.bff_places.push(link.place.clone());
                Some(Family::Bff)
            }
            (BFF_URL, _) => {
                problems
                    .error(
                        Code::UnsupportedFeature,
                        &link.place,
                        format!("version `{}` of {BFF_URL} is unknown", link.version),
                    )
                    .hint(format!("link {BFF_URL}/v0.1"));
                None
            }
            (identity, last) if identity.starts_with("https://specs.apollo.dev/") => match last {
                "link" => return,
                "federation" => {
                    self.federation = true;
                    Some(Family::Federation)
                }
                "tag" | "inaccessible" | "cost" | "authenticated" | "requiresScopes" | "policy" | "cacheTag" => {
                    Some(Family::Federation)
                }
                _ => None,
            },
            _ => None,
        };
        match family {
            Some(family) => self.add_names(&link, family, problems),
            None => self.add_foreign(&link, problems),
        }
    }

    fn add_connect(&mut self, link: &Link, problems: &mut Problems<'_>) -> bool {
        let spec = match link.version.as_str() {
            "v0.1" | "v0.2" => Spec::V0_2,
            "v0.3" => Spec::V0_3,
            "v0.4" => Spec::V0_4,
            unknown => {
                let message = match unknown {
                    "" => "the link to the connect specification names no version".to_owned(),
                    "v0.5" => "connect/v0.5 is not read here: it is a preview, and its rules may change".to_owned(),
                    _ => format!("there is no version `{unknown}` of the connect specification that is read here"),
                };
                problems
                    .error(Code::UnknownConnectorsVersion, &link.place, message)
                    .hint(format!(
                        "link {CONNECT_URL}/v0.4; 0.3 and 0.2 are read too, and 0.1 by the rules of 0.2"
                    ));
                // Go on as if it were the newest: the rest of the file has problems of its own to report.
                Spec::V0_4
            }
        };
        match &self.connect {
            Some((earlier, _)) if *earlier != spec => {
                problems
                    .error(
                        Code::GraphqlError,
                        &link.place,
                        "the connect specification is linked in two versions",
                    )
                    .hint("several files are one schema: link the same version everywhere");
            }
            Some(_) => {}
            None => self.connect = Some((spec, link.place.clone())),
        }
        let has = |name: &str| link.imports.iter().any(|import| import.name == name);
        if has("@connect") && !has("@source") {
            problems
                .error(
                    Code::NoSourceImport,
                    &link.place,
                    "`@connect` is imported, but `@source` is not",
                )
                .hint("add \"@source\" to `import`")
                .warning();
        }
        true
    }

    fn add_names(&mut self, link: &Link, family: Family, problems: &mut Problems<'_>) {
        let mut imported = Vec::new();
        for import in &link.imports {
            let Some(name) = import.name.strip_prefix('@') else {
                continue;
            };
            match family.directive(name) {
                Some(directive) => {
                    imported.push(directive);
                    self.bind(
                        import.local.trim_start_matches('@'),
                        (directive, family),
                        &import.place,
                        problems,
                    );
                }
                None => {
                    problems
                        .error(
                            Code::GraphqlError,
                            &import.place,
                            format!("{}/{} has no directive `@{name}`", link.identity, link.version),
                        )
                        .maybe_hint(suggest::did_you_mean(name, family.names()));
                }
            }
        }
        for (name, directive) in family.directives() {
            if imported.contains(directive) {
                continue;
            }
            let local = if *name == link.namespace {
                (*name).to_owned()
            } else {
                format!("{}__{name}", link.namespace)
            };
            self.names.entry(local).or_insert((*directive, family));
            // A specification's main directive is called as the specification is, also when that was renamed.
            if link.identity.ends_with(&format!("/{name}")) {
                self.names.entry(link.namespace.clone()).or_insert((*directive, family));
            }
        }
    }

    fn bind(&mut self, local: &str, bound: (Directive, Family), place: &Place, problems: &mut Problems<'_>) {
        let (earlier, _) = *self.names.entry(local.to_owned()).or_insert(bound);
        if earlier != bound.0 {
            problems
                .error(
                    Code::GraphqlError,
                    place,
                    format!("`@{local}` is already the name of another linked directive"),
                )
                .hint("rename one of them: {name: \"@x\", as: \"@y\"}");
        }
    }

    fn add_foreign(&mut self, link: &Link, problems: &mut Problems<'_>) {
        if link.identity != BFF_URL {
            let problem = problems.error(
                Code::UnsupportedFeature,
                &link.place,
                format!("{} is not a specification that is known here", link.identity),
            );
            problem.maybe_hint(suggest::did_you_mean(&link.identity, [CONNECT_URL, BFF_URL]));
            if !link.required {
                problem.message.push_str("; its directives are ignored");
                problem.advice();
            }
        }
        self.foreign_prefixes.push(link.namespace.clone());
        self.foreign.extend(
            link.imports
                .iter()
                .filter(|import| import.name.starts_with('@'))
                .map(|import| import.local.trim_start_matches('@').to_owned()),
        );
    }
}

// === impl Link ===

impl Link {
    /// Whether the connect specification is meant, though its URL is another.
    fn means_connect(&self) -> bool {
        let imports = |name: &str| self.imports.iter().any(|import| import.name == name);
        self.identity.to_lowercase().contains("/connect") && (imports("@connect") || imports("@source"))
    }

    fn read(directive: &Node<ast::Directive>, problems: &mut Problems<'_>) -> Option<Self> {
        let files = problems.files();
        let place = files.place(directive.location());
        let argument = |name: &str| directive.specified_argument_by_name(name);
        let text = |name: &str| argument(name).and_then(|value| Text::new(files, value));
        let Some(url) = text("url") else {
            problems.error(Code::GraphqlError, &place, "`@link` needs `url:`, a string");
            return None;
        };
        let trimmed = url.value.trim_end_matches('/');
        let (identity, version) = match trimmed.rsplit_once('/') {
            Some((identity, version)) if is_version(version) => (identity, version),
            _ => (trimmed, ""),
        };
        let last = identity.rsplit('/').next().unwrap_or_default();
        // What is linked by a URL that ends in no name is refused, or nobody knows it: its directives are called somehow.
        let last = if Name::is_valid_syntax(last) { last } else { "unnamed" };
        let namespace = match text("as") {
            None => last.to_owned(),
            Some(text) => {
                let name = text.value.trim_start_matches('@');
                if Name::is_valid_syntax(name) {
                    name.to_owned()
                } else {
                    not_a_name(&text.value, &text.place, problems);
                    last.to_owned()
                }
            }
        };
        Some(Self {
            identity: identity.to_owned(),
            version: version.to_owned(),
            namespace,
            imports: argument("import")
                .map(|value| read_imports(value, problems))
                .unwrap_or_default(),
            required: argument("for").is_some_and(|value| !value.is_null()),
            place: url.place,
        })
    }
}

fn read_imports(value: &Node<Value>, problems: &mut Problems<'_>) -> Vec<Import> {
    let Some(entries) = value.as_list() else {
        let place = problems.files().place(value.location());
        problems.error(Code::GraphqlError, &place, "`import` is a list");
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| read_import(entry, problems))
        .collect()
}

fn read_import(entry: &Node<Value>, problems: &mut Problems<'_>) -> Option<Import> {
    let place = problems.files().place(entry.location());
    let import = match &**entry {
        Value::String(name) => Some((name.clone(), name.clone())),
        Value::Object(members) => {
            let member = |wanted: &str| {
                members
                    .iter()
                    .find(|(name, _)| name == wanted)
                    .and_then(|(_, value)| value.as_str())
            };
            let name = member("name");
            name.map(|name| (name.to_owned(), member("as").unwrap_or(name).to_owned()))
        }
        _ => None,
    };
    let Some((name, local)) = import else {
        problems
            .error(Code::GraphqlError, &place, "an import is a name or an object")
            .hint("write \"@connect\" or {name: \"@connect\", as: \"@rest\"}");
        return None;
    };
    if name.starts_with('@') != local.starts_with('@') {
        problems.error(
            Code::GraphqlError,
            &place,
            format!("`{name}` cannot be renamed to `{local}`: both or none start with `@`"),
        );
        return None;
    }
    if !Name::is_valid_syntax(local.strip_prefix('@').unwrap_or(&local)) {
        not_a_name(&local, &place, problems);
        return None;
    }
    Some(Import { name, local, place })
}

fn not_a_name(text: &str, place: &Place, problems: &mut Problems<'_>) {
    problems
        .error(Code::GraphqlError, place, format!("`{text}` is not a name"))
        .hint("a name has letters, digits and `_`, and begins with no digit");
}

/// The directives that stand on the schema itself.
pub(crate) fn schema_directives(document: &ast::Document) -> impl Iterator<Item = &Node<ast::Directive>> {
    document.definitions.iter().flat_map(|definition| match definition {
        ast::Definition::SchemaDefinition(schema) => schema.directives.iter(),
        ast::Definition::SchemaExtension(schema) => schema.directives.iter(),
        _ => [].iter(),
    })
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    })
}
