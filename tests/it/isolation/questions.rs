//! What is asked, and how: random operations over all fields of the site, by text, hash or id.

use std::fmt::Write as _;

use proptest::{prelude::*, sample::Index};

use super::site::{item_fields, roots};

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// Who asks, what, of which surface.
    pub(super) person: usize,
    pub(super) operation: usize,
    pub(super) surface: &'static str,
    pub(super) n: u8,
    pub(super) how: How,
    pub(super) coding: Option<&'static str>,
    pub(super) shows_cost: bool,
    pub(super) nulls: bool,
    /// Somebody who has asked the same: their answer is what the client says it has.
    pub(super) knows: Option<usize>,
    /// Whether the client leaves before it has the answer.
    pub(super) leaves: bool,
}

/// How a document is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Post,
    Get,
    PostHash,
    GetHash,
    /// By an id that means another document for each client.
    GetId,
}

/// What can be asked of a site in one test.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) people: Vec<super::people::Person>,
    /// Documents.
    pub(super) operations: Vec<String>,
    pub(super) asks: Vec<Ask>,
}

/// Fields that are kept alike, the last of them by everybody.
const ALIKE: [&[&str]; 4] = [
    &["_kept"],
    &["_public"],
    &["_private"],
    &["api_public", "api_kept", "own_public", "language_public"],
];

/// Fields of all kinds beside each other, or only such as are kept alike: one that may not be kept decides for all of an answer.
fn operation() -> impl Strategy<Value = String> {
    let field = (
        any::<Index>(),
        prop::option::weighted(0.3, 0..3_u8),
        prop::collection::vec(any::<Index>(), 1..4),
    );
    let alike = prop::option::weighted(0.7, prop::sample::select(ALIKE.to_vec()));
    (alike, prop::collection::vec(field, 1..4)).prop_map(|(alike, fields)| {
        let is_one = |name: &str, kinds: &[&str]| name == "items" || kinds.iter().any(|kind| name.contains(kind));
        let is_alike = |name: &str| alike.is_none_or(|kinds| is_one(name, kinds));
        let (mut roots, mut of_items) = (roots(), item_fields());
        roots.retain(|root| is_alike(&root.name));
        of_items.retain(|(_, selected)| is_alike(selected.split(' ').next().unwrap_or_default()));
        let mut text = String::from("{");
        for (number, (field, constant, below)) in fields.iter().enumerate() {
            let root = field.get(&roots);
            let n = constant.map_or_else(|| "$n".to_owned(), |n| n.to_string());
            let arguments = match root.arguments {
                "(id: N)" => format!("(id: \"{}\")", ["ann", "bob", "a"][usize::from(constant.unwrap_or(0))]),
                arguments => arguments.replace('N', &n),
            };
            let _ = write!(text, " f{number}: {}{arguments} ", root.name);
            if !root.selection.is_empty() {
                text.push_str(root.selection);
                continue;
            }
            text.push_str("{ id");
            for (number, field) in below.iter().enumerate() {
                let _ = write!(text, " g{number}: {}", field.get(&of_items).1);
            }
            text.push_str(" }");
        }
        let head = if text.contains('$') { "query($n: Int = 0) " } else { "" };
        format!("{head}{text} }}")
    })
}

fn ask() -> impl Strategy<Value = (Index, Index, Option<Index>, Ask)> {
    let how = prop_oneof![
        4 => Just(How::Post),
        4 => Just(How::Get),
        1 => Just(How::PostHash),
        2 => Just(How::GetHash),
        1 => Just(How::GetId),
    ];
    let surface = prop_oneof![4 => Just("app"), 1 => Just("members")];
    let coding = prop::option::weighted(0.5, prop::sample::select(vec!["gzip", "br", "zstd"]));
    let rarely = || prop::bool::weighted(0.08);
    let rest = (surface, 0..3_u8, how, coding, rarely(), rarely(), rarely()).prop_map(
        |(surface, n, how, coding, shows_cost, nulls, leaves)| Ask {
            person: 0,
            operation: 0,
            surface,
            n,
            how,
            coding,
            shows_cost,
            nulls,
            knows: None,
            leaves,
        },
    );
    (
        any::<Index>(),
        any::<Index>(),
        prop::option::weighted(0.2, any::<Index>()),
        rest,
    )
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let people = prop::collection::vec(super::people::person(), 3..9);
    let operations = prop::collection::vec(operation(), 2..6);
    let asks = prop::collection::vec(ask(), 60..140);
    (people, operations, asks).prop_map(|(people, operations, asks)| {
        let asks = asks.into_iter().map(|(person, operation, knows, ask)| {
            let operation = operation.index(operations.len());
            let is_same_for_all = ask.how == How::Get && !operations[operation].contains("nonce");
            Ask {
                person: person.index(people.len()),
                operation,
                knows: knows.filter(|_| is_same_for_all).map(|knows| knows.index(people.len())),
                ..ask
            }
        });
        Case {
            asks: asks.collect(),
            people,
            operations,
        }
    })
}

// === impl Ask ===

impl Ask {
    /// The same question from somebody who has no answer yet and waits for one.
    pub(super) fn alone(&self, person: usize) -> Self {
        Self {
            person,
            knows: None,
            leaves: false,
            ..self.clone()
        }
    }

    /// What makes two of them the same.
    pub(super) fn key(&self) -> String {
        format!("{self:?}")
    }
}
