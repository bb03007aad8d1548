//! Reviews, made for a product when somebody first asks for it.

use std::sync::OnceLock;

use super::{
    PRODUCTS, REVIEWS, USERS,
    random::Random,
    time::{DAY, MINUTE, OPENING, Time},
    words::OPINIONS,
};

/// One customer's opinion.
#[derive(Debug, Clone)]
pub(crate) struct Review {
    pub(crate) id: i64,
    pub(crate) product_id: u32,
    pub(crate) author_id: u32,
    pub(crate) stars: u32,
    pub(crate) text: String,
    pub(crate) created_at: Time,
}

/// All reviews, by product, newest first.
#[derive(Debug)]
pub(crate) struct Reviews(Vec<OnceLock<Vec<Review>>>);

/// Reviews of a product and its neighbour together.
const PER_PAIR: u32 = REVIEWS / (PRODUCTS / 2);

// === impl Reviews ===

impl Reviews {
    pub(super) fn new() -> Self {
        Self((0..PRODUCTS).map(|_| OnceLock::new()).collect())
    }

    /// The reviews of a product; none for a product that does not exist.
    pub(crate) fn of(&self, product_id: u32) -> &[Review] {
        let slot = super::by_id(&self.0, product_id);
        slot.map_or(&[], |slot| slot.get_or_init(|| make(product_id)))
    }
}

fn make(product_id: u32) -> Vec<Review> {
    let mut random = Random::new(6_000_000 + u64::from(product_id));
    let mut created_at = OPENING.after(i64::from(random.below(300)) * DAY);
    let mut reviews: Vec<_> = (0..count(product_id))
        .map(|index| {
            created_at = created_at.after(i64::from(random.between(10, 20_000)) * MINUTE);
            Review {
                // Beyond 32 bits, as ids of other services are.
                id: 5_000_000_000 + i64::from(product_id) * 100 + i64::from(index),
                product_id,
                author_id: random.below(USERS) + 1,
                stars: 5 - random.skewed(5),
                text: (random.pick(&OPINIONS)).to_owned(),
                created_at,
            }
        })
        .collect();
    reviews.reverse();
    reviews
}

/// How many reviews a product has: from none to twenty; an odd product and the one after it always have twenty together.
fn count(product_id: u32) -> u32 {
    let odd = product_id - u32::from(product_id.is_multiple_of(2));
    let of_odd = Random::new(7_000_000 + u64::from(odd)).between(0, PER_PAIR);
    if odd == product_id { of_odd } else { PER_PAIR - of_odd }
}

#[cfg(test)]
mod tests {
    use super::super::{Data, PRODUCTS, REVIEWS};

    #[test]
    fn there_are_as_many_reviews_as_promised() {
        let reviews = &Data::get().reviews;

        let count: usize = (1..=PRODUCTS).map(|product| reviews.of(product).len()).sum();

        assert_eq!(u32::try_from(count), Ok(REVIEWS));
        assert!(
            (1..=PRODUCTS).any(|product| reviews.of(product).is_empty()),
            "some product has none"
        );
    }
}
