//! Benchmarks the harness's cost per trial (`cargo bench --workspace --bench trial`): spawning and waiting
//! for a process, recording its lines, counting a latency. For developers of the harness;
//! `scripts/overhead-check` compares it with hyperfine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use plimsoll::machine::interrupt::Interrupt;
use plimsoll::run::load::Measured;
use plimsoll::run::trial::process;
use plimsoll_adapter::protocol::Launch;
use plimsoll_record::line::{OutcomeLine, SampleLine};
use plimsoll_record::{Boundary, Line, Metric, Outcome, RunWriter, Unit};

fn spawning(criterion: &mut Criterion) {
    let program = PathBuf::from("/bin/true");
    let launch = Launch {
        program: program.clone(),
        args: Vec::new(),
        env: BTreeMap::new(),
        directory: PathBuf::from("/"),
        artefact: program,
        container: None,
    };
    let interrupt = Interrupt::never().expect("a socket pair");
    let deadline = Duration::from_secs(10);
    criterion.bench_function("spawn /bin/true and wait for it", |b| {
        b.iter(|| process::run(&launch, None, 64, deadline, &interrupt).expect("it runs"));
    });
}

/// The lines of one trial of an in-process step.
fn lines(samples: u32) -> Vec<Line> {
    let sample = |iteration| {
        Line::Sample(SampleLine {
            trial: 17,
            attempt: 0,
            boundary: Boundary::L0,
            metric: Metric::WallTime,
            iteration,
            at: None,
            value: 41_250,
            unit: Unit::Nanoseconds,
        })
    };
    let outcome = Line::Outcome(OutcomeLine {
        trial: 17,
        attempt: 0,
        started_ns: 1,
        took_ns: 1,
        note: None,
        outcome: Outcome::Ok,
    });
    (0..samples).map(sample).chain([outcome]).collect()
}

fn recording(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writer = RunWriter::open(folder.path()).expect("a writable folder");
    let mut group = criterion.benchmark_group("record a trial");
    for samples in [2, 200] {
        let lines = lines(samples);
        group.bench_function(format!("of {samples} samples"), |b| {
            b.iter(|| writer.append(&lines).expect("there is room"));
        });
    }
    group.finish();
}

fn latencies(criterion: &mut Criterion) {
    let mut measured = Measured::new(1000, Duration::from_secs(2));
    let mut latency = Duration::from_micros(50);
    criterion.bench_function("count the latency of a response", |b| {
        b.iter(|| {
            // Moves through four decades, like latencies of a loaded server.
            latency = match latency.as_millis() {
                0..500 => latency * 3 / 2,
                _ => Duration::from_micros(50),
            };
            measured.record(Duration::from_secs(1), latency, Some(latency));
        });
    });
}

criterion_group!(trial, spawning, recording, latencies);
criterion_main!(trial);
