//! How long lists are taken to be, by `@listSize`, size arguments, or a guess.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    operation::{Argument, FieldNode, Variables},
    schema::model::Field,
};

/// A list of which nothing is said.
pub const ASSUMED_LIST_SIZE: u64 = 10;

/// How many values a field has: a number, maybe times one that depends on variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    /// The number that is known.
    pub(super) known: u64,
    /// Index of the [`Sizing`] that gives the rest.
    pub(super) open: Option<u16>,
}

/// The size arguments of one field.
#[derive(Debug)]
pub struct Sizing {
    /// `Type.field`, for messages.
    pub(super) coordinate: Arc<str>,
    /// Line and column in the document.
    pub(super) location: (u32, u32),
    /// Those that are given.
    pub(super) arguments: Vec<SizeArgument>,
    /// The length when none of them has a value.
    pub(super) otherwise: u64,
    /// The largest value that the field itself asks for.
    pub(super) largest: u64,
    /// Whether exactly one must be given.
    pub(super) requires_one: bool,
}

/// A size argument that is given.
#[derive(Debug)]
pub(super) struct SizeArgument {
    /// Its name, dotted where it is within an input object.
    pub(super) name: String,
    /// Whether it has a value when nobody gives one.
    pub(super) has_default: bool,
    value: SizeValue,
}

/// What is known of a size argument's value.
#[derive(Debug)]
enum SizeValue {
    Known(i64),
    Variable {
        variable: u16,
        /// Names within the variable's value.
        path: Vec<Arc<str>>,
        /// Where the variable is not given.
        default: Option<i64>,
    },
}

// === impl Length ===

impl Length {
    pub(super) const ONE: Self = Self::of(1);

    pub(super) const fn of(known: u64) -> Self {
        Self { known, open: None }
    }
}

// === impl Sizing ===

impl Sizing {
    /// The size arguments of a field as selected; `None` where it has none.
    pub(super) fn of(field: &Field, parent: &str, node: &FieldNode) -> Option<Self> {
        let size = field.list_size.as_ref()?;
        if size.slicing_arguments.is_empty() {
            return None;
        }
        let given = size.slicing_arguments.iter().filter_map(|argument| {
            Some(SizeArgument {
                name: argument.path.join("."),
                has_default: argument.has_default,
                value: value(&node.arguments, &argument.path)?,
            })
        });
        Some(Self {
            coordinate: format!("{parent}.{}", field.name).into(),
            location: node.location,
            arguments: given.collect(),
            otherwise: size.assumed_size.map_or(ASSUMED_LIST_SIZE, u64::from),
            largest: size.largest.map_or(0, u64::from),
            requires_one: size.require_one_slicing_argument,
        })
    }

    /// The length, if no variable decides it.
    pub(super) fn known(&self) -> Option<u64> {
        let is_known = |argument: &SizeArgument| matches!(argument.value, SizeValue::Known(_));
        self.arguments
            .iter()
            .all(is_known)
            .then(|| self.length(&Variables::default()))
    }

    /// The length: the largest of the arguments, and never less than one.
    pub(super) fn length(&self, variables: &Variables) -> u64 {
        let given = self.arguments.iter().filter_map(|argument| argument.value(variables));
        given
            .max()
            .map_or(self.otherwise, |size| u64::try_from(size).unwrap_or(0).max(1))
    }

    /// What is wrong with the arguments, if anything; 0 = no limit.
    pub(super) fn problem(&self, variables: &Variables, largest: u64) -> Option<String> {
        let Self { coordinate, .. } = self;
        let most = if largest == 0 {
            u64::MAX
        } else {
            largest.max(self.largest)
        };
        let (mut given, mut explicit) = (0, 0);
        for argument in &self.arguments {
            let Some(size) = argument.value(variables) else {
                continue;
            };
            given += 1;
            explicit += usize::from(!argument.has_default);
            if largest > 0 && u64::try_from(size).map_or(true, |size| size == 0 || size > most) {
                let name = &argument.name;
                return Some(format!(
                    "{coordinate}: argument {name:?} is {size}; it must be between 1 and {most}."
                ));
            }
        }
        if self.requires_one && (given == 0 || explicit > 1) {
            return Some(format!(
                "{coordinate}: exactly one of its size arguments must be given."
            ));
        }
        None
    }
}

// === impl SizeArgument ===

impl SizeArgument {
    fn value(&self, variables: &Variables) -> Option<i64> {
        match &self.value {
            SizeValue::Known(number) => Some(*number),
            SizeValue::Variable {
                variable,
                path,
                default,
            } => match variables.get(*variable) {
                Some(value) => number(value, path),
                None => *default,
            },
        }
    }
}

/// What is known of the argument at a path.
fn value(arguments: &[(Arc<str>, Argument)], path: &[Arc<str>]) -> Option<SizeValue> {
    let (name, below) = path.split_first()?;
    let (_, argument) = arguments.iter().find(|(known, _)| known == name)?;
    match argument {
        Argument::Constant(value) => number(value, below).map(SizeValue::Known),
        Argument::Variable { variable, default, .. } => Some(SizeValue::Variable {
            variable: *variable,
            path: below.to_vec(),
            default: default.as_ref().and_then(|default| number(default, below)),
        }),
        Argument::Object(fields) => value(fields, below),
        Argument::List(_) => None,
    }
}

/// The number at a path of a value; what is no number says nothing.
fn number(value: &Value, path: &[Arc<str>]) -> Option<i64> {
    let value = path.iter().try_fold(value, |value, name| value.get(&**name))?;
    let number = value.as_number()?;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|float| float.ceil() as i64))
}
