//! Prints a plan for people, and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Plan, Wave, cost::is_batched, size::ASSUMED_LIST_SIZE};
use crate::{
    operation::Variables,
    schema::{
        Surface,
        model::{ConnectRequest, Connector, Template, TemplatePart},
    },
};

/// The plan as text: a line for each wave, in an order in which it could run. Its estimate is for these values of its variables.
#[must_use]
pub fn text(surface: &Surface, plan: &Plan, variables: &Variables, title: &str) -> String {
    let estimate = plan.costs.estimate(variables);
    let mut out = String::new();
    let _ = writeln!(out, "{title}");
    let _ = writeln!(out, "at most {}, cost {}", count(estimate.calls, "call"), estimate.cost);
    if let Some(policy) = plan.policy {
        let whose = if policy.is_private { "its caller" } else { "anybody" };
        let _ = writeln!(out, "answers may be kept by {whose} for {} s", policy.max_age);
    }
    if plan.waves.is_empty() {
        return out;
    }
    let rows: Vec<[String; 4]> = plan
        .waves
        .iter()
        .enumerate()
        .map(|(number, wave)| row(surface, plan, wave, plan.costs.wave_calls(number, variables)))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for (number, (row, wave)) in rows.iter().zip(&plan.waves).enumerate() {
        let after = match &wave.after[..] {
            [] => String::new(),
            after => format!(
                "after {}",
                after
                    .iter()
                    .map(|wave| (wave + 1).to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        let [source, request, for_whom, how] = row;
        let [a, b, c] = widths;
        let line = format!("{:>3}  {source:<a$}  {request:<b$}  {for_whom:<c$}  {how}", number + 1);
        let _ = writeln!(
            out,
            "{}{}",
            line.trim_end(),
            if after.is_empty() { after } else { format!("; {after}") }
        );
    }
    let _ = writeln!(
        out,
        "Lists without @listSize are taken to have {ASSUMED_LIST_SIZE} items."
    );
    out
}

/// The plan as JSON: `{title, calls, cost, cacheControl, steps: [{source, request, paths, keys, maxSize, calls, after, cache, critical, fallbacks}]}`.
#[must_use]
pub fn json(surface: &Surface, plan: &Plan, variables: &Variables, title: &str) -> Value {
    let estimate = plan.costs.estimate(variables);
    let steps = plan.waves.iter().enumerate().map(|(number, wave)| {
        let connector = connector(surface, plan, wave);
        let fetch = &plan.fetches[usize::from(wave.fetch.0)];
        json!({
            "source": source(surface, connector),
            "request": request(connector),
            "connector": &*connector.coordinate,
            "paths": wave.steps.iter().map(|step| &*plan.steps[usize::from(step.0)].path).collect::<Vec<_>>(),
            "keys": fetch.key_names.iter().map(|path| path.join(".")).collect::<Vec<_>>(),
            "batched": is_batched(connector),
            "maxSize": connector.max_size,
            "calls": plan.costs.wave_calls(number, variables),
            "after": wave.after.iter().map(|wave| wave + 1).collect::<Vec<_>>(),
            "cache": connector.cache.map(|policy| json!({
                "maxAge": policy.max_age,
                "staleWhileRevalidate": policy.stale_while_revalidate,
                "staleIfError": policy.stale_if_error,
                "private": policy.is_private,
            })),
            "critical": is_critical(plan, wave),
            "fallbacks": fallbacks(plan, wave),
        })
    });
    json!({
        "title": title,
        "calls": estimate.calls,
        "cost": estimate.cost,
        "cacheControl": plan.policy.map(|policy| json!({ "maxAge": policy.max_age, "private": policy.is_private })),
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn connector<'a>(surface: &'a Surface, plan: &Plan, wave: &Wave) -> &'a Connector {
    &surface.connectors[plan.fetches[usize::from(wave.fetch.0)].connector.0 as usize]
}

fn row(surface: &Surface, plan: &Plan, wave: &Wave, calls: u64) -> [String; 4] {
    let connector = connector(surface, plan, wave);
    let paths: Vec<&str> = wave
        .steps
        .iter()
        .map(|step| &*plan.steps[usize::from(step.0)].path)
        .collect();
    let fetch = &plan.fetches[usize::from(wave.fetch.0)];
    let keys = fetch
        .key_names
        .iter()
        .map(|path| path.join("."))
        .collect::<Vec<_>>()
        .join(", ");
    let calls = count(calls, "call");
    let how = match (is_batched(connector), keys.is_empty()) {
        _ if matches!(connector.request, ConnectRequest::None) => "no call".to_owned(),
        (_, true) => calls,
        (true, false) => {
            let split = connector
                .max_size
                .map_or_else(String::new, |size| format!(", up to {size} keys each"));
            format!("{calls} for all {keys}{split}")
        }
        (false, false) => format!("{calls}, one for each {keys}"),
    };
    [
        source(surface, connector).to_owned(),
        request(connector),
        paths.join(", "),
        format!("{how}{}{}", kept(connector), fate(plan, wave)),
    ]
}

/// What becomes of the answer when the call fails.
fn fate(plan: &Plan, wave: &Wave) -> String {
    let critical = if is_critical(plan, wave) { "; critical" } else { "" };
    let fallbacks = match &fallbacks(plan, wave)[..] {
        [] => String::new(),
        fields => format!("; fallback for {}", fields.join(", ")),
    };
    format!("{fallbacks}{critical}")
}

/// Whether there is no answer without it.
fn is_critical(plan: &Plan, wave: &Wave) -> bool {
    let mut steps = wave.steps.iter().map(|step| &plan.steps[usize::from(step.0)]);
    steps.any(|step| step.is_critical)
}

/// The fields that have something to stand in.
fn fallbacks<'a>(plan: &'a Plan, wave: &Wave) -> Vec<&'a str> {
    let mut fields = Vec::new();
    for step in &wave.steps {
        let step = &plan.steps[usize::from(step.0)];
        let own = step.path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]");
        let named = step
            .stand_bys
            .iter()
            .map(|stand_by| stand_by.field.as_deref().unwrap_or(own));
        fields.extend(named);
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// What `@cacheControl` says of the answers.
fn kept(connector: &Connector) -> String {
    let Some(policy) = connector.cache else {
        return String::new();
    };
    let seconds = policy
        .max_age
        .map_or_else(|| "as the source says".to_owned(), |age| format!("{age} s"));
    let stale = policy
        .stale_while_revalidate
        .map_or_else(String::new, |stale| format!(", {stale} s more while renewed"));
    let if_error = policy
        .stale_if_error
        .map_or_else(String::new, |stale| format!(", {stale} s more if it fails"));
    let whose = if policy.is_private == Some(true) {
        ", for its caller alone"
    } else {
        ""
    };
    format!("; kept {seconds}{stale}{if_error}{whose}")
}

fn source<'a>(surface: &'a Surface, connector: &Connector) -> &'a str {
    connector.source.map_or("-", |id| &surface.sources[id.0 as usize].name)
}

fn request(connector: &Connector) -> String {
    match &connector.request {
        ConnectRequest::None => "mapping".to_owned(),
        ConnectRequest::Local { field, args } => {
            let args = args
                .as_ref()
                .map_or_else(String::new, |args| format!(" ({})", args.selection));
            format!("{}.{}{args}", field.operation.root(), field.name)
        }
        ConnectRequest::Grpc { method, .. } => method.path.as_str().trim_start_matches('/').to_owned(),
        ConnectRequest::Http { method, url, query, .. } => {
            let params = query
                .as_ref()
                .map_or_else(String::new, |query| format!(" ({})", query.selection));
            format!("{method} {}{params}", template(url))
        }
    }
}

fn template(template: &Template) -> String {
    let parts = template.parts.iter().map(|part| match part {
        TemplatePart::Text(text) => text.clone(),
        TemplatePart::Expr(mapping) => format!("{{{}}}", mapping.selection),
    });
    parts.collect()
}

fn count(number: u64, word: &str) -> String {
    if number == 1 {
        format!("1 {word}")
    } else {
        format!("{number} {word}s")
    }
}
