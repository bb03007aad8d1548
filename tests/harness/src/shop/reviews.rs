//! gRPC `shop.reviews.v1.Reviews`. Messages as in `reviews.proto`, which a test compares.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use prost::Message;
use tonic::Status;

use super::inventory::Timestamp;
use crate::{
    control::lock,
    data::{Data, PRODUCTS, USERS, orders::NEW_ORDERS_FROM, reviews, time::MINUTE},
    grpc::{Methods, Unary},
};

const PAGE_DEFAULT: usize = 3;
const PAGE_MAX: usize = 50;
const TEXT_CHARS_MAX: usize = 2_000;

#[derive(Clone, PartialEq, Message)]
struct BatchListReviewsRequest {
    #[prost(int32, repeated, tag = "1")]
    product_ids: Vec<i32>,
    #[prost(int32, tag = "2")]
    page_size: i32,
}

#[derive(Clone, PartialEq, Message)]
struct BatchListReviewsResponse {
    #[prost(message, repeated, tag = "1")]
    reviews: Vec<Review>,
}

#[derive(Clone, PartialEq, Message)]
struct Review {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int32, tag = "2")]
    product_id: i32,
    #[prost(int32, tag = "3")]
    author_id: i32,
    #[prost(int32, tag = "4")]
    stars: i32,
    #[prost(string, tag = "5")]
    text: String,
    #[prost(message, optional, tag = "6")]
    created_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct BatchGetSummaryRequest {
    #[prost(int32, repeated, tag = "1")]
    product_ids: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct BatchGetSummaryResponse {
    #[prost(message, repeated, tag = "1")]
    summaries: Vec<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(int32, tag = "1")]
    product_id: i32,
    #[prost(double, optional, tag = "2")]
    average: Option<f64>,
    #[prost(int32, tag = "3")]
    count: i32,
}

#[derive(Clone, PartialEq, Message)]
struct AddReviewRequest {
    #[prost(int32, tag = "1")]
    product_id: i32,
    #[prost(int32, tag = "2")]
    author_id: i32,
    #[prost(int32, tag = "3")]
    stars: i32,
    #[prost(string, tag = "4")]
    text: String,
}

/// The reviews the shop started with, and those added since.
#[derive(Debug, Clone)]
struct Reviews {
    data: &'static Data,
    added: Arc<Mutex<Added>>,
}

#[derive(Debug, Default)]
struct Added {
    count: i64,
    /// By product, oldest first.
    reviews: HashMap<u32, Vec<reviews::Review>>,
}

pub(super) fn methods(data: &'static Data) -> Methods {
    let reviews = Reviews {
        data,
        added: Arc::default(),
    };
    let (list, summary, add) = (reviews.clone(), reviews.clone(), reviews);
    let mut methods = Methods::default();
    methods.insert(
        "shop.reviews.v1.Reviews/BatchListReviews",
        Unary::typed(
            |request: BatchListReviewsRequest| request.product_ids,
            move |request: BatchListReviewsRequest| Ok(list.list(&request)),
        ),
    );
    methods.insert(
        "shop.reviews.v1.Reviews/BatchGetSummary",
        Unary::typed(
            |request: BatchGetSummaryRequest| request.product_ids,
            move |request: BatchGetSummaryRequest| {
                let ids = products(&request.product_ids);
                Ok(BatchGetSummaryResponse {
                    summaries: ids.into_iter().map(|id| summary.summary(id)).collect(),
                })
            },
        ),
    );
    methods.insert(
        "shop.reviews.v1.Reviews/AddReview",
        Unary::typed(
            |request: AddReviewRequest| vec![request.product_id],
            move |request: AddReviewRequest| add.add(request),
        ),
    );
    methods
}

/// The products among `ids` that exist, each once, in order.
fn products(ids: &[i32]) -> Vec<u32> {
    let mut seen = std::collections::HashSet::new();
    let ids = ids.iter().filter_map(|id| u32::try_from(*id).ok());
    ids.filter(|id| (1..=PRODUCTS).contains(id) && seen.insert(*id))
        .collect()
}

// === impl Reviews ===

impl Reviews {
    fn list(&self, request: &BatchListReviewsRequest) -> BatchListReviewsResponse {
        let page_size = usize::try_from(request.page_size).unwrap_or(0);
        let page_size = if page_size == 0 {
            PAGE_DEFAULT
        } else {
            page_size.min(PAGE_MAX)
        };
        let added = lock(&self.added);
        let of_product = |id| {
            added
                .newest(id)
                .chain(self.data.reviews.of(id))
                .take(page_size)
                .map(Review::from)
        };
        let ids = products(&request.product_ids);
        BatchListReviewsResponse {
            reviews: ids.into_iter().flat_map(of_product).collect(),
        }
    }

    fn summary(&self, product: u32) -> Summary {
        let added = lock(&self.added);
        let (count, stars) = added
            .newest(product)
            .chain(self.data.reviews.of(product))
            .fold((0_i32, 0_u32), |(count, stars), review| {
                (count + 1, stars + review.stars)
            });
        let average = (count > 0).then(|| f64::from(stars) / f64::from(count));
        Summary {
            product_id: product.cast_signed(),
            average,
            count,
        }
    }

    fn add(&self, request: AddReviewRequest) -> Result<Review, Status> {
        let [product_id] = products(&[request.product_id])[..] else {
            return Err(Status::not_found("no such product"));
        };
        let author_id = u32::try_from(request.author_id)
            .ok()
            .filter(|id| (1..=USERS).contains(id));
        let author_id = author_id.ok_or_else(|| Status::not_found("no such author"))?;
        let stars = u32::try_from(request.stars)
            .ok()
            .filter(|stars| (1..=5).contains(stars));
        let stars = stars.ok_or_else(|| Status::invalid_argument("stars are 1 to 5"))?;
        if request.text.chars().count() > TEXT_CHARS_MAX {
            return Err(Status::invalid_argument(format!(
                "a text has at most {TEXT_CHARS_MAX} characters"
            )));
        }
        Ok(Review::from(&lock(&self.added).add(
            product_id,
            author_id,
            stars,
            request.text,
        )))
    }
}

// === impl Added ===

impl Added {
    fn newest(&self, product: u32) -> impl Iterator<Item = &reviews::Review> {
        self.reviews.get(&product).into_iter().flatten().rev()
    }

    fn add(&mut self, product_id: u32, author_id: u32, stars: u32, text: String) -> reviews::Review {
        self.count += 1;
        // By number, not by the clock: the same calls must give the same answers.
        let created_at = NEW_ORDERS_FROM.after(self.count * MINUTE);
        let review = reviews::Review {
            id: 6_000_000_000 + self.count,
            product_id,
            author_id,
            stars,
            text,
            created_at,
        };
        self.reviews.entry(product_id).or_default().push(review.clone());
        review
    }
}

// === impl Review ===

impl From<&reviews::Review> for Review {
    fn from(review: &reviews::Review) -> Self {
        Self {
            id: review.id,
            product_id: review.product_id.cast_signed(),
            author_id: review.author_id.cast_signed(),
            stars: review.stars.cast_signed(),
            text: review.text.clone(),
            created_at: Some(review.created_at.into()),
        }
    }
}
