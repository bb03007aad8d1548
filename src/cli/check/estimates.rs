//! What each shipped operation may come to, as a table.

use std::fmt;

use crate::plan::Estimate;

/// The operations of each surface, in order.
#[derive(Debug, Default)]
pub(super) struct Estimates(Vec<(String, Vec<(String, Estimate)>)>);

// === impl Estimates ===

impl Estimates {
    /// What is added next belongs to this surface.
    pub(super) fn begin(&mut self, surface: &str) {
        self.0.push((surface.to_owned(), Vec::new()));
    }

    /// Adds an operation.
    pub(super) fn add(&mut self, name: &str, estimate: Estimate) {
        if let Some((_, operations)) = self.0.last_mut() {
            operations.push((name.to_owned(), estimate));
        }
    }
}

impl fmt::Display for Estimates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || self.0.iter().flat_map(|(_, operations)| operations);
        let width = |of: &dyn Fn(&(String, Estimate)) -> usize| all().map(of).max().unwrap_or(0);
        let name = width(&|(name, _)| name.chars().count());
        let calls = width(&|(_, estimate)| estimate.calls.to_string().len());
        let cost = width(&|(_, estimate)| estimate.cost.to_string().len());
        for (surface, operations) in &self.0 {
            if operations.is_empty() {
                continue;
            }
            writeln!(f, "{surface}: calls at most, cost estimated")?;
            for (operation, estimate) in operations {
                let word = if estimate.calls == 1 { "call, " } else { "calls," };
                writeln!(
                    f,
                    "  {operation:<name$}  {:>calls$} {word} cost {:>cost$}",
                    estimate.calls, estimate.cost
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
