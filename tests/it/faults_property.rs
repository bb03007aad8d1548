//! Whatever the schema, the query and what goes wrong: an answer has nothing that is not true, says why what it lacks is lacking, keeps to its time, and costs
//! sources hardly more than one without faults.
//!
//! Seeds are tried one after the other on a clock that does not wait. `FAULT_SEEDS=1000..9000` tries those instead.

use std::{collections::HashMap, ops::Range, sync::Arc, time::Duration};

use serde_json::Value;
use switchboard::{
    engine::{Engine, Settings},
    execute::Backends,
    operation::Limits,
    schema::{self, LoadOptions, SourceFile},
    telemetry::Metrics,
};
use switchboard_clients::{
    Client,
    registry::{SourceSettings as ClientSettings, TransportSettings},
};
use tokio::time::Instant;

use self::{
    source::Sources,
    world::{Fallback, Field, Leads, Random, STAND_IN, Type, World},
};
use crate::support::anonymous;

mod source;
mod world;

const LINKS: &str = r#"
    extend schema
      @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
      @link(url: "https://switchboard.example/bff/v0.1", import: ["@fallback", "@critical", "@cacheControl"])
"#;

/// What ends after its time is still in time by so much.
const GRACE: Duration = Duration::from_millis(50);

/// As long as a server lives here.
const SECONDS_MAX: u64 = 35;

/// A field that is asked for, beside the id of its object.
#[derive(Debug)]
struct Chosen {
    key: String,
    what: What,
    in_fragment: bool,
}

#[derive(Debug)]
enum What {
    Name,
    Size,
    /// The field of that number, and what of its objects.
    Leads(usize, Vec<Chosen>),
}

/// A server over a world.
struct Server {
    engine: Engine,
    sources: Sources,
    clients: HashMap<String, Arc<dyn Client>>,
}

/// An answer, and what is needed to judge it.
struct Judge<'a> {
    world: &'a World,
    sources: &'a Sources,
    answer: &'a Value,
    /// Of errors.
    paths: Vec<Vec<Value>>,
    /// Some errors were only counted.
    is_cut: bool,
}

/// Where an object comes from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    path: &'a [Value],
    /// The route of the call that brought it.
    route: &'a str,
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_an_answer_is_true_complete_or_explained_and_in_time() {
    for seed in seeds() {
        let mut random = Random(seed);
        let world = Arc::new(World::random(&mut random));
        let server = Server::new(&world);
        for round in 0..5_u64 {
            let query = choose_roots(&world, &mut random);
            // The first round is the world as it is, and fills the caches.
            let hundredths = [0, 20, 40, 70, 100][round as usize];
            server.sources.plan(random.next(), hundredths);
            let time = Duration::from_millis([300, 1_500, 5_000][random.below(3) as usize]);
            let text = format!("{{{} }}", written(&query));

            let started = Instant::now();
            let answer = server.ask(&text, time).await;

            let judged = judge(&server, &query, &answer, hundredths)
                .and_then(|()| in_time(started.elapsed(), time))
                .and_then(|()| within_budget(server.tries()));
            if let Err(why) = judged {
                let sdl = world.sdl();
                panic!(
                    "seed {seed}, round {round}: {why}\n{sdl}\n{text}\n{answer:#}\n{:?}",
                    server.sources.done.lock().unwrap()
                );
            }
            tokio::time::advance(Duration::from_secs(2)).await;
        }
    }
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("FAULT_SEEDS") else {
        return 0..150;
    };
    let (start, end) = text.split_once("..").expect("FAULT_SEEDS=START..END");
    start.parse().expect("a number")..end.parse().expect("a number")
}

// === impl Server ===

impl Server {
    fn new(world: &Arc<World>) -> Self {
        let file = SourceFile {
            path: "schema.graphql".to_owned(),
            text: format!("{LINKS}{}", world.sdl()),
        };
        let loaded = schema::load("test", &[file], &LoadOptions::default());
        let surface = loaded
            .unwrap_or_else(|problems| panic!("{problems:#?}\n{}", world.sdl()))
            .surface;
        let sources = Sources::new(world.clone());
        let client = |name: &str| {
            let settings = ClientSettings {
                call_timeout: Duration::from_millis(500),
                ..ClientSettings::new(name, TransportSettings::Rest)
            };
            (name.to_owned(), settings.client_over(vec![sources.clone()]))
        };
        let clients: HashMap<_, _> = ["", "s0", "s1", "s2"].map(client).into();
        let metrics = Metrics::new(["test"], []);
        let get = |name: &str| Some(clients.get(name).unwrap_or(&clients[""]).clone());
        let backends = Backends::bind(&surface, &HashMap::new(), &get, &metrics).expect("sources");
        let settings = Settings {
            limits: Limits {
                aliases: 0,
                calls: 0,
                cost: 0,
                ..Limits::default()
            },
            sharing: false,
            ..Settings::default()
        };
        Self {
            engine: Engine::new(Arc::new(surface), Arc::new(backends.with_cache(1 << 20)), settings),
            sources,
            clients,
        }
    }

    async fn ask(&self, query: &str, time: Duration) -> Value {
        let request = anonymous(query, Instant::now() + time);
        let body = self.engine.handle(&request).await.body;
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
    }

    /// Calls and tries so far.
    fn tries(&self) -> (u64, u64) {
        let states = self.clients.values().filter_map(|client| client.state());
        states.fold((0, 0), |(calls, tries), state| {
            (calls + state.calls, tries + state.tries)
        })
    }
}

// === Queries ===

fn choose_roots(world: &World, random: &mut Random) -> Vec<Chosen> {
    let mut chosen = Vec::new();
    for at in 0..1 + random.below(3) {
        let field = random.below(world.roots.len() as u64) as usize;
        let below = choose(world, &world.types[world.roots[field].of], random, 3);
        chosen.push(Chosen {
            key: format!("q{at}"),
            what: What::Leads(field, below),
            in_fragment: false,
        });
    }
    chosen
}

fn choose(world: &World, of: &Type, random: &mut Random, depth: u64) -> Vec<Chosen> {
    let mut chosen = Vec::new();
    for at in 0..random.below(5) {
        let what = match random.below(4) {
            0 => What::Name,
            1 => What::Size,
            _ if depth == 0 => continue,
            _ => {
                let field = random.below(of.fields.len() as u64) as usize;
                What::Leads(
                    field,
                    choose(world, &world.types[of.fields[field].of], random, depth - 1),
                )
            }
        };
        chosen.push(Chosen {
            key: format!("k{at}"),
            what,
            in_fragment: random.one_in(4),
        });
    }
    chosen
}

fn written(chosen: &[Chosen]) -> String {
    let one = |chosen: &Chosen| {
        let key = &chosen.key;
        let text = match &chosen.what {
            What::Name => format!("{key}: name"),
            What::Size => format!("{key}: size"),
            What::Leads(field, below) => {
                let name = if key.starts_with('q') { "r" } else { "f" };
                format!("{key}: {name}{field} {{ id{} }}", written(below))
            }
        };
        if chosen.in_fragment {
            format!(" ... {{ {text} }}")
        } else {
            format!(" {text}")
        }
    };
    chosen.iter().map(one).collect()
}

// === Judgement ===

fn in_time(took: Duration, time: Duration) -> Result<(), String> {
    if took <= time + GRACE {
        Ok(())
    } else {
        Err(format!("it took {took:?} of {time:?}"))
    }
}

/// Each of three sources has ten retries saved up, and one more a second; beyond them there is one for ten calls that succeed.
fn within_budget((calls, tries): (u64, u64)) -> Result<(), String> {
    if tries * 10 <= calls * 11 + 10 * 3 * (10 + SECONDS_MAX) {
        Ok(())
    } else {
        Err(format!("{tries} tries of {calls} calls"))
    }
}

fn judge(server: &Server, query: &[Chosen], answer: &Value, hundredths: u64) -> Result<(), String> {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path = |error: &Value| error["path"].as_array().cloned().unwrap_or_default();
    let judge = Judge {
        world: &server.sources.world,
        sources: &server.sources,
        answer,
        paths: errors.iter().map(path).collect(),
        is_cut: !answer["extensions"]["omittedErrors"].is_null(),
    };
    if hundredths == 0 && !errors.is_empty() {
        return Err("nothing failed, and there are errors".to_owned());
    }
    for (at, path) in judge.paths.iter().enumerate() {
        judge.exists(query, path, true)?;
        if judge.paths[..at].contains(path) {
            return Err(format!("two errors at {path:?}"));
        }
    }
    errors.iter().try_for_each(|error| judge.has_a_cause(error))?;
    if answer["data"].is_null() {
        return if errors.is_empty() {
            Err("no data and no error".to_owned())
        } else {
            Ok(())
        };
    }
    let root = Origin { path: &[], route: "" };
    query
        .iter()
        .try_for_each(|chosen| judge.field(None, chosen, &answer["data"], root))
}

// === impl Judge ===

impl Judge<'_> {
    /// The path of an error leads through what was asked for.
    fn exists(&self, chosen: &[Chosen], path: &[Value], at_root: bool) -> Result<(), String> {
        let Some((key, rest)) = path.split_first() else {
            return Ok(());
        };
        if key == "id" && rest.is_empty() && !at_root {
            return Ok(());
        }
        let found = chosen.iter().find(|chosen| *key == chosen.key);
        let found = found.ok_or_else(|| format!("an error at {key}, which nobody asked for"))?;
        let rest = match rest {
            [Value::Number(_), rest @ ..] => rest,
            rest => rest,
        };
        match &found.what {
            What::Leads(_, below) => self.exists(below, rest, false),
            _ if rest.is_empty() => Ok(()),
            _ => Err(format!("an error below the leaf {key}")),
        }
    }

    /// A source has failed where an error says so, and the answer's list of what is degraded has it too.
    fn has_a_cause(&self, error: &Value) -> Result<(), String> {
        let extensions = &error["extensions"];
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let (code, source) = (text(&extensions["code"]), text(&extensions["service"]));
        let coordinate = text(&extensions["connector"]["coordinate"]);
        let done = self.sources.done.lock().unwrap();
        let has_cause = match &*code {
            // A value that may not be null and is absent.
            "UPSTREAM_BAD_RESPONSE" => !done.failed.is_empty() || !done.absent.is_empty(),
            "UPSTREAM_CIRCUIT_OPEN" => done.failed_sources.contains(&source),
            // The request's own time may be over.
            "UPSTREAM_TIMEOUT" => true,
            "CONNECTOR_FETCH" | "UPSTREAM_UNAVAILABLE" | "CONNECTOR_RESPONSE_INVALID" => {
                done.failed.iter().any(|route| *route == coordinate)
            }
            _ => return Err(format!("{code}: what is that?")),
        };
        if !has_cause {
            return Err(format!("{code} at {}, where nothing failed", error["path"]));
        }
        let path = error["path"].as_array().map(Vec::as_slice).unwrap_or_default();
        if code != "UPSTREAM_BAD_RESPONSE" && !self.is_degraded(path, "NULL") {
            return Err(format!("{} is not listed as degraded", error["path"]));
        }
        Ok(())
    }

    /// Whether the list of what is degraded has the path, or what it leads through.
    fn is_degraded(&self, path: &[Value], used: &str) -> bool {
        let entries = self.answer["extensions"]["degraded"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        entries.iter().any(|entry| {
            let listed = entry["path"].as_array().map(Vec::as_slice).unwrap_or_default();
            entry["used"] == used && path.starts_with(listed)
                // The worst of what is there is told.
                || entry["used"] == "NULL" && path.starts_with(listed)
        }) || !self.answer["extensions"]["omittedDegraded"].is_null()
    }

    /// A value that is asked for on an object: of its type, with its id; `None` at the root.
    fn field(
        &self,
        object: Option<(&Type, u64)>,
        chosen: &Chosen,
        holder: &Value,
        origin: Origin<'_>,
    ) -> Result<(), String> {
        let value = &holder[&chosen.key];
        let path = [origin.path, &[chosen.key.as_str().into()]].concat();
        let own = object.map(|(of, _)| format!("T{}", of.number)).unwrap_or_default();
        // What a batch of its type brings comes from there.
        let route = match object {
            Some((of, _)) if of.batched => &own,
            _ => origin.route,
        };
        let here = Origin { path: &path, route };
        let leaf = |truth: Value| match value {
            value if *value == truth => Ok(()),
            Value::Null if self.is_explained(here, origin.path) => Ok(()),
            _ => Err(format!("{path:?} is {value}, not {truth}")),
        };
        match (&chosen.what, object) {
            (What::Name, Some((of, id))) => leaf(of.name(id)),
            (What::Size, Some((of, id))) => leaf(of.size(id)),
            (What::Leads(at, below), object) => {
                let fields = object.map_or(&self.world.roots, |(of, _)| &of.fields);
                let (field, owner) = (&fields[*at], if object.is_some() { &*own } else { "Query" });
                let called = field.route(owner);
                let route = if field.has_call { &*called } else { route };
                let (number, id) = object.map_or((usize::MAX, 0), |(of, id)| (of.number, id));
                let leads = field.leads(number, id);
                self.objects(
                    (field, leads),
                    below,
                    value,
                    (Origin { path: &path, route }, origin.path),
                )
            }
            (_, None) => Err("a leaf at the root".to_owned()),
        }
    }

    /// What a field leads to.
    fn objects(
        &self,
        (field, leads): (&Field, Leads),
        below: &[Chosen],
        value: &Value,
        (here, parent): (Origin<'_>, &[Value]),
    ) -> Result<(), String> {
        let stands_in = || field.fallback.is_some() && self.is_degraded(here.path, "FALLBACK");
        let of = &self.world.types[field.of];
        match (value, leads) {
            (Value::Null, Leads::One(None)) => Ok(()),
            (Value::Null, _) if self.is_explained(here, parent) => Ok(()),
            (Value::Null, _) if field.fallback == Some(Fallback::Null) && stands_in() => Ok(()),
            (Value::Object(_), Leads::One(Some(id))) if is_id(value, id) => self.object((of, id), below, value, here),
            (Value::Object(_), _) if is_id(value, STAND_IN) && stands_in() => {
                self.object((of, STAND_IN), below, value, here)
            }
            (Value::Array(items), Leads::Many(ids)) if items.len() == ids.len() && !is_stand_in(items) => {
                for (at, (item, id)) in items.iter().zip(ids).enumerate() {
                    let path = [here.path, &[at.into()]].concat();
                    let place = Origin { path: &path, ..here };
                    match (item, id) {
                        (Value::Null, None) => {}
                        (Value::Null, Some(_)) if self.is_explained(place, here.path) => {}
                        (item, Some(id)) if is_id(item, id) => self.object((of, id), below, item, place)?,
                        _ => return Err(format!("{path:?} is {item}, not {id:?}")),
                    }
                }
                Ok(())
            }
            (Value::Array(items), _) if items.is_empty() && field.fallback == Some(Fallback::Empty) && stands_in() => {
                Ok(())
            }
            // A null below climbed to the object that stands in.
            (Value::Array(items), _) if matches!(items[..], [Value::Null]) && stands_in() => {
                let path = [here.path, &[0.into()]].concat();
                let place = Origin { path: &path, ..here };
                let is_explained = self.is_explained(place, here.path);
                is_explained.then_some(()).ok_or_else(|| format!("{path:?} is null"))
            }
            (Value::Array(items), _) if is_stand_in(items) && stands_in() => {
                let path = [here.path, &[0.into()]].concat();
                self.object((of, STAND_IN), below, &items[0], Origin { path: &path, ..here })
            }
            (value, leads) => Err(format!("{:?} is {value}, and leads to {leads:?}", here.path)),
        }
    }

    fn object(&self, object: (&Type, u64), below: &[Chosen], value: &Value, origin: Origin<'_>) -> Result<(), String> {
        below
            .iter()
            .try_for_each(|chosen| self.field(Some(object), chosen, value, origin))
    }

    /// Whether it is said why there is nothing: by an error there or below, by one at the object whose call it was, or by the source.
    fn is_explained(&self, here: Origin<'_>, parent: &[Value]) -> bool {
        let is_told = self
            .paths
            .iter()
            .any(|path| path.starts_with(here.path) || path == parent);
        let is_absent = || self.sources.done.lock().unwrap().absent.contains(here.route);
        self.is_cut || is_told || is_absent()
    }
}

/// Whether the only one is what fallbacks stand in with.
fn is_stand_in(items: &[Value]) -> bool {
    matches!(items, [only] if is_id(only, STAND_IN))
}

/// Whether it is the object of that id.
fn is_id(object: &Value, id: u64) -> bool {
    object["id"].as_str().is_some_and(|text| text.parse() == Ok(id))
}
