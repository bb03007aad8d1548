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
                name, args: Some(args), ..
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

/// Calls `visit` with every entry of every block of a mapping.
pub(crate) fn items<'s>(selection: &'s Selection, visit: &mut dyn FnMut(&'s Item)) {
    if let Selection::Fields(block) = selection {
        block.items.iter().for_each(&mut *visit);
    }
    // Blocks further in are found through expressions; the walk over paths passes each of them once.
    exprs(selection, &mut |expr| {
        if let Expr::Object(block) = expr {
            block.items.iter().for_each(&mut *visit);
        }
        if let Expr::Path(path) = expr {
            for step in &path.steps {
                if let Step::Select(block) = step {
                    block.items.iter().for_each(&mut *visit);
                }
            }
        }
    });
}

/// Calls `visit` with every expression of a mapping, outer ones first.
fn exprs<'s>(selection: &'s Selection, visit: &mut dyn FnMut(&'s Expr)) {
    match selection {
        Selection::Value(expr) => each_expr(expr, visit),
        Selection::Fields(block) => each_in_block(block, visit),
    }
}

fn each_in_block<'s>(block: &'s Block, visit: &mut dyn FnMut(&'s Expr)) {
    for item in &block.items {
        let (Item::Named { value, .. } | Item::Spread { value, .. }) = item;
        each_expr(value, visit);
    }
}

fn each_expr<'s>(expr: &'s Expr, visit: &mut dyn FnMut(&'s Expr)) {
    visit(expr);
    match expr {
        Expr::Literal(..) => {}
        Expr::Array(values, _) | Expr::Chain(_, values, _) => {
            values.iter().for_each(|value| each_expr(value, visit));
        }
        Expr::Object(block) => each_in_block(block, visit),
        Expr::Path(path) => {
            if let Head::Expr(inner) = &path.head {
                each_expr(inner, visit);
            }
            for step in &path.steps {
                match step {
                    Step::Key(_) | Step::Optional(_) => {}
                    Step::Method { args, .. } => args.iter().flatten().for_each(|arg| each_expr(arg, visit)),
                    Step::Select(block) => each_in_block(block, visit),
                }
            }
        }
    }
}
