//! What a block makes of a value that is no object.
//!
//! Keys are all missing there, so that most blocks make nothing and the value stays what it is (DIALECT §1.6). A literal, a
//! variable or an object in braces is there all the same, and then the outcome is an object.

use crate::mapping::ast::{Block, Expr, Head, Item, Path, Step};

/// Whether `block` may have output when `$` is null or another scalar.
pub(super) fn makes_something(block: &Block) -> bool {
    block.items.iter().any(|item| match item {
        Item::Named { value, .. } | Item::Spread { value, .. } => survives(value),
    })
}

/// Whether `expr` may be there when `$` is a scalar.
fn survives(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) | Expr::Array(..) | Expr::Object(_) => true,
        Expr::Path(path) => path_survives(path),
        Expr::Chain(_, operands, _) => operands.iter().any(survives),
    }
}

fn path_survives(path: &Path) -> bool {
    let first = path.steps.iter().find(|step| !matches!(step, Step::Optional(_)));
    match &path.head {
        Head::Key(_) => false,
        Head::Root | Head::At => !matches!(first, Some(Step::Key(_))),
        Head::Expr(expr) => survives(expr),
        Head::Variable(_) => true,
    }
}
