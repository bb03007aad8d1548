//! What an operator does with a server that runs: switches, reloads, faults of a developer.
//!
//! Engines stand behind one pointer. A request keeps those it began with; the next has the new ones.

use std::{
    fs,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
    time::sleep,
};

use super::{
    App, Beside, Surfaces, documents,
    faults::{FaultOf, Faults},
    page,
    states::{self, StateOf},
    watch::{Changes, Looks, looks_of},
};
use crate::{
    config::{self, Config, Reload},
    engine::{self, Engine, Switches},
    http::{Answer, Operate},
    identity::Identity,
    telemetry::{Metrics, Scraped},
};

/// How often the file of switches is looked at. It is small, and a second is promised.
const LOOK_AT_SWITCHES: Duration = Duration::from_millis(400);

/// The server's running parts, and what can be done with them.
pub(super) struct Control {
    live: ArcSwap<Surfaces>,
    /// Who callers are stays as it was at the start.
    identity: Arc<Identity>,
    state: Mutex<State>,
    beside: Beside,
}

struct State {
    config: Config,
    /// What its files were like before they were read.
    seen: Looks,
    /// What follows the files of the engines that are live.
    watches: Vec<JoinHandle<()>>,
    by_file: Switches,
    by_admin: Switches,
    /// Why the last reload was refused.
    refused: Option<String>,
    reloads: u64,
}

/// Answers by the engines that are live.
pub(super) struct Live(pub(super) Arc<Control>);

/// Tasks that end with the server.
pub(super) struct Tasks(Vec<JoinHandle<()>>);

// === impl Control ===

impl Control {
    /// Takes over an app that was built.
    pub(super) fn new(app: App) -> Arc<Self> {
        let App {
            config,
            surfaces,
            lists,
            descriptors,
            shared: _,
            identity,
            beside,
            seen,
        } = app;
        let engines: Vec<Arc<Engine>> = surfaces.into_iter().map(|(_, engine)| engine).collect();
        let mut watches = follow(&engines, &config, lists, &beside.metrics);
        watches.push(tokio::spawn(async move { descriptors.compare_locks().await }));
        let control = Arc::new(Self {
            live: ArcSwap::from_pointee(Surfaces(engines)),
            state: Mutex::new(State {
                config,
                seen,
                watches,
                by_file: Switches::default(),
                by_admin: Switches::default(),
                refused: None,
                reloads: 0,
            }),
            identity,
            beside,
        });
        control.read_switches(&mut None);
        control
    }

    /// Follows files and signals.
    pub(super) fn start(self: &Arc<Self>) -> Tasks {
        let (reload, has_switches) = {
            let state = self.state();
            (state.config.reload, state.config.switches.is_some())
        };
        let mut tasks = Vec::new();
        if has_switches {
            let control = self.clone();
            tasks.push(tokio::spawn(async move {
                let mut known = None;
                loop {
                    control.read_switches(&mut known);
                    sleep(LOOK_AT_SWITCHES).await;
                }
            }));
        }
        if let Ok(mut hangup) = signal(SignalKind::hangup()) {
            let control = self.clone();
            tasks.push(tokio::spawn(async move {
                while hangup.recv().await.is_some() {
                    control.reload_aside().await;
                }
            }));
        }
        if reload == Reload::Watch {
            let control = self.clone();
            tasks.push(tokio::spawn(async move {
                let (config, seen) = control.followed();
                let mut changes = Changes::of(&config, seen);
                loop {
                    changes.next().await;
                    control.reload_aside().await;
                    let (config, seen) = control.followed();
                    changes.follow(&config, seen);
                }
            }));
        }
        Tasks(tasks)
    }

    /// Stops following the files of documents.
    pub(super) fn end(&self) {
        self.state().watches.iter().for_each(JoinHandle::abort);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn followed(&self) -> (Config, Looks) {
        let state = self.state();
        (state.config.clone(), state.seen.clone())
    }

    async fn reload_aside(self: &Arc<Self>) {
        let control = self.clone();
        // Reading and checking schemas takes its time; requests go on meanwhile.
        let _ = tokio::task::spawn_blocking(move || control.reload()).await;
    }

    /// Reads configuration and schemas again. What is wrong with them leaves everything as it was.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn reload(&self) -> Result<(), String> {
        let done = self.try_reload();
        let mut state = self.state();
        match &done {
            Ok(()) => {
                state.reloads += 1;
                state.refused = None;
                tracing::info!(
                    reloads = state.reloads,
                    "the configuration was read again and is in use"
                );
            }
            Err(why) => {
                tracing::warn!("the configuration was read again and refused, the one before stays: {why}");
                state.refused = Some(why.clone());
            }
        }
        done
    }

    fn try_reload(&self) -> Result<(), String> {
        let before = self.state().config.clone();
        // Before they are read: what is saved meanwhile is seen as a change.
        self.state().seen = looks_of(&before);
        let mut next = Config::load(&before.file).map_err(|error| error.to_string())?;
        if before.is_for_development {
            next = next.for_development();
        }
        if next.routes() != before.routes() {
            return Err(
                "surfaces were added, removed or moved, or what is wanted of their clients (body_bytes, require_auth, tier, classes) changed: that needs a restart"
                    .to_owned(),
            );
        }
        if !keep_fixed_part(&before, &mut next) {
            tracing::warn!("changes of listen, admin, overload, http, log, quotas and switches wait for a restart");
        }
        let app =
            App::build_again(next, self.identity.clone(), self.beside.clone()).map_err(|error| error.to_string())?;
        if let Some(shared) = &app.shared {
            shared.begin();
        }
        let engines: Vec<Arc<Engine>> = app.surfaces.into_iter().map(|(_, engine)| engine).collect();
        let mut state = self.state();
        let switches = state.by_file.and(&state.by_admin);
        engines.iter().for_each(|engine| engine.switch(&switches));
        let mut watches = follow(&engines, &app.config, app.lists, &self.beside.metrics);
        let descriptors = app.descriptors;
        watches.push(tokio::spawn(async move { descriptors.compare_locks().await }));
        std::mem::replace(&mut state.watches, watches)
            .iter()
            .for_each(JoinHandle::abort);
        state.seen = app.seen;
        state.config = app.config;
        self.live.store(Arc::new(Surfaces(engines)));
        Ok(())
    }

    /// Reads the file of switches, if it says something else than what is known.
    fn read_switches(&self, known: &mut Option<String>) {
        let Some(path) = self.state().config.switches.clone() else {
            return;
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // Nothing is off.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return tracing::warn!(file = %path.display(), %error, "switches cannot be read"),
        };
        if known.as_ref() == Some(&text) {
            return;
        }
        let read = config::switches(&text).and_then(|switches| self.check(&switches).map(|()| switches));
        match read {
            Ok(switches) => self.switch(|state| state.by_file = switches, "file"),
            Err(why) => tracing::warn!(file = %path.display(), "switches stay as they were: {why}"),
        }
        *known = Some(text);
    }

    /// Whether all that switches name is there.
    fn check(&self, switches: &Switches) -> Result<(), String> {
        for names in [&switches.operations, &switches.clients] {
            if names.iter().any(|name| name.trim_matches('@').is_empty()) {
                return Err("an operation or client without a name cannot be switched off".to_owned());
            }
        }
        let live = self.live.load();
        let known = |is_known: &dyn Fn(&Engine) -> bool| live.0.iter().any(|engine| is_known(engine));
        for source in &switches.sources {
            if !known(&|engine| engine.has_source(source)) {
                let mut known: Vec<String> = live.0.iter().flat_map(|engine| engine.sources()).collect();
                known.sort();
                known.dedup();
                return Err(format!("there is no source `{source}`; there are {}", known.join(", ")));
            }
        }
        for field in &switches.fields {
            if !known(&|engine| engine.has_call(field)) {
                return Err(match field.split_once('.') {
                    Some(_) => format!(
                        "`{field}` is no field with a `@connect` of its own; one that comes with others goes off with its source"
                    ),
                    None => format!("`{field}` does not say of which type; write it as `Product.{field}`"),
                });
            }
        }
        Ok(())
    }

    /// Changes switches, and writes down who did.
    fn switch(&self, change: impl FnOnce(&mut State), by: &'static str) {
        let mut state = self.state();
        let before = state.by_file.and(&state.by_admin);
        change(&mut state);
        let after = state.by_file.and(&state.by_admin);
        if before == after {
            return;
        }
        self.live.load().0.iter().for_each(|engine| engine.switch(&after));
        tracing::info!(target: "switchboard::audit", by, changes = before.changes(&after), "switched");
    }

    /// How the sources of each surface do.
    fn states(&self, state: &State) -> Vec<StateOf> {
        let live = self.live.load();
        let surfaces = state.config.surfaces.iter().zip(&live.0);
        let of_surface = surfaces.flat_map(|(surface, engine)| {
            engine.backends().states().into_iter().map(|state| StateOf {
                surface: surface.name.clone(),
                state,
            })
        });
        of_surface.filter(StateOf::is_used).collect()
    }

    /// What the page for people shows.
    pub(super) fn status(&self) -> page::Status {
        let state = self.state();
        let sources = self.live.load().0.iter().flat_map(|engine| engine.sources()).collect();
        page::Status {
            surfaces: state
                .config
                .surfaces
                .iter()
                .map(|surface| surface.name.clone())
                .collect(),
            sources,
            states: self.states(&state),
            switches: state.by_file.and(&state.by_admin),
            faults: self.beside.faults.as_ref().map(|faults| faults.to_json()),
            reloads: state.reloads,
            refused: state.refused.clone(),
        }
    }
}

/// Leaves what waits for a restart as it is in use. `false`: the files say something else.
fn keep_fixed_part(before: &Config, next: &mut Config) -> bool {
    let read = next.clone();
    next.listen = before.listen;
    next.admin = before.admin;
    next.overload.clone_from(&before.overload);
    next.quotas.clone_from(&before.quotas);
    next.http.clone_from(&before.http);
    next.log.clone_from(&before.log);
    next.switches.clone_from(&before.switches);
    (read.listen, read.admin) == (next.listen, next.admin)
        && read.overload == next.overload
        && read.quotas == next.quotas
        && read.http == next.http
        && read.log == next.log
        && read.switches == next.switches
}

/// Keeps the lists of documents as their files are.
fn follow(
    engines: &[Arc<Engine>],
    config: &Config,
    lists: Vec<documents::List>,
    metrics: &Metrics,
) -> Vec<JoinHandle<()>> {
    let surfaces = engines.iter().zip(&config.surfaces).zip(lists);
    surfaces
        .filter_map(|((engine, surface), list)| {
            let metrics = metrics.surface(&surface.name).persisted;
            documents::watch(engine.clone(), surface.clone(), list, metrics)
        })
        .collect()
}

// === impl Live ===

impl Answer for Live {
    async fn handle(&self, request: &engine::Request) -> Box<engine::Response> {
        let engine = self.0.live.load().0[request.surface].clone();
        engine.handle(request).await
    }

    async fn handle_batch(&self, requests: Vec<engine::Request>) -> Vec<engine::Response> {
        let Some(surface) = requests.first().map(|request| request.surface) else {
            return Vec::new();
        };
        let engine = self.0.live.load().0[surface].clone();
        engine.handle_batch(requests).await
    }

    fn is_overloaded(&self, surface: usize) -> bool {
        self.0.live.load().0[surface].refuses_unread()
    }
}

// === impl Operate ===

impl Operate for Control {
    fn page(&self) -> String {
        page::html(&self.status(), &self.beside.metrics)
    }

    fn metrics(&self) -> Vec<Scraped> {
        let mut metrics = states::to_metrics(&self.states(&self.state()));
        metrics.extend(states::tasks());
        metrics.extend(self.beside.limiter.iter().flat_map(|limiter| limiter.scraped()));
        metrics.extend(self.beside.budget.iter().flat_map(|budget| states::of_budget(budget)));
        metrics
    }

    fn read(&self, name: &str) -> Option<Value> {
        let state = self.state();
        match name {
            "switches" => Some(json!({ "admin": state.by_admin.to_json(), "file": state.by_file.to_json() })),
            "sources" => Some(states::to_json(&self.states(&state))),
            "reload" => Some(json!({ "reloads": state.reloads, "refused": state.refused })),
            "faults" => self
                .beside
                .faults
                .as_ref()
                .map(|faults| json!({ "faults": faults.to_json() })),
            _ => None,
        }
    }

    fn change(&self, name: &str, text: &str) -> Option<Result<Value, String>> {
        let done = match name {
            "switches" => config::switches(text)
                .and_then(|switches| self.check(&switches).map(|()| switches))
                .map(|switches| self.switch(|state| state.by_admin = switches, "admin")),
            "reload" => self.reload(),
            "faults" => set_faults(self.beside.faults.as_ref()?, text),
            _ => return None,
        };
        Some(done.map(|()| self.read(name).unwrap_or_default()))
    }
}

fn set_faults(faults: &Faults, text: &str) -> Result<(), String> {
    let form = "write {\"faults\": [\"reviews=down\"]}";
    let value: Value = serde_json::from_str(text).map_err(|error| format!("{error}; {form}"))?;
    let texts = value.get("faults").and_then(Value::as_array).ok_or(form)?;
    let read = texts
        .iter()
        .map(|text| text.as_str().ok_or_else(|| form.to_owned())?.parse());
    let read: Vec<FaultOf> = read.collect::<Result<_, String>>()?;
    faults.set(&read)?;
    tracing::info!(target: "switchboard::audit", by = "admin", faults = %faults.to_json(), "faults");
    Ok(())
}

// === impl Tasks ===

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
