//! `@cacheControl`: how long the answers of a connector may be kept, and ours by others.

use apollo_compiler::Name;

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    connect::ConnectDraft,
    directive::Directive,
    files::Files,
    model::{CacheHint, CachePolicy},
    problem::{Code, Problems},
};

const SECONDS: [&str; 3] = ["maxAge", "staleWhileRevalidate", "staleIfError"];

/// Numbers of seconds are at least zero.
pub(crate) fn check(uses: &[Use], problems: &mut Problems<'_>) {
    let files = problems.files();
    for used in uses.iter().filter(|used| used.directive == Directive::CacheControl) {
        let arguments = Arguments::Directive(&used.node);
        for name in SECONDS {
            if let Some((seconds, place)) = arguments.integer(files, name)
                && seconds < 0
            {
                problems.error(
                    Code::GraphqlError,
                    &place,
                    format!("`{name}` is a number of seconds, at least 0, not {seconds}"),
                );
            }
        }
    }
}

/// What is said of the answers of a connector: on its field, else on the type it gives.
pub(crate) fn policy(uses: &[Use], draft: &ConnectDraft, files: &Files) -> Option<CachePolicy> {
    let at = |site: UseSite| {
        uses.iter()
            .find(|used| used.directive == Directive::CacheControl && used.site == site)
    };
    let used = match &draft.field {
        Some(field) => at(UseSite::Field(draft.type_name.clone(), field.name.clone()))
            .or_else(|| at(UseSite::Type(Name::clone(field.ty.inner_named_type())))),
        None => at(UseSite::Type(draft.type_name.clone())),
    };
    let used = used?;
    let arguments = Arguments::Directive(&used.node);
    let seconds = |name: &str| {
        let (seconds, _) = arguments.integer(files, name)?;
        u32::try_from(seconds).ok()
    };
    let scope = arguments.get("scope").and_then(|scope| scope.as_enum());
    Some(CachePolicy {
        max_age: seconds("maxAge"),
        stale_while_revalidate: seconds("staleWhileRevalidate"),
        stale_if_error: seconds("staleIfError"),
        is_private: scope.map(|scope| scope.as_str() == "PRIVATE"),
    })
}

/// What is said at a field or type of answers that have it.
pub(crate) fn hint(uses: &[Use], site: &UseSite, files: &Files) -> CacheHint {
    let used = uses
        .iter()
        .find(|used| used.directive == Directive::CacheControl && used.site == *site);
    let Some(used) = used else {
        return CacheHint::default();
    };
    let arguments = Arguments::Directive(&used.node);
    let scope = arguments.get("scope").and_then(|scope| scope.as_enum());
    CacheHint {
        max_age: arguments
            .integer(files, "maxAge")
            .and_then(|(seconds, _)| u32::try_from(seconds).ok()),
        is_private: scope.map(|scope| scope.as_str() == "PRIVATE"),
        inherits: arguments.boolean("inheritMaxAge") == Some(true),
    }
}
