//! Mappings that differ only in where their parts stand: with all spans empty, they are equal.

use super::ast::{Block, Expr, Head, Item, Key, Path, Selection, Step};

// === impl Selection ===

impl Selection {
    /// The same mapping with every span `0..0`, to compare by meaning.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        match &mut self {
            Self::Value(value) => expr(value),
            Self::Fields(fields) => block(fields),
        }
        self
    }
}

fn key(key: &mut Key) {
    key.span = 0..0;
}

fn block(block: &mut Block) {
    block.span = 0..0;
    for item in &mut block.items {
        match item {
            Item::Named { name, value } => {
                key(name);
                expr(value);
            }
            Item::Spread { value, .. } => expr(value),
        }
    }
}

fn expr(value: &mut Expr) {
    match value {
        Expr::Literal(_, span) => *span = 0..0,
        Expr::Array(items, span) | Expr::Chain(_, items, span) => {
            *span = 0..0;
            items.iter_mut().for_each(expr);
        }
        Expr::Object(fields) => block(fields),
        Expr::Path(value) => path(value),
    }
}

fn path(path: &mut Path) {
    path.span = 0..0;
    match &mut path.head {
        Head::Root | Head::At => {}
        Head::Variable(name) | Head::Key(name) => key(name),
        Head::Expr(inside) => expr(inside),
    }
    for step in &mut path.steps {
        match step {
            Step::Key(name) => key(name),
            Step::Optional(span) => *span = 0..0,
            Step::Select(fields) => block(fields),
            Step::Method { name, args, span } => {
                *span = 0..0;
                key(name);
                args.iter_mut().flatten().for_each(expr);
            }
        }
    }
}
