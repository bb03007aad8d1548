//! `@deprecated`, and the dates in its reason.
//!
//! GraphQL has no place for them, so they are read out of the text: `Use b. Since 2026-01-31, sunset 2026-12-31.` A date is written
//! year-month-day. Behind `since` or `from` it says since when, any other is the day of removal.

use std::sync::Arc;

use apollo_compiler::ast::{DirectiveList, FieldDefinition};

use super::model::Deprecated;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// What the directives of a definition say.
pub(crate) fn of(directives: &DirectiveList) -> Option<Deprecated> {
    let directive = directives.get("deprecated")?;
    let reason = directive
        .specified_argument_by_name("reason")
        .and_then(|reason| reason.as_str());
    Some(dates(reason.unwrap_or_default()))
}

/// The arguments of a field that are deprecated and have no default.
pub(crate) fn of_arguments(field: &FieldDefinition) -> Vec<(Arc<str>, Deprecated)> {
    let arguments = field
        .arguments
        .iter()
        .filter(|argument| argument.default_value.is_none());
    arguments
        .filter_map(|argument| Some((Arc::from(argument.name.as_str()), of(&argument.directives)?)))
        .collect()
}

/// The dates in a reason.
fn dates(reason: &str) -> Deprecated {
    let mut found = Deprecated::default();
    let mut before = "";
    let words = reason.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    for word in words.filter(|word| !word.is_empty()) {
        match day(word) {
            Some(seconds) if ["since", "from"].iter().any(|since| before.eq_ignore_ascii_case(since)) => {
                found.since = Some(seconds);
            }
            Some(seconds) => found.sunset = Some(seconds),
            None => {}
        }
        before = word;
    }
    found
}

/// The beginning of a day that is written `2026-12-31`, from 1970 on.
fn day(word: &str) -> Option<u64> {
    // `2026-12-31T00:00:00Z` is cut at its colons.
    let date = word.get(..10)?;
    if !matches!(word.as_bytes().get(10), None | Some(b'T' | b't')) {
        return None;
    }
    let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let number = |text: &str| text.parse::<u64>().ok();
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = *lengths.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    let years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let months: u64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    Some((years + months + day - 1) * SECONDS_PER_DAY)
}

#[cfg(test)]
mod tests;
