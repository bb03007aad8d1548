//! Plans for people.

use std::sync::Arc;

use super::{Engine, too_large};
use crate::{
    operation::{RequestError, Variables, Verdict},
    plan::{self, Plan},
};

// === impl Engine ===

impl Engine {
    /// The plan of an operation: the text that `explain` prints.
    ///
    /// # Errors
    /// The document is refused.
    pub fn explain(&self, text: &str, name: Option<&str>) -> Result<String, RequestError> {
        let (title, plan, variables) = self.plan_of(text, name)?;
        Ok(plan::explain::text(&self.surface, &plan, &variables, &title))
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// The document is refused.
    pub fn explain_json(&self, text: &str, name: Option<&str>) -> Result<serde_json::Value, RequestError> {
        let (title, plan, variables) = self.plan_of(text, name)?;
        Ok(plan::explain::json(&self.surface, &plan, &variables, &title))
    }

    /// The plan with all `@skip` and `@include` variables as they are when nothing is given.
    fn plan_of(&self, text: &str, name: Option<&str>) -> Result<(String, Arc<Plan>, Variables), RequestError> {
        let operation = self.documents.of_text(&self.surface, text, name)?;
        let name = operation.name.as_deref().unwrap_or("(anonymous)");
        let title = format!("{} {name} on {}", operation.kind_name(), self.surface.name);
        let variables = Variables::defaults(&self.surface, &operation);
        let plan = self
            .plans
            .get_or_build(
                &self.surface,
                &operation,
                variables.condition_bits(&operation),
                &Verdict::open(&operation),
            )
            .map_err(too_large)?;
        Ok((title, plan, variables))
    }
}
