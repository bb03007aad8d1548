//! `classes`: which classes of clients there are, and what is otherwise for them on a surface.

use std::sync::Arc;

use super::{Config, Limits, SurfaceConfig, build::limits, quotas::NO_TIER, read::Section};
use crate::{
    engine::overload::Priority,
    execute::Detail,
    http::{Credentials, Terms},
    identity::{ClassSettings, KnownBy},
    operation::LimitMode,
    quota::{self, Rate, TierSettings},
};

/// What is otherwise on a surface for the clients of a class; what is not said is as for everybody. `surfaces.NAME.classes.CLASS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurfaceClass {
    /// The class.
    pub name: Arc<str>,
    /// Which credentials a request must have: `optional`, `any`, `api_key`, `token`. `credentials`.
    pub credentials: Credentials,
    /// Which of `quotas.tiers` they have; `none`: they are not counted. `tier`.
    pub tier: Option<Arc<str>>,
    /// Whether they may read the schema. `introspection`.
    pub introspection: bool,
    /// How much errors say. `errors`.
    pub errors: Detail,
    /// When their operations go, unless their names say otherwise; without it, by the document, as everybody's. `priority`.
    pub priority: Option<Priority>,
    /// `limits`.
    pub limits: Limits,
}

const CREDENTIALS: [(&str, Option<Credentials>); 4] = [
    ("optional", Some(Credentials::Optional)),
    ("any", Some(Credentials::Any)),
    ("api_key", Some(Credentials::ApiKey)),
    ("token", Some(Credentials::Token)),
];

fn priorities() -> [(&'static str, Option<Priority>); 3] {
    Priority::ALL.map(|priority| (priority.as_str(), Some(priority)))
}

/// Reads who belongs to which class.
pub(super) fn read(file: &Section<'_>) -> Vec<ClassSettings> {
    let classes = file.sections("classes").into_iter();
    classes.map(|(name, section)| class(&name, section)).collect()
}

fn class(name: &str, section: Section<'_>) -> ClassSettings {
    let known_by = [
        ("any", Some(KnownBy::Any)),
        ("token", Some(KnownBy::Token)),
        ("api_key", Some(KnownBy::ApiKey)),
        ("nothing", Some(KnownBy::Nothing)),
    ];
    let class = ClassSettings {
        name: Arc::from(name),
        known_by: section.choice("known_by", &known_by, None),
        api_keys: section.texts("api_keys"),
        scopes: section.texts("scopes"),
        claims: section.object("claims"),
        clients: section.texts("clients"),
    };
    if class.is_empty() && name != "*" {
        section.report(
            "",
            "everybody would belong to this class",
            "say who does: `known_by`, `api_keys`, `scopes`, `claims` or `clients`",
        );
    }
    section.finish();
    class
}

/// How much errors say.
pub(super) fn detail(section: &Section<'_>, default: Detail) -> Detail {
    let words = [
        ("terse", Detail::Terse),
        ("normal", Detail::Normal),
        ("full", Detail::Full),
    ];
    section.choice("errors", &words, default)
}

/// Reads what is otherwise for classes on a surface.
pub(super) fn of_surface(surface: &Section<'_>, everybody: &SurfaceConfig) -> Vec<SurfaceClass> {
    let classes = surface.sections("classes").into_iter();
    let terms = classes.map(|(name, section)| {
        let tier = match section.text("tier") {
            None => everybody.tier.clone(),
            Some(none) if none == NO_TIER => None,
            Some(tier) => Some(Arc::from(tier)),
        };
        let class = SurfaceClass {
            name: Arc::from(name),
            credentials: section
                .choice("credentials", &CREDENTIALS, None)
                .unwrap_or_else(|| everybody.terms().credentials),
            tier,
            introspection: section.flag("introspection", everybody.introspection),
            errors: detail(&section, everybody.errors),
            priority: section.choice("priority", &priorities(), None),
            limits: limits(section.section("limits"), &everybody.limits),
        };
        section.finish();
        class
    });
    terms.collect()
}

/// What only holds together. Puts the classes of each surface into their order.
pub(super) fn check(file: &Section<'_>, config: &mut Config) {
    let Config {
        classes,
        surfaces,
        quotas,
        auth,
        ..
    } = config;
    let has_callers = !auth.identity.issuers.is_empty() || !auth.identity.api_keys.keys.is_empty();
    for class in classes.iter() {
        let unknown = class
            .api_keys
            .iter()
            .find(|name| !auth.identity.api_keys.keys.iter().any(|key| *key.name == ***name));
        if let Some(name) = unknown {
            let message = format!("classes.{}: there is no API key `{name}`", class.name);
            file.report("classes", message, "name one of `auth.api_keys.keys`");
        }
        if class.is_proven() && !has_callers {
            let message = format!("classes.{}: there is no way to be anybody", class.name);
            file.report("classes", message, "add `auth.issuers` or `auth.api_keys`");
        }
    }
    for surface in surfaces.iter_mut() {
        let position = |own: &SurfaceClass| classes.iter().position(|class| class.name == own.name);
        surface.classes.sort_by_key(|own| position(own).unwrap_or(usize::MAX));
        for own in &surface.classes {
            let key = format!("surfaces.{}.classes.{}", surface.name, own.name);
            let Some(class) = position(own).map(|index| &classes[index]) else {
                let names: Vec<String> = classes.iter().map(|class| format!("`{}`", class.name)).collect();
                let hint = match names.is_empty() {
                    true => "say under `classes` who belongs to it".to_owned(),
                    false => format!("there are: {}", names.join(", ")),
                };
                file.report("classes", format!("{key}: there is no such class"), hint);
                continue;
            };
            let more = (!class.is_proven())
                .then(|| more_than(surface, own, &quotas.tiers))
                .flatten();
            if let Some(more) = more {
                file.report(
                    "classes",
                    format!(
                        "{key}.{more}: who belongs to this class has proved nothing, and would get more than everybody"
                    ),
                    "let the class be known by something that is verified as well, or give it less",
                );
            }
        }
    }
}

/// What a class has more of than everybody.
fn more_than(everybody: &SurfaceConfig, class: &SurfaceClass, tiers: &[TierSettings]) -> Option<String> {
    if class.credentials < everybody.terms().credentials {
        return Some("credentials".to_owned());
    }
    if class.introspection && !everybody.introspection {
        return Some("introspection".to_owned());
    }
    if class.errors as u8 > everybody.errors as u8 {
        return Some("errors".to_owned());
    }
    let rank = |priority: Priority| match priority {
        Priority::Critical => 2,
        Priority::Normal => 1,
        Priority::Sheddable => 0,
    };
    if class
        .priority
        .is_some_and(|priority| rank(priority) > rank(everybody.priority.unlisted))
    {
        return Some("priority".to_owned());
    }
    let tier = |name: &Option<Arc<str>>| {
        name.as_ref()
            .and_then(|name| tiers.iter().find(|tier| tier.name == *name))
    };
    if allows_more(tier(&class.tier), tier(&everybody.tier)) {
        return Some("tier".to_owned());
    }
    looser(&class.limits, &everybody.limits).map(|key| format!("limits.{key}"))
}

fn allows_more(class: Option<&TierSettings>, everybody: Option<&TierSettings>) -> bool {
    let faster = |one: Rate, other: Rate| one.interval() < other.interval() || one.burst > other.burst;
    match (class, everybody) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(class), Some(everybody)) => {
            faster(class.requests, everybody.requests)
                || everybody
                    .cost
                    .is_some_and(|most| class.cost.is_none_or(|cost| faster(cost, most)))
        }
    }
}

/// The first limit that is higher; 0 is none at all.
fn looser(class: &Limits, everybody: &Limits) -> Option<&'static str> {
    if class.mode == LimitMode::Measure && everybody.mode == LimitMode::Enforce {
        return Some("mode");
    }
    let both = numbers(class).into_iter().zip(numbers(everybody));
    let height = |limit: usize| if limit == 0 { usize::MAX } else { limit };
    both.into_iter()
        .find(|((_, class), (_, everybody))| height(*class) > height(*everybody))
        .map(|((key, _), _)| key)
}

fn numbers(limits: &Limits) -> [(&'static str, usize); 16] {
    let Limits {
        mode: _,
        body_bytes,
        document_bytes,
        tokens,
        nesting,
        depth,
        aliases,
        root_fields,
        directives,
        expanded_selections,
        cost,
        calls,
        list_size,
        input_list,
        string_bytes,
        errors,
        response_bytes,
    } = limits;
    [
        ("body_bytes", *body_bytes),
        ("document_bytes", *document_bytes),
        ("tokens", *tokens),
        ("nesting", *nesting),
        ("depth", *depth),
        ("aliases", *aliases),
        ("root_fields", *root_fields),
        ("directives", *directives),
        ("expanded_selections", *expanded_selections),
        ("cost", *cost),
        ("calls", *calls),
        ("list_size", *list_size),
        ("input_list", *input_list),
        ("string_bytes", *string_bytes),
        ("errors", *errors),
        ("response_bytes", *response_bytes),
    ]
}

// === impl SurfaceConfig ===

impl SurfaceConfig {
    /// What HTTP wants of everybody.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            body_bytes_max: self.limits.body_bytes,
            credentials: match self.require_auth {
                true => Credentials::Any,
                false => Credentials::Optional,
            },
            tier: self.tier.clone(),
        }
    }

    /// Whether requests of some of its clients are counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.tier.is_some() || self.classes.iter().any(|class| class.tier.is_some())
    }

    /// Whether what operations cost is counted for some of its clients.
    #[must_use]
    pub fn weighs(&self, quotas: &quota::Settings) -> bool {
        let tiers = self.classes.iter().filter_map(|class| class.tier.as_ref());
        tiers.chain(&self.tier).any(|name| {
            let tier = quotas.tiers.iter().find(|tier| tier.name == *name);
            tier.is_some_and(|tier| tier.cost.is_some())
        })
    }

    /// Lets everybody read the schema.
    pub(super) fn introspected(&mut self) {
        self.introspection = true;
        self.classes.iter_mut().for_each(|class| class.introspection = true);
    }
}

// === impl SurfaceClass ===

impl SurfaceClass {
    /// What HTTP wants of its clients.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            body_bytes_max: self.limits.body_bytes,
            credentials: self.credentials,
            tier: self.tier.clone(),
        }
    }
}
