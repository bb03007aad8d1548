//! Plans by operation, by the values of its `@skip`/`@include` variables, and by what a caller may have.

use std::sync::Arc;

use foldhash::fast::RandomState;
use moka::sync::Cache;

use super::{
    Plan,
    build::{self, TooLarge},
};
use crate::{
    operation::{Operation, Recent, Verdict},
    schema::Surface,
};

/// The plans of one surface, bounded in bytes.
#[derive(Debug)]
pub struct PlanCache {
    all: Cache<Key, Arc<Plan>, RandomState>,
    recent: Recent<Key, Plan>,
}

/// Number of the operation, its `@skip`/`@include` variables, what its caller may have.
type Key = (u64, u64, Verdict);

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
            .weigher(|_: &Key, plan: &Arc<Plan>| weight(plan))
            // Keys are numbers of our own giving: nobody can choose two that collide.
            .build_with_hasher(RandomState::default());
        Self {
            all: cache,
            recent: Recent::default(),
        }
    }
}

impl PlanCache {
    /// How many plans there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.all.run_pending_tasks();
        self.all.entry_count()
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
        let is = |key: &Key| key.0 == operation.id && key.1 == bits && key.2 == *verdict;
        // Operations are numbered in order, so those of a surface are spread.
        let hash = operation.id ^ bits.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if let Some(plan) = self.recent.get(hash, is) {
            return Ok(plan);
        }
        let key = (operation.id, bits, verdict.clone());
        let plan = match self.all.get(&key) {
            Some(plan) => plan,
            None => {
                let plan = Arc::new(build::build(surface, operation, bits, verdict)?);
                self.all.insert(key.clone(), plan.clone());
                plan
            }
        };
        self.recent.put(hash, &plan, is, || key);
        Ok(plan)
    }
}
