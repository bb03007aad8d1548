//! Plans by operation and by the values of its `@skip`/`@include` variables.

use std::sync::Arc;

use moka::sync::Cache;

use super::{
    Plan,
    build::{self, TooLarge},
};
use crate::{operation::Operation, schema::Surface};

/// The plans of one surface, bounded in number.
#[derive(Debug)]
pub struct PlanCache(Cache<(u64, u64), Arc<Plan>>);

/// A plan of the demo's largest operation takes some 20 KiB, so this stays under 64 MiB.
const PLANS_MAX: u64 = 3_000;

// === impl PlanCache ===

impl Default for PlanCache {
    fn default() -> Self {
        Self(Cache::new(PLANS_MAX))
    }
}

impl PlanCache {
    /// The plan of an operation; made if it is not there.
    ///
    /// # Errors
    /// The plan would be too large.
    pub fn get_or_build(&self, surface: &Surface, operation: &Operation, bits: u64) -> Result<Arc<Plan>, TooLarge> {
        let key = (operation.id, bits);
        if let Some(plan) = self.0.get(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(build::build(surface, operation, bits)?);
        self.0.insert(key, plan.clone());
        Ok(plan)
    }
}
