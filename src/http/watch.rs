//! What one connection is doing, shared between its socket, its requests and the task that times it out.
//!
//! All of it is atomics without order among them: each is read to find the next deadline, and a read that misses the newest value
//! finds it at the next wake-up.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::{Settings, head::Fault, stream::Stream};

/// State of one connection.
#[derive(Debug)]
pub(super) struct Watch {
    peer: Option<IpAddr>,
    opened: Instant,
    in_flight: AtomicU32,
    /// Since when no request is in flight.
    idle_since: Moment,
    /// Since when the head of a request has been coming in.
    head_since: Moment,
    /// Since when the client has taken no byte of what is to be written.
    write_since: Moment,
    /// Since when what the client still sends is read for nothing, or may have to be.
    discards_since: Moment,
    protocol: AtomicU8,
    fault: AtomicU8,
    /// Bytes of frames that came in over HTTP/2 and are no body, and what requests allow of them.
    frames: AtomicU64,
    allowed: AtomicU64,
    /// Answers over HTTP/2 of which the client has not taken all, and since when it has taken nothing of each.
    answers: Mutex<Vec<Waiting>>,
    next_answer: AtomicU32,
    is_kept: AtomicBool,
    is_shut: AtomicBool,
    has_refused: AtomicBool,
    refused: Mutex<Option<BareRefusal>>,
}

/// An answer over HTTP/2 on its way.
#[derive(Debug)]
struct Waiting {
    number: u32,
    /// When the client took some of it last.
    since: Instant,
    stream: Arc<Stream>,
}

/// What hyper has refused before there was a request.
#[derive(Debug)]
pub(super) struct BareRefusal {
    pub(super) id: HeaderValue,
    pub(super) status: StatusCode,
}

/// What a connection has been doing for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lapse {
    /// Sending the head of a request, or nothing at all since it was opened.
    Head,
    /// Nothing for a moment, between requests.
    Quiet,
    /// Nothing, between requests.
    Idle,
    /// Not reading its answer.
    Write,
    /// Not reading one of its answers, over HTTP/2.
    Answer,
    /// Closing, which it was asked to.
    Closing,
}

/// Microseconds since the connection was opened, plus one; 0 = not now.
#[derive(Debug)]
struct Moment(AtomicU64);

/// Counts a request as in flight until dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    watch: Arc<Watch>,
    ended: Option<Instant>,
}

/// For how long a client may go on sending whose connection ends.
const DISCARDING: Duration = Duration::from_secs(2);

/// What may come in over HTTP/2 beside bodies: so much at any time, and so much for each request, which is kept for later up to a bound. Headers take 16 KiB at
/// most, and a client says by some 13 bytes in 16 KiB that it takes an answer.
const FRAME_BYTES_MAX: u64 = 256 * 1024;
const FRAME_BYTES_REQUEST: u64 = 64 * 1024;
const FRAME_BYTES_KEPT: u64 = 4 * 1024 * 1024;

const HTTP1: u8 = 1;
const HTTP2: u8 = 2;

// === impl Watch ===

impl Watch {
    /// A connection opened now. Its first head is due from the start: a client that connects and stays silent is a slow one.
    pub(super) fn new(peer: Option<IpAddr>) -> Self {
        Self {
            peer,
            opened: Instant::now(),
            in_flight: AtomicU32::new(0),
            idle_since: Moment(AtomicU64::new(1)),
            head_since: Moment(AtomicU64::new(1)),
            write_since: Moment(AtomicU64::new(0)),
            discards_since: Moment(AtomicU64::new(0)),
            protocol: AtomicU8::new(HTTP1),
            fault: AtomicU8::new(0),
            frames: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            answers: Mutex::default(),
            next_answer: AtomicU32::new(0),
            is_kept: AtomicBool::new(false),
            is_shut: AtomicBool::new(false),
            has_refused: AtomicBool::new(false),
            refused: Mutex::default(),
        }
    }

    /// The client's address.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Whether no request is under way.
    pub(super) fn is_between(&self) -> bool {
        self.in_flight.load(Relaxed) == 0
    }

    /// Whether it is spoken by frames.
    pub(super) fn has_frames(&self) -> bool {
        self.protocol.load(Relaxed) == HTTP2
    }

    /// Whether a shutdown is to leave the connection open.
    pub(super) fn keep_open(&self, is_kept: bool) {
        self.is_kept.store(is_kept, Relaxed);
    }

    /// Whether it is to.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept.load(Relaxed)
    }

    /// Notes that the connection is being shut down.
    pub(super) fn shuts(&self) {
        self.is_shut.store(true, Relaxed);
    }

    /// Whether it is.
    pub(super) fn is_shut(&self) -> bool {
        self.is_shut.load(Relaxed)
    }

    pub(super) fn head_continues(&self) {
        if self.head_since.is_unset() {
            self.head_since.set(self.opened, Instant::now());
        }
    }

    pub(super) fn head_complete(&self, fault: Option<Fault>) {
        self.head_since.unset();
        if let Some(fault) = fault {
            self.fault.store(fault as u8 + 1, Relaxed);
        }
    }

    /// Counts bytes of frames over HTTP/2 that are no body.
    pub(super) fn frames_came(&self, bytes: u64) {
        self.frames.fetch_add(bytes, Relaxed);
    }

    /// Whether frames come in that ask for nothing, without end.
    pub(super) fn is_flooded(&self) -> bool {
        self.frames.load(Relaxed) > self.allowed.load(Relaxed) + FRAME_BYTES_MAX
    }

    /// Notes an answer over HTTP/2 that the client has yet to take: its number.
    pub(super) fn answer_waits(&self, stream: Arc<Stream>) -> u32 {
        let number = self.next_answer.fetch_add(1, Relaxed);
        self.answers().push(Waiting {
            number,
            since: Instant::now(),
            stream,
        });
        number
    }

    /// The client has taken some of it.
    pub(super) fn answer_moves(&self, number: u32) {
        let now = Instant::now();
        let mut answers = self.answers();
        let of_number = answers.iter_mut().filter(|answer| answer.number == number);
        of_number.for_each(|answer| answer.since = now);
        self.idle_since.set(self.opened, now);
    }

    /// The client has it, or does not want it any more.
    pub(super) fn answer_ends(&self, number: u32) {
        self.answers().retain(|answer| answer.number != number);
    }

    /// Resets the streams of answers of which their client has taken nothing since then.
    pub(super) fn reset_stalled(&self, since: Instant) {
        self.answers().retain(|answer| {
            let is_stalled = answer.since <= since;
            if is_stalled {
                answer.stream.reset();
            }
            !is_stalled
        });
    }

    fn answers(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what hyper has refused.
    pub(super) fn has_refused(&self, refusal: BareRefusal) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        self.has_refused.store(true, Relaxed);
    }

    /// Tells it, once.
    pub(super) fn take_refused(&self) -> Option<BareRefusal> {
        if !self.has_refused.load(Relaxed) {
            return None;
        }
        self.has_refused.store(false, Relaxed);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_http2(&self) {
        self.protocol.store(HTTP2, Relaxed);
        self.head_since.unset();
    }

    /// What is wrong with the head of the request that starts now. Never anything for HTTP/2.
    pub(super) fn take_fault(&self) -> Option<Fault> {
        if self.fault.load(Relaxed) == 0 {
            return None;
        }
        match self.fault.swap(0, Relaxed) {
            1 => Some(Fault::BareLineFeed),
            _ => Some(Fault::TwoLengths),
        }
    }

    pub(super) fn write_blocked(&self) {
        if self.write_since.is_unset() {
            self.write_since.set(self.opened, Instant::now());
        }
    }

    /// A client that reads its answer, however slowly, is not idle.
    pub(super) fn write_progressed(&self) {
        if !self.write_since.is_unset() {
            self.write_since.unset();
            self.idle_since.set(self.opened, Instant::now());
        }
    }

    /// The connection ends with the answer that is being written, and its client may still be sending.
    pub(super) fn keeps_reading(&self) {
        if self.discards_since.is_unset() {
            self.discards_since.set(self.opened, Instant::now());
        }
    }

    /// The same, if the connection ends; tells whether it does.
    pub(super) fn ends(&self, closes: bool) -> bool {
        if closes {
            self.keeps_reading();
        }
        closes
    }

    /// Whether it was said so.
    pub(super) fn reads_on(&self) -> bool {
        !self.discards_since.is_unset()
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        if self.protocol.load(Relaxed) == HTTP2 {
            let most = self.frames.load(Relaxed) + FRAME_BYTES_KEPT;
            let more = |allowed: u64| Some((allowed + FRAME_BYTES_REQUEST).min(most));
            let _ = self.allowed.fetch_update(Relaxed, Relaxed, more);
        }
        InFlight {
            watch: Arc::clone(self),
            ended: None,
        }
    }

    /// When the connection has to be ended if nothing changes, and why.
    pub(super) fn due(&self, settings: &Settings) -> Option<(Instant, Lapse)> {
        let due = self.due_of_socket(settings);
        if self.protocol.load(Relaxed) != HTTP2 {
            return due;
        }
        let taken = self.answers().iter().map(|answer| answer.since).min();
        let taken = taken.map(|since| (since + settings.write_timeout, Lapse::Answer));
        due.into_iter().chain(taken).min_by_key(|due| due.0)
    }

    fn due_of_socket(&self, settings: &Settings) -> Option<(Instant, Lapse)> {
        if let Some(at) = self.deadline(&self.write_since, settings.write_timeout) {
            return Some((at, Lapse::Write));
        }
        if self.in_flight.load(Relaxed) > 0 {
            return None;
        }
        if let Some(at) = self.deadline(&self.discards_since, DISCARDING) {
            return Some((at, Lapse::Closing));
        }
        if let Some(at) = self.deadline(&self.head_since, settings.header_timeout) {
            return Some((at, Lapse::Head));
        }
        self.deadline(&self.idle_since, settings.idle_timeout)
            .map(|at| (at, Lapse::Idle))
    }

    fn deadline(&self, since: &Moment, timeout: Duration) -> Option<Instant> {
        since.get(self.opened).map(|since| since + timeout)
    }
}

// === impl Moment ===

impl Moment {
    fn is_unset(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    fn unset(&self) {
        if !self.is_unset() {
            self.0.store(0, Relaxed);
        }
    }

    fn set(&self, opened: Instant, now: Instant) {
        let micros = now.saturating_duration_since(opened).as_micros();
        self.0.store(u64::try_from(micros).unwrap_or(u64::MAX - 1) + 1, Relaxed);
    }

    fn get(&self, opened: Instant) -> Option<Instant> {
        let micros = self.0.load(Relaxed).checked_sub(1)?;
        Some(opened + Duration::from_micros(micros))
    }
}

// === impl InFlight ===

impl InFlight {
    /// The connection that it is on.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Says when the request ended, for those who have looked at the clock anyway.
    pub(super) fn ended_at(&mut self, now: Instant) {
        self.ended = Some(now);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let ended = self.ended.unwrap_or_else(Instant::now);
        self.watch.idle_since.set(self.watch.opened, ended);
        self.watch.in_flight.fetch_sub(1, Relaxed);
    }
}
