//! Simulated runs on a drifting machine; nothing here was measured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_analysis::statistics::{Generator, generator};
use plimsoll_record::line::{OutcomeLine, SampleLine};
use plimsoll_record::reader::Trial;
use plimsoll_record::run::{
    Environment, Run, SCHEMA, TargetKind, TargetRecord, TrialPlan, WorkloadRecord,
};
use plimsoll_record::{Boundary, Metric, Outcome, Recorded, Step, Suite, TargetId, Unit};
use rand_distr::{Distribution, Normal};
use time::macros::datetime;

/// The boundaries and typical nanoseconds of a simulated target.
pub(crate) struct MadeUp {
    pub(crate) target: &'static str,
    pub(crate) kind: TargetKind,
    pub(crate) steps: &'static [(Step, &'static [(Boundary, f64)])],
}

pub(crate) const NATIVE: MadeUp = MadeUp {
    target: "native",
    kind: TargetKind::Native,
    steps: &[(Step::Process, &[(Boundary::L3, 4e5), (Boundary::L4, 5e5)])],
};

pub(crate) const ENGINE: MadeUp = MadeUp {
    target: "engine/fast",
    kind: TargetKind::Wasm,
    steps: &[
        (Step::Instantiate, &[(Boundary::L0, 2e4)]),
        (Step::Load, &[(Boundary::L1, 1.5e5)]),
        (Step::Compile, &[(Boundary::L2, 3e7)]),
        (Step::Process, &[(Boundary::L3, 2e6), (Boundary::L4, 2.1e6)]),
    ],
};

pub(crate) const OTHER_ENGINE: MadeUp = MadeUp {
    target: "engine/small",
    ..ENGINE
};

pub(crate) const CONTAINER: MadeUp = MadeUp {
    target: "container",
    kind: TargetKind::Container,
    steps: &[(
        Step::Process,
        &[
            (Boundary::L3, 1.7e8),
            (Boundary::L4, 2e8),
            (Boundary::L5, 2.1e8),
        ],
    )],
};

/// A simulated machine's behaviour: standard deviations of logarithms, except `spikes`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// Between fresh processes that do the same.
    pub(crate) trial: f64,
    /// Between iterations of one process.
    pub(crate) iteration: f64,
    /// Of the machine's effect on everything at once, between and within runs.
    pub(crate) weather: f64,
    /// Of a run's effect on a single row.
    pub(crate) per_row: f64,
    /// Share of trials hit by a neighbour, which takes them 1.5 times as long.
    pub(crate) spikes: f64,
}

/// The subject of a simulation.
pub(crate) struct World<'a> {
    pub(crate) targets: &'a [&'a MadeUp],
    pub(crate) workloads: &'a [&'static str],
    pub(crate) trials: u32,
    pub(crate) iterations: u32,
    pub(crate) machine: Machine,
}

impl World<'_> {
    /// One run; `factor` is the slowdown of a target.
    pub(crate) fn run(&self, seed: u64, factor: impl Fn(&str) -> f64) -> Recorded {
        let mut rng = generator(seed, "a simulated run");
        let mut recorded = Recorded {
            directory: PathBuf::from("simulated"),
            run: self.blank(seed),
            trials: BTreeMap::new(),
            attempts: BTreeMap::new(),
            unreadable_lines: 0,
        };
        let mut per_row: BTreeMap<(usize, usize, usize), f64> = BTreeMap::new();
        let mut weather = normal(self.machine.weather, &mut rng);
        for block in 0..self.trials {
            // A random walk with decay: neighbours come and go over several blocks.
            weather = 0.8 * weather + 0.6 * normal(self.machine.weather, &mut rng);
            for (w, workload) in self.workloads.iter().enumerate() {
                for (t, target) in self.targets.iter().enumerate() {
                    for (s, (step, boundaries)) in target.steps.iter().enumerate() {
                        let mut own = *per_row
                            .entry((w, t, s))
                            .or_insert_with(|| normal(self.machine.per_row, &mut rng));
                        own += weather + normal(self.machine.trial, &mut rng);
                        if uniform(&mut rng) < self.machine.spikes {
                            own += 0.4;
                        }
                        let slow = factor(target.target) * own.exp() * (1.0 + w as f64);
                        let index = recorded.run.plan.len() as u32;
                        recorded.run.plan.push(TrialPlan {
                            index,
                            block,
                            target: target.target.into(),
                            workload: (*workload).into(),
                            step: *step,
                            iterations: self.iterations,
                            budget_ns: 20_000_000,
                        });
                        let samples = boundaries
                            .iter()
                            .flat_map(|&(boundary, typical)| {
                                let count = match step {
                                    Step::Process | Step::Deploy => 1,
                                    _ => self.iterations,
                                };
                                (0..count).map(move |iteration| (boundary, typical, iteration))
                            })
                            .map(|(boundary, typical, iteration)| {
                                let scatter = normal(self.machine.iteration, &mut rng).exp();
                                sample(index, boundary, iteration, typical * slow * scatter)
                            })
                            .collect();
                        recorded
                            .trials
                            .insert(index, finished(index, Outcome::Ok, samples));
                    }
                }
            }
        }
        recorded
    }

    fn blank(&self, seed: u64) -> Run {
        let workload = |name: &&'static str| WorkloadRecord {
            workload: (*name).into(),
            title: "made up".to_owned(),
            language: "none".to_owned(),
            source_sha256: "00".to_owned(),
            wasm_sha256: "00".to_owned(),
            wasm_bytes: 1,
            component_sha256: None,
            wasm_toolchain: "none".to_owned(),
            native_toolchain: None,
            native_sha256: Some("00".to_owned()),
            expected_sha256: "00".to_owned(),
            given: Default::default(),
            uses: Vec::new(),
        };
        let target = |made_up: &&MadeUp| TargetRecord {
            target: made_up.target.into(),
            kind: made_up.kind,
            engine: TargetId::from(made_up.target).engine().to_owned(),
            engine_version: "0".to_owned(),
            adapter: "simulated".to_owned(),
            configuration: BTreeMap::new(),
            steps: made_up.steps.iter().map(|(step, _)| *step).collect(),
            family: None,
            own: None,
            daemon: None,
            programs: Vec::new(),
            life: None,
        };
        Run {
            schema: SCHEMA.to_owned(),
            id: format!("simulated-{seed}"),
            suite: Suite::Coldstart,
            bench_version: "0".to_owned(),
            started: datetime!(2026-01-01 00:00 UTC),
            ended: Some(datetime!(2026-01-01 00:10 UTC)),
            command: vec!["simulated".to_owned()],
            seed,
            quick: false,
            environment: Environment {
                kernel: "simulated".to_owned(),
                os: "simulated".to_owned(),
                cpu_model: "simulated".to_owned(),
                cpus: 2,
                memory_bytes: 1,
                virtualised: true,
                governor: None,
                aslr: None,
                transparent_hugepages: None,
                cgroup: "v2".to_owned(),
                other: BTreeMap::new(),
                identity: None,
            },
            preflight: Vec::new(),
            targets: self.targets.iter().map(target).collect(),
            workloads: self.workloads.iter().map(workload).collect(),
            programs: Vec::new(),
            denoised: None,
            artefacts: Vec::new(),
            skipped: Vec::new(),
            load: None,
            specification: None,
            sandbox: None,
            density: None,
            plan: Vec::new(),
        }
    }
}

/// One sample of wall time.
pub(crate) fn sample(
    trial: u32,
    boundary: Boundary,
    iteration: u32,
    nanoseconds: f64,
) -> SampleLine {
    SampleLine {
        trial,
        attempt: 0,
        boundary,
        metric: Metric::WallTime,
        iteration,
        at: None,
        value: nanoseconds.round() as u64,
        unit: Unit::Nanoseconds,
    }
}

/// A trial with the outcome `outcome`.
pub(crate) fn finished(trial: u32, outcome: Outcome, samples: Vec<SampleLine>) -> Trial {
    Trial {
        outcome: OutcomeLine {
            trial,
            attempt: 0,
            started_ns: 0,
            took_ns: 1,
            note: None,
            outcome,
        },
        samples,
        histograms: Vec::new(),
        scripts: Vec::new(),
        fact: None,
    }
}

fn normal(sigma: f64, rng: &mut Generator) -> f64 {
    let normal = Normal::new(0.0, sigma).expect("sigma is finite");
    normal.sample(rng)
}

fn uniform(rng: &mut Generator) -> f64 {
    rand::RngExt::random(rng)
}
