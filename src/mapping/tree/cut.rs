//! A mapping without what nobody asked for: what a source that can be asked for single keys has to be asked.

use super::reads::{keeps_input, pair};
use crate::mapping::{
    ast::{Block, Expr, Head, Item, Key, Path, Selection, Step},
    layout::{LayoutId, Layouts},
    methods::Method,
};

pub(super) fn of(selection: &Selection, layouts: &Layouts) -> Selection {
    if layouts.is_empty() {
        return selection.clone();
    }
    let cutter = Cutter(layouts);
    match selection {
        Selection::Value(expr) => Selection::Value(cutter.expr(expr, LayoutId(0))),
        Selection::Fields(block) => Selection::Fields(cutter.block(block, LayoutId(0))),
    }
}

struct Cutter<'a>(&'a Layouts);

// === impl Cutter ===

impl Cutter<'_> {
    fn expr(&self, expr: &Expr, layout: LayoutId) -> Expr {
        match expr {
            Expr::Literal(..) => expr.clone(),
            Expr::Array(items, span) => Expr::Array(self.all(items, layout), span.clone()),
            Expr::Object(block) => Expr::Object(self.block(block, layout)),
            Expr::Path(path) => Expr::Path(self.path(path, layout)),
            Expr::Chain(kind, operands, span) => Expr::Chain(*kind, self.all(operands, layout), span.clone()),
        }
    }

    fn all(&self, exprs: &[Expr], layout: LayoutId) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr, layout)).collect()
    }

    fn block(&self, block: &Block, layout: LayoutId) -> Block {
        let items = block.items.iter().filter_map(|item| match item {
            Item::Named { name, value } => {
                let fields = self.0.get(layout).fields.iter();
                let mut wanted = fields
                    .filter(|field| *field.name == *name.text)
                    .map(|field| field.child);
                let value = match (wanted.next()?, wanted.next()) {
                    (Some(child), None) => self.expr(value, child),
                    // As a whole, by one at least.
                    _ => value.clone(),
                };
                let name = name.clone();
                Some(Item::Named { name, value })
            }
            Item::Spread { value, explicit } => Some(Item::Spread {
                value: self.expr(value, layout),
                explicit: *explicit,
            }),
        });
        Block {
            items: items.collect(),
            span: block.span.clone(),
        }
    }

    fn path(&self, path: &Path, layout: LayoutId) -> Path {
        let mut cut = path.clone();
        if let (Head::Expr(expr), []) = (&path.head, &path.steps[..]) {
            cut.head = Head::Expr(Box::new(self.expr(expr, layout)));
            return cut;
        }
        let Some(last) = path.steps.iter().rposition(|step| !passes_on(step)) else {
            return self.ended(cut, layout);
        };
        match &path.steps[last] {
            Step::Select(block) => cut.steps[last] = Step::Select(self.block(block, layout)),
            Step::Method { name, args, span } => {
                let args = args.as_deref().unwrap_or_default();
                let args = match Method::from_name(&name.text) {
                    Some(Method::Echo | Method::Map) => self.all(args, layout),
                    Some(Method::Match) => args.iter().map(|arg| self.pair(arg, layout)).collect(),
                    Some(method) if keeps_input(method) || matches!(method, Method::As | Method::Get) => {
                        return self.ended(cut, layout);
                    }
                    _ => return cut,
                };
                cut.steps[last] = Step::Method {
                    name: name.clone(),
                    args: Some(args),
                    span: span.clone(),
                };
            }
            Step::Key(_) | Step::Optional(_) => return self.ended(cut, layout),
        }
        cut
    }

    fn pair(&self, arg: &Expr, layout: LayoutId) -> Expr {
        match (pair(arg), arg) {
            (Some((candidate, value)), Expr::Array(_, span)) => {
                Expr::Array(vec![candidate.clone(), self.expr(value, layout)], span.clone())
            }
            _ => arg.clone(),
        }
    }

    /// A path that ends without saying what is taken of its value: the names that are wanted.
    fn ended(&self, mut path: Path, layout: LayoutId) -> Path {
        let follows = |step: &Step| match step {
            Step::Method { name, .. } => Method::from_name(&name.text)
                .is_some_and(|method| keeps_input(method) || matches!(method, Method::As | Method::Get)),
            Step::Key(_) | Step::Optional(_) => true,
            Step::Select(_) => false,
        };
        if path.steps.iter().all(follows) {
            path.steps.push(Step::Select(self.names(layout, &path)));
        }
        path
    }

    fn names(&self, layout: LayoutId, at: &Path) -> Block {
        let items = self.0.get(layout).fields.iter().map(|field| {
            let name = Key {
                text: field.name.to_string(),
                quoted: false,
                span: at.span.clone(),
            };
            let path = Path {
                head: Head::Key(name.clone()),
                steps: Vec::new(),
                span: at.span.clone(),
            };
            let path = match field.child {
                Some(child) => self.ended(path, child),
                None => path,
            };
            let value = Expr::Path(path);
            Item::Named { name, value }
        });
        Block {
            items: items.collect(),
            span: at.span.clone(),
        }
    }
}

/// Whether a step hands on what is before it, or one of it, and looks at nothing.
fn passes_on(step: &Step) -> bool {
    match step {
        Step::Optional(_) => true,
        Step::Method { name, .. } => {
            matches!(
                Method::from_name(&name.text),
                Some(Method::First | Method::Last | Method::Slice)
            )
        }
        Step::Key(_) | Step::Select(_) => false,
    }
}
