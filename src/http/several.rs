//! Several requests in one body, as a JSON array: their answers as an array, in their order.
//!
//! Beside `deliver`. Whatever becomes of a request stays in its place of the array, whose status is 200: a refusal of its own has no other
//! place to be told. What stands around the array is as strict as the strictest answer in it.

use bytes::Bytes;
use http::{HeaderValue, header::RETRY_AFTER};

use super::{Answer, StatusProfile, refusal::Refusal};
use crate::{
    engine::{self, CacheControl, Caching, OperationInfo, Outcome},
    operation::Exceeded,
};

/// Answers several requests.
pub(super) async fn answer(
    engine: &impl Answer,
    requests: Vec<Result<engine::Request, Refusal>>,
    profile: StatusProfile,
) -> engine::Response {
    let mut admitted = Vec::with_capacity(requests.len());
    let refused: Vec<Option<Refusal>> = requests
        .into_iter()
        .map(|request| request.map(|request| admitted.push(request)).err())
        .collect();
    let mut answers = engine.handle_batch(admitted).await.into_iter();
    let mut all = Joined::new();
    for refused in refused {
        match refused {
            Some(refusal) => all.refuse(refusal, profile),
            None => answers.next().into_iter().for_each(|answer| all.add(answer)),
        }
    }
    all.finish()
}

/// The array as it grows.
struct Joined {
    body: Vec<u8>,
    all_data: bool,
    errors: u32,
    degraded: bool,
    exceeded: Exceeded,
    headers: Vec<(http::HeaderName, HeaderValue)>,
    /// `None`: there is no answer yet.
    caching: Option<Caching>,
}

// === impl Joined ===

impl Joined {
    fn new() -> Self {
        Self {
            body: b"[".to_vec(),
            all_data: true,
            errors: 0,
            degraded: false,
            exceeded: Exceeded::default(),
            headers: Vec::new(),
            caching: None,
        }
    }

    fn push(&mut self, body: &[u8]) {
        if self.body.len() > 1 {
            self.body.push(b',');
        }
        self.body.extend_from_slice(body);
    }

    fn refuse(&mut self, refusal: Refusal, profile: StatusProfile) {
        self.push(&refusal.answer(profile).body());
        self.all_data = false;
        self.errors += 1;
        self.caching = Some(Caching::default());
    }

    fn add(&mut self, answer: engine::Response) {
        self.push(&answer.body);
        self.all_data &= answer.outcome == Outcome::Data;
        self.errors += answer.operation.map_or(1, |operation| operation.errors);
        self.degraded |= answer.degraded;
        self.exceeded = self.exceeded.and(answer.exceeded);
        for (name, value) in answer.headers {
            // When to come again is said of one request; the array as a whole is answered.
            if name != RETRY_AFTER && !self.headers.iter().any(|(known, _)| *known == name) {
                self.headers.push((name, value));
            }
        }
        self.caching = Some(match self.caching.take() {
            None => left(answer.caching),
            Some(before) => strictest(before, left(answer.caching)),
        });
    }

    fn finish(mut self) -> engine::Response {
        self.body.push(b']');
        engine::Response {
            outcome: Outcome::Several {
                all_data: self.all_data,
            },
            body: Bytes::from(self.body),
            headers: self.headers,
            caching: self.caching.unwrap_or_default(),
            operation: Some(OperationInfo {
                name: None,
                kind: "batch",
                errors: self.errors,
            }),
            exceeded: self.exceeded,
            degraded: self.degraded,
        }
    }
}

/// What is left of the time an answer is good for, after it was kept here: the array was made now.
fn left(caching: Caching) -> Caching {
    let control = match caching.control {
        CacheControl::MaxAge { seconds, is_public } => {
            let age = u32::try_from(caching.age.unwrap_or(0)).unwrap_or(u32::MAX);
            match seconds.saturating_sub(age) {
                0 => CacheControl::NoStore,
                seconds => CacheControl::MaxAge { seconds, is_public },
            }
        }
        other => other,
    };
    Caching {
        control,
        vary: caching.vary,
        ..Caching::default()
    }
}

fn strictest(one: Caching, other: Caching) -> Caching {
    let control = match (one.control, other.control) {
        (
            CacheControl::MaxAge { seconds, is_public },
            CacheControl::MaxAge {
                seconds: others,
                is_public: is_public_too,
            },
        ) => CacheControl::MaxAge {
            seconds: seconds.min(others),
            is_public: is_public && is_public_too,
        },
        _ => CacheControl::NoStore,
    };
    Caching {
        control,
        vary: both(one.vary, other.vary),
        ..Caching::default()
    }
}

/// The names of both lists, each once.
fn both(one: Option<HeaderValue>, other: Option<HeaderValue>) -> Option<HeaderValue> {
    let (Some(one), Some(other)) = (&one, &other) else {
        return one.or(other);
    };
    let names = |list: &HeaderValue| -> Vec<String> {
        let text = list.to_str().unwrap_or("*");
        text.split(',').map(|name| name.trim().to_owned()).collect()
    };
    let mut all = names(one);
    for name in names(other) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    if all.iter().any(|name| name == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    Some(HeaderValue::try_from(all.join(", ")).expect("names of headers"))
}

#[cfg(test)]
mod tests;
