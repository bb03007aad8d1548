//! Sources in process that know a world, and fail by a plan.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::Value;
use switchboard_clients::{Call, CallError, Counted, Reply, Transport};
use tokio::time::{Instant, sleep};

use super::world::{Field, Leads, Random, World};

/// What was done to calls so far, by route: answers are kept, and breakers remember.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Routes of which a call failed.
    pub(super) failed: BTreeSet<String>,
    /// Sources of which a call failed.
    pub(super) failed_sources: BTreeSet<String>,
    /// Routes of which a call said that there is nothing.
    pub(super) absent: BTreeSet<String>,
}

/// All sources at once; each call says whose it is by its host.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) world: Arc<World>,
    pub(super) done: Arc<Mutex<Done>>,
    /// Calls of a hundred that fail, and what decides which.
    hundredths: Arc<AtomicU64>,
    seed: Arc<AtomicU64>,
}

/// What is done to a call.
enum Fault {
    Status(u16),
    RetryAfter(u16, &'static str),
    Hang,
    Slow(Duration),
    Broken(fn() -> CallError),
    Garbage,
    Nothing,
    HalfOfBatch,
    WrongLeaf,
}

// === impl Sources ===

impl Sources {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self {
            world,
            done: Arc::default(),
            hundredths: Arc::default(),
            seed: Arc::default(),
        }
    }

    /// From now on so many calls of a hundred fail.
    pub(super) fn plan(&self, seed: u64, hundredths: u64) {
        self.seed.store(seed, Relaxed);
        self.hundredths.store(hundredths, Relaxed);
    }

    fn fault(&self) -> Option<Fault> {
        let seed = self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        let mut random = Random(seed);
        if random.below(100) >= self.hundredths.load(Relaxed) {
            return None;
        }
        Some(match random.below(14) {
            0 | 1 => Fault::Status(503),
            2 => Fault::Status(500),
            3 => Fault::Status(404),
            4 => Fault::RetryAfter(503, "1"),
            5 => Fault::RetryAfter(429, "3600"),
            6 => Fault::Hang,
            7 => Fault::Slow(Duration::from_millis(random.below(1_500))),
            8 => Fault::Broken(|| CallError::Connect(Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused)))),
            9 => Fault::Broken(|| CallError::Broken(Arc::new(io::Error::from(io::ErrorKind::ConnectionReset)))),
            10 => Fault::Garbage,
            11 => Fault::Nothing,
            12 => Fault::HalfOfBatch,
            _ => Fault::WrongLeaf,
        })
    }

    /// What is true.
    fn answer(&self, path: &str, query: &str) -> Value {
        let (route, id) = path
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or((path.trim_start_matches('/'), "0"));
        let id = id.parse().expect("ids are numbers");
        let Some((owner, name)) = route.split_once('.') else {
            let of = type_number(route);
            let ids = query.split('&').filter_map(|pair| pair.strip_prefix("id="));
            return ids
                .map(|id| self.world.payload(of, id.parse().expect("a number"), true))
                .collect();
        };
        let (number, fields): (usize, &[Field]) = match owner {
            "Query" => (usize::MAX, &self.world.roots),
            owner => (type_number(owner), &self.world.types[type_number(owner)].fields),
        };
        let field = fields
            .iter()
            .find(|field| field.name == name)
            .expect("a route of the schema");
        let of_one = |id: Option<u64>| id.map_or(Value::Null, |id| self.world.payload(field.of, id, false));
        match field.leads(number, id) {
            Leads::One(id) => of_one(id),
            Leads::Many(ids) => ids.into_iter().map(of_one).collect(),
        }
    }
}

fn type_number(name: &str) -> usize {
    name[1..].parse().expect("T and a number")
}

/// Makes every size of an answer a text; whether there was one.
fn spoil(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |any, item| spoil(item) | any),
        Value::Object(fields) => fields.iter_mut().fold(false, |any, (name, value)| match &**name {
            "size" if !value.is_null() => {
                *value = Value::from("big");
                true
            }
            _ => spoil(value) | any,
        }),
        _ => false,
    }
}

impl Transport for Sources {
    fn send<'a>(
        &'a self,
        call: &'a Call,
        _deadline: Instant,
    ) -> impl Future<Output = Result<Reply, CallError>> + Send + 'a {
        let Call::Http { uri, .. } = call.clone() else {
            panic!("a REST call")
        };
        let (fault, sources) = (self.fault(), self.clone());
        let (host, route) = (uri.host().unwrap().to_owned(), route(&uri));
        {
            let mut done = self.done.lock().unwrap();
            match &fault {
                None => {}
                Some(Fault::Nothing | Fault::HalfOfBatch) => {
                    done.absent.insert(route);
                }
                Some(_) => {
                    done.failed.insert(route);
                    done.failed_sources.insert(host);
                }
            }
        }
        async move {
            sleep(Duration::from_millis(10)).await;
            let mut body = sources.answer(uri.path(), uri.query().unwrap_or_default());
            let (mut status, mut wait, mut text) = (200, None, None);
            match fault {
                None => {}
                Some(Fault::Status(own)) => status = own,
                Some(Fault::RetryAfter(own, after)) => (status, wait) = (own, Some(after)),
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Slow(time)) => sleep(time).await,
                Some(Fault::Broken(error)) => return Err(error()),
                Some(Fault::Garbage) => text = Some("{\"id\": 1, \"na"),
                Some(Fault::Nothing) => (status, text) = (204, Some("")),
                Some(Fault::HalfOfBatch) => {
                    if let (Some(items), true) = (body.as_array_mut(), uri.query().is_some()) {
                        items.truncate(items.len() / 2);
                    }
                }
                Some(Fault::WrongLeaf) => {
                    spoil(&mut body);
                }
            }
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            if let Some(wait) = wait {
                headers.insert("retry-after", HeaderValue::from_static(wait));
            }
            Ok(Reply {
                status,
                headers,
                trailers: HeaderMap::new(),
                message: String::new(),
                details: Bytes::new(),
                body: text.map_or_else(|| Bytes::from(body.to_string()), Bytes::from),
                counted: Counted::default(),
                errors: Vec::new(),
            })
        }
    }
}

/// Whose call it is: `Query.r0`, `T1.f0`, or `T1` for the type's own.
fn route(uri: &Uri) -> String {
    let path = uri.path().trim_start_matches('/');
    path.split_once('/').map_or(path, |(route, _)| route).to_owned()
}
