//! What an operation asks for that not everybody may have.

use std::sync::Arc;

use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::{Argument, Operation, Selected, Variables};
use crate::{
    identity::Caller,
    schema::{
        Surface,
        access::Decision,
        model::{AccessId, TypeId, TypeKind},
    },
};

/// One thing to be decided before an operation is planned: what is asked, with the arguments if a rule reads them.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What is asked of the caller.
    pub access: AccessId,
    /// The field's arguments.
    pub arguments: Vec<(Arc<str>, Argument)>,
}

/// What was decided of each gate of an operation. A plan is made for each verdict that is met, so that nothing is asked at run time; for an operation without gates
/// there is only one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Verdict(SmallVec<[Decision; 8]>);

/// All gates of these selections, each once.
pub(super) fn of(surface: &Surface, root: TypeId, selections: &[Selected]) -> Vec<Gate> {
    let mut gates = Vec::new();
    if !surface.accesses.is_empty() {
        let mut walk = Walk {
            surface,
            gates: &mut gates,
        };
        walk.selections(&surface.types[root.0 as usize].possible, selections);
    }
    gates
}

/// The arguments of a field as rules see them: what cannot be had is left out.
#[must_use]
pub fn arguments(variables: &Variables, arguments: &[(Arc<str>, Argument)]) -> Value {
    let mut object = Map::new();
    for (name, argument) in arguments {
        if let Ok(Some(value)) = variables.argument(argument) {
            object.insert(name.to_string(), value);
        }
    }
    Value::Object(object)
}

struct Walk<'a> {
    surface: &'a Surface,
    gates: &'a mut Vec<Gate>,
}

// === impl Walk ===

impl Walk<'_> {
    fn selections(&mut self, possible: &[TypeId], selections: &[Selected]) {
        for selected in selections {
            match selected {
                Selected::Group { on, selections, .. } => {
                    let Some(on) = on else {
                        self.selections(possible, selections);
                        continue;
                    };
                    let narrowed = &self.surface.types[on.0 as usize].possible;
                    let both: Vec<TypeId> = possible.iter().filter(|ty| narrowed.contains(ty)).copied().collect();
                    self.selections(&both, selections);
                }
                Selected::Field(node) => {
                    let mut below: Vec<TypeId> = Vec::new();
                    for ty in possible {
                        let (TypeKind::Object(fields) | TypeKind::Interface(fields)) =
                            &self.surface.types[ty.0 as usize].kind
                        else {
                            continue;
                        };
                        let Some(field) = fields.iter().find(|field| field.name == node.name) else {
                            continue;
                        };
                        if let Some(access) = field.access {
                            self.add(access, &node.on(*ty).arguments);
                        }
                        for object in &self.surface.types[field.ty.named.0 as usize].possible {
                            if !below.contains(object) {
                                below.push(*object);
                            }
                        }
                    }
                    for object in &below {
                        if let Some(access) = self.surface.types[object.0 as usize].access {
                            self.add(access, &[]);
                        }
                    }
                    self.selections(&below, &node.selections);
                }
            }
        }
    }

    fn add(&mut self, access: AccessId, arguments: &[(Arc<str>, Argument)]) {
        let gate = gate(self.surface, access, arguments);
        if !self.gates.contains(&gate) {
            self.gates.push(gate);
        }
    }
}

fn gate(surface: &Surface, access: AccessId, arguments: &[(Arc<str>, Argument)]) -> Gate {
    let reads = surface.access(access).reads_arguments(surface);
    Gate {
        access,
        arguments: if reads { arguments.to_vec() } else { Vec::new() },
    }
}

// === impl Verdict ===

impl Verdict {
    /// Decides all gates of an operation for a caller.
    #[must_use]
    pub fn of(surface: &Surface, operation: &Operation, variables: &Variables, caller: &Caller) -> Self {
        let decide = |gate: &Gate| {
            let args = arguments(variables, &gate.arguments);
            surface.decide(gate.access, caller, &args, None)
        };
        Self(operation.gates.iter().map(decide).collect())
    }

    /// Everything is open: what an operation costs whoever may have all of it.
    #[must_use]
    pub fn open(operation: &Operation) -> Self {
        Self(operation.gates.iter().map(|_| Decision::Allowed).collect())
    }

    /// Whether the operation asks for nothing that not everybody may have.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was decided of a place. What nobody thought of is refused.
    #[must_use]
    pub fn on(
        &self,
        surface: &Surface,
        operation: &Operation,
        access: AccessId,
        arguments: &[(Arc<str>, Argument)],
    ) -> Decision {
        let wanted = gate(surface, access, arguments);
        let number = operation.gates.iter().position(|gate| *gate == wanted);
        number
            .and_then(|number| self.0.get(number).copied())
            .unwrap_or(Decision::Refused { is_absent: false })
    }

    /// Appends it, so that two texts of one operation are equal only if the verdicts are.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.0.iter().map(|decision| match decision {
            Decision::Allowed => 0,
            Decision::Refused { is_absent: false } => 1,
            Decision::Refused { is_absent: true } => 2,
            Decision::ByObject => 3,
        }));
    }
}
