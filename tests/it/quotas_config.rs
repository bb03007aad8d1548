//! What is said of quotas in the configuration, and what is told of mistakes in it.

use std::{path::Path, time::Duration};

use switchboard::config::Config;

fn parse(text: &str) -> Result<Config, String> {
    let text = format!("surfaces: {{ web: {{ schema: a.graphql, tier: free }} }}\n{text}");
    Config::parse(&text, Path::new("shop.yaml"), &|_| None).map_err(|error| error.to_string())
}

fn problems(text: &str) -> String {
    parse(text).err().unwrap_or_default()
}

#[test]
fn tiers_are_read_with_their_defaults() {
    let config = parse(
        "quotas:\n  clients: 5\n  tiers:\n    free: { requests: 100 }\n    \
         pro: { requests: 1_000, per: 10s, burst: 50, cost: 5000, cost_burst: 100 }\n",
    )
    .unwrap();

    let numbers: Vec<_> = config
        .quotas
        .tiers
        .iter()
        .map(|tier| {
            let of = |rate: switchboard::quota::Rate| (rate.count.get(), rate.per.as_secs(), rate.burst.get());
            (&*tier.name, of(tier.requests), tier.cost.map(of))
        })
        .collect();
    assert_eq!(
        numbers,
        [
            ("free", (100, 60, 100), None),
            ("pro", (1000, 10, 50), Some((5000, 10, 100)))
        ]
    );
    assert_eq!(config.quotas.clients, 5);
    assert_eq!(config.surfaces[0].tier.as_deref(), Some("free"));
    assert_eq!(config.quotas.tiers[1].requests.interval(), Duration::from_millis(10));
}

#[test]
fn mistakes_are_told_where_they_are() {
    let cases = [
        (
            "",
            "surfaces.web.tier: there is no tier `free`; add it: `tiers: { free: { requests: 100 } }`",
        ),
        (
            "quotas: { tiers: { fre: { requests: 1 }, pro: { requests: 1 } } }",
            "surfaces.web.tier: there is no tier `free`; there are: `fre`, `pro`",
        ),
        (
            "quotas: { tiers: { free: { per: 1m } } }",
            "quotas.tiers.free.requests: how many requests there may be is missing; write a number, such as `requests: 100`",
        ),
        (
            "quotas: { tiers: { free: { requests: 0 } } }",
            "quotas.tiers.free.requests: `0` is not a number in the range of this key; write a number from 1 to 1000000000",
        ),
        (
            "quotas: { tiers: { free: { requests: 1, per: 0s } } }",
            "quotas.tiers.free.per: `0s` is not a duration above zero and of at most a day; write a number above zero with its unit, such as `5s` or `300ms`",
        ),
        (
            "quotas: { tiers: { free: { requests: 1, per: 1d, burst: 1000 } } }",
            "quotas.tiers.free.burst: at this rate it takes more than a year until so much may be asked for again; write a smaller burst, or a shorter `per`",
        ),
        (
            "quotas: { tiers: { free: { requests: 1, cost_burst: 1000 } } }",
            "quotas.tiers.free.cost_burst: at once of how much?; add `cost`",
        ),
        (
            "quotas: { tiers: { free: { requests: 1, brust: 1000 } } }",
            "quotas.tiers.free: unknown key `brust`; did you mean `burst`?",
        ),
        (
            "quotas: { tiers: { free: { requests: 1 }, 'a \"b': { requests: 1 } } }",
            "a tier's name is letters, digits, `-` and `_`; choose another name",
        ),
        (
            "quotas: { clients: 0, tiers: { free: { requests: 1 } } }",
            "quotas.clients: `0` is not a whole number above zero; write digits only, such as `100`",
        ),
    ];
    for (text, told) in cases {
        let found = problems(text);
        assert!(found.contains(told), "{text}\n{found}");
    }
}
