//! Buckets: what they hold, how they fill, and that they are as many as was said, whoever comes.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use switchboard::{
    identity::Caller,
    quota::{ClientKey, OverQuota, Quotas, Rate, Settings, Standing, TierSettings},
};
use tokio::time::advance;

const MINUTE: Duration = Duration::from_secs(60);

fn rate(count: u32, burst: u32) -> Rate {
    Rate {
        count: NonZeroU32::new(count).unwrap(),
        per: MINUTE,
        burst: NonZeroU32::new(burst).unwrap(),
    }
}

fn quotas(clients: usize, requests: Rate, cost: Option<Rate>) -> Arc<Quotas> {
    let tier = TierSettings {
        name: Arc::from("free"),
        requests,
        cost,
    };
    Arc::new(Quotas::new(&Settings {
        clients,
        tiers: vec![tier],
    }))
}

fn client(quotas: &Quotas, address: [u8; 4]) -> ClientKey {
    quotas.client(&Caller::anonymous(), Some(IpAddr::from(address)))
}

fn ask(quotas: &Arc<Quotas>, client: ClientKey) -> Result<Standing, OverQuota> {
    let tier = quotas.tier("free").unwrap();
    quotas.admit(client, tier).map(|(_, standing)| standing)
}

/// How many of so many requests are let through.
fn passed(quotas: &Arc<Quotas>, client: ClientKey, requests: usize) -> usize {
    (0..requests).filter(|_| ask(quotas, client).is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn a_bucket_holds_its_burst_and_fills_at_its_rate() {
    let quotas = quotas(100, rate(60, 5), None);
    let one = client(&quotas, [1, 1, 1, 1]);

    let first = ask(&quotas, one).unwrap();
    assert_eq!((first.remaining, first.full_in), (4, Duration::from_secs(1)));
    assert_eq!(passed(&quotas, one, 10), 4);
    let refused = ask(&quotas, one).unwrap_err();
    assert_eq!(refused.wait, Duration::from_secs(1));
    assert_eq!(
        (refused.standing.remaining, refused.standing.full_in),
        (0, Duration::from_secs(5)),
        "what is refused takes nothing"
    );

    advance(Duration::from_millis(2_500)).await;
    assert_eq!(passed(&quotas, one, 10), 2, "one a second");
    assert_eq!(ask(&quotas, one).unwrap_err().wait, Duration::from_millis(500));
    advance(10 * MINUTE).await;
    assert_eq!(passed(&quotas, one, 10), 5, "it holds no more than its burst");

    let other = client(&quotas, [1, 1, 1, 2]);
    assert_eq!(passed(&quotas, other, 10), 5, "each has a bucket of its own");
}

#[tokio::test(start_paused = true)]
async fn a_minute_s_worth_comes_in_each_minute() {
    let quotas = quotas(100, rate(100, 20), None);
    let one = client(&quotas, [1, 1, 1, 1]);
    passed(&quotas, one, 20);

    let mut let_through = 0;
    for _ in 0..600 {
        advance(Duration::from_millis(100)).await;
        let_through += passed(&quotas, one, 3);
    }

    assert_eq!(let_through, 100);
}

#[tokio::test(start_paused = true)]
async fn a_million_clients_take_no_more_room_than_was_said() {
    let quotas = quotas(10_000, rate(100, 10), None);
    let capacity = quotas.capacity();
    assert!((20_000..=40_000).contains(&capacity), "{capacity}");
    let greedy = client(&quotas, [9, 9, 9, 9]);
    assert_eq!(passed(&quotas, greedy, 50), 10);

    for number in 0..1_000_000_u32 {
        let [a, b, c, d] = number.to_be_bytes();
        assert!(
            ask(&quotas, client(&quotas, [a, b, c, d])).is_ok(),
            "a stranger's bucket is full"
        );
    }

    assert_eq!(quotas.capacity(), capacity);
    assert_eq!(
        passed(&quotas, greedy, 50),
        0,
        "who is refused is not forgotten for the sake of those who have asked for little"
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_operation_did_not_cost_is_given_back() {
    let quotas = quotas(100, rate(1_000, 1_000), Some(rate(600, 600)));
    let one = client(&quotas, [1, 1, 1, 1]);
    let (ticket, _) = quotas.admit(one, quotas.tier("free").unwrap()).unwrap();

    let mut charge = ticket.charge(500).unwrap().unwrap();
    assert_eq!(charge.standing.remaining, 100);
    let refused = ticket.charge(200).unwrap_err();
    assert_eq!(
        (refused.wait, refused.standing.remaining),
        (Duration::from_secs(10), 100)
    );
    charge.settle(50);
    assert_eq!(charge.standing.remaining, 550);
    assert_eq!(ticket.charge(200).unwrap().unwrap().standing.remaining, 350);

    let mut dearer = ticket.charge(100).unwrap().unwrap();
    dearer.settle(300);
    assert_eq!(
        dearer.standing.remaining, 50,
        "what it cost beside the estimate is taken as well"
    );
    assert_eq!(ticket.charge(51).unwrap_err().wait, Duration::from_millis(100));
    dearer.settle(u64::MAX);
    assert!(
        ticket.charge(1).unwrap_err().wait <= Duration::from_secs(61),
        "at most one bucket is owed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_costs_more_than_a_bucket_holds_takes_all_of_it() {
    let quotas = quotas(100, rate(1_000, 1_000), Some(rate(600, 100)));
    let one = client(&quotas, [1, 1, 1, 1]);
    let (ticket, _) = quotas.admit(one, quotas.tier("free").unwrap()).unwrap();

    let mut charge = ticket.charge(1_000_000_000_000).unwrap().unwrap();
    assert_eq!(charge.standing.remaining, 0);
    assert_eq!(
        ticket.charge(1_000_000_000_000).unwrap_err().wait,
        Duration::from_secs(10)
    );

    charge.settle(0);
    assert_eq!(charge.standing.remaining, 99, "every operation costs one");
}
