//! Plans by operation, by the values of its `@skip`/`@include` variables, and by what a caller may have.

use std::sync::Arc;

use foldhash::fast::RandomState;
use moka::sync::Cache;

use super::{
    Plan,
    build::{self, TooLarge},
};
use crate::{
    operation::{Operation, Verdict},
    schema::Surface,
};

/// The plans of one surface, bounded in bytes.
#[derive(Debug)]
pub struct PlanCache(Cache<(u64, u64, Verdict), Arc<Plan>, RandomState>);

/// Bytes of all plans of a surface.
const PLANS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a plan takes: its fields and steps, with their names and slots, by an estimate that is rather too high.
fn weight(plan: &Plan) -> u32 {
    u32::try_from(2_048 + plan.fields * 512 + plan.steps.len() * 512).unwrap_or(u32::MAX)
}

// === impl PlanCache ===

impl Default for PlanCache {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(PLANS_BYTES_MAX)
            .weigher(|_: &(u64, u64, Verdict), plan: &Arc<Plan>| weight(plan))
            // Keys are numbers of our own giving: nobody can choose two that collide.
            .build_with_hasher(RandomState::default());
        Self(cache)
    }
}

impl PlanCache {
    /// How many plans there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.run_pending_tasks();
        self.0.entry_count()
    }

    /// The plan of an operation; made if it is not there.
    ///
    /// # Errors
    /// The plan would be too large.
    pub fn get_or_build(
        &self,
        surface: &Surface,
        operation: &Operation,
        bits: u64,
        verdict: &Verdict,
    ) -> Result<Arc<Plan>, TooLarge> {
        let key = (operation.id, bits, verdict.clone());
        if let Some(plan) = self.0.get(&key) {
            return Ok(plan);
        }
        let plan = Arc::new(build::build(surface, operation, bits, verdict)?);
        self.0.insert(key, plan.clone());
        Ok(plan)
    }
}
