//! The resolvers that the page shows, word for word.

use async_graphql::{Object, SimpleObject};

pub(crate) struct Query;

#[derive(SimpleObject)]
pub(crate) struct Badge {
    product_id: i32,
    label: String,
}

#[Object]
impl Query {
    /// One call for all products of an answer.
    async fn badges(&self, product_ids: Vec<i32>) -> async_graphql::Result<Vec<Badge>> {
        let mut badges = Vec::new();
        for product_id in product_ids {
            if product_id == 3 {
                return Err("there is no third product".into());
            }
            let label = if product_id == 1 { "Classic" } else { "New" }.to_owned();
            badges.push(Badge { product_id, label });
        }
        Ok(badges)
    }
}
