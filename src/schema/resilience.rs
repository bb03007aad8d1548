//! `@resilience`: how long and how hard a source, or a connector of it, is tried (DIALECT §3).

use std::time::Duration;

use super::{
    annotations::{Use, UseSite},
    arguments::Arguments,
    connect::ConnectDraft,
    directive::Directive,
    files::Files,
    model::{Breaker, Fault, Place, Resilience, Retry},
    problem::{Code, Problems},
    source::SourceDraft,
    suggest,
};

/// Nothing here is meant to take longer.
const DURATION_MAX: Duration = Duration::from_secs(60 * 60);
/// Tries beyond these only make a bad day worse.
const ATTEMPTS_MAX: i32 = 10;
const WINDOW_MAX: i32 = 10_000;

/// Reads and checks all uses; what is said of sources is kept in their drafts, what is said of connectors in theirs.
pub(crate) fn read_all(
    uses: &[Use],
    sources: &mut [SourceDraft],
    connectors: &mut [ConnectDraft],
    problems: &mut Problems<'_>,
) {
    for used in uses.iter().filter(|used| used.directive == Directive::Resilience) {
        let read = read(used, problems);
        if used.site == UseSite::Schema {
            of_source(used, read, sources, problems);
        } else {
            of_connectors(used, read, connectors, problems);
        }
    }
}

fn of_source(used: &Use, read: Resilience, sources: &mut [SourceDraft], problems: &mut Problems<'_>) {
    let Some(name) = Arguments::Directive(&used.node).text(problems.files(), "source") else {
        problems
            .error(
                Code::GraphqlError,
                &used.place,
                "`@resilience` on a schema needs a `source`",
            )
            .hint("e.g. @resilience(source: \"users\", timeout: \"800ms\")");
        return;
    };
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let Some(source) = sources.iter_mut().find(|source| source.name == name.value) else {
        let names = || names.iter().map(String::as_str);
        let hint = suggest::did_you_mean(&name.value, names())
            .unwrap_or_else(|| format!("sources are: {}", suggest::list(names())));
        problems
            .error(
                Code::SourceNameMismatch,
                &name.place,
                format!("there is no source `{}`", name.value),
            )
            .hint(hint);
        return;
    };
    // A source that could not be read was reported.
    if let Some(source) = &mut source.source
        && source.resilience.replace(read).is_some()
    {
        problems
            .error(
                Code::GraphqlError,
                &name.place,
                format!("there is a second `@resilience` for the source `{}`", name.value),
            )
            .hint("put all of it into one");
    }
}

fn of_connectors(used: &Use, read: Resilience, connectors: &mut [ConnectDraft], problems: &mut Problems<'_>) {
    if let Some(place) = Arguments::Directive(&used.node).place(problems.files(), "source") {
        problems
            .error(
                Code::GraphqlError,
                &place,
                "`source` belongs to `@resilience` on a schema; here it is the connector's",
            )
            .hint("leave it out");
    }
    let stands_there = |draft: &&mut ConnectDraft| match (&used.site, &draft.field) {
        (UseSite::Type(name), None) => *name == draft.type_name,
        (UseSite::Field(name, field), Some(own)) => *name == draft.type_name && *field == own.name,
        _ => false,
    };
    let mut found = false;
    for draft in connectors.iter_mut().filter(stands_there) {
        if draft.resilience.replace(read.clone()).is_some() && !found {
            problems
                .error(
                    Code::GraphqlError,
                    &used.place,
                    format!("there is a second `@resilience` on `{}`", draft.coordinate),
                )
                .hint("put all of it into one");
        }
        found = true;
    }
    if !found {
        problems
            .error(
                Code::GraphqlError,
                &used.place,
                "`@resilience` has nothing to hold for: there is no `@connect` here",
            )
            .hint("put it beside the `@connect` that makes the calls, or on the schema with a `source`");
    }
}

fn read(used: &Use, problems: &mut Problems<'_>) -> Resilience {
    let files = problems.files();
    let arguments = Arguments::Directive(&used.node);
    Resilience {
        timeout: duration(arguments, "timeout", problems),
        retry: arguments.object("retry").map(|retry| read_retry(retry, problems)),
        breaker: arguments
            .object("breaker")
            .map(|breaker| read_breaker(breaker, &used.place, problems)),
        max_concurrent: count(arguments, files, "maxConcurrent", i32::MAX, problems),
    }
}

fn read_retry(retry: Arguments<'_>, problems: &mut Problems<'_>) -> Retry {
    let files = problems.files();
    Retry {
        attempts: count(retry, files, "attempts", ATTEMPTS_MAX, problems).unwrap_or(1),
        backoff: duration(retry, "backoff", problems),
        on: retry.get("on").map(|_| read_kinds(retry, problems)),
        budget: share(retry, files, "budget", true, problems),
    }
}

/// Kinds that a further try may help against.
fn read_kinds(retry: Arguments<'_>, problems: &mut Problems<'_>) -> Vec<Fault> {
    let files = problems.files();
    let mut kinds = Vec::new();
    for value in retry.list("on") {
        // What is no kind at all is found by validation.
        let Some(kind) = value.as_enum().and_then(|name| Fault::of_name(name)) else {
            continue;
        };
        if matches!(kind, Fault::CircuitOpen | Fault::Limited) {
            problems
                .error(
                    Code::GraphqlError,
                    &files.place(value.location()),
                    format!(
                        "`{}` is no failure to retry after: the call was not made, to spare the source",
                        kind.as_str()
                    ),
                )
                .hint("leave it out");
        } else {
            kinds.push(kind);
        }
    }
    kinds
}

fn read_breaker(breaker: Arguments<'_>, place: &Place, problems: &mut Problems<'_>) -> Breaker {
    let files = problems.files();
    let slow_after = duration(breaker, "slowAfter", problems);
    let slow_rate = share(breaker, files, "slowRate", false, problems);
    if slow_rate.is_some() && breaker.get("slowAfter").is_none() {
        let place = breaker.place(files, "slowRate").unwrap_or_else(|| place.clone());
        problems
            .error(
                Code::GraphqlError,
                &place,
                "`slowRate` without `slowAfter`: from when on is a call slow?",
            )
            .hint("add e.g. slowAfter: \"500ms\"");
    }
    Breaker {
        failure_rate: share(breaker, files, "failureRate", false, problems).unwrap_or(0.5),
        window: count(breaker, files, "window", WINDOW_MAX, problems).unwrap_or(20),
        open_for: duration(breaker, "openFor", problems).unwrap_or(Duration::from_secs(30)),
        slow_after,
        slow_rate,
    }
}

/// A time above zero, such as `300ms`.
fn duration(arguments: Arguments<'_>, name: &str, problems: &mut Problems<'_>) -> Option<Duration> {
    let text = arguments.text(problems.files(), name)?;
    let read = humantime::parse_duration(text.value.trim()).ok();
    let read = read.filter(|duration| !duration.is_zero() && *duration <= DURATION_MAX);
    if read.is_none() {
        problems
            .error(
                Code::GraphqlError,
                &text.place,
                format!(
                    "`{name}` is a time above zero and of at most an hour, not \"{}\"",
                    text.value
                ),
            )
            .hint("write a number with its unit, such as \"300ms\" or \"2s\"");
    }
    read
}

/// A whole number from 1 to `max`.
fn count(arguments: Arguments<'_>, files: &Files, name: &str, max: i32, problems: &mut Problems<'_>) -> Option<u32> {
    let (number, place) = arguments.integer(files, name)?;
    if (1..=max).contains(&number) {
        return u32::try_from(number).ok();
    }
    let range = match max {
        i32::MAX => "at least 1".to_owned(),
        max => format!("from 1 to {max}"),
    };
    problems.error(
        Code::GraphqlError,
        &place,
        format!("`{name}` is a number {range}, not {number}"),
    );
    None
}

/// A share from 0 to 1.
fn share(
    arguments: Arguments<'_>,
    files: &Files,
    name: &str,
    may_be_zero: bool,
    problems: &mut Problems<'_>,
) -> Option<f64> {
    let value = arguments.get(name)?;
    let number = value.to_f64()?;
    if number <= 1.0 && (number > 0.0 || may_be_zero && number == 0.0) {
        return Some(number);
    }
    problems
        .error(
            Code::GraphqlError,
            &files.place(value.location()),
            format!("`{name}` is a share between 0 and 1, not {number}"),
        )
        .hint("0.5 is one in two");
    None
}
