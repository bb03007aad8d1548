//! Who may ask now: what a surface wants of its clients before it reads what they send.
//!
//! Between `stack` and `decode`. What a surface does not want was decided at the start; then nothing is looked up.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Credentials, Route, Terms, credentials, decode::Decoded, refusal::Refusal};
use crate::{
    engine,
    identity::{Caller, Classes, Identity},
    quota::{OverQuota, Quotas, Rate, Standing, Ticket, Tier, seconds_up},
    telemetry::{SecurityEvent, Suspect, security},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What one surface wants.
pub(super) struct Gate {
    classes: Classes,
    /// By class, first of those who are in none.
    terms: Vec<Wanted>,
}

/// What is wanted of the clients of a class.
struct Wanted {
    body_bytes_max: usize,
    credentials: Credentials,
    quota: Option<Quota>,
}

/// How much they may ask for.
struct Quota {
    quotas: Arc<Quotas>,
    tier: Told,
}

/// A tier, and what is said of it in every answer.
struct Told {
    tier: Arc<Tier>,
    policy: HeaderValue,
    limit: HeaderValue,
}

/// What a client is told in the answer's headers.
pub(super) struct Notice<'a> {
    told: &'a Told,
    standing: Standing,
    /// How long to wait, where the request was refused.
    wait: Option<Duration>,
}

/// What was found out of a request beside whether it may go on.
#[derive(Default)]
pub(super) struct Findings<'a> {
    /// What its client is told, whatever becomes of it.
    notice: Option<Notice<'a>>,
    /// The class that its client belongs to.
    pub(super) class: Option<&'a str>,
}

/// Somebody who may ask.
pub(super) struct Admitted {
    pub(super) caller: Arc<Caller>,
    pub(super) standing: engine::Standing,
    pub(super) body_bytes_max: usize,
}

// === impl Gate ===

impl Gate {
    /// What a surface wants.
    pub(super) fn new(route: &Route, quotas: Option<&Arc<Quotas>>) -> Self {
        let classes = route.classes.iter().map(|(class, _)| class.clone()).collect();
        let of_classes = route.classes.iter().map(|(_, terms)| terms);
        let terms = std::iter::once(&route.terms).chain(of_classes);
        Self {
            classes: Classes::new(classes),
            terms: terms.map(|terms| Wanted::new(terms, quotas)).collect(),
        }
    }

    /// Whether some of its clients are answered only because they have proved who they are.
    pub(super) fn wants_credentials(&self) -> bool {
        self.terms
            .iter()
            .any(|wanted| wanted.credentials != Credentials::Optional)
    }

    /// Whether requests of those who are in no class are counted.
    pub(super) fn counts(&self) -> bool {
        self.terms.first().is_some_and(|wanted| wanted.quota.is_some())
    }

    /// Counts a request of somebody of whom nothing is known but the address.
    ///
    /// # Errors
    /// There were too many.
    pub(super) fn count_stranger<'a>(
        &'a self,
        suspect: Suspect<'_>,
        findings: &mut Findings<'a>,
    ) -> Result<(), Refusal> {
        let quota = self.terms.first().and_then(|wanted| wanted.quota.as_ref());
        let taken = quota.map(|quota| quota.take(&Caller::anonymous(), suspect, &mut findings.notice));
        taken.transpose().map(drop)
    }

    /// Finds out who sent a request, and whether they may now.
    ///
    /// # Errors
    /// Credentials are missing or do not hold, or there were too many requests.
    pub(super) async fn admit<'a>(
        &'a self,
        identity: Option<&Identity>,
        headers: &mut HeaderMap,
        suspect: Suspect<'_>,
        findings: &mut Findings<'a>,
    ) -> Result<Admitted, Refusal> {
        let caller = credentials::caller(identity, headers, suspect).await;
        let nobody;
        let known = match &caller {
            Ok(caller) => caller,
            // Who guesses at credentials is counted by their address.
            Err(_) => {
                nobody = Caller::anonymous();
                &nobody
            }
        };
        let class = self.classes.of(known, headers);
        findings.class = self.classes.name(class);
        let wanted = &self.terms[class];
        let ticket = match &wanted.quota {
            Some(quota) => Some(quota.take(known, suspect, &mut findings.notice)?),
            None => None,
        };
        let caller = caller?;
        credentials::demand(wanted.credentials, &caller, suspect)?;
        Ok(Admitted {
            caller,
            standing: engine::Standing { class, ticket },
            body_bytes_max: wanted.body_bytes_max,
        })
    }
}

// === impl Wanted ===

impl Wanted {
    fn new(terms: &Terms, quotas: Option<&Arc<Quotas>>) -> Self {
        let quota = quotas.and_then(|quotas| {
            let tier = quotas.tier(terms.tier.as_deref()?)?;
            Some(Quota {
                quotas: quotas.clone(),
                tier: Told::new(tier.clone()),
            })
        });
        Self {
            body_bytes_max: terms.body_bytes_max,
            credentials: terms.credentials,
            quota,
        }
    }
}

// === impl Quota ===

impl Quota {
    /// Takes a request out of its client's bucket.
    fn take<'a>(
        &'a self,
        caller: &Caller,
        suspect: Suspect<'_>,
        notice: &mut Option<Notice<'a>>,
    ) -> Result<Ticket, Refusal> {
        let client = self.quotas.client(caller, suspect.peer);
        let told = &self.tier;
        match self.quotas.admit(client, &told.tier) {
            Ok((ticket, standing)) => {
                *notice = Some(Notice {
                    told,
                    standing,
                    wait: None,
                });
                Ok(ticket)
            }
            Err(OverQuota { standing, wait }) => {
                *notice = Some(Notice {
                    told,
                    standing,
                    wait: Some(wait),
                });
                if self.quotas.is_news(client) {
                    let reason = format!("more requests than tier {} allows", told.tier.name());
                    security(SecurityEvent::OverQuota, &reason, suspect);
                }
                Err(Refusal::OverQuota)
            }
        }
    }
}

// === impl Told ===

impl Told {
    fn new(tier: Arc<Tier>) -> Self {
        let Rate { count, per, burst } = tier.requests();
        let name = tier.name();
        let more = if burst == count {
            String::new()
        } else {
            format!(";burst={burst}")
        };
        let policy = format!("\"{name}\";q={count};w={}{more}", seconds_up(per));
        Self {
            policy: HeaderValue::try_from(policy).expect("the configuration admits names that fit"),
            limit: HeaderValue::from(NonZeroU32::get(burst)),
            tier,
        }
    }
}

// === impl Findings ===

impl Findings<'_> {
    /// Counts the requests of an array that came with the first. All of them are refused, or none.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn count(
        &mut self,
        decoded: &Decoded,
        standing: &engine::Standing,
        suspect: Suspect<'_>,
    ) -> Result<(), Refusal> {
        let (Decoded::Several(requests), Some(ticket)) = (decoded, &standing.ticket) else {
            return Ok(());
        };
        let more = u32::try_from(requests.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let Err(over) = ticket.take_more(more) else {
            if let Some(notice) = &mut self.notice {
                notice.standing.remaining = notice.standing.remaining.saturating_sub(more);
            }
            return Ok(());
        };
        if ticket.is_news() {
            let reason = format!("an array of more requests than tier {} allows", ticket.tier().name());
            security(SecurityEvent::OverQuota, &reason, suspect);
        }
        if let Some(notice) = &mut self.notice {
            notice.wait = Some(over.wait);
        }
        Err(Refusal::OverQuota)
    }

    /// Tells a client how it stands, if anybody counts.
    pub(super) fn write(&self, answer: &mut HeaderMap) {
        if let Some(notice) = &self.notice {
            notice.write(answer);
        }
    }
}

// === impl Notice ===

impl Notice<'_> {
    /// Tells how the client stands: as the draft of the IETF has it, and as clients know it from elsewhere.
    /// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>
    fn write(&self, answer: &mut HeaderMap) {
        let Self { told, standing, wait } = self;
        let reset = seconds_up(standing.full_in);
        let text = format!("\"{}\";r={};t={reset}", told.tier.name(), standing.remaining);
        if let Ok(text) = HeaderValue::try_from(text) {
            answer.append(RATE_LIMIT, text);
        }
        answer.append(RATE_LIMIT_POLICY, told.policy.clone());
        answer.insert(X_LIMIT, told.limit.clone());
        answer.insert(X_REMAINING, HeaderValue::from(standing.remaining));
        answer.insert(X_RESET, HeaderValue::from(reset));
        if let Some(wait) = wait {
            answer.insert(header::RETRY_AFTER, HeaderValue::from(seconds_up(*wait).max(1)));
        }
    }
}
