//! Who may have what: `@authenticated`, `@requiresScopes` and `@policy`, as the schema says it and as it is decided.
//!
//! What is asked of a field is everything that any of these says on the field, on the same field of an interface, and on the type that the field gives.
//! What is asked of an object is what its type and the interfaces of its type say. All of it must hold.

use std::sync::Arc;

use serde_json::Value;

use super::model::{Access, AccessId, Condition, KeyTree, Policy, Surface};
use crate::{
    identity::Caller,
    mapping::{Limits, Spec, Vars, evaluate},
};

mod read;

pub(crate) use read::{Accesses, Rules};

/// A rule that schemas name with `@policy`. `auth.policies.NAME` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// Its name.
    pub name: String,
    /// A mapping over `$context`, `$args` and `$this` that is true for those who may. `rule`.
    pub rule: String,
    /// Whether what it refuses is as if it did not exist: null without an error. `refused`: `error` (default), `absent`.
    pub is_absent: bool,
}

/// What is decided of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The caller may have it.
    Allowed,
    /// The caller may not.
    Refused {
        /// Whether that is as if there were nothing.
        is_absent: bool,
    },
    /// It depends on each object.
    ByObject,
}

// === impl Surface ===

impl Surface {
    /// What has to hold, by number.
    #[must_use]
    pub fn access(&self, id: AccessId) -> &Access {
        &self.accesses[usize::from(id.0)]
    }

    /// Whether a caller may have a place with these arguments; `this`: the object's fields that rules read, once they are known.
    #[must_use]
    pub fn decide(&self, id: AccessId, caller: &Caller, args: &Value, this: Option<&Value>) -> Decision {
        let mut decision = Decision::Allowed;
        for condition in &self.access(id).conditions {
            match condition.holds(self, caller, args, this) {
                Some(true) => {}
                Some(false) => {
                    return Decision::Refused {
                        is_absent: condition.is_absent(self),
                    };
                }
                None => decision = Decision::ByObject,
            }
        }
        decision
    }

    fn policy(&self, number: u16) -> &Policy {
        &self.policies[usize::from(number)]
    }
}

// === impl Condition ===

impl Condition {
    /// `None`: it depends on the object.
    fn holds(&self, surface: &Surface, caller: &Caller, args: &Value, this: Option<&Value>) -> Option<bool> {
        match self {
            Self::Authenticated => Some(caller.is_authenticated()),
            Self::Scopes(either) => Some(either.iter().any(|all| all.iter().all(|scope| caller.has_scope(scope)))),
            Self::Policies(either) => {
                let mut known = Some(false);
                for all in either {
                    let holds = all.iter().try_fold(true, |so_far, number| {
                        match surface.policy(*number).holds(caller, args, this) {
                            // One that does not hold is enough, whatever the others come to.
                            Some(false) => Err(()),
                            Some(true) => Ok(so_far),
                            None => Ok(false),
                        }
                    });
                    match holds {
                        Ok(true) => return Some(true),
                        Ok(false) => known = None,
                        Err(()) => {}
                    }
                }
                known
            }
        }
    }

    fn is_absent(&self, surface: &Surface) -> bool {
        match self {
            Self::Authenticated | Self::Scopes(_) => false,
            Self::Policies(either) => either.iter().flatten().any(|number| surface.policy(*number).is_absent),
        }
    }

    /// Whether it looks at the object.
    pub(super) fn reads_object(&self, policies: &[Policy]) -> bool {
        match self {
            Self::Authenticated | Self::Scopes(_) => false,
            Self::Policies(either) => either
                .iter()
                .flatten()
                .any(|number| policies[usize::from(*number)].this.is_some()),
        }
    }
}

// === impl Policy ===

impl Policy {
    /// Whether the rule is true: nothing else is, neither an error nor a value that is no truth value. `None`: it reads the object, which is not known.
    fn holds(&self, caller: &Caller, args: &Value, this: Option<&Value>) -> Option<bool> {
        let Some(rule) = &self.rule else { return Some(false) };
        if self.this.is_some() && this.is_none() {
            return None;
        }
        let nothing = Value::Null;
        let pairs = [
            ("context", caller.context()),
            ("args", args),
            ("this", this.unwrap_or(&nothing)),
        ];
        let found = evaluate(rule, Spec::V0_4, None, &Vars::new(&pairs), &Limits::quiet());
        Some(found.value == Some(Value::Bool(true)) && found.errors.is_empty())
    }
}

// === impl Access ===

impl Access {
    /// Whether a rule of it reads `$args`.
    #[must_use]
    pub fn reads_arguments(&self, surface: &Surface) -> bool {
        self.policies().any(|number| surface.policy(number).reads_args)
    }

    /// What its rules read of the object.
    #[must_use]
    pub fn object_reads(&self, surface: &Surface) -> KeyTree {
        let mut tree: Option<KeyTree> = None;
        for read in self.policies().filter_map(|number| surface.policy(number).this.clone()) {
            tree = Some(match tree {
                Some(known) => known.union(read),
                None => read,
            });
        }
        tree.unwrap_or_default()
    }

    /// The rules it names.
    pub fn rules<'s>(&'s self, surface: &'s Surface) -> impl Iterator<Item = &'s Arc<crate::mapping::Selection>> {
        self.policies()
            .filter_map(|number| surface.policy(number).rule.as_ref())
    }

    fn policies(&self) -> impl Iterator<Item = u16> {
        self.conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::Policies(either) => Some(either),
                Condition::Authenticated | Condition::Scopes(_) => None,
            })
            .flatten()
            .flatten()
            .copied()
    }
}
