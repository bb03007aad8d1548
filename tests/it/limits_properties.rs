//! Whatever a document looks like, its counts and its cost are those of the same document with every fragment written out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::LazyLock,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use switchboard::{
    operation::{
        Limits, Operation, RequestError, RequestErrorKind, Variables, Verdict, check::check, error::LimitKind,
    },
    plan::build::build,
    schema::{self, LoadOptions, SourceFile, Surface},
};

use crate::support::{LINK, root};

const SDL: &str = r#"
    extend schema @source(name: "api", http: { baseURL: "http://unused" })
    type Query {
      t: T @connect(source: "api", http: { GET: "/t" }, selection: "id")
    }
    type T {
      id: ID
      t: T @connect(source: "api", http: { GET: "/{$this.id}/t" }, selection: "id")
      ts(first: Int): [T] @connect(source: "api", http: { GET: "/{$this.id}/ts" }, selection: "id")
    }
"#;

static SURFACE: LazyLock<Surface> = LazyLock::new(|| {
    let file = SourceFile {
        path: "schema.graphql".to_owned(),
        text: format!("{LINK}{SDL}"),
    };
    let options = LoadOptions {
        root: root(),
        ..LoadOptions::default()
    };
    schema::load("test", &[file], &options)
        .unwrap_or_else(|problems| panic!("{problems:?}"))
        .surface
});

/// A selection. What is alike has the same response key, so that anything can be merged with anything.
#[derive(Debug, Clone)]
enum Chosen {
    Id(Option<u8>),
    One(Option<u8>, Vec<Chosen>),
    /// A list of that size, or of `$n`.
    List(Option<u8>, Vec<Chosen>),
    Inline(Vec<Chosen>),
    /// One of the fragments behind.
    Spread(usize),
}

/// What is below `{ t }`, and fragments that spread only those behind them.
#[derive(Debug, Clone)]
struct Document {
    root: Vec<Chosen>,
    fragments: Vec<Vec<Chosen>>,
}

/// What a document comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    selections: u64,
    aliases: u64,
    depth: u64,
}

/// Fields by response key: how many values each has, and what is below.
#[derive(Debug, Default)]
struct Merged(BTreeMap<String, (u64, Merged)>);

fn chosen() -> impl Strategy<Value = Chosen> {
    let leaf = prop_oneof![
        prop::option::of(0..3_u8).prop_map(Chosen::Id),
        any::<usize>().prop_map(Chosen::Spread),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let set = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (prop::option::of(0..3_u8), set()).prop_map(|(alias, set)| Chosen::One(alias, set)),
            (prop::option::of(1..5_u8), set()).prop_map(|(size, set)| Chosen::List(size, set)),
            set().prop_map(Chosen::Inline),
        ]
    })
}

fn document() -> impl Strategy<Value = Document> {
    let set = || prop::collection::vec(chosen(), 1..4);
    (set(), prop::collection::vec(set(), 0..4)).prop_map(|(root, fragments)| Document { root, fragments })
}

// === impl Document ===

impl Document {
    /// The fragment that is meant by a number in fragment `at`, counted from 1; the operation is 0.
    fn fragment(&self, at: usize, number: usize) -> Option<usize> {
        let behind = self.fragments.len() - at;
        (behind > 0).then(|| at + number % behind + 1)
    }

    fn text(&self) -> String {
        let mut used = BTreeSet::new();
        let mut text = String::from("{ t ");
        self.write(0, &self.root, &mut used, &mut text);
        text.push('}');
        // Those that a fragment spreads are behind it.
        while let Some(at) = used.pop_first() {
            let _ = write!(text, " fragment F{at} on T ");
            self.write(at, &self.fragments[at - 1], &mut used, &mut text);
        }
        // A variable that nobody uses is a mistake.
        let head = if text.contains('$') { "query($n: Int) " } else { "" };
        format!("{head}{text}")
    }

    fn write(&self, at: usize, set: &[Chosen], used: &mut BTreeSet<usize>, text: &mut String) {
        text.push_str("{ id ");
        for chosen in set {
            match chosen {
                Chosen::Id(Some(alias)) => drop(write!(text, "i{alias}: id ")),
                Chosen::Id(None) => text.push_str("id "),
                Chosen::Spread(number) => {
                    if let Some(fragment) = self.fragment(at, *number) {
                        used.insert(fragment);
                        let _ = write!(text, "...F{fragment} ");
                    }
                }
                Chosen::One(..) | Chosen::List(..) | Chosen::Inline(_) => {
                    let (head, below) = chosen.head();
                    text.push_str(&head);
                    self.write(at, below, used, text);
                }
            }
        }
        text.push('}');
    }

    /// Every fragment written out.
    fn counts(&self, at: usize, set: &[Chosen]) -> Counts {
        let mut total = Counts {
            selections: 1,
            aliases: 0,
            depth: 1,
        };
        for chosen in set {
            let counts = match chosen {
                Chosen::Id(alias) => Counts {
                    selections: 1,
                    aliases: u64::from(alias.is_some()),
                    depth: 1,
                },
                Chosen::One(..) | Chosen::List(..) => {
                    let (head, below) = chosen.head();
                    let below = self.counts(at, below);
                    Counts {
                        selections: below.selections + 1,
                        aliases: below.aliases + u64::from(head.contains(':') && !head.starts_with("ts")),
                        depth: below.depth + 1,
                    }
                }
                Chosen::Inline(set) => self.counts(at, set),
                Chosen::Spread(number) => match self.fragment(at, *number) {
                    Some(fragment) => self.counts(fragment, &self.fragments[fragment - 1]),
                    None => Counts::default(),
                },
            };
            total.selections += counts.selections;
            total.aliases += counts.aliases;
            total.depth = total.depth.max(counts.depth);
        }
        total
    }

    /// Every fragment written out, and what has one key merged.
    fn merge(&self, at: usize, set: &[Chosen], n: u64, into: &mut Merged) {
        for chosen in set {
            match chosen {
                Chosen::Id(_) => {}
                Chosen::One(_, below) | Chosen::List(_, below) => {
                    let size = match chosen {
                        Chosen::List(size, _) => size.map_or(n, u64::from),
                        _ => 1,
                    };
                    let (_, merged) = into
                        .0
                        .entry(chosen.head().0)
                        .or_insert_with(|| (size, Merged::default()));
                    self.merge(at, below, n, merged);
                }
                Chosen::Inline(set) => self.merge(at, set, n, into),
                Chosen::Spread(number) => {
                    if let Some(fragment) = self.fragment(at, *number) {
                        self.merge(fragment, &self.fragments[fragment - 1], n, into);
                    }
                }
            }
        }
    }
}

// === impl Chosen ===

impl Chosen {
    /// What stands before the braces, and what between them.
    fn head(&self) -> (String, &[Chosen]) {
        match self {
            Self::One(alias, set) => (alias.map_or("t".to_owned(), |alias| format!("o{alias}: t")), set),
            Self::List(Some(size), set) => (format!("l{size}: ts(first: {size})"), set),
            Self::List(None, set) => ("ts(first: $n)".to_owned(), set),
            Self::Inline(set) => ("...".to_owned(), set),
            Self::Id(_) | Self::Spread(_) => (String::new(), &[]),
        }
    }
}

// === impl Merged ===

impl Merged {
    /// The objects of an answer, and the calls for them: one for each object that has the field.
    fn cost(&self, objects: u64) -> (u64, u64) {
        self.0.values().fold((0, 0), |(cost, calls), (size, below)| {
            let own = objects * size;
            let (more, further) = below.cost(own);
            (cost + own + more, calls + objects + further)
        })
    }
}

fn limits() -> Limits {
    Limits {
        tokens: usize::MAX,
        document_bytes: 0,
        depth: 0,
        aliases: 0,
        root_fields: 0,
        directives: 0,
        expanded_selections: 0,
        cost: 0,
        calls: 0,
        list_size: 0,
        ..Limits::default()
    }
}

fn checked(text: &str, limits: &Limits) -> Result<Operation, RequestError> {
    check(&SURFACE, text, None, limits)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_are_those_of_the_document_written_out(document in document()) {
        let text = document.text();
        let counts = document.counts(0, &document.root);
        let counts = Counts { selections: counts.selections + 1, depth: counts.depth + 1, ..counts };
        type Set = fn(&mut Limits, u64);
        let cases: [(LimitKind, u64, Set); 3] = [
            (LimitKind::Expansion, counts.selections, |limits, most| limits.expanded_selections = most),
            (LimitKind::Aliases, counts.aliases, |limits, most| limits.aliases = most),
            (LimitKind::Depth, counts.depth, |limits, most| limits.depth = most),
        ];
        for (kind, count, set) in cases {
            // 0 is no limit.
            if count > 1 {
                let mut limits = limits();
                set(&mut limits, count);
                prop_assert!(checked(&text, &limits).is_ok(), "{kind:?} {count}: {text}");
                set(&mut limits, count - 1);
                let refused = checked(&text, &limits).map(|_| ()).expect_err("one too many").kind;
                prop_assert_eq!(refused, RequestErrorKind::Limit(kind), "{}", text);
            }
        }
    }

    #[test]
    fn the_estimate_is_that_of_the_document_written_out(document in document(), n in 1..6_u64) {
        let text = document.text();
        let operation = checked(&text, &limits()).unwrap_or_else(|error| panic!("{error}: {text}"));
        let mut merged = Merged::default();
        document.merge(0, &[Chosen::One(None, document.root.clone())], n, &mut merged);

        let given = json!({ "n": n });
        let given = given.as_object();
        let variables = Variables::coerce(&SURFACE, &operation, given, 1).expect("a number");
        let plan = build(&SURFACE, &operation, 0, &Verdict::default()).expect("a plan");
        let estimate = plan.costs.estimate(&variables);

        prop_assert_eq!((estimate.cost, estimate.calls), merged.cost(1), "{} {}", text, Value::from(n));
    }
}
