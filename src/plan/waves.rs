//! Which steps are loaded together, and what each load has to wait for.

use super::{Step, StepId, Wave};

/// Groups the steps of a fetch that are at the same level.
pub(super) fn waves(steps: &[Step]) -> Vec<Wave> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|step| steps[*step].level);
    let mut waves: Vec<Wave> = Vec::new();
    for step in order {
        let id = StepId(step as u16);
        let known = waves.iter_mut().find(|wave| {
            let first = &steps[usize::from(wave.steps[0].0)];
            wave.fetch == steps[step].fetch && first.level == steps[step].level
        });
        match known {
            Some(wave) => wave.steps.push(id),
            None => waves.push(Wave { fetch: steps[step].fetch, steps: vec![id], after: Vec::new() }),
        }
    }
    let wave_of = |id: StepId| waves.iter().position(|wave| wave.steps.contains(&id)).map(|wave| wave as u16);
    let after: Vec<Vec<u16>> = waves.iter().map(|wave| {
        let needs = wave.steps.iter().flat_map(|id| {
            let step = &steps[usize::from(id.0)];
            step.parent.iter().map(|parent| parent.step).chain(step.key.iter().filter_map(|part| part.via))
        });
        let mut after: Vec<u16> = needs.filter_map(wave_of).collect();
        after.sort_unstable();
        after.dedup();
        after
    }).collect();
    for (wave, after) in waves.iter_mut().zip(after) {
        wave.after = after;
    }
    waves
}
