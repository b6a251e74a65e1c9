//! Benchmarks the analysis and comparison of runs: `cargo bench --workspace --bench analysis`.

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use plimsoll_analysis::{analyse, compare};
use support::{CONTAINER, ENGINE, Machine, NATIVE, OTHER_ENGINE, World};

fn runs(criterion: &mut Criterion) {
    let world = World {
        targets: &[&NATIVE, &ENGINE, &OTHER_ENGINE, &CONTAINER],
        workloads: &["hello", "json"],
        trials: 20,
        iterations: 50,
        machine: Machine {
            trial: 0.05,
            iteration: 0.05,
            weather: 0.03,
            per_row: 0.01,
            spikes: 0.05,
        },
    };
    let (base, candidate) = (world.run(1, |_| 1.0), world.run(2, |_| 1.0));
    let mut group = criterion.benchmark_group("runs of 4 targets, 2 workloads, 20 trials");
    group.sample_size(10);
    group.bench_function("analyse one", |b| b.iter(|| analyse(&base)));
    group.bench_function("compare two", |b| b.iter(|| compare(&base, &candidate)));
    group.finish();
}

criterion_group!(analysis, runs);
criterion_main!(analysis);
