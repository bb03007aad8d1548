//! The schema as clients may read it.

use apollo_compiler::{
    Schema,
    schema::{ComponentOrigin, ExtendedType},
};

use super::model::Surface;

/// The SDL of a surface without directives of ours and without what GraphQL defines itself. Extensions are merged.
#[must_use]
pub fn public_sdl(surface: &Surface) -> String {
    let mut schema: Schema = (**surface.schema).clone();
    for ty in schema.types.values_mut() {
        if !ty.is_built_in() {
            merge_extensions(ty);
        }
    }
    let definition = schema.schema_definition.make_mut();
    definition
        .directives
        .0
        .iter_mut()
        .for_each(|directive| directive.origin = ComponentOrigin::Definition);
    for root in [
        &mut definition.query,
        &mut definition.mutation,
        &mut definition.subscription,
    ]
    .into_iter()
    .flatten()
    {
        root.origin = ComponentOrigin::Definition;
    }
    schema.to_string()
}

/// Makes every part of a type a part of its definition.
fn merge_extensions(ty: &mut ExtendedType) {
    const HERE: ComponentOrigin = ComponentOrigin::Definition;
    match ty {
        ExtendedType::Scalar(node) => {
            node.make_mut()
                .directives
                .0
                .iter_mut()
                .for_each(|directive| directive.origin = HERE);
        }
        ExtendedType::Object(node) => {
            let object = node.make_mut();
            object
                .directives
                .0
                .iter_mut()
                .for_each(|directive| directive.origin = HERE);
            object.fields.values_mut().for_each(|field| field.origin = HERE);
            object.implements_interfaces = object
                .implements_interfaces
                .iter()
                .map(|name| name.name.to_component(HERE))
                .collect();
        }
        ExtendedType::Interface(node) => {
            let interface = node.make_mut();
            interface
                .directives
                .0
                .iter_mut()
                .for_each(|directive| directive.origin = HERE);
            interface.fields.values_mut().for_each(|field| field.origin = HERE);
            interface.implements_interfaces = interface
                .implements_interfaces
                .iter()
                .map(|name| name.name.to_component(HERE))
                .collect();
        }
        ExtendedType::Union(node) => {
            let union = node.make_mut();
            union
                .directives
                .0
                .iter_mut()
                .for_each(|directive| directive.origin = HERE);
            union.members = union.members.iter().map(|name| name.name.to_component(HERE)).collect();
        }
        ExtendedType::Enum(node) => {
            let definition = node.make_mut();
            definition
                .directives
                .0
                .iter_mut()
                .for_each(|directive| directive.origin = HERE);
            definition.values.values_mut().for_each(|value| value.origin = HERE);
        }
        ExtendedType::InputObject(node) => {
            let input = node.make_mut();
            input
                .directives
                .0
                .iter_mut()
                .for_each(|directive| directive.origin = HERE);
            input.fields.values_mut().for_each(|field| field.origin = HERE);
        }
    }
}
