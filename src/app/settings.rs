//! What the configuration says of a surface → how its engine is to answer.

use std::sync::Arc;

use crate::{
    config::{Limits, SurfaceClass, SurfaceConfig},
    engine::{OperationQuota, Settings, Terms, overload::Priorities},
    execute::Detail,
    operation::{self, documents as persisted},
    quota::Quotas,
    schema::{Surface, model::TypeKind},
};

/// Nesting that parsing and counting stand on a stack of 2 MiB, with room to spare.
const NESTING_CEILING: usize = 500;

/// How a surface is to answer.
#[must_use]
pub fn engine_settings(surface: &SurfaceConfig) -> Settings {
    let everybody = terms(&surface.limits, surface.introspection, surface.errors);
    let is_other = |class: &SurfaceClass| {
        class.limits != surface.limits || class.introspection != surface.introspection || class.errors != surface.errors
    };
    let classes = surface.classes.iter().map(|class| {
        // Those that differ in what HTTP wants alone share what is kept of documents.
        is_other(class).then(|| terms(&class.limits, class.introspection, class.errors))
    });
    Settings {
        limits: everybody.limits,
        response_bytes: everybody.response_bytes,
        detail: everybody.detail,
        classes: classes.collect(),
        show_cost: surface.show_cost,
        sharing: surface.sharing,
        answers_kept: surface.cache_bytes,
        refuses_operations: surface.refuses_operations,
        priorities: priorities(surface),
        persisted: persisted::Settings {
            mode: surface.persisted.mode,
            exempt: surface.persisted.exempt,
            registered_bytes: surface.persisted.registered_bytes,
            registrations_per_minute: u32::try_from(surface.persisted.registrations_per_minute).unwrap_or(u32::MAX),
            ..persisted::Settings::default()
        },
        ..Settings::default()
    }
}

fn priorities(surface: &SurfaceConfig) -> Priorities {
    let classes: Vec<_> = surface.classes.iter().map(|class| class.priority).collect();
    Priorities {
        classes: match classes.iter().any(Option::is_some) {
            true => classes,
            false => Vec::new(),
        },
        ..surface.priority.clone()
    }
}

fn terms(limits: &Limits, introspection: bool, detail: Detail) -> Terms {
    let off = |limit: usize| if limit == 0 { usize::MAX } else { limit };
    Terms {
        limits: operation::Limits {
            mode: limits.mode,
            document_bytes: limits.document_bytes,
            tokens: off(limits.tokens),
            // The parser recurses: without a bound a document could overflow the stack.
            nesting: off(limits.nesting).min(NESTING_CEILING),
            depth: limits.depth as u64,
            aliases: limits.aliases as u64,
            root_fields: limits.root_fields as u64,
            directives: limits.directives as u64,
            expanded_selections: limits.expanded_selections as u64,
            cost: limits.cost as u64,
            calls: limits.calls as u64,
            list_size: limits.list_size as u64,
            input_list: limits.input_list,
            string_bytes: limits.string_bytes,
            errors: limits.errors,
            introspection,
        },
        response_bytes: off(limits.response_bytes),
        detail,
    }
}

/// How often clients of a surface may ask for what.
///
/// # Errors
/// Fields that the surface does not have at its roots.
pub(super) fn operation_quotas(
    settings: &SurfaceConfig,
    surface: &Surface,
    quotas: Option<&Arc<Quotas>>,
) -> Result<Arc<[OperationQuota]>, Vec<String>> {
    let unknown: Vec<String> = settings
        .quotas
        .iter()
        .filter(|quota| quota.name.contains('.') && !has_root_field(surface, &quota.name))
        .map(|quota| {
            format!(
                "surfaces.{}.quotas.{}: there is no such field of the root; write `Query.field` or `Mutation.field`, or an operation's name",
                settings.name, quota.name
            )
        })
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let Some(quotas) = quotas else { return Ok(Arc::from([])) };
    let own = settings.quotas.iter().map(|quota| OperationQuota {
        name: quota.name.clone(),
        limiter: quotas.limiter(quota.rate),
    });
    Ok(own.collect())
}

fn has_root_field(surface: &Surface, coordinate: &str) -> bool {
    let roots = [Some(surface.query), surface.mutation].into_iter().flatten();
    roots.map(|root| &surface.types[root.0 as usize]).any(|root| {
        let TypeKind::Object(fields) = &root.kind else {
            return false;
        };
        let field = coordinate
            .strip_prefix(&*root.name)
            .and_then(|rest| rest.strip_prefix('.'));
        field.is_some_and(|field| fields.iter().any(|known| *known.name == *field))
    })
}
