//! The admin port's page for people: what is served, how sources do, what is switched off.

use std::fmt::Write as _;

use serde_json::Value;
use switchboard_clients::state::BreakerState;

use super::states::StateOf;
use crate::{engine::Switches, telemetry::Metrics};

/// What the page tells.
pub(super) struct Status {
    pub(super) surfaces: Vec<String>,
    /// Names of sources, those of several surfaces once for each.
    pub(super) sources: Vec<String>,
    /// How they do.
    pub(super) states: Vec<StateOf>,
    pub(super) switches: Switches,
    pub(super) faults: Option<Value>,
    pub(super) reloads: u64,
    pub(super) refused: Option<String>,
}

const HEAD: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>Switchboard admin</title><style>
:root{color-scheme:light dark;--line:light-dark(#dfdfda,#31353c);--dim:light-dark(#6d727a,#8d95a3);--pane:light-dark(#fff,#1d2025);--bad:light-dark(#b3261e,#ff8a80);--good:light-dark(#177245,#57c98b);--warn:light-dark(#8a5a00,#f0b954)}
body{margin:0 auto;max-width:66rem;padding:1.5rem;font:14px/1.5 system-ui,sans-serif;background:light-dark(#f7f7f5,#16181c);color:light-dark(#1f2328,#dfe3ea)}
h1{font-size:1.3rem;margin:0 0 .2rem}h2{font-size:1rem;margin:1.6rem 0 .5rem}p{margin:.2rem 0;color:var(--dim)}
table{width:100%;border-collapse:collapse;background:var(--pane);border:1px solid var(--line);border-radius:8px;overflow:hidden}
th,td{text-align:right;padding:.4rem .8rem;border-top:1px solid var(--line);font-variant-numeric:tabular-nums}th{font-weight:600;color:var(--dim);border:0;font-size:12px}
th:first-child,td:first-child,td.l,th.l{text-align:left}.bad{color:var(--bad);font-weight:600}.good{color:var(--good)}.warn{color:var(--warn);font-weight:600}code{font:12.5px ui-monospace,monospace}
pre{background:var(--pane);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;overflow:auto;white-space:pre-wrap}a{color:inherit}
</style></head><body>"#;

/// The page.
pub(super) fn html(status: &Status, metrics: &Metrics) -> String {
    let mut page = HEAD.to_owned();
    let _ = write!(
        page,
        "<h1>Switchboard</h1><p>{} · read again {} times · <a href=\"/metrics\">metrics</a> · <a href=\"/switches\">switches</a> · <a href=\"/sources\">sources</a> · this page renews itself</p>",
        env!("CARGO_PKG_VERSION"),
        status.reloads
    );
    if let Some(why) = &status.refused {
        let _ = write!(
            page,
            "<h2 class=\"bad\">The configuration on disk was refused; the one before is in use</h2><pre>{}</pre>",
            escape(why)
        );
    }
    surfaces(&mut page, status, metrics);
    sources(&mut page, status, metrics);
    breakers(&mut page, status);
    retries(&mut page, status);
    switches(&mut page, status);
    page.push_str("</body></html>");
    page
}

fn surfaces(page: &mut String, status: &Status, metrics: &Metrics) {
    page.push_str(
        "<h2>Surfaces</h2><table><tr><th>surface<th>under way<th>answered<th>with errors<th>refused<th>503<th>stale<th>fallback<th>null</tr>",
    );
    for name in &status.surfaces {
        let surface = metrics.surface(name);
        let counts = surface.counts();
        let degraded = metrics.degraded(name);
        let _ = write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            escape(name),
            surface.in_flight.get(),
            counts.data,
            marked(counts.partial, "warn"),
            counts.refused,
            marked(counts.unavailable, "bad"),
            marked(degraded.stale, "warn"),
            marked(degraded.fallback, "warn"),
            marked(degraded.null, "bad"),
        );
    }
    page.push_str(
        "</table><p>stale, fallback and null: sources at places of answers, as extensions.degraded tells them</p>",
    );
}

fn sources(page: &mut String, status: &Status, metrics: &Metrics) {
    page.push_str(
        "<h2>Sources</h2><table><tr><th>source<th class=\"l\">state<th>under way<th>calls<th>failed status<th>timed out<th>no connection<th>broken<th>not sent</tr>",
    );
    let mut names = status.sources.clone();
    names.sort();
    names.dedup();
    for name in names {
        let Some(source) = metrics.source(&name) else { continue };
        let counts = source.counts();
        let state = match status.switches.sources.contains(&name) {
            true => "<span class=\"warn\">switched off</span>",
            false => "<span class=\"good\">on</span>",
        };
        let _ = write!(
            page,
            "<tr><td>{}<td class=\"l\">{state}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            escape(&name),
            source.in_flight.get(),
            counts.all,
            marked(counts.status, "warn"),
            marked(counts.timeout, "bad"),
            marked(counts.connect, "bad"),
            marked(counts.broken, "bad"),
            marked(counts.shed, "warn"),
        );
    }
    page.push_str("</table>");
}

fn breakers(page: &mut String, status: &Status) {
    page.push_str(
        "<h2>Circuit breakers</h2><table><tr><th>surface<th class=\"l\">source<th class=\"l\">address or connector<th class=\"l\">breaker<th>opened<th>under way<th>tries<th>failed</tr>",
    );
    for of in &status.states {
        for guarded in of.guarded() {
            let class = match guarded.breaker {
                BreakerState::Off => "",
                BreakerState::Closed => "good",
                BreakerState::HalfOpen => "warn",
                BreakerState::Open { .. } => "bad",
            };
            let left = match guarded.breaker {
                BreakerState::Open { left } => format!(" for {} s", left.as_secs() + 1),
                _ => String::new(),
            };
            let (tries, failed) = match guarded.tries {
                Some((tries, failed)) => (tries.to_string(), marked(failed, "bad")),
                None => Default::default(),
            };
            let _ = write!(
                page,
                "<tr><td>{}<td class=\"l\">{}<td class=\"l\">{}<td class=\"l\"><span class=\"{class}\">{}{left}</span><td>{}<td>{}<td>{tries}<td>{failed}</tr>",
                escape(&of.surface),
                escape(of.name()),
                escape(guarded.name),
                guarded.breaker.as_str().replace('_', " "),
                marked(guarded.opened, "warn"),
                guarded.in_flight,
            );
        }
    }
    page.push_str("</table>");
}

fn retries(page: &mut String, status: &Status) {
    page.push_str(
        "<h2>Limits and retries</h2><table><tr><th>surface<th class=\"l\">source<th>under way<th>at most<th>refused: full<th>refused: breaker<th>retries<th>over budget<th>budget<th>hedges<th>won</tr>",
    );
    for of in &status.states {
        let state = &of.state;
        let _ = write!(
            page,
            "<tr><td>{}<td class=\"l\">{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{:.1}<td>{}<td>{}</tr>",
            escape(&of.surface),
            escape(of.name()),
            state.in_flight,
            of.in_flight_max()
                .map_or("no limit".to_owned(), |limit| limit.to_string()),
            marked(state.refused_full, "bad"),
            marked(state.refused_open, "bad"),
            marked(state.retries, "warn"),
            marked(state.retries_refused, "warn"),
            state.retry_budget,
            state.hedges,
            state.hedges_won,
        );
    }
    page.push_str("</table>");
}

fn switches(page: &mut String, status: &Status) {
    let Switches {
        sources,
        fields,
        operations,
        clients,
        read_only,
    } = &status.switches;
    page.push_str("<h2>Switched off</h2>");
    let sets = [
        ("source", sources),
        ("field", fields),
        ("operation", operations),
        ("client", clients),
    ];
    let mut off: Vec<String> = sets
        .into_iter()
        .flat_map(|(what, names)| names.iter().map(move |name| format!("{what} {name}")))
        .collect();
    off.extend(read_only.then(|| "all mutations".to_owned()));
    if off.is_empty() {
        page.push_str("<p>Nothing.</p>");
    } else {
        let _ = write!(page, "<pre>{}</pre>", escape(&off.join("\n")));
    }
    if let Some(Value::Array(faults)) = &status.faults {
        page.push_str("<h2>Faults that were asked for</h2>");
        let texts: Vec<&str> = faults.iter().filter_map(Value::as_str).collect();
        match texts.is_empty() {
            true => page.push_str("<p>None.</p>"),
            false => {
                let _ = write!(page, "<pre>{}</pre>", escape(&texts.join("\n")));
            }
        }
    }
}

/// A number that is noticed unless it is zero.
fn marked(count: u64, class: &str) -> String {
    match count {
        0 => "0".to_owned(),
        count => format!("<span class=\"{class}\">{count}</span>"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
