//! What the stages of a request cost by themselves, without sockets.
//!
//! `cargo bench --bench micro [NAME]` prints µs; `benches/growth.sh` tells how it grows; `benches/instructions.sh` counts instructions of the same work and
//! compares them with the committed figures.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is no server")]

mod growth;
mod work;

use std::hint::black_box;

use mimalloc::MiMalloc;
use tokio::time::Instant;
use work::Work;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Rounds of which the median is told.
const ROUNDS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--growth"] => growth::KINDS
            .iter()
            .flat_map(|(kind, sizes)| sizes.iter().map(move |size| (kind, size)))
            .for_each(|(kind, size)| println!("{kind} {size}")),
        ["--growth", kind, size] => growth::run(kind, size.parse().unwrap()),
        ["--list"] => work::NAMES.iter().for_each(|name| println!("{name}")),
        ["--times", times, name] => measured(&mut work::set_up(name), times.parse().unwrap()),
        [name] => time(name),
        _ => work::NAMES.iter().for_each(|name| time(name)),
    }
}

/// Everything that is counted, and nothing of what was set up: callgrind knows this function by its name.
#[inline(never)]
fn measured(work: &mut Work, times: u32) {
    for _ in 0..times {
        black_box(work());
    }
}

fn time(name: &str) {
    let mut work = work::set_up(name);
    let start = Instant::now();
    measured(&mut work, 3);
    let times = (20_000_000 / (start.elapsed().as_nanos() / 3).max(1)).clamp(1, 100_000) as u32;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            measured(&mut work, times);
            start.elapsed().as_secs_f64() * 1e6 / f64::from(times)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:24} {:10.2} µs", rounds[ROUNDS / 2]);
}
