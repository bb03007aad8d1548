//! Numbers that have no default here, since the schema may have one.

use std::time::Duration;

use super::{Section, parse_count, parse_duration};
use crate::config::{InFlight, keys::KeyValue};

impl Section<'_> {
    /// A duration that cannot be zero.
    pub(in crate::config) fn positive_duration_or_none(&self, key: &'static str) -> Option<Duration> {
        self.note(key, KeyValue::Duration { default: None });
        let hint = "write a number above zero with its unit, such as `5s` or `300ms`";
        let parse = |text: &str| parse_duration(text).filter(|duration| !duration.is_zero());
        self.read(key, "a duration above zero and of at most a day", hint, parse)
    }

    /// A number in a range, both ends included.
    pub(in crate::config) fn count_between(&self, key: &'static str, least: u32, most: u32) -> Option<u32> {
        self.note(key, KeyValue::Between { least, most });
        let hint = format!("write a number from {least} to {most}");
        let parse = |text: &str| {
            let count = parse_count(text).and_then(|count| u32::try_from(count).ok());
            count.filter(|count| (least..=most).contains(count))
        };
        self.read(key, "a number in the range of this key", &hint, parse)
    }

    /// A share from 0 to 1.
    pub(in crate::config) fn share(&self, key: &'static str) -> Option<f64> {
        self.note(key, KeyValue::Share);
        let parse = |text: &str| text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        self.read(key, "a share between 0 and 1", "write e.g. `0.5` for one in two", parse)
    }

    /// A number of calls, or `auto`.
    pub(in crate::config) fn in_flight(&self, key: &'static str) -> Option<InFlight> {
        self.note(key, KeyValue::InFlight);
        let hint = "write digits only, such as `100`; 0 means no limit, `auto` what its rate and latency account for";
        let parse = |text: &str| match text {
            "auto" => Some(InFlight::Adapts),
            number => parse_count(number).map(InFlight::AtMost),
        };
        self.read(key, "a whole number", hint, parse)
    }
}
