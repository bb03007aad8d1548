//! Requests at a fixed rate, whatever becomes of them. A latency counts from when its request was to be sent: a server that stalls is not given
//! the time for which nobody could ask it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
    time::Instant,
};

/// What is sent.
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) path: String,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    pub(crate) connections: usize,
    /// Sent in turn, and counted apart.
    pub(crate) bodies: Vec<String>,
    /// `{n}` is another number in each request.
    pub(crate) headers: Vec<String>,
}

/// What is known of one kind of answer: latencies in µs.
type Latencies = BTreeMap<(usize, u16), Vec<u32>>;

/// Requests that are due: number and time.
#[derive(Default)]
struct Due {
    waiting: RefCell<VecDeque<(u64, Instant)>>,
    is_over: RefCell<bool>,
    arrived: Notify,
    seen: RefCell<Latencies>,
}

// === impl Load ===

impl Load {
    /// Sends everything; counts and latencies by status, of all and by body. Status 0: no answer.
    pub(crate) async fn run(self) -> Value {
        let (load, due) = (Rc::new(self), Rc::<Due>::default());
        let local = tokio::task::LocalSet::new();
        let seconds = load.seconds;
        local
            .run_until(async {
                let senders: Vec<_> = (0..load.connections)
                    .map(|_| tokio::task::spawn_local(send(load.clone(), due.clone())))
                    .collect();
                load.schedule(&due).await;
                let patience = Duration::from_secs(10);
                let _ = tokio::time::timeout(patience, futures_util::future::join_all(senders)).await;
            })
            .await;
        let unsent = due.waiting.borrow().len();
        let (mut bodies, mut all) = (
            BTreeMap::<usize, Map<String, Value>>::new(),
            BTreeMap::<u16, Vec<u32>>::new(),
        );
        for ((body, status), latencies) in due.seen.take() {
            all.entry(status).or_default().extend(&latencies);
            bodies
                .entry(body)
                .or_default()
                .insert(status.to_string(), summary(latencies));
        }
        let all: Map<_, _> = all
            .into_iter()
            .map(|(status, latencies)| (status.to_string(), summary(latencies)))
            .collect();
        let bodies: Vec<_> = bodies.into_values().map(Value::Object).collect();
        json!({ "rate": load.rate, "seconds": seconds, "unsent": unsent, "all": all, "bodies": bodies })
    }

    /// Makes requests due, in time.
    async fn schedule(&self, due: &Due) {
        let start = Instant::now();
        let total = (self.rate * self.seconds) as u64;
        let mut next = 0;
        while next < total {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let passed = start.elapsed().as_secs_f64();
            while next < total && next as f64 / self.rate <= passed {
                let at = start + Duration::from_secs_f64(next as f64 / self.rate);
                due.waiting.borrow_mut().push_back((next, at));
                due.arrived.notify_one();
                next += 1;
            }
        }
        *due.is_over.borrow_mut() = true;
        due.arrived.notify_waiters();
    }

    /// The next request, and which of the bodies it has.
    fn request(&self, number: u64) -> (usize, Vec<u8>) {
        let which = (number % self.bodies.len() as u64) as usize;
        let body = &self.bodies[which];
        let mut text = format!(
            "POST {} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            self.path,
            body.len()
        );
        for header in &self.headers {
            // Fits an address too.
            let spread = format!("{}.{}.{}", number >> 16 & 0xff, number >> 8 & 0xff, number & 0xff);
            text += &header.replace("{n}", &number.to_string()).replace("{ip}", &spread);
            text += "\r\n";
        }
        (which, format!("{text}\r\n{body}").into_bytes())
    }
}

/// How many there are, and how long they took.
fn summary(mut latencies: Vec<u32>) -> Value {
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    json!({ "count": latencies.len(), "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": at(1.0) })
}

/// One connection: sends what is due, one after the other.
async fn send(load: Rc<Load>, due: Rc<Due>) {
    let mut socket = None;
    loop {
        let next = due.waiting.borrow_mut().pop_front();
        let Some((number, at)) = next else {
            if *due.is_over.borrow() {
                return;
            }
            due.arrived.notified().await;
            continue;
        };
        let (body, request) = load.request(number);
        let status = match exchange(&mut socket, &load.address, &request).await {
            Some(status) => status,
            None => {
                socket = None;
                0
            }
        };
        let latency = u32::try_from(at.elapsed().as_micros()).unwrap_or(u32::MAX);
        due.seen.borrow_mut().entry((body, status)).or_default().push(latency);
    }
}

/// Sends a request and reads its answer: the status. `None`: the connection is of no use any more.
async fn exchange(socket: &mut Option<TcpStream>, address: &str, request: &[u8]) -> Option<u16> {
    if socket.is_none() {
        let new = TcpStream::connect(address).await.ok()?;
        new.set_nodelay(true).ok()?;
        *socket = Some(new);
    }
    let open = socket.as_mut()?;
    open.write_all(request).await.ok()?;
    let (mut buffer, mut filled) = ([0; 8 * 1024], 0);
    loop {
        let count = open.read(&mut buffer[filled..]).await.ok().filter(|count| *count > 0)?;
        filled += count;
        let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&buffer[..end]).ok()?;
        let status = head.get(9..12)?.parse().ok()?;
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse::<usize>()
                .ok()
        });
        if filled >= end + 4 + length.unwrap_or(0) {
            if head.to_ascii_lowercase().contains("connection: close") {
                *socket = None;
            }
            return Some(status);
        }
    }
}
