//! Several requests that came together, under one budget.
//!
//! Each is found, checked and admitted as if it had come alone, in the order in which they came, except that they share the limits on
//! cost and calls: what those before it may cost is taken already. Then queries run at the same time; a mutation runs when all before it
//! are answered, and those behind it when it is, so that whoever sends «change this, then show it» sees the change.

use futures_util::future::join_all;

use super::{Engine, OperationInfo, Prepared, Request, RequestError, Response, charge::Bill};
use crate::{operation::OperationKind, plan::Estimate};

/// A request of several, ready to be executed or refused.
struct Entry<'e> {
    request: Request,
    info: Option<OperationInfo>,
    prepared: Result<Prepared<'e>, RequestError>,
}

// === impl Engine ===

impl Engine {
    /// Answers requests that came together: the answers, in their order. How many may come is the transport's affair.
    ///
    /// # Cancel safety
    /// Dropping the future drops the calls of queries. A mutation that has begun finishes; those behind it do not begin.
    pub async fn handle_batch(&self, requests: Vec<Request>) -> Vec<Response> {
        if self.documents.is_shared() {
            join_all(requests.iter().map(async |request| {
                self.documents.fetch(&self.asked(request)).await;
            }))
            .await;
        }
        let mut taken = Estimate::default();
        let entries: Vec<Entry<'_>> = requests
            .into_iter()
            .map(|request| self.entry(request, &mut taken))
            .collect();
        let mut answers = Vec::with_capacity(entries.len());
        let mut entries = entries.into_iter().peekable();
        while let Some(first) = entries.next() {
            let is_alone = first.is_mutation();
            let mut together = vec![first];
            while !is_alone && let Some(next) = entries.next_if(|next| !next.is_mutation()) {
                together.push(next);
            }
            answers.extend(join_all(together.into_iter().map(|entry| self.finish(entry))).await);
        }
        answers
    }

    /// Admits a request beside what is taken, and takes what it may cost.
    fn entry(&self, request: Request, taken: &mut Estimate) -> Entry<'_> {
        let mut info = None;
        let prepared = self.prepare(&request, &mut info, *taken);
        if let Ok(prepared) = &prepared {
            *taken = taken.and(prepared.takes());
        }
        Entry {
            request,
            info,
            prepared,
        }
    }

    async fn finish(&self, entry: Entry<'_>) -> Response {
        let mut bill = Bill::default();
        let answered = match entry.prepared {
            Ok(mut prepared) => self.execute(&entry.request, &mut prepared, &mut bill).await,
            Err(error) => Err(error),
        };
        let mut answer = match answered {
            Ok(answer) => *answer,
            Err(error) => Response::of_refusal(&error, entry.info),
        };
        answer.headers.extend(bill.into_headers());
        answer
    }
}

// === impl Entry ===

impl Entry<'_> {
    fn is_mutation(&self) -> bool {
        let prepared = self.prepared.as_ref().ok();
        prepared.is_some_and(|prepared| prepared.operation.kind == OperationKind::Mutation)
    }
}

// === impl Prepared ===

impl Prepared<'_> {
    /// What it takes of a budget that it shares. Nothing of one that it is exempt from.
    fn takes(&self) -> Estimate {
        let estimate = self.admitted.estimate;
        match self {
            Self { wanted, .. } if wanted.dry_run => Estimate::default(),
            Self { limits, .. } if limits.cost == 0 => Estimate { cost: 0, ..estimate },
            _ => estimate,
        }
    }
}
