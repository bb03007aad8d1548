//! What can be said of a method call without data: the method exists and has the arguments it needs.

use super::ParseError;
use crate::mapping::{
    ast::{Expr, Head, Key, Span},
    methods::{METHODS, Method},
};

/// Methods that the published language has but keeps to itself.
const RESERVED: [&str; 5] = ["typeof", "matchIf", "has", "keys", "values"];

/// Checks one `->name(args)`; `args` is `None` without parentheses.
pub(in crate::mapping) fn method(name: &Key, args: Option<&[Expr]>, span: &Span) -> Result<(), ParseError> {
    let refuse = |message: String| Err(ParseError::new(message, span.clone()));
    if RESERVED.contains(&name.text.as_str()) {
        return refuse(format!("`->{}` is not part of the public language", name.text));
    }
    let Some(method) = Method::from_name(&name.text) else {
        return Err(ParseError::new(unknown(&name.text), name.span.clone()));
    };
    let (fewest, most) = method.arity();
    let text = &name.text;
    match args {
        None if fewest == 0 => Ok(()),
        Some([]) if method == Method::ToString => Ok(()),
        Some(_) if most == 0 => refuse(format!("`->{text}` takes no argument; write it without parentheses")),
        Some([]) if fewest == 0 => refuse(format!("`->{text}` without an argument is written without parentheses")),
        None => refuse(format!("`->{text}` needs {}; write `->{text}(…)`", count(fewest, most))),
        Some(args) if args.len() < fewest || args.len() > most => {
            refuse(format!("`->{text}` takes {}, not {}", count(fewest, most), args.len()))
        }
        Some(args) => arguments(method, args),
    }
}

/// Checks the form of the arguments where a method asks for one.
fn arguments(method: Method, args: &[Expr]) -> Result<(), ParseError> {
    match method {
        Method::As => match args {
            [first, ..] if bound_name(first).is_some() => Ok(()),
            [first, ..] => Err(ParseError::new(
                "`->as` needs a name to bind, as in `->as($item)`",
                first.span(),
            )),
            [] => Ok(()),
        },
        Method::Match => match args.iter().find(|arg| !is_pair(arg)) {
            Some(arg) => Err(ParseError::new(
                "`->match` takes pairs, as in `->match([\"A\", 1], [@, 0])`",
                arg.span(),
            )),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The variable that an expression consists of.
pub(in crate::mapping) fn bound_name(expr: &Expr) -> Option<&Key> {
    match expr {
        Expr::Path(path) if path.steps.is_empty() => match &path.head {
            Head::Variable(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

fn is_pair(expr: &Expr) -> bool {
    matches!(expr, Expr::Array(items, _) if items.len() == 2)
}

fn count(fewest: usize, most: usize) -> String {
    let arguments = |number: usize| if number == 1 { "argument" } else { "arguments" };
    match (fewest, most) {
        _ if fewest == most => format!("{fewest} {}", arguments(fewest)),
        (_, usize::MAX) => format!("at least {fewest} {}", arguments(fewest)),
        _ => format!("{fewest} to {most} arguments"),
    }
}

fn unknown(name: &str) -> String {
    let nearest = METHODS
        .iter()
        .map(|method| (distance(name, method.name), method.name))
        .min();
    match nearest {
        Some((distance, nearest)) if distance <= 1 + nearest.len() / 4 => {
            format!("there is no method `->{name}`; did you mean `->{nearest}`?")
        }
        _ => format!("there is no method `->{name}`"),
    }
}

/// Letters to insert, remove or replace to make `a` of `b`, case aside. Bounded: names longer than any method are cut.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<u8> = a.bytes().take(32).map(|byte| byte.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (line, b) in b.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, a) in a.iter().enumerate() {
            let replaced = diagonal + usize::from(*a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[a.len()]
}
