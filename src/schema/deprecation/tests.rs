use super::*;

#[test]
fn a_reason_says_since_when_and_until_when() {
    let cases = [
        ("No longer supported", None, None),
        ("", None, None),
        ("Use b. Sunset 2026-12-31.", None, Some(1_798_675_200)),
        ("sunset: 2026-12-31", None, Some(1_798_675_200)),
        ("Removed on 2026-12-31T00:00:00Z", None, Some(1_798_675_200)),
        ("Since 2024-02-29", Some(1_709_164_800), None),
        ("deprecated from 1970-01-01, gone by 1970-01-02", Some(0), Some(86_400)),
        (
            "since: 2026-01-31; until 2026-12-31",
            Some(1_769_817_600),
            Some(1_798_675_200),
        ),
        (
            "2023-02-29 is no day, nor are 2026-13-01, 2026-00-10, 26-01-01, 2026-1-1, 1969-12-31 and 2026-01-01x",
            None,
            None,
        ),
        ("PLAN-2026-12-31 and ünïcödé-9", None, None),
    ];
    for (reason, since, sunset) in cases {
        assert_eq!(dates(reason), Deprecated { since, sunset }, "{reason}");
    }
}
