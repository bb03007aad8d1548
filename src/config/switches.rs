//! The file of switches, and what is posted to the admin port: one form.

use super::{
    problem::Problem,
    read::{Reader, Section},
    yaml,
};
use crate::engine::Switches;

/// Reads switches: YAML, or JSON, which is YAML. An empty text: nothing is off.
///
/// # Errors
/// What is wrong with it, a line each.
pub fn switches(text: &str) -> Result<Switches, String> {
    let nothing = |_: &str| None;
    let reader = Reader::new(&nothing);
    if text.trim().is_empty() {
        return Ok(Switches::default());
    }
    let switches = match yaml::parse(text) {
        Ok(tree) => Some(read(reader.section(&tree, String::new()))),
        Err(refused) => {
            reader.report(refused.place, "", refused.message, "write YAML or JSON");
            None
        }
    };
    match switches {
        Some(switches) if !reader.has_problems() => Ok(switches),
        _ => {
            let problems = reader.into_problems();
            Err(problems.iter().map(Problem::to_line).collect::<Vec<_>>().join("; "))
        }
    }
}

fn read(section: Section<'_>) -> Switches {
    let set = |key| section.texts(key).into_iter().collect();
    let switches = Switches {
        sources: set("sources"),
        fields: set("fields"),
        operations: set("operations"),
        clients: set("clients"),
        read_only: section.flag("read_only", false),
    };
    section.finish();
    switches
}
