//! Walks over the paths of a mapping.

use crate::mapping::{Block, Expr, Head, Item, Path, Selection, Step};

/// What surrounds a path.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    /// Inside a `{ }` tail: `$` and plain keys are of the value before it, not of the input.
    pub is_rebound: bool,
    /// Inside the arguments of a method: `@` is its value.
    pub is_argument: bool,
}

/// Calls `visit` with every path of a mapping, outer ones first. Names that `->as` binds are no paths.
pub(crate) fn paths<'s>(selection: &'s Selection, visit: &mut dyn FnMut(&'s Path, Around)) {
    match selection {
        Selection::Value(expr) => in_expr(expr, Around::default(), visit),
        Selection::Fields(block) => in_block(block, Around::default(), visit),
    }
}

/// Names bound by `->as($name)` anywhere in a mapping.
pub(crate) fn bound_names(selection: &Selection) -> Vec<String> {
    let mut names = Vec::new();
    paths(selection, &mut |path, _| {
        for step in &path.steps {
            if let Step::Method {
                name,
                args: Some(args),
                ..
            } = step
                && name.text == "as"
                && let Some(Expr::Path(Path {
                    head: Head::Variable(bound),
                    ..
                })) = args.first()
            {
                names.push(bound.text.clone());
            }
        }
    });
    names
}

fn in_block<'s>(block: &'s Block, around: Around, visit: &mut dyn FnMut(&'s Path, Around)) {
    for item in &block.items {
        match item {
            Item::Named { value, .. } | Item::Spread { value, .. } => in_expr(value, around, visit),
        }
    }
}

fn in_expr<'s>(expr: &'s Expr, around: Around, visit: &mut dyn FnMut(&'s Path, Around)) {
    match expr {
        Expr::Literal(..) => {}
        Expr::Array(values, _) | Expr::Chain(_, values, _) => {
            for value in values {
                in_expr(value, around, visit);
            }
        }
        Expr::Object(block) => in_block(block, around, visit),
        Expr::Path(path) => in_path(path, around, visit),
    }
}

fn in_path<'s>(path: &'s Path, around: Around, visit: &mut dyn FnMut(&'s Path, Around)) {
    visit(path, around);
    if let Head::Expr(expr) = &path.head {
        in_expr(expr, around, visit);
    }
    for step in &path.steps {
        match step {
            Step::Key(_) | Step::Optional(_) => {}
            Step::Method { name, args, .. } => {
                let bound = usize::from(name.text == "as");
                for arg in args.iter().flatten().skip(bound) {
                    in_expr(
                        arg,
                        Around {
                            is_argument: true,
                            ..around
                        },
                        visit,
                    );
                }
            }
            Step::Select(block) => in_block(
                block,
                Around {
                    is_rebound: true,
                    ..around
                },
                visit,
            ),
        }
    }
}
