//! Synthetic runs with plausible magnitudes. Nothing here was measured.

mod simulate;
pub(crate) mod whole;

use std::collections::BTreeMap;

use plimsoll_record::run::{Skipped, TargetKind};
use plimsoll_record::{FailureKind, Outcome, Recorded, Suite, TargetId};

use simulate::{simulate, simulate_suite};

/// A made-up target: L0, L1 and L2 in nanoseconds, and the cost of its process or container at L3.
struct MadeUp {
    target: &'static str,
    kind: TargetKind,
    in_process: [f64; 3],
    process: f64,
    /// Ratio of its execution time to native.
    work: f64,
}

const TARGETS: &[MadeUp] = &[
    made_up("native", TargetKind::Native, [0.0; 3], 4.1e5, 1.0),
    made_up("ours", TargetKind::Wasm, [1.1e3, 3.1e4, 9e6], 5.4e5, 1.24),
    made_up("ours+jit", TargetKind::Wasm, [1.1e3, 0.0, 9e6], 9.8e6, 1.24),
    made_up(
        "alpha/cranelift",
        TargetKind::Wasm,
        [2.1e4, 1.5e5, 9.6e6],
        2.1e6,
        1.3,
    ),
    made_up(
        "alpha/cranelift+pooling",
        TargetKind::Wasm,
        [4.4e3, 1.32e5, 9.7e6],
        2.2e6,
        1.3,
    ),
    made_up(
        "alpha/cranelift+jit",
        TargetKind::Wasm,
        [2.2e4, 0.0, 9.6e6],
        1.24e7,
        1.3,
    ),
    made_up(
        "alpha/winch",
        TargetKind::Wasm,
        [2.4e4, 1.6e5, 1.9e6],
        2.3e6,
        2.9,
    ),
    made_up(
        "alpha/winch+jit",
        TargetKind::Wasm,
        [2.4e4, 0.0, 1.9e6],
        4.4e6,
        2.9,
    ),
    made_up(
        "beta/cranelift",
        TargetKind::Wasm,
        [5.2e4, 1.9e6, 1.3e7],
        3.4e6,
        1.38,
    ),
    made_up(
        "beta/singlepass",
        TargetKind::Wasm,
        [5.4e4, 2.2e6, 2.4e6],
        3.3e6,
        3.4,
    ),
    made_up(
        "docker/runc",
        TargetKind::Container,
        [0.0; 3],
        1.72e8,
        1.003,
    ),
];

const fn made_up(
    target: &'static str,
    kind: TargetKind,
    in_process: [f64; 3],
    process: f64,
    work: f64,
) -> MadeUp {
    MadeUp {
        target,
        kind,
        in_process,
        process,
        work,
    }
}

/// Name, title, language, size of its .wasm, execution time (ns), maximum trials.
const WORKLOADS: &[(&str, &str, &str, u64, f64, u32)] = &[
    ("hello", "hello, world in C", "c", 16_300, 0.0, 20),
    (
        "hello-rust",
        "hello, world in Rust",
        "rust",
        61_400,
        1e4,
        20,
    ),
    (
        "json",
        "parse and query a document of 4 MB",
        "rust",
        245_000,
        3.1e7,
        5,
    ),
    ("sha256", "hash 64 MiB", "rust", 71_000, 2.6e8, 5),
    (
        "sqlite",
        "fill and query a database in memory",
        "c",
        1_390_000,
        4.4e7,
        5,
    ),
    (
        "image",
        "decode, resize and encode a picture",
        "rust",
        512_000,
        1.9e8,
        5,
    ),
];

/// A complete run: six workloads, eleven targets, and some failures.
pub(crate) fn full() -> Recorded {
    let mut recorded = simulate(WORKLOADS, TARGETS, 7, 200);
    // A wrong answer, an occasional crash, an unsupported workload, and a container that never starts.
    spoil(&mut recorded, "beta/singlepass", "json", |n| {
        let message = format!("byte {} of the output is 0x00, expected 0x7b", 40 + n % 2);
        Some(Outcome::WrongOutput { message })
    });
    spoil(&mut recorded, "alpha/winch", "hello", |n| {
        (n % 30 == 7).then(|| Outcome::Failed {
            kind: FailureKind::Crashed,
            message: "the adapter ended by signal 11 (SIGSEGV) while measuring".to_owned(),
            stderr: "memory access out of bounds".to_owned(),
        })
    });
    spoil(&mut recorded, "beta/cranelift", "image", |_| {
        let reason = "the module needs SIMD, which is off in this build".to_owned();
        Some(Outcome::Unsupported { reason })
    });
    spoil(&mut recorded, "docker/runc", "sqlite", |_| {
        Some(Outcome::Failed {
            kind: FailureKind::Deadline,
            message: "no output within 60 s; the container was removed".to_owned(),
            stderr: String::new(),
        })
    });
    recorded.run.skipped = vec![
        Skipped {
            what: "gamma/llvm".to_owned(),
            why: "its adapter is not built".to_owned(),
            remedy: Some("bench setup gamma".to_owned()),
            requested: false,
        },
        Skipped {
            what: "delta".to_owned(),
            why: "its shared library was not found".to_owned(),
            remedy: None,
            requested: true,
        },
    ];
    recorded
}

/// One workload, three targets: small enough for a snapshot.
pub(crate) fn small() -> Recorded {
    simulate(&WORKLOADS[..1], &[at(0), at(1), at(10)], 3, 8)
}

/// A throughput run in which one target failed one workload.
pub(crate) fn throughput() -> Recorded {
    let mut recorded = simulate_suite(Suite::Throughput, &WORKLOADS[2..5], TARGETS, 13, 10);
    recorded.run.id = "2026-11-22T09-00-00Z-throughput".to_owned();
    let last = WORKLOADS[4].0;
    spoil(&mut recorded, "beta/cranelift", last, |_| {
        Some(Outcome::Failed {
            kind: FailureKind::Engine,
            message: "running _start: out of bounds".to_owned(),
            stderr: String::new(),
        })
    });
    recorded
}

/// A run with a single target.
pub(crate) fn single() -> Recorded {
    simulate(&WORKLOADS[..2], &[at(3)], 5, 40)
}

/// A run interrupted after a third of its trials, with a truncated last line.
pub(crate) fn interrupted() -> Recorded {
    let mut recorded = simulate(&WORKLOADS[..3], TARGETS, 11, 30);
    let reached = recorded.run.plan.len() as u32 / 3;
    recorded.trials.retain(|index, _| *index < reached);
    recorded.run.ended = None;
    recorded.unreadable_lines = 1;
    recorded
}

/// A run without records.
pub(crate) fn empty() -> Recorded {
    let mut recorded = simulate(&WORKLOADS[..1], &[at(0)], 1, 1);
    recorded.run.plan.clear();
    recorded.trials.clear();
    recorded
}

/// A run in which every text from an engine, a machine or a file is an attack.
pub(crate) fn hostile() -> Recorded {
    let attack = "\"><script>alert('x')</script><img src=x onerror=alert(1)>&amp;]]>\u{0}|`${x}\u{202e}\u{9b}31m\r\x1b[31m";
    let mut recorded = simulate(&WORKLOADS[..1], &[at(0), at(1), at(10)], 3, 8);
    let id = TargetId::from(attack);
    for plan in &mut recorded.run.plan {
        if plan.target.as_str() == "ours" {
            plan.target = id.clone();
        }
    }
    let run = &mut recorded.run;
    run.id = attack.to_owned();
    run.bench_version = attack.to_owned();
    run.command = vec!["bench".to_owned(), attack.to_owned()];
    run.environment.cpu_model = attack.to_owned();
    run.environment.os = attack.to_owned();
    run.environment.kernel = attack.to_owned();
    run.environment.governor = Some(attack.to_owned());
    run.environment.other = BTreeMap::from([(attack.to_owned(), attack.to_owned())]);
    let target = &mut run.targets[1];
    target.target = id;
    target.engine = attack.to_owned();
    target.engine_version = attack.to_owned();
    target.adapter = attack.to_owned();
    target.configuration = BTreeMap::from([(attack.to_owned(), attack.to_owned())]);
    run.workloads[0].title = attack.to_owned();
    run.workloads[0].wasm_toolchain = attack.to_owned();
    run.preflight[0].found = attack.to_owned();
    run.skipped = vec![Skipped {
        what: attack.to_owned(),
        why: attack.to_owned(),
        remedy: Some(attack.to_owned()),
        requested: true,
    }];
    spoil(&mut recorded, "docker/runc", "hello", |n| {
        (n == 0).then(|| Outcome::Failed {
            kind: FailureKind::Engine,
            message: attack.to_owned(),
            stderr: attack.to_owned(),
        })
    });
    recorded
}

const fn at(place: usize) -> MadeUp {
    let MadeUp {
        target,
        kind,
        in_process,
        process,
        work,
    } = TARGETS[place];
    made_up(target, kind, in_process, process, work)
}

/// Changes the outcome of those trials of a target and workload for which `end` returns one.
fn spoil(
    recorded: &mut Recorded,
    target: &str,
    workload: &str,
    end: impl Fn(u32) -> Option<Outcome>,
) {
    let plan = recorded.run.plan.iter();
    let hit = plan.filter(|p| p.target.as_str() == target && p.workload.as_str() == workload);
    for (n, index) in hit.map(|p| p.index).enumerate() {
        let Some(trial) = recorded.trials.get_mut(&index) else {
            continue;
        };
        if let Some(outcome) = end(n as u32) {
            trial.outcome.outcome = outcome;
            trial.samples.clear();
        }
    }
}
