//! What an operation is estimated to cost, before anything is called: objects by their weights, and calls to sources.
//!
//! A plan is for any values of the operation's variables, and sizes of lists may be among them. So a plan has a small program:
//! *scopes*, each so many times as large as the one around it, with the weight of what is in it once. Mostly there is one scope,
//! and the estimate is a constant.

use super::{
    Plan, Wave,
    size::{Length, Sizing},
};
use crate::{
    operation::Variables,
    schema::{
        Surface,
        model::{ConnectRequest, Connector, Kind},
    },
};

/// The estimate of a plan as a program over its variables.
#[derive(Debug)]
pub struct Costs {
    scopes: Vec<Scope>,
    sizings: Vec<Sizing>,
    calls: Vec<Calls>,
    /// The estimate, where no variable takes part.
    constant: Option<Estimate>,
}

/// What an operation may come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The weights of all objects, and of what else has one.
    pub cost: u64,
    /// Calls to sources.
    pub calls: u64,
}

/// How many objects there are at one place: those of a scope, some times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    scope: u16,
    times: u64,
}

/// What stands below a list whose length a variable decides.
#[derive(Debug)]
struct Scope {
    /// The objects it is below; the root has none.
    parent: Option<Count>,
    /// How many each of those has.
    sizing: u16,
    /// What one of its objects costs.
    weight: u64,
}

/// The calls of a wave.
#[derive(Debug)]
struct Calls {
    how: How,
    /// Where its keys come from.
    keys: Vec<Count>,
}

#[derive(Debug, Clone, Copy)]
enum How {
    None,
    Once,
    ForEach,
    ForUpTo(u32),
}

/// The program of a plan that is being made.
#[derive(Debug)]
pub(super) struct Builder {
    scopes: Vec<Scope>,
    sizings: Vec<Sizing>,
}

/// What a root field of a mutation costs beside its weight.
pub const MUTATION_WEIGHT: u64 = 10;

// === impl Estimate ===

impl Estimate {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            cost: self.cost.saturating_add(other.cost),
            calls: self.calls.saturating_add(other.calls),
        }
    }
}

// === impl Costs ===

impl Costs {
    /// The estimate for the values of a request.
    #[must_use]
    pub fn estimate(&self, variables: &Variables) -> Estimate {
        self.constant.unwrap_or_else(|| self.evaluate(variables))
    }

    /// The calls of one wave.
    #[must_use]
    pub fn wave_calls(&self, wave: usize, variables: &Variables) -> u64 {
        self.calls[wave].number(&self.objects(variables))
    }

    /// The first size argument that is out of its bounds, as a message with line and column. 0 = no limit.
    #[must_use]
    pub fn size_problem(&self, variables: &Variables, largest: u64) -> Option<(String, (u32, u32))> {
        self.sizings
            .iter()
            .find_map(|sizing| Some((sizing.problem(variables, largest)?, sizing.location)))
    }

    fn evaluate(&self, variables: &Variables) -> Estimate {
        let objects = self.objects(variables);
        let costs = self.scopes.iter().zip(&objects);
        let calls = self.calls.iter().map(|calls| calls.number(&objects));
        Estimate {
            cost: costs.fold(0, |sum, (scope, objects)| {
                sum.saturating_add(scope.weight.saturating_mul(*objects))
            }),
            calls: calls.fold(0, u64::saturating_add),
        }
    }

    /// The number of objects of each scope.
    fn objects(&self, variables: &Variables) -> Vec<u64> {
        let mut objects: Vec<u64> = Vec::with_capacity(self.scopes.len());
        for scope in &self.scopes {
            let number = scope.parent.map_or(1, |parent| {
                let size = self.sizings[usize::from(scope.sizing)].length(variables);
                parent.of(&objects).saturating_mul(size)
            });
            objects.push(number);
        }
        objects
    }
}

// === impl Count ===

impl Count {
    pub(super) const ONE: Self = Self { scope: 0, times: 1 };

    fn of(self, objects: &[u64]) -> u64 {
        objects[usize::from(self.scope)].saturating_mul(self.times)
    }
}

// === impl Calls ===

impl Calls {
    fn of(surface: &Surface, plan: &Plan, wave: &Wave) -> Self {
        let connector = &surface.connectors[plan.fetches[usize::from(wave.fetch.0)].connector.0 as usize];
        let steps = || wave.steps.iter().map(|step| &plan.steps[usize::from(step.0)]);
        let is_root = steps().next().is_some_and(|step| step.parent.is_none());
        let how = match (is_root, is_batched(connector), connector.max_size) {
            _ if matches!(connector.request, ConnectRequest::None) => How::None,
            (true, ..) | (_, true, None) => How::Once,
            (_, true, Some(size)) => How::ForUpTo(size.max(1)),
            (_, false, _) => How::ForEach,
        };
        Self {
            how,
            keys: steps().map(|step| step.objects).collect(),
        }
    }

    fn number(&self, objects: &[u64]) -> u64 {
        let keys = || {
            let keys = self.keys.iter().map(|count| count.of(objects));
            keys.fold(0, u64::saturating_add)
        };
        match self.how {
            How::None => 0,
            How::Once => 1,
            How::ForEach => keys(),
            How::ForUpTo(size) => keys().div_ceil(u64::from(size)),
        }
    }
}

/// Whether one call can be for several keys.
pub(super) fn is_batched(connector: &Connector) -> bool {
    matches!(connector.kind, Kind::Batch | Kind::FieldBatch)
}

// === impl Builder ===

impl Builder {
    pub(super) fn new() -> Self {
        let root = Scope {
            parent: None,
            sizing: 0,
            weight: 0,
        };
        Self {
            scopes: vec![root],
            sizings: Vec::new(),
        }
    }

    /// Keeps the size arguments of a field.
    pub(super) fn keep(&mut self, sizing: Sizing) -> u16 {
        self.sizings.push(sizing);
        (self.sizings.len() - 1) as u16
    }

    /// How many objects there are when each of some has so many.
    pub(super) fn below(&mut self, above: Count, length: Length) -> Count {
        let parent = Count {
            times: above.times.saturating_mul(length.known),
            ..above
        };
        match length.open {
            None => parent,
            Some(sizing) => {
                self.scopes.push(Scope {
                    parent: Some(parent),
                    sizing,
                    weight: 0,
                });
                Count {
                    scope: (self.scopes.len() - 1) as u16,
                    times: 1,
                }
            }
        }
    }

    /// Adds a weight for each of some objects.
    pub(super) fn add(&mut self, count: Count, weight: u64) {
        let scope = &mut self.scopes[usize::from(count.scope)];
        scope.weight = scope.weight.saturating_add(count.times.saturating_mul(weight));
    }

    /// What was added to the scope of some objects so far; it starts again at nothing.
    pub(super) fn take(&mut self, count: Count) -> u64 {
        std::mem::take(&mut self.scopes[usize::from(count.scope)].weight)
    }

    /// Adds to the scope of some objects what was taken of it.
    pub(super) fn give(&mut self, count: Count, weight: u64) {
        let scope = &mut self.scopes[usize::from(count.scope)];
        scope.weight = scope.weight.saturating_add(weight);
    }

    /// The program, now that the plan is complete but for it.
    pub(super) fn finish(self, surface: &Surface, plan: &Plan) -> Costs {
        let Self { scopes, sizings } = self;
        let calls = plan.waves.iter().map(|wave| Calls::of(surface, plan, wave)).collect();
        let mut costs = Costs {
            scopes,
            sizings,
            calls,
            constant: None,
        };
        if costs.scopes.len() == 1 {
            costs.constant = Some(costs.evaluate(&Variables::default()));
        }
        costs
    }
}

// === impl Default for Costs ===

impl Default for Costs {
    /// The program of a plan without anything.
    fn default() -> Self {
        Self {
            scopes: vec![Scope {
                parent: None,
                sizing: 0,
                weight: 0,
            }],
            sizings: Vec::new(),
            calls: Vec::new(),
            constant: Some(Estimate { cost: 0, calls: 0 }),
        }
    }
}
