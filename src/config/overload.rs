//! `overload`, and which operations go first: `surfaces.NAME.priority`.

use std::collections::HashSet;

use super::{InFlight, read::Section};
use crate::engine::overload::{MaxInFlight, Priorities, Priority, Settings};

/// How many executions there may be at once.
pub(super) fn read(section: Section<'_>) -> Settings {
    let default = Settings::default();
    let settings = Settings {
        max_in_flight: match section.in_flight("max_in_flight") {
            None => default.max_in_flight,
            Some(InFlight::AtMost(0)) => MaxInFlight::Unlimited,
            Some(InFlight::AtMost(limit)) => MaxInFlight::AtMost(limit),
            Some(InFlight::Adapts) => MaxInFlight::Adapts,
        },
        queue_timeout: section.positive_duration("queue_timeout", default.queue_timeout),
        source_bytes: section.count("source_bytes", default.source_bytes),
    };
    section.finish();
    settings
}

/// Which operations of a surface go first. `has_lists`: whether it lists any documents.
pub(super) fn priorities(section: Section<'_>, has_lists: bool) -> Priorities {
    let words = Priority::ALL.map(|priority| (priority.as_str(), priority));
    let priorities = Priorities {
        critical: section.texts("critical").into_iter().collect(),
        sheddable: section.texts("sheddable").into_iter().collect(),
        listed: section.choice("listed", &words, Priority::Normal),
        registered: section.choice("registered", &words, Priority::Normal),
        unlisted: section.choice("unlisted", &words, Priority::Normal),
        classes: Vec::new(),
    };
    check(&section, &priorities, has_lists);
    section.finish();
    priorities
}

fn check(section: &Section<'_>, priorities: &Priorities, has_lists: bool) {
    if !priorities.critical.is_empty() && !has_lists {
        section.report(
            "critical",
            "nothing is listed, and only listed documents can be critical: anybody may call an operation anything",
            "add the surface's `operations`, or `persisted.manifests`",
        );
    }
    let both: HashSet<_> = priorities.critical.intersection(&priorities.sheddable).collect();
    if let Some(name) = both.into_iter().min() {
        section.report(
            "sheddable",
            format!("`{name}` is critical already"),
            "name each operation once",
        );
    }
}
