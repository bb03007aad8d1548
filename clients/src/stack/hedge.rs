//! A second try beside a first that takes longer than nearly all others.
//!
//! Only for calls that may be repeated, for one in twenty calls at most, and only while the budget of retries has something left. The one that
//! answers last is dropped, and its call with it.

use std::{pin::pin, sync::atomic::Ordering::Relaxed};

use tokio::time::{Instant, sleep_until};

use super::{Inner, Leave, Safety, Transport, Tried};
use crate::Call;

/// Share of calls that may be hedged.
pub(super) const SHARE: f64 = 0.05;

impl<T: Transport> Inner<T> {
    /// One try; a second beside it, elsewhere if possible, from when the first is late.
    pub(super) async fn hedged(&self, leave: Leave<'_, T>, call: &Call, deadline: Instant) -> Tried {
        let source = &*self.source;
        let late = source.latencies.as_ref().and_then(|latencies| latencies.p95());
        let (Some(late), Some(hedges)) = (late, &source.hedges) else {
            return self.attempt(leave, call).await;
        };
        let (there, started) = (leave.visit.number, leave.started);
        let mut first = pin!(self.attempt(leave, call));
        tokio::select! {
            biased;
            tried = &mut first => return tried,
            () = sleep_until(started + late) => {}
        }
        let now = Instant::now();
        if !hedges.spend(now) {
            return first.await;
        }
        if !source.budget.spend(now) {
            hedges.put_back();
            return first.await;
        }
        let Ok(leave) = self.leave(Safety::Repeatable, now, deadline, Some(there)) else {
            return first.await;
        };
        source.counters.hedges.fetch_add(1, Relaxed);
        let mut second = pin!(self.attempt(leave, call));
        tokio::select! {
            biased;
            tried = &mut first => match tried.trouble {
                None => tried,
                Some(_) => second.await,
            },
            tried = &mut second => match tried.trouble {
                None => {
                    source.counters.hedges_won.fetch_add(1, Relaxed);
                    tried
                }
                Some(_) => first.await,
            },
        }
    }
}
