//! The methods of the language (DIALECT §1.7): which there are, and what each makes of a value.
//!
//! One child per kind of value. [`Method::apply`] is the table a reader starts at.

mod flow;
mod list;
mod logic;
mod number;
mod object;
mod pick;
mod text;

use std::cmp::Ordering;

use crate::mapping::evaluate::{Call, Val};

use number::Operation;

/// A method of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::mapping) enum Method {
    Add,
    And,
    As,
    Contains,
    Div,
    Echo,
    Entries,
    Eq,
    Filter,
    Find,
    First,
    Get,
    Gt,
    Gte,
    In,
    JoinNotNull,
    JsonParse,
    JsonStringify,
    KeysToCamelCase,
    KeysToCamelCaseDeep,
    Last,
    Lt,
    Lte,
    Map,
    Match,
    Mod,
    Mul,
    Ne,
    Not,
    Or,
    ParseInt,
    Size,
    Slice,
    Split,
    Sub,
    ToString,
    Trim,
    TrimEnd,
    TrimStart,
    WithError,
    WithWarning,
}

/// How a method is called.
#[derive(Debug)]
pub(in crate::mapping) struct Signature {
    /// Without the arrow.
    pub(in crate::mapping) name: &'static str,
    method: Method,
    /// Fewest and most arguments. A method that may have none is then written without parentheses.
    arity: (usize, usize),
}

const fn signature(name: &'static str, method: Method, fewest: usize, most: usize) -> Signature {
    Signature {
        name,
        method,
        arity: (fewest, most),
    }
}

/// All methods, sorted by name for the search in [`Method::from_name`].
pub(in crate::mapping) static METHODS: [Signature; 41] = SIGNATURES;

/// Each stands at the place of its method, where [`Method::arity`] looks for it.
const _: () = {
    let mut place = 0;
    while place < SIGNATURES.len() {
        assert!(SIGNATURES[place].method as usize == place);
        place += 1;
    }
};

const SIGNATURES: [Signature; 41] = [
    signature("add", Method::Add, 1, usize::MAX),
    signature("and", Method::And, 1, usize::MAX),
    signature("as", Method::As, 1, 2),
    signature("contains", Method::Contains, 1, 1),
    signature("div", Method::Div, 1, usize::MAX),
    signature("echo", Method::Echo, 1, 1),
    signature("entries", Method::Entries, 0, 0),
    signature("eq", Method::Eq, 1, 1),
    signature("filter", Method::Filter, 1, 1),
    signature("find", Method::Find, 1, 1),
    signature("first", Method::First, 0, 0),
    signature("get", Method::Get, 1, 1),
    signature("gt", Method::Gt, 1, 1),
    signature("gte", Method::Gte, 1, 1),
    signature("in", Method::In, 1, 1),
    signature("joinNotNull", Method::JoinNotNull, 1, 1),
    signature("jsonParse", Method::JsonParse, 0, 0),
    signature("jsonStringify", Method::JsonStringify, 0, 0),
    signature("keysToCamelCase", Method::KeysToCamelCase, 0, 0),
    signature("keysToCamelCaseDeep", Method::KeysToCamelCaseDeep, 0, 0),
    signature("last", Method::Last, 0, 0),
    signature("lt", Method::Lt, 1, 1),
    signature("lte", Method::Lte, 1, 1),
    signature("map", Method::Map, 1, 1),
    signature("match", Method::Match, 1, usize::MAX),
    signature("mod", Method::Mod, 1, usize::MAX),
    signature("mul", Method::Mul, 1, usize::MAX),
    signature("ne", Method::Ne, 1, 1),
    signature("not", Method::Not, 0, 0),
    signature("or", Method::Or, 1, usize::MAX),
    signature("parseInt", Method::ParseInt, 0, 1),
    signature("size", Method::Size, 0, 0),
    signature("slice", Method::Slice, 1, 2),
    signature("split", Method::Split, 1, 2),
    signature("sub", Method::Sub, 1, usize::MAX),
    signature("toString", Method::ToString, 0, 0),
    signature("trim", Method::Trim, 0, 0),
    signature("trimEnd", Method::TrimEnd, 0, 0),
    signature("trimStart", Method::TrimStart, 0, 0),
    signature("withError", Method::WithError, 1, 1),
    signature("withWarning", Method::WithWarning, 1, 1),
];

// === impl Method ===

impl Method {
    /// The public method of that name.
    pub(in crate::mapping) fn from_name(name: &str) -> Option<Self> {
        let index = METHODS.binary_search_by(|signature| signature.name.cmp(name)).ok()?;
        METHODS.get(index).map(|signature| signature.method)
    }

    /// Fewest and most arguments.
    pub(in crate::mapping) fn arity(self) -> (usize, usize) {
        // Both are sorted by name.
        METHODS[self as usize].arity
    }

    /// Whether it may be called with so many arguments; `None`: without parentheses.
    pub(in crate::mapping) fn takes(self, arguments: Option<usize>) -> bool {
        let (fewest, most) = self.arity();
        match arguments {
            None => fewest == 0,
            Some(0) => self == Self::ToString,
            Some(number) => (fewest..=most).contains(&number),
        }
    }

    /// What the method makes of `input`; `None` is missing. `->as` is done by the path, whose scope it changes.
    pub(in crate::mapping) fn apply<'a>(self, call: &mut Call<'_, 'a>, input: Val<'a>) -> Option<Val<'a>> {
        match self {
            Self::As => Some(input),
            Self::Echo => flow::echo(call),
            Self::Match => flow::match_pairs(call, input),
            Self::WithError => flow::with_error(call, input),
            Self::WithWarning => flow::with_warning(call, input),

            Self::Contains => list::contains(call, input),
            Self::Filter => list::filter(call, input),
            Self::Find => list::find(call, input),
            Self::In => list::is_in(call, input),
            Self::Map => list::map(call, input),

            Self::First => pick::first(call, input),
            Self::Get => pick::get(call, input),
            Self::Last => pick::last(call, input),
            Self::Size => pick::size(call, &input),
            Self::Slice => pick::slice(call, input),

            Self::And => logic::all(call, &input),
            Self::Eq => logic::equal(call, input, true),
            Self::Gt => logic::compare(call, &input, Ordering::is_gt),
            Self::Gte => logic::compare(call, &input, Ordering::is_ge),
            Self::Lt => logic::compare(call, &input, Ordering::is_lt),
            Self::Lte => logic::compare(call, &input, Ordering::is_le),
            Self::Ne => logic::equal(call, input, false),
            Self::Not => logic::not(call, &input),
            Self::Or => logic::any(call, &input),

            Self::Add => number::fold(call, &input, Operation::Add),
            Self::Div => number::fold(call, &input, Operation::Div),
            Self::Mod => number::fold(call, &input, Operation::Mod),
            Self::Mul => number::fold(call, &input, Operation::Mul),
            Self::ParseInt => number::parse_int(call, &input),
            Self::Sub => number::fold(call, &input, Operation::Sub),

            Self::Entries => object::entries(call, input),
            Self::KeysToCamelCase => object::keys_to_camel_case(call, input),
            Self::KeysToCamelCaseDeep => object::keys_to_camel_case_deep(call, input),

            Self::JoinNotNull => text::join_not_null(call, input),
            Self::JsonParse => text::json_parse(call, &input),
            Self::JsonStringify => text::json_stringify(call, input),
            Self::Split => text::split(call, &input),
            Self::ToString => text::to_string(call, input),
            Self::Trim => text::trim(call, input, str::trim),
            Self::TrimEnd => text::trim(call, input, str::trim_end),
            Self::TrimStart => text::trim(call, input, str::trim_start),
        }
    }
}
