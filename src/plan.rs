//! What to call for an operation, in which order, and how its answer is laid out.
//!
//! After [`crate::operation`], before `execute`. Pure: no I/O, no clock, no request data, so a plan may be cached and
//! shared between users. One plan is made for each combination of `@skip`/`@include` variables that is asked for, so
//! nothing in a plan is conditional.

mod align;
mod answer;
mod asked;
pub mod build;
pub mod cache;
mod collect;
mod context;
mod contract;
pub mod cost;
pub mod explain;
mod fetches;
mod group;
mod guards;
pub mod size;
mod supply;
mod waves;
mod weights;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, AtomicUsize},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header::CONNECTION};

use crate::{
    mapping::{Projection, Table, WireProjection},
    operation::{Argument, OperationKind},
    schema::model::{AccessId, ConnectorId, Scalar},
};

pub use answer::AnswerPolicy;
pub use cache::PlanCache;
pub use context::ContextReads;
pub use contract::{STAND_BYS_MAX, StandBy};
pub use cost::{Costs, Count, Estimate};
pub use guards::Entry;
pub use weights::weight_at;

/// Index into [`Plan::fetches`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchId(pub u16);

/// Index into [`Plan::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u16);

/// Index into [`Plan::shapes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShapeId(pub u16);

/// Index into [`Plan::guards`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GuardId(pub u16);

/// The plan of an operation.
#[derive(Debug)]
pub struct Plan {
    /// How root fields run.
    pub kind: OperationKind,
    /// Uses of connectors: what is asked of each, over all places.
    pub fetches: Vec<Fetch>,
    /// Places that need a fetch.
    pub steps: Vec<Step>,
    /// Steps that are loaded together, in an order in which each comes after what it needs.
    pub waves: Vec<Wave>,
    /// Layouts of objects in the answer.
    pub shapes: Vec<Shape>,
    /// What each object decides: whether the caller may have what is behind it.
    pub guards: Vec<Guard>,
    /// What its caller may not have: fields as `Type.field`, and types.
    pub refused: Vec<Arc<str>>,
    /// The layout of `data`.
    pub root: ShapeId,
    /// Whether schema introspection is asked for.
    pub introspection: bool,
    /// Whether answers tell what of them is degraded: an addition of ours, so only where its link is.
    pub tells_degraded: bool,
    /// How many fields its shapes have: what its size goes by.
    pub fields: usize,
    /// What of a request takes part in the answer beside the operation and its variables; found by those who know the calls.
    pub sharing: OnceLock<Sharing>,
    /// Bytes of its last answer: how much room the next one is given at once.
    pub answer_hint: AtomicUsize,
    /// Its answer, where nothing of that depends on a request or a source; found by the first execution.
    pub constant: OnceLock<Constant>,
    /// What it is estimated to cost: every object counts 1 unless `@cost` says otherwise, a mutation's root field 10 more.
    pub costs: Costs,
    /// How long its answers may be kept outside, as far as the schema says; `None`: not at all.
    pub policy: Option<AnswerPolicy>,
    /// Headers that each of its answers has: `Deprecation` and `Sunset`, where a deprecated field is asked for.
    pub notices: Box<[(HeaderName, HeaderValue)]>,
}

/// An answer without errors that is the same for every request.
#[derive(Debug)]
pub struct Constant {
    /// The JSON text.
    pub body: Bytes,
    /// For how many seconds clients and caches before us may keep it, and whether anybody may. `None`: not at all.
    pub kept_outside: Option<(u32, bool)>,
}

/// Whether and by what requests for one plan can share an answer.
#[derive(Debug, Default)]
pub struct Sharing {
    /// Whether every call only reads.
    pub is_safe: bool,
    /// Whether answers may be kept: every call only reads, or its schema says how long what it brings is good.
    pub may_be_kept: bool,
    /// Whether the schema calls something of it its user's own: it is shared with that user alone.
    pub is_private: bool,
    /// Whether an answer was ever kept: else nobody need look for one.
    pub is_kept: AtomicBool,
    /// Headers of the client that a call sends or a mapping reads.
    pub headers: ClientHeaders,
    /// What of the caller a call sends or a mapping reads.
    pub context: ContextReads,
    /// The same as the value of `Vary`, if there are any.
    pub vary: Option<HeaderValue>,
    /// How long an execution usually takes, as those who limit them keep it; 0 = not known.
    pub usual: AtomicU32,
}

/// Headers of the client that something depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHeaders {
    /// These.
    pub names: Vec<HeaderName>,
    /// All there are: a mapping reads them in a way that cannot be followed.
    pub all: bool,
    /// All but those that only tell requests apart ([`ClientHeaders::TRACING`]): a resolver in this process may read any.
    pub resolvers: bool,
}

/// One connector with one set of arguments, and all that the operation needs of its answers.
#[derive(Debug)]
pub struct Fetch {
    /// Which connector.
    pub connector: ConnectorId,
    /// The field's arguments.
    pub arguments: Vec<(Arc<str>, Argument)>,
    /// Its selection, cut down to the operation and compiled.
    pub projection: Projection,
    /// The same for protobuf messages, if the source speaks gRPC and the message allows it.
    pub wire: Option<WireProjection>,
    /// What is asked of a field of a schema in this process: a selection in braces, or nothing for a leaf. `None`: the source is
    /// another, or its schema is not at hand.
    pub asked: Option<Arc<str>>,
    /// How replies are matched to keys.
    pub align: Align,
    /// How many waves load it.
    pub waves: u16,
    /// Nodes that its last answer took: how much room the next one is given at once.
    pub nodes_hint: AtomicUsize,
    /// What a mapping gives that reads nothing and calls nobody, once it was evaluated; the value is the last node.
    pub constant: OnceLock<Arc<Table>>,
    /// Names of the parts of a key, in the order of [`Step::key`]; each a path, as `$this` and `$batch` show it.
    pub key_names: Vec<Vec<Arc<str>>>,
}

/// How replies are matched to keys.
#[derive(Debug)]
pub enum Align {
    /// The answer is the value: one call for each key.
    Whole,
    /// The answer is a list; an item belongs to the key whose parts equal these paths of slots.
    Items {
        /// In the order of [`Step::key`].
        parts: Vec<Vec<u16>>,
        /// Whether a key has all matching items (one-to-many) or the first.
        many: bool,
    },
}

/// One place of the operation that needs a fetch.
#[derive(Debug)]
pub struct Step {
    /// What is fetched.
    pub fetch: FetchId,
    /// For whom; `None` for a root field.
    pub parent: Option<Parent>,
    /// Number of fetches above it.
    pub level: u16,
    /// Where each part of the key is read.
    pub key: Vec<KeyPart>,
    /// Response path, for `explain`.
    pub path: Arc<str>,
    /// How many objects it may be for.
    pub objects: Count,
    /// Position of its root field, which mutations run in order.
    pub root_field: u16,
    /// What stands in for fields that it supplies when its fetch fails.
    pub stand_bys: Vec<StandBy>,
    /// Whether it supplies a critical field: then its failure is that of the request.
    pub is_critical: bool,
}

/// The rows that a step is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The step that made them.
    pub step: StepId,
    /// From that step's values down to the rows; lists on the way are walked.
    pub path: Vec<Hop>,
}

/// One move down from a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// Into a slot.
    Slot(u16),
    /// Only rows whose slot holds this type name go on.
    OfType(u16, Arc<str>),
    /// Only rows that this lets through go on.
    Guard(GuardId),
}

/// Rules that look at objects.
#[derive(Debug)]
pub struct Guard {
    /// What is asked.
    pub access: AccessId,
    /// The field's arguments.
    pub arguments: Vec<(Arc<str>, Argument)>,
    /// Where each part of `$this` is read.
    pub parts: Vec<KeyPart>,
    /// Names of the parts, each a path.
    pub names: Vec<Vec<Arc<str>>>,
    /// What of the caller its rules read.
    pub context: ContextReads,
}

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPart {
    /// The step whose row for the same object has it; `None`: the row itself.
    pub via: Option<StepId>,
    /// Slots from that row.
    pub slots: Vec<u16>,
}

/// Steps of one fetch that are loaded together.
#[derive(Debug)]
pub struct Wave {
    /// What is fetched.
    pub fetch: FetchId,
    /// For which places.
    pub steps: Vec<StepId>,
    /// Waves that must be over before: indexes into [`Plan::waves`].
    pub after: Vec<u16>,
}

/// The fields of an object in the answer.
#[derive(Debug)]
pub enum Shape {
    /// One object type.
    One(Vec<FieldShape>),
    /// By the type name that the source gave.
    ByType {
        /// Slot of `__typename`.
        slot: u16,
        /// Name of the abstract type, for messages.
        name: Arc<str>,
        /// Fields by object type.
        variants: Vec<(Arc<str>, Vec<FieldShape>)>,
        /// What stands before objects of some types.
        entries: Vec<(Arc<str>, Entry)>,
    },
    /// An object that not everybody may have.
    Behind {
        /// What stands before it.
        entry: Entry,
        /// The object; the same place again where nobody gets there.
        shape: ShapeId,
    },
}

/// A field of the answer.
#[derive(Debug)]
pub struct FieldShape {
    /// `,"key":`, ready to be written.
    pub key: KeyText,
    /// The response key, for paths.
    pub response_key: Arc<str>,
    /// `Type.field`, for messages.
    pub coordinate: Arc<str>,
    /// List levels, outermost first, then the named type: whether each is non-null.
    pub non_null: Vec<bool>,
    /// Where its value is.
    pub source: FieldSource,
    /// What it must be.
    pub value: ValueShape,
    /// Line and column in the document.
    pub location: (u32, u32),
    /// Name of the source that supplies it, for errors.
    pub service: Option<Arc<str>>,
    /// Which of its step's [`Step::stand_bys`] is its own.
    pub stand_by: Option<u8>,
    /// Whether its failure fails the whole request.
    pub is_critical: bool,
    /// What one value of it costs.
    pub weight: u32,
}

/// A response key as it stands in an answer: `,"key":`.
#[derive(Debug, Clone)]
pub struct KeyText {
    /// The text, if it is short, with room behind it: copying all of it costs less than asking how long it is.
    pub padded: [u8; KeyText::PADDED],
    /// Its length in bytes; [`KeyText::PADDED`] at most if it is short.
    pub len: usize,
    /// The text, if it is long.
    pub long: Box<[u8]>,
}

/// Where a field's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldSource {
    /// A constant: `__typename` of an object type, as JSON.
    Constant(Box<[u8]>),
    /// In a slot of the object's own row, or of the row that another step has for the object.
    Slot {
        /// That step.
        via: Option<StepId>,
        /// The slot.
        slot: u16,
    },
    /// It is the value that a step has for the object.
    Step(StepId),
    /// The result of schema introspection under this response key.
    Introspection,
    /// Nobody supplies it: null.
    Nobody,
    /// The caller may not have it.
    Refused {
        /// Whether that is as if there were nothing: null without an error.
        is_absent: bool,
    },
    /// Each object decides whether the caller may have it.
    Guarded(GuardId, Box<FieldSource>),
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueShape {
    /// A scalar.
    Scalar(Scalar),
    /// One of these names.
    Enum(Arc<[Arc<str>]>),
    /// An object.
    Object(ShapeId),
}

// === impl Step ===

impl Step {
    /// The steps that the guards on its way look at.
    pub(super) fn guarded_by<'g>(&'g self, guards: &'g [Guard]) -> impl Iterator<Item = StepId> + 'g {
        let hops = self.parent.iter().flat_map(|parent| &parent.path);
        let parts = hops.filter_map(|hop| match hop {
            Hop::Guard(guard) => Some(&guards[usize::from(guard.0)].parts),
            Hop::Slot(_) | Hop::OfType(..) => None,
        });
        parts.flatten().filter_map(|part| part.via)
    }
}

// === impl ClientHeaders ===

impl ClientHeaders {
    /// Headers that every request has its own of, so that nothing could be shared by them. A resolver's answer is not to depend on them.
    pub const TRACING: [&str; 4] = ["x-request-id", "traceparent", "tracestate", "baggage"];

    /// Adds one name.
    pub fn add(&mut self, name: &HeaderName) {
        if !self.names.contains(name) {
            self.names.push(name.clone());
        }
    }

    /// Adds what something else depends on.
    pub fn add_all(&mut self, other: &Self) {
        self.all |= other.all;
        self.resolvers |= other.resolvers;
        other.names.iter().for_each(|name| self.add(name));
    }

    /// Their names as the value of `Vary`; `None`: there are none.
    #[must_use]
    pub fn vary(&self) -> Option<HeaderValue> {
        // Resolvers may have looked at any.
        if self.all || self.resolvers {
            return Some(HeaderValue::from_static("*"));
        }
        // What belongs to one hop reaches us from the last, whoever asked.
        let names = self.names.iter().filter(|name| **name != CONNECTION);
        let names: Vec<&str> = names.map(HeaderName::as_str).collect();
        let value = HeaderValue::try_from(names.join(", ")).expect("names of headers are visible ASCII");
        (!names.is_empty()).then_some(value)
    }

    /// Appends the headers as a client sent them, so that two texts are equal only if all of them are.
    pub fn write(&self, headers: &http::HeaderMap, out: &mut Vec<u8>) {
        // Neither byte is in a header's name or value.
        const VALUE_ENDS: u8 = b'\n';
        const NAME_ENDS: u8 = b'\r';
        if self.all || self.resolvers {
            let is_left_out = |name: &HeaderName| !self.all && Self::TRACING.contains(&name.as_str());
            for (name, value) in headers.iter().filter(|(name, _)| !is_left_out(name)) {
                out.extend_from_slice(name.as_str().as_bytes());
                out.push(NAME_ENDS);
                out.extend_from_slice(value.as_bytes());
                out.push(VALUE_ENDS);
            }
        }
        if self.all {
            return;
        }
        for name in &self.names {
            for value in headers.get_all(name) {
                out.extend_from_slice(value.as_bytes());
                out.push(VALUE_ENDS);
            }
            out.push(NAME_ENDS);
        }
    }
}

// === impl KeyText ===

impl KeyText {
    /// Bytes of a short text.
    pub const PADDED: usize = 32;

    /// The text for a response key.
    #[must_use]
    pub fn new(response_key: &str) -> Self {
        let text = format!(",{}:", serde_json::Value::from(response_key));
        let mut padded = [0; Self::PADDED];
        let is_short = text.len() <= Self::PADDED;
        if is_short {
            padded[..text.len()].copy_from_slice(text.as_bytes());
        }
        Self {
            padded,
            len: text.len(),
            long: if is_short {
                Box::default()
            } else {
                text.into_bytes().into()
            },
        }
    }
}
