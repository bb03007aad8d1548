//! `sources.NAME.resilience`: numbers for the operator to set, over those of the schema's `@resilience`.

use std::time::Duration;

use http::HeaderName;
use switchboard_clients::policy::Balance;

use super::read::Section;

/// What is not set here is as the schema says, else as for all sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResilienceConfig {
    /// When a call is made again. `retry`.
    pub retry: RetryConfig,
    /// When calls are refused. `breaker`.
    pub breaker: BreakerConfig,
    /// Whether a safe call that takes longer than 95 of 100 is made a second time beside the first. `hedge`, default false.
    pub hedge: bool,
    /// How calls are spread over several addresses. `balance`: `least_in_flight` (default) or `round_robin`.
    pub balance: Balance,
    /// Header of REST calls that tells the milliseconds left. `deadline_header`, none by default.
    pub deadline_header: Option<HeaderName>,
}

/// `sources.NAME.resilience.retry`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetryConfig {
    /// Tries of a call, the first included; 1 = none is made again. `attempts`, default 3.
    pub attempts: Option<u32>,
    /// The most that is waited before the second try; doubled for the third, and so on. `backoff`, default 100 ms.
    pub backoff: Option<Duration>,
    /// Share of tries that may be added to those that succeed; one a second is always allowed. `budget`, default 0.1.
    pub budget: Option<f64>,
    /// gRPC methods that may be called twice, though their `.proto` file does not say so: `package.Service/Method`. `methods`.
    pub methods: Vec<String>,
}

/// `sources.NAME.resilience.breaker`.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerConfig {
    /// Whether there is one. `enabled`, default true.
    pub enabled: bool,
    /// Share of failures among the latest calls that opens it. `failure_rate`, default 0.5.
    pub failure_rate: Option<f64>,
    /// Latest calls that are looked at. `window`, default 20.
    pub window: Option<u32>,
    /// Failures one after the other that open it; 0 = none do. `in_a_row`, default 5.
    pub in_a_row: Option<u32>,
    /// How long it is open the first time. `open_for`, default 30 s.
    pub open_for: Option<Duration>,
    /// From when on a call is slow. `slow_after`, none by default.
    pub slow_after: Option<Duration>,
    /// Share of slow calls that opens it. `slow_rate`, default 0.6.
    pub slow_rate: Option<f64>,
    /// Whether "too many requests" is a failure. `count_rate_limits`, default false: it may be one caller's limit.
    pub count_rate_limits: bool,
}

// === impl ResilienceConfig ===

impl ResilienceConfig {
    pub(super) fn read(section: Section<'_>) -> Self {
        let balances = [
            ("least_in_flight", Balance::LeastInFlight),
            ("round_robin", Balance::RoundRobin),
        ];
        let config = Self {
            retry: RetryConfig::read(section.section("retry")),
            breaker: BreakerConfig::read(section.section("breaker")),
            hedge: section.flag("hedge", false),
            balance: section.choice("balance", &balances, Balance::default()),
            deadline_header: header(&section),
        };
        section.finish();
        config
    }
}

// === impl RetryConfig ===

impl RetryConfig {
    fn read(section: Section<'_>) -> Self {
        let config = Self {
            attempts: section.count_between("attempts", 1, 10),
            backoff: section.positive_duration_or_none("backoff"),
            budget: section.share("budget"),
            methods: section.texts("methods"),
        };
        section.finish();
        config
    }
}

/// A header that may carry a number of ours.
fn header(section: &Section<'_>) -> Option<HeaderName> {
    const TAKEN: [&str; 7] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
    ];
    let text = section.text("deadline_header")?;
    let name = HeaderName::try_from(text.as_str()).ok();
    let name = name.filter(|name| !TAKEN.contains(&name.as_str()));
    if name.is_none() {
        section.report(
            "deadline_header",
            format!("`{text}` is no header that can be set"),
            "write its name alone, such as `x-request-timeout-ms`",
        );
    }
    name
}

// === impl BreakerConfig ===

impl BreakerConfig {
    fn read(section: Section<'_>) -> Self {
        let config = Self {
            enabled: section.flag("enabled", true),
            failure_rate: section.share("failure_rate"),
            window: section.count_between("window", 1, 10_000),
            in_a_row: section.count_between("in_a_row", 0, 10_000),
            open_for: section.positive_duration_or_none("open_for"),
            slow_after: section.positive_duration_or_none("slow_after"),
            slow_rate: section.share("slow_rate"),
            count_rate_limits: section.flag("count_rate_limits", false),
        };
        for (key, share) in [("failure_rate", config.failure_rate), ("slow_rate", config.slow_rate)] {
            if share == Some(0.0) {
                section.report(
                    key,
                    "with 0 it would always be open",
                    "write a share above 0, such as `0.5`",
                );
            }
        }
        section.finish();
        config
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            failure_rate: None,
            window: None,
            in_a_row: None,
            open_for: None,
            slow_after: None,
            slow_rate: None,
            count_rate_limits: false,
        }
    }
}
