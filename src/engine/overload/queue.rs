//! Those who wait for a place: the more urgent first, and nobody for long.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{Place, Priority};

/// What anybody may wait when more have come than could leave for as long as one may usually wait: a share of that.
const SHARE_WHEN_STANDING: u32 = 25;
/// How much more must come than leave.
const ARRIVALS_MANY: f64 = 1.1;
/// So many may always wait, unless the queue stands: what a first burst needs before a rate is known.
const LENGTH_MIN: usize = 1024;

/// Two lines: sheddable operations never wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    critical: VecDeque<Waiter>,
    normal: VecDeque<Waiter>,
    /// How many had to get in line since `counted_from`, and whether they were too many before that.
    came: u32,
    counted_from: Option<Instant>,
    are_many: bool,
}

type Waiter = oneshot::Sender<Place>;

/// A place in line.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) turn: oneshot::Receiver<Place>,
    /// How long it is worth holding.
    pub(super) wait: Duration,
}

// === impl Queue ===

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.critical.len() + self.normal.len()
    }

    /// Lets those go who have left or were late.
    pub(super) fn prune(&mut self) {
        for line in [&mut self.critical, &mut self.normal] {
            while line.front().is_some_and(oneshot::Sender::is_closed) {
                line.pop_front();
            }
        }
    }

    /// Gets in line; `None`: it would take too long. `rate`: how many places become free in a second, 0 = not known.
    pub(super) fn join(&mut self, priority: Priority, rate: u32, wait: Duration, now: Instant) -> Option<Ticket> {
        let stands = self.stands(rate, wait, now);
        let wait_now = match (priority, stands) {
            (Priority::Critical, _) | (_, false) => wait,
            (_, true) => wait / SHARE_WHEN_STANDING,
        };
        let by_rate = (f64::from(rate) * wait_now.as_secs_f64()) as usize;
        let length = if wait_now < wait {
            by_rate.max(1)
        } else {
            by_rate.max(LENGTH_MIN)
        };
        let (sender, turn) = oneshot::channel();
        let line = match priority {
            Priority::Sheddable => return None,
            Priority::Normal if self.len() >= length => return None,
            Priority::Normal => &mut self.normal,
            Priority::Critical if self.critical.len() >= length => return None,
            Priority::Critical => {
                if self.critical.len() + self.normal.len() >= length {
                    // Who came last has waited least. Dropping its half tells it.
                    self.normal.pop_back();
                }
                &mut self.critical
            }
        };
        line.push_back(sender);
        Some(Ticket { turn, wait: wait_now })
    }

    /// Gives a place to the first in line; gives it back when nobody is there. To be followed by [`Self::prune`].
    pub(super) fn call(&mut self, mut place: Place) -> Option<Place> {
        while let Some(waiter) = self.critical.pop_front().or_else(|| self.normal.pop_front()) {
            match waiter.send(place) {
                Ok(()) => return None,
                Err(back) => place = back,
            }
        }
        Some(place)
    }

    /// Whether more came of late than could leave. A queue alone is no reason to send anybody away: a fixed number of clients that ask again when they are
    /// answered makes one that never grows.
    fn stands(&mut self, rate: u32, wait: Duration, now: Instant) -> bool {
        let from = *self.counted_from.get_or_insert(now);
        self.came = self.came.saturating_add(1);
        let counted = now.saturating_duration_since(from);
        if counted >= wait {
            self.are_many = f64::from(self.came) > f64::from(rate) * counted.as_secs_f64() * ARRIVALS_MANY;
            self.came = 0;
            self.counted_from = Some(now);
        }
        self.are_many && rate > 0
    }
}
