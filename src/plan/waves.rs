//! Which steps are loaded together, and what each load has to wait for.

use std::collections::HashMap;

use super::{FetchId, Guard, Step, StepId, Wave};

/// Groups the steps of a fetch that are at the same level.
pub(super) fn waves(steps: &[Step], guards: &[Guard]) -> Vec<Wave> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|step| steps[*step].level);
    let mut waves: Vec<Wave> = Vec::new();
    let mut known: HashMap<(FetchId, u16), u16> = HashMap::new();
    let mut wave_of_step = vec![0_u16; steps.len()];
    for step in order {
        let Step { fetch, level, .. } = steps[step];
        let wave = *known.entry((fetch, level)).or_insert_with(|| {
            waves.push(Wave {
                fetch,
                steps: Vec::new(),
                after: Vec::new(),
            });
            (waves.len() - 1) as u16
        });
        waves[usize::from(wave)].steps.push(StepId(step as u16));
        wave_of_step[step] = wave;
    }
    let wave_of = |id: StepId| wave_of_step[usize::from(id.0)];
    let after: Vec<Vec<u16>> = waves
        .iter()
        .map(|wave| {
            let needs = wave.steps.iter().flat_map(|id| {
                let step = &steps[usize::from(id.0)];
                step.parent
                    .iter()
                    .map(|parent| parent.step)
                    .chain(step.key.iter().filter_map(|part| part.via))
                    .chain(step.guarded_by(guards))
            });
            let mut after: Vec<u16> = needs.map(wave_of).collect();
            after.sort_unstable();
            after.dedup();
            after
        })
        .collect();
    for (wave, after) in waves.iter_mut().zip(after) {
        wave.after = after;
    }
    waves
}
