//! `quotas`: how much clients may ask for in a while.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{Config, read::Section};
use crate::quota::{Rate, Settings, TierSettings};

/// A bucket that takes longer to fill is no quota but a ban.
const FILLING_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// More is no limit.
const COUNT_MAX: u32 = 1_000_000_000;

/// What a class writes whose clients are not counted.
pub(super) const NO_TIER: &str = "none";

const CLIENTS_DEFAULT: usize = 100_000;

/// What the file says of a tier. `quotas.tiers.NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierConfig {
    /// Requests that one client may send in the time of `per`, whatever becomes of them.
    pub requests: u32,
    /// The time that `requests` and `cost` are for. `per`, default a minute.
    pub per: Duration,
    /// Requests that one client may send at once. `burst`, default as many as in the time of `per`.
    pub burst: u32,
    /// Estimated cost of the operations that one client may ask for in the time of `per`; what they did not cost is given back. `cost`; without it cost is not counted.
    pub cost: u32,
    /// Cost that one client may ask for at once. `cost_burst`, default as much as in the time of `per`.
    pub cost_burst: u32,
}

/// How often one client may ask for one operation or field of the root. `surfaces.NAME.quotas.NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationQuotaConfig {
    /// The operation's name, or the field as `Type.field`.
    pub name: String,
    /// How often: `requests`, `per`, `burst`.
    pub rate: Rate,
}

/// Reads the section.
pub(super) fn read(section: Section<'_>) -> Settings {
    let tiers = section.sections("tiers").into_iter();
    let settings = Settings {
        tiers: tiers.filter_map(|(name, section)| tier(&name, section)).collect(),
        clients: section.positive_count("clients", CLIENTS_DEFAULT),
    };
    section.finish();
    settings
}

fn tier(name: &str, section: Section<'_>) -> Option<TierSettings> {
    // It stands in headers.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name == NO_TIER {
        section.report("", "`none` is what stands for no tier", "choose another name");
    }
    if name.is_empty() || !name.bytes().all(is_name) && name != "*" {
        section.report(
            "",
            "a tier's name is letters, digits, `-` and `_`",
            "choose another name",
        );
    }
    let requests = requests(&section);
    let (cost, cost_burst) = (count(&section, "cost"), count(&section, "cost_burst"));
    if cost.is_none() && section.has("cost_burst") {
        section.report("cost_burst", "at once of how much?", "add `cost`");
    }
    let settings = requests.map(|requests| TierSettings {
        name: Arc::from(name),
        requests,
        cost: cost.map(|cost| rate(&section, "cost_burst", (cost, requests.per, cost_burst))),
    });
    section.finish();
    settings
}

/// Reads how often clients of a surface may ask for what.
pub(super) fn of_operations(surface: &Section<'_>) -> Vec<OperationQuotaConfig> {
    let quotas = surface.sections("quotas").into_iter();
    let quotas = quotas.filter_map(|(name, section)| {
        let rate = requests(&section);
        section.finish();
        Some(OperationQuotaConfig { name, rate: rate? })
    });
    quotas.collect()
}

fn count(section: &Section<'_>, key: &'static str) -> Option<NonZeroU32> {
    section.count_between(key, 1, COUNT_MAX).and_then(NonZeroU32::new)
}

fn requests(section: &Section<'_>) -> Option<Rate> {
    let requests = count(section, "requests");
    if requests.is_none() && !section.has("requests") {
        section.report(
            "requests",
            "how many requests there may be is missing",
            "write a number, such as `requests: 100`",
        );
    }
    let per = section.positive_duration("per", Duration::from_secs(60));
    let burst = count(section, "burst");
    requests.map(|requests| rate(section, "burst", (requests, per, burst)))
}

fn rate(
    section: &Section<'_>,
    key: &'static str,
    (count, per, burst): (NonZeroU32, Duration, Option<NonZeroU32>),
) -> Rate {
    let rate = Rate {
        count,
        per,
        burst: burst.unwrap_or(count),
    };
    if rate.filling().is_none_or(|filling| filling > FILLING_MAX) {
        section.report(
            key,
            "at this rate it takes more than a year until so much may be asked for again",
            "write a smaller burst, or a shorter `per`",
        );
    }
    rate
}

/// What only holds together.
pub(super) fn check(file: &Section<'_>, config: &Config) {
    for surface in &config.surfaces {
        if !surface.quotas.is_empty() && !surface.is_counted() {
            let message = format!("surfaces.{}.quotas: nobody's requests are counted there", surface.name);
            file.report("quotas", message, "add the surface's `tier`");
        }
        if let Some(tier) = &surface.tier {
            check_tier(file, config, &format!("surfaces.{}.tier", surface.name), tier);
        }
        for class in surface.classes.iter().filter(|class| class.tier != surface.tier) {
            if let Some(tier) = &class.tier {
                let key = format!("surfaces.{}.classes.{}.tier", surface.name, class.name);
                check_tier(file, config, &key, tier);
            }
        }
    }
}

fn check_tier(file: &Section<'_>, config: &Config, key: &str, tier: &str) {
    let tiers = &config.quotas.tiers;
    if tiers.iter().any(|known| *known.name == *tier) {
        return;
    }
    let names: Vec<String> = tiers.iter().map(|tier| format!("`{}`", tier.name)).collect();
    let hint = match names.is_empty() {
        true => format!("add it: `tiers: {{ {tier}: {{ requests: 100 }} }}`"),
        false => format!("there are: {}", names.join(", ")),
    };
    file.report("quotas", format!("{key}: there is no tier `{tier}`"), hint);
}
