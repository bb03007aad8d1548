//! What directives of a federation say of fields: keys that come along, fields of other subgraphs, types that are hidden.

use std::collections::HashSet;

use apollo_compiler::Name;

use crate::schema::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    directive::Directive,
    field_set,
    problem::Problems,
};

/// What a federation knows of: keys that other subgraphs bring along, and fields that only they supply.
pub(super) struct Elsewhere {
    pub(super) keys: HashSet<(String, String)>,
    pub(super) external: HashSet<(String, String)>,
}

/// Types that no client can ask for.
pub(super) fn hidden_types(uses: &[Use]) -> HashSet<&Name> {
    let hidden = uses.iter().filter(|used| used.directive == Directive::Inaccessible);
    let types = hidden.filter_map(|used| match &used.site {
        UseSite::Type(name) => Some(name),
        _ => None,
    });
    types.collect()
}

// === impl Elsewhere ===

impl Elsewhere {
    pub(super) fn read(uses: &[Use], problems: &Problems<'_>) -> Self {
        let mut read = Self {
            keys: HashSet::new(),
            external: HashSet::new(),
        };
        for used in uses {
            match (used.directive, &used.site) {
                (Directive::Key, UseSite::Type(name)) => {
                    let fields = Arguments::Directive(&used.node).text(problems.files(), "fields");
                    let key = fields.and_then(|fields| field_set::parse(&fields.value));
                    let names = key.into_iter().flat_map(|key| key.0);
                    read.keys
                        .extend(names.map(|(field, _)| (name.to_string(), field.to_string())));
                }
                (Directive::External, UseSite::Field(name, field)) => {
                    read.external.insert((name.to_string(), field.to_string()));
                }
                _ => {}
            }
        }
        read
    }
}
