//! What decoding needs to know of a message type, gathered once per type and answer.

use std::{cell::OnceCell, rc::Rc};

use prost_reflect::{Kind, MessageDescriptor};

use super::well_known::{self, WellKnown};

/// The message types met so far.
#[derive(Default)]
pub(super) struct Layouts {
    all: Vec<Rc<Layout>>,
}

/// A message type.
pub(super) struct Layout {
    pub(super) message: MessageDescriptor,
    pub(super) well_known: Option<WellKnown>,
    /// In the order of the .proto file.
    pub(super) fields: Vec<Field>,
    /// How many there are.
    pub(super) oneofs: usize,
    /// Field number and index into `fields`, by number.
    numbers: Vec<(u32, usize)>,
}

pub(super) struct Field {
    pub(super) number: u32,
    /// The JSON name.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    pub(super) has_presence: bool,
    /// A group of proto2, which is delimited by tags instead of a length.
    pub(super) is_group: bool,
    /// Index of the oneof among those of the message.
    pub(super) oneof: Option<usize>,
    /// Index among [`Layouts`], once known. No reference: types may be recursive.
    child: OnceCell<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    List,
    Map,
}

// === impl Layouts ===

impl Layouts {
    /// The layout of `message`.
    pub(super) fn get(&mut self, message: &MessageDescriptor) -> Rc<Layout> {
        let index = self.index(message);
        self.all[index].clone()
    }

    /// The layout of the message that `field` holds.
    pub(super) fn child(&mut self, field: &Field) -> Rc<Layout> {
        let Kind::Message(message) = &field.kind else {
            unreachable!("only asked for message fields")
        };
        let index = *field.child.get_or_init(|| self.index(message));
        self.all[index].clone()
    }

    fn index(&mut self, message: &MessageDescriptor) -> usize {
        self.all
            .iter()
            .position(|layout| layout.message == *message)
            .unwrap_or_else(|| {
                self.all.push(Rc::new(Layout::new(message)));
                self.all.len() - 1
            })
    }
}

// === impl Layout ===

impl Layout {
    fn new(message: &MessageDescriptor) -> Self {
        let oneofs: Vec<_> = message.oneofs().collect();
        let mut declared: Vec<_> = message.fields().collect();
        declared.sort_by_key(|field| field.path().last().copied());
        let fields: Vec<_> = declared
            .iter()
            .map(|field| Field {
                number: field.number(),
                name: field.json_name().to_owned(),
                kind: field.kind(),
                shape: match field {
                    field if field.is_map() => Shape::Map,
                    field if field.is_list() => Shape::List,
                    _ => Shape::Single,
                },
                has_presence: field.supports_presence(),
                is_group: field.is_group(),
                oneof: field
                    .containing_oneof()
                    .and_then(|of| oneofs.iter().position(|oneof| *oneof == of)),
                child: OnceCell::new(),
            })
            .collect();
        let mut numbers: Vec<_> = fields
            .iter()
            .enumerate()
            .map(|(index, field)| (field.number, index))
            .collect();
        numbers.sort_unstable();
        Self {
            well_known: well_known::of(message),
            message: message.clone(),
            fields,
            oneofs: oneofs.len(),
            numbers,
        }
    }

    /// The index of the field with this number. `guess` is looked at first: fields mostly come in order.
    pub(super) fn find(&self, number: u32, guess: usize) -> Option<usize> {
        for guess in [guess, guess + 1] {
            if self.fields.get(guess).is_some_and(|field| field.number == number) {
                return Some(guess);
            }
        }
        let at = self.numbers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(self.numbers[at].1)
    }

    /// `google.protobuf.Empty`, which an `Any` treats as well-known.
    pub(super) fn is_empty_type(&self) -> bool {
        self.message.full_name() == "google.protobuf.Empty"
    }
}
