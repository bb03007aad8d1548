//! Faults that a developer asks for, so that the degraded screen can be seen: `reviews=down`.
//!
//! A client around that of a source; without faults it only passes on. Never in `serve`.

use std::{
    collections::BTreeMap,
    fmt, io,
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use switchboard_clients::{
    Call, CallError, CallFuture, Client, Counted, Reply, Safety, policy::Tightening, state::SourceState,
};
use tokio::time::{Instant, sleep_until};

/// What happens to calls of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    kind: Kind,
    /// Of how many calls in a hundred.
    percent: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Answers come later by this.
    Latency(Duration),
    /// No answer ever.
    Hang,
    /// Nobody is there.
    Down,
    /// This status, as HTTP counts them.
    Error(u16),
}

/// The faults of all sources.
#[derive(Debug, Default)]
pub struct Faults(Mutex<BTreeMap<String, Arc<ArcSwap<Vec<Fault>>>>>);

/// A fault of a named source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultOf {
    /// The source.
    pub source: String,
    /// What happens to its calls.
    pub fault: Fault,
}

#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Client>,
    faults: Arc<ArcSwap<Vec<Fault>>>,
    /// Longest that one attempt may take.
    timeout: Duration,
    dice: AtomicU64,
}

// === impl Faults ===

impl Faults {
    /// A client to whose calls they happen.
    pub(super) fn around(&self, source: &str, inner: Arc<dyn Client>, timeout: Duration) -> Arc<dyn Client> {
        Arc::new(Faulty {
            inner,
            faults: self.of(source),
            timeout,
            dice: AtomicU64::new(0),
        })
    }

    /// These and no others.
    ///
    /// # Errors
    /// A source of that name is not there.
    pub fn set(&self, faults: &[FaultOf]) -> Result<(), String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unknown) = faults.iter().find(|fault| !known.contains_key(&fault.source)) {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            return Err(format!(
                "there is no source `{}`; there are {}",
                unknown.source,
                names.join(", ")
            ));
        }
        for (name, handle) in known.iter() {
            let own = faults.iter().filter(|fault| fault.source == *name);
            handle.store(Arc::new(own.map(|fault| fault.fault).collect()));
        }
        Ok(())
    }

    /// As they are written, in order of the sources.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = known.iter().flat_map(|(name, handle)| {
            let faults = handle.load_full();
            let texts: Vec<String> = faults.iter().map(|fault| format!("{name}={fault}")).collect();
            texts
        });
        all.map(Value::from).collect()
    }

    fn of(&self, source: &str) -> Arc<ArcSwap<Vec<Fault>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(source.to_owned())
            .or_insert_with(|| Arc::new(ArcSwap::default()))
            .clone()
    }
}

// === impl FaultOf ===

impl FromStr for FaultOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (source, fault) = text
            .split_once('=')
            .ok_or("write SOURCE=FAULT, such as `reviews=down`")?;
        Ok(Self {
            source: source.trim().to_owned(),
            fault: fault.trim().parse()?,
        })
    }
}

// === impl Fault ===

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const KINDS: &str =
            "a fault is `down`, `hang`, `latency:3s` or `error:500`, with `@10%` behind it for a share of calls";
        let (kind, share) = text.split_once('@').unwrap_or((text, "100%"));
        let percent = share
            .strip_suffix('%')
            .and_then(|share| share.parse().ok())
            .filter(|percent| (1..=100).contains(percent))
            .ok_or_else(|| format!("`{share}` is no share; write 1% to 100%"))?;
        let kind = match kind.split_once(':') {
            None if kind == "down" => Kind::Down,
            None if kind == "hang" => Kind::Hang,
            Some(("latency", time)) => Kind::Latency(
                humantime::parse_duration(time)
                    .map_err(|_| format!("`{time}` is no time; write it as `3s` or `300ms`"))?,
            ),
            Some(("error", status)) => {
                let status = status.parse().ok().filter(|status| (400..=599).contains(status));
                Kind::Error(status.ok_or("`error:` has a status from 400 to 599, also for gRPC")?)
            }
            _ => return Err(format!("`{text}` is no fault: {KINDS}")),
        };
        Ok(Self { kind, percent })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Latency(time) => write!(f, "latency:{}", humantime::format_duration(time))?,
            Kind::Hang => f.write_str("hang")?,
            Kind::Down => f.write_str("down")?,
            Kind::Error(status) => write!(f, "error:{status}")?,
        }
        match self.percent {
            100 => Ok(()),
            percent => write!(f, "@{percent}%"),
        }
    }
}

// === impl Faulty ===

impl Client for Faulty {
    fn call(&self, call: Call, safety: Safety, deadline: Instant) -> CallFuture {
        let faults = self.faults.load_full();
        if faults.is_empty() {
            return self.inner.call(call, safety, deadline);
        }
        let struck: Vec<Kind> = faults
            .iter()
            .filter(|fault| self.throw() < u64::from(fault.percent))
            .map(|fault| fault.kind)
            .collect();
        let is_grpc = matches!(call, Call::Grpc { .. });
        let (inner, until) = (self.inner.clone(), deadline.min(Instant::now() + self.timeout));
        let timeout = self.timeout;
        Box::pin(async move {
            for kind in struck {
                match kind {
                    Kind::Latency(time) => {
                        let then = Instant::now() + time;
                        sleep_until(then.min(until)).await;
                        if then >= until {
                            return Err(CallError::Timeout(timeout));
                        }
                    }
                    Kind::Hang => {
                        sleep_until(until).await;
                        return Err(CallError::Timeout(timeout));
                    }
                    Kind::Down => {
                        let why = io::Error::new(io::ErrorKind::ConnectionRefused, "a fault that was asked for");
                        return Err(CallError::Connect(Arc::new(why)));
                    }
                    Kind::Error(status) => return Ok(reply(status, is_grpc)),
                }
            }
            inner.call(call, safety, deadline).await
        })
    }

    fn discredit(&self, reply: &Reply) {
        self.inner.discredit(reply);
    }

    fn tightened(&self, by: &Tightening) -> Option<Arc<dyn Client>> {
        Some(Arc::new(Self {
            inner: self.inner.tightened(by)?,
            faults: self.faults.clone(),
            timeout: by.call_timeout.map_or(self.timeout, |own| own.min(self.timeout)),
            dice: AtomicU64::new(0),
        }))
    }

    fn state(&self) -> Option<SourceState> {
        self.inner.state()
    }
}

impl Faulty {
    /// A number below 100; every series of throws is the same (splitmix64).
    fn throw(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.dice.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % 100
    }
}

/// A failure as the source's protocol has it. <https://grpc.github.io/grpc/core/md_doc_http-grpc-status-mapping.html>, and what a
/// developer means by the rest.
fn reply(status: u16, is_grpc: bool) -> Reply {
    let code = match status {
        400 => 3,
        401 => 16,
        403 => 7,
        404 => 5,
        408 | 504 => 4,
        409 => 10,
        429 => 8,
        501 => 12,
        502 | 503 => 14,
        _ => 13,
    };
    Reply {
        status: if is_grpc { code } else { status },
        headers: HeaderMap::new(),
        trailers: HeaderMap::new(),
        message: "a fault that was asked for".to_owned(),
        details: Bytes::new(),
        errors: Vec::new(),
        body: Bytes::new(),
        counted: Counted::default(),
    }
}
