//! What each variable is, by the place where the mapping stands (DIALECT §1.8).

use std::rc::Rc;

use super::{Keys, Kinds, Shape};
use crate::schema::{
    members::Members,
    part::{Owner, Scope},
};

/// The value of a variable, by its name without `$`. Anything for one that is not known.
pub(super) fn shape<'a>(name: &str, scope: &Scope<'a>) -> Shape<'a> {
    let object = |members| Shape::object(Keys::Of(scope.schema, members));
    match (name, scope.owner) {
        ("args", Owner::Field { field, .. }) => object(Members::Arguments(field)),
        ("this", Owner::Field { parent, .. } | Owner::Type(parent)) => object(Members::of(scope.schema, parent)),
        ("batch", Owner::Field { parent, .. } | Owner::Type(parent)) => {
            Shape::list(object(Members::of(scope.schema, parent)))
        }
        ("config" | "context", _) => Shape::some_object(),
        ("env", _) => Shape::object(Keys::Each(Rc::new(Shape::of_kinds(Kinds::TEXT | Kinds::NULL)))),
        ("status", _) => Shape::of_kinds(Kinds::NUMBER),
        ("error", _) => fixed(
            "$error",
            vec![
                ("kind", Shape::of_kinds(Kinds::TEXT)),
                ("status", Shape::of_kinds(Kinds::NUMBER | Kinds::NULL)),
                ("message", Shape::of_kinds(Kinds::TEXT)),
            ],
        ),
        ("request", _) => fixed("$request", vec![("headers", headers())]),
        ("response", _) if scope.is_grpc => fixed(
            "$response",
            vec![
                ("headers", headers()),
                ("trailers", headers()),
                ("message", Shape::of_kinds(Kinds::TEXT | Kinds::NULL)),
                ("details", Shape::of_kinds(Kinds::ARRAY | Kinds::NULL)),
            ],
        ),
        ("response", _) if scope.is_local => fixed(
            "$response",
            vec![
                ("headers", headers()),
                ("message", Shape::of_kinds(Kinds::TEXT | Kinds::NULL)),
                ("errors", Shape::list(Shape::some_object()).or_null()),
            ],
        ),
        ("response", _) => fixed("$response", vec![("headers", headers())]),
        _ => Shape::any(),
    }
}

fn fixed<'a>(name: &'static str, keys: Vec<(&'static str, Shape<'a>)>) -> Shape<'a> {
    Shape::object(Keys::Fixed(name, keys.into()))
}

/// Of each header all its values, in a list.
fn headers<'a>() -> Shape<'a> {
    let values = Shape::list(Shape::of_kinds(Kinds::TEXT)).or_null();
    Shape::object(Keys::Each(Rc::new(values)))
}
