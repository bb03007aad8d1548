//! Points in time as seconds, written as RFC 3339.

use serde::{Serialize, Serializer};

/// Whole seconds since 1970 UTC. In JSON: `2024-05-01T12:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) i64);

pub(crate) const MINUTE: i64 = 60;
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;

/// When the shop opened, 2024-01-01: no order or review is older.
pub(crate) const OPENING: Time = Time(1_704_067_200);

// === impl Time ===

impl Time {
    pub(crate) fn after(self, seconds: i64) -> Self {
        Self(self.0 + seconds)
    }

    /// `2024-05-01`.
    pub(crate) fn date(self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}-{month:02}-{day:02}")
    }

    // Counts years from March so that the leap day comes last, in eras of 400 years of 146,097 days each.
    fn civil(self) -> (i64, i64, i64) {
        let days = self.0.div_euclid(DAY) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let second = self.0.rem_euclid(DAY);
        write!(
            f,
            "{}T{:02}:{:02}:{:02}Z",
            self.date(),
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{OPENING, Time};

    #[test]
    fn times_are_written_as_rfc_3339() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(OPENING.to_string(), "2024-01-01T00:00:00Z");
        assert_eq!(Time(1_709_251_199).to_string(), "2024-02-29T23:59:59Z");
        assert_eq!(Time(-1).to_string(), "1969-12-31T23:59:59Z");
    }
}
