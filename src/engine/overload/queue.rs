//! Those who wait for a place: the more urgent first, and nobody for long.

use std::{collections::VecDeque, time::Duration};

use tokio::sync::oneshot;

use super::{Place, Priority};

/// So many may always wait, unless there is a crowd: what a first burst needs before a rate is known.
const LENGTH_MIN: usize = 1024;

/// Two lines: sheddable operations never wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    critical: VecDeque<Waiter>,
    normal: VecDeque<Waiter>,
}

/// What may be waited, as of now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The longest that anybody waits while there is no crowd, and now.
    pub(super) usual: Duration,
    pub(super) wait: Duration,
    /// How many places become free in a second; 0 = not known.
    pub(super) rate: u32,
    /// Whether more come than can be answered.
    pub(super) is_crowd: bool,
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

    /// Gets in line; `None`: it would take too long.
    pub(super) fn join(&mut self, priority: Priority, patience: Patience) -> Option<Ticket> {
        let length = patience.length(priority);
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
        Some(Ticket {
            turn,
            wait: match priority {
                // Few are let in line, and each of them is to get its place.
                Priority::Critical => patience.usual,
                Priority::Normal | Priority::Sheddable => patience.wait,
            },
        })
    }

    /// Sends away those for whom there will be no place in time now that there is a crowd. Who came last may stay: the others have waited for too long already.
    pub(super) fn shorten(&mut self, patience: Patience) {
        let surplus = self.normal.len().saturating_sub(patience.length(Priority::Normal));
        self.normal.drain(..surplus);
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
}

// === impl Patience ===

impl Patience {
    /// How many may wait: as many as get a place in time. In a crowd half of them, since not all take the same time; somebody always comes who takes a free place.
    fn length(self, priority: Priority) -> usize {
        let in_time = f64::from(self.rate) * self.wait.as_secs_f64();
        match (self.is_crowd, priority) {
            (false, _) => (in_time as usize).max(LENGTH_MIN),
            (true, Priority::Critical) => (in_time as usize).max(1),
            (true, _) => (in_time / 2.0) as usize,
        }
        .max(1)
    }
}
