//! The largest possible run: forty targets on thirty-five workloads, in every suite. It has few trials, because their
//! number affects intervals but not what a page shows.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use plimsoll_record::conformance::{FailureMode, Finding, Group, ScriptLine, Specification};
use plimsoll_record::line::{HistogramLine, OutcomeLine, SampleLine};
use plimsoll_record::reader::Trial;
use plimsoll_record::run::{Density, Load, TargetKind, TrialPlan};
use plimsoll_record::{Boundary, Clock, Metric, Outcome, Recorded, Step, Suite, TargetId};

use super::simulate::simulate_suite;
use super::{MadeUp, made_up};

type Made = (&'static str, &'static str, &'static str, u64, f64, u32);

const TRIALS: u32 = 5;
const ITERATIONS: u32 = 6;
const RATES: [u64; 9] = [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000];

fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn targets() -> Vec<MadeUp> {
    let mut all = vec![made_up("native", TargetKind::Native, [0.0; 3], 4.1e5, 1.0)];
    let engines = [
        ("ours", 1.2),
        ("alpha", 1.3),
        ("beta", 1.4),
        ("gamma", 1.1),
        ("delta", 2.2),
        ("epsilon", 30.0),
    ];
    for (engine, work) in engines {
        for (n, configuration) in [
            "cranelift",
            "cranelift+pooling",
            "winch+jit",
            "llvm",
            "interpreted",
        ]
        .into_iter()
        .enumerate()
        {
            let slower = 1.0 + n as f64 / 3.0;
            all.push(made_up(
                kept(format!("{engine}/{configuration}")),
                TargetKind::Wasm,
                [4e3 * work * slower, 1e5 * slower, 9e6 / slower],
                2e6 * slower,
                work * slower,
            ));
        }
    }
    for container in [
        "docker/runc",
        "docker/runc+no-net",
        "docker/runc+host-net",
        "docker/crun",
        "docker/youki",
        "docker/runc+debian",
        "oci/runc",
        "oci/crun",
        "oci/youki",
    ] {
        all.push(made_up(
            container,
            TargetKind::Container,
            [0.0; 3],
            1.7e8,
            1.01,
        ));
    }
    assert_eq!(all.len(), 40);
    all
}

fn workloads(count: usize) -> Vec<Made> {
    let mut all = vec![("hello", "hello, world in C", "c", 16_300, 1e3, TRIALS)];
    while all.len() < count {
        let n = all.len();
        let name = kept(format!("workload-{n}"));
        let title = "computes something of a size that a real program would compute";
        all.push((
            name,
            title,
            "rust",
            50_000 + 40_000 * n as u64,
            3e6 * n as f64,
            TRIALS,
        ));
    }
    all
}

/// One run per suite.
pub(crate) fn runs() -> Vec<Recorded> {
    let targets = targets();
    let many = workloads(35);
    let timed = |suite, seed| simulate_suite(suite, &many, &targets, seed, ITERATIONS);
    let mut runs = vec![
        timed(Suite::Coldstart, 1),
        counted(Suite::Size, &many, &targets),
        counted(Suite::Memory, &many, &targets),
        counted(Suite::Density, &many[..2], &targets),
        timed(Suite::Throughput, 2),
        counted(Suite::Serve, &many[..1], &targets),
        conformance(&targets),
    ];
    for (n, run) in runs.iter_mut().enumerate() {
        let id = format!("2026-11-22T0{n}-00-00Z-{}", run.run.suite);
        run.directory = format!("results/{id}").into();
        run.run.id = id;
    }
    runs
}

/// A run whose trials are filled by [`fill`].
fn counted(suite: Suite, workloads: &[Made], targets: &[MadeUp]) -> Recorded {
    let mut recorded = simulate_suite(suite, workloads, targets, 3, 1);
    match suite {
        Suite::Serve => {
            recorded.run.load = Some(Load {
                rates: RATES.to_vec(),
                window_ns: 2_000_000_000,
                warm_up_ns: 1_000_000_000,
                connections: 16,
                timeout_ns: 2_000_000_000,
            });
        }
        Suite::Density => {
            recorded.run.density = Some(Density {
                instances: vec![1, 10, 100, 1000],
                processes: vec![1, 10, 100],
                containers: vec![1, 10, 25],
                memory_budget_bytes: 6_000_000_000,
                idle_window_ns: 1_000_000_000,
            });
        }
        _ => {}
    }
    let histograms = [histogram(3e5), histogram(2e6)];
    for block in 0..TRIALS {
        for (nth, (workload, ..)) in workloads.iter().enumerate() {
            for (place, target) in targets.iter().enumerate() {
                for &step in steps(suite, target.kind) {
                    let index = recorded.run.plan.len() as u32;
                    recorded.run.plan.push(TrialPlan {
                        index,
                        block,
                        target: target.target.into(),
                        workload: (*workload).into(),
                        step,
                        iterations: 1,
                        budget_ns: 0,
                    });
                    let scatter = 1.0 + f64::from((block * 7 + index) % 11) / 300.0;
                    let size = (place + 2) as f64 * (nth + 1) as f64 * scatter;
                    let mut trial = closed(index);
                    fill(&mut trial, step, target.kind, size, &histograms);
                    recorded.trials.insert(index, trial);
                }
            }
        }
    }
    recorded
}

fn closed(trial: u32) -> Trial {
    Trial {
        outcome: OutcomeLine {
            trial,
            attempt: 0,
            started_ns: u64::from(trial) * 30_000_000,
            took_ns: 25_000_000,
            note: None,
            outcome: Outcome::Ok,
        },
        samples: Vec::new(),
        histograms: Vec::new(),
        scripts: Vec::new(),
        fact: None,
    }
}

fn steps(suite: Suite, kind: TargetKind) -> &'static [Step] {
    match (suite, kind) {
        (Suite::Size, _) => &[Step::Size],
        (Suite::Memory, _) => &[Step::Idle, Step::Peak],
        (Suite::Density, TargetKind::Wasm) => &[Step::Instances, Step::Processes],
        (Suite::Density, _) => &[Step::Processes],
        (Suite::Serve, TargetKind::Wasm) => &[Step::Serve, Step::ServeFresh, Step::FirstResponse],
        (Suite::Serve, _) => &[Step::Serve, Step::FirstResponse],
        (other, _) => unreachable!("{other} is simulated elsewhere"),
    }
}

/// Samples of one trial of a step, for a target of roughly this size.
fn fill(trial: &mut Trial, step: Step, kind: TargetKind, size: f64, histograms: &[String; 2]) {
    let index = trial.outcome.trial;
    let mut put = |boundary, metric: Metric, at: Option<u64>, value: f64| {
        trial.samples.push(SampleLine {
            trial: index,
            attempt: 0,
            boundary,
            metric,
            iteration: 0,
            at,
            value: value as u64,
            unit: metric.unit(),
        });
    };
    let memory = [
        (Metric::Pss, 6e5),
        (Metric::Rss, 9e5),
        (Metric::Private, 4e5),
        (Metric::PageTables, 4e4),
        (Metric::FileDescriptors, 3.0),
    ];
    match step {
        Step::Size => {
            for (metric, each) in [
                (Metric::ModuleBytes, 1e4),
                (Metric::ArtefactBytes, 4e4),
                (Metric::ArtefactCompressedBytes, 2e4),
                (Metric::RunnerBytes, 5e6),
                (Metric::TransferBytes, 5e6),
                (Metric::TransferCompressedBytes, 2e6),
            ] {
                put(Boundary::OnDisk, metric, None, each * size);
            }
        }
        Step::Idle => {
            for (metric, each) in memory {
                put(Boundary::Idle, metric, None, each * size);
            }
        }
        Step::Peak => {
            put(Boundary::Peak, Metric::PeakRss, None, 2e6 * size);
            put(Boundary::Peak, Metric::CgroupPeak, None, 1e6 * size);
        }
        Step::Instances | Step::Processes => {
            let (boundary, levels): (_, &[u64]) = match (step, kind) {
                (Step::Instances, _) => (Boundary::Instances, &[1, 10, 100, 1000]),
                (_, TargetKind::Container) => (Boundary::Processes, &[1, 10, 25]),
                _ => (Boundary::Processes, &[1, 10, 100]),
            };
            let timed = [(Metric::WallTime, 2e6), (Metric::IdleCpu, 1e4)];
            for &level in levels {
                for (metric, each) in memory.into_iter().chain(timed) {
                    put(
                        boundary,
                        metric,
                        Some(level),
                        each * size * (level + 3) as f64,
                    );
                }
            }
        }
        Step::FirstResponse => put(Boundary::FirstResponse, Metric::WallTime, None, 3e6 * size),
        Step::Serve | Step::ServeFresh => {
            let boundary = match step {
                Step::Serve => Boundary::Request,
                _ => Boundary::FreshRequest,
            };
            for rate in RATES {
                let achieved = (rate as f64).min(9e5 / size);
                put(boundary, Metric::AchievedRate, Some(rate), achieved);
                put(boundary, Metric::Errors, Some(rate), 0.0);
                put(boundary, Metric::Timeouts, Some(rate), 0.0);
                for clock in [Clock::Due, Clock::Sent] {
                    trial.histograms.push(HistogramLine {
                        trial: index,
                        attempt: 0,
                        boundary,
                        clock,
                        at: rate,
                        second: None,
                        v2: histograms[usize::from(rate > 4000)].clone(),
                    });
                }
            }
        }
        other => unreachable!("{other} is simulated elsewhere"),
    }
}

/// A histogram of latencies around `typical` nanoseconds, encoded as in a run.
fn histogram(typical: f64) -> String {
    let mut latencies = Histogram::<u64>::new(3).expect("three digits");
    for n in 1..4000_u32 {
        // A tail: roughly a quantile of a log-normal distribution.
        let quantile = f64::from(n) / 4000.0;
        let value = typical * (quantile / (1.0 - quantile)).powf(0.3);
        latencies.record(value as u64).expect("it resizes");
    }
    let mut bytes = Vec::new();
    let written = V2DeflateSerializer::new().serialize(&latencies, &mut bytes);
    written.expect("it is written to memory");
    STANDARD.encode(bytes)
}

/// Forty-four test groups on every engine; a third of the engines fail hundreds of directives.
fn conformance(targets: &[MadeUp]) -> Recorded {
    let mut recorded = simulate_suite(Suite::Conformance, &[], targets, 4, 1);
    let groups: Vec<Group> = (0..44)
        .map(|n| Group {
            id: kept(format!("group-{n}")).into(),
            title: format!("the tests of proposal {n}"),
            folder: format!("proposals/p{n}"),
            proposal: None,
            features: Vec::new(),
            scripts: 5,
            directives: 600,
            sha256: "0".repeat(64),
        })
        .collect();
    let wasm = targets.iter().filter(|t| t.kind == TargetKind::Wasm);
    for (place, target) in wasm.enumerate() {
        for group in &groups {
            let index = recorded.run.plan.len() as u32;
            recorded.run.plan.push(TrialPlan {
                index,
                block: 0,
                target: target.target.into(),
                workload: group.id.clone(),
                step: Step::Conformance,
                iterations: 1,
                budget_ns: 0,
            });
            let mut trial = closed(index);
            trial.scripts = (0..5).map(|n| script(index, n, place % 3 == 2)).collect();
            recorded.trials.insert(index, trial);
        }
    }
    recorded.run.targets.retain(|t| t.kind == TargetKind::Wasm);
    recorded.run.specification = Some(Specification {
        source: "tests made up".to_owned(),
        directory: None,
        wasi_testsuite: None,
        permalink: Some("https://example.org/{folder}/{script}#L{line}".to_owned()),
        groups,
        claims: BTreeMap::<TargetId, _>::new(),
    });
    recorded
}

fn script(trial: u32, nth: u32, fails: bool) -> ScriptLine {
    let findings = if fails { 12 } else { 0 };
    ScriptLine {
        trial,
        attempt: 0,
        script: format!("script-{nth}.wast"),
        passed: 120 - findings,
        differing: 2,
        words: Vec::new(),
        findings: (0..findings)
            .map(|n| Finding {
                line: 10 * n + 1,
                how: FailureMode::Failed,
                message: "invoking \"f32.add\" gave 0x7fc00000, the script expects a canonical NaN"
                    .to_owned(),
            })
            .collect(),
        skipped: Vec::new(),
        unsupported: Vec::new(),
    }
}
