//! Users, as the account service knows them.

use serde::Serialize;

use super::{
    USERS,
    random::Random,
    time::{DAY, Time},
    words::{CITIES, FIRST_NAMES, LAST_NAMES, LOCALES, STREETS},
};

/// What everyone may see of a user.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct User {
    pub(crate) id: u32,
    pub(crate) display_name: String,
    handle: String,
    avatar: Option<Avatar>,
    plan: &'static str,
    locale: &'static str,
    member_since: String,
}

#[derive(Debug, Clone, Serialize)]
struct Avatar {
    url: String,
    width: u32,
}

/// What only the user may see.
#[derive(Debug, Serialize)]
pub(crate) struct Contact {
    user_id: u32,
    primary: Channel,
    address: Address,
}

#[derive(Debug, Serialize)]
struct Channel {
    email: String,
    phone: Option<String>,
}

/// Where a user lives, and where orders go.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Address {
    street: String,
    city: &'static str,
    postcode: String,
    country_code: &'static str,
}

pub(super) fn make() -> Vec<User> {
    (1..=USERS).map(User::make).collect()
}

// === impl User ===

impl User {
    fn make(id: u32) -> Self {
        let mut random = Random::new(2_000_000 + u64::from(id));
        let (first, last) = (random.pick(&FIRST_NAMES), random.pick(&LAST_NAMES));
        let avatar = random.chance(0.8).then(|| Avatar {
            url: format!("https://img.shop.example/u/{id}.webp"),
            width: 96,
        });
        Self {
            id,
            display_name: format!("{first} {last}"),
            handle: format!("{}{id}", first.to_lowercase()),
            avatar,
            plan: random.pick(&["GOLD", "SILVER", "BASIC", "BASIC", "BASIC"]),
            locale: random.pick(&LOCALES),
            member_since: Time(1_420_070_400).after(i64::from(random.below(3_000)) * DAY).date(),
        }
    }
}

// === impl Contact ===

impl Contact {
    pub(crate) fn of(user_id: u32) -> Self {
        let mut random = Random::new(3_000_000 + u64::from(user_id));
        let phone = random
            .chance(0.7)
            .then(|| format!("+41 44 {:03} {:02} {:02}", random.below(1_000), user_id % 100, 7));
        Self {
            user_id,
            primary: Channel {
                email: format!("user{user_id}+shop@mail.example"),
                phone,
            },
            address: Address::of(user_id),
        }
    }
}

// === impl Address ===

impl Address {
    pub(crate) fn of(user_id: u32) -> Self {
        let mut random = Random::new(4_000_000 + u64::from(user_id));
        let (city, country_code) = random.pick(&CITIES);
        Self {
            street: format!("{} {}", random.pick(&STREETS), random.between(1, 140)),
            city,
            postcode: format!("{:05}", random.between(1_000, 99_999)),
            country_code,
        }
    }
}
