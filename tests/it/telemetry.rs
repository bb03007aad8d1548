//! Logs and metrics keep to closed sets and to one line.

use std::time::Duration;

use switchboard::telemetry::{BatchSize, CallOutcome, LogSettings, Metrics, check_level, clean};

#[test]
fn user_text_in_a_log_line_is_short_and_harmless() {
    assert_eq!(clean("HomeScreen"), "HomeScreen");
    assert_eq!(clean("a\nb\u{1b}[31m\u{7f}\u{9b}"), r"a\u{a}b\u{1b}[31m\u{7f}\u{9b}");
    assert_eq!(clean("\u{202e}evil\u{2028}"), r"\u{202e}evil\u{2028}");
    assert_eq!(clean("é😀\"{}"), "é😀\"{}");
    let long = "é".repeat(300);
    assert_eq!(clean(&long), format!("{}…", "é".repeat(256)));
    assert_eq!(clean(&"a".repeat(256)), "a".repeat(256));
}

#[test]
fn levels_are_checked_before_the_start() {
    assert_eq!(LogSettings::default().level, "info");
    for level in ["error", "debug", "info,switchboard::execute=trace", "off"] {
        assert!(check_level(level).is_ok(), "{level}");
    }
    for level in ["loud", "info,a=b=c", "a=loud"] {
        assert!(check_level(level).is_err(), "{level}");
    }
}

#[test]
fn calls_and_batches_are_counted_by_source() {
    let metrics = Metrics::new(["web"], ["catalog"]);
    let catalog = metrics.source("catalog").unwrap();

    catalog.in_flight.inc();
    catalog.finished(CallOutcome::Success, Duration::from_millis(3));
    catalog.finished(CallOutcome::Timeout, Duration::from_secs(1));
    catalog.batch(BatchSize(30));

    let text = metrics.render();
    for line in [
        r#"switchboard_source_calls_total{source="catalog",outcome="success"} 1"#,
        r#"switchboard_source_calls_total{source="catalog",outcome="timeout"} 1"#,
        r#"switchboard_source_calls_total{source="catalog",outcome="shed"} 0"#,
        r#"switchboard_source_call_duration_seconds_count{source="catalog"} 2"#,
        r#"switchboard_source_batch_keys_bucket{le="50.0",source="catalog"} 1"#,
        r#"switchboard_source_calls_in_flight{source="catalog"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn names_that_are_not_configured_make_no_series() {
    let metrics = Metrics::new(["web"], ["catalog"]);
    let before = metrics.render().lines().count();

    for number in 0..300 {
        metrics.surface(&format!("surface-{number}")).in_flight.inc();
        assert!(metrics.source(&format!("source-{number}")).is_none());
    }

    assert_eq!(metrics.render().lines().count(), before);
}
