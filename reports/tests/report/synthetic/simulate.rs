//! Simulates a run from targets and workloads: plan, samples, machine, ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_record::line::{OutcomeLine, SampleLine};
use plimsoll_record::reader::Trial;
use plimsoll_record::run::{
    ArtefactRecord, Environment, Family, PreflightNote, Run, SCHEMA, Severity, TargetKind,
    TargetRecord, TrialPlan, WorkloadRecord,
};
use plimsoll_record::{Boundary, Metric, Outcome, Recorded, Step, Suite, TargetId, Unit};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use time::macros::datetime;

use super::MadeUp;

pub(super) fn simulate(
    workloads: &[(&'static str, &'static str, &'static str, u64, f64, u32)],
    targets: &[MadeUp],
    seed: u64,
    iterations: u32,
) -> Recorded {
    simulate_suite(Suite::Coldstart, workloads, targets, seed, iterations)
}

pub(super) fn simulate_suite(
    suite: Suite,
    workloads: &[(&'static str, &'static str, &'static str, u64, f64, u32)],
    targets: &[MadeUp],
    seed: u64,
    iterations: u32,
) -> Recorded {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut plan = Vec::new();
    let mut trials = BTreeMap::new();
    for block in 0..20 {
        for (workload, _, _, bytes, work, most) in workloads {
            for target in targets {
                if block >= *most {
                    continue;
                }
                for &step in steps(target, suite) {
                    let index = plan.len() as u32;
                    plan.push(TrialPlan {
                        index,
                        block,
                        target: target.target.into(),
                        workload: (*workload).into(),
                        step,
                        iterations,
                        budget_ns: 20_000_000,
                    });
                    let size = *bytes as f64 / 16_300.0;
                    let samples = samples(index, step, target, size, *work, iterations, &mut rng);
                    let outcome = OutcomeLine {
                        trial: index,
                        attempt: 0,
                        started_ns: u64::from(index) * 30_000_000,
                        took_ns: 25_000_000,
                        note: None,
                        outcome: Outcome::Ok,
                    };
                    let histograms = Vec::new();
                    trials.insert(
                        index,
                        Trial {
                            outcome,
                            samples,
                            histograms,
                            scripts: Vec::new(),
                            fact: None,
                        },
                    );
                }
            }
        }
    }
    Recorded {
        directory: PathBuf::from("results/2026-11-22T09-00-00Z-coldstart"),
        run: run(suite, workloads, targets, seed, plan),
        trials,
        attempts: BTreeMap::new(),
        unreadable_lines: 0,
    }
}

fn run(
    suite: Suite,
    workloads: &[(&'static str, &'static str, &'static str, u64, f64, u32)],
    targets: &[MadeUp],
    seed: u64,
    plan: Vec<TrialPlan>,
) -> Run {
    Run {
        schema: SCHEMA.to_owned(),
        id: "2026-11-22T09-00-00Z-coldstart".to_owned(),
        suite,
        bench_version: "0.1.0".to_owned(),
        started: datetime!(2026-11-22 09:00 UTC),
        ended: Some(datetime!(2026-11-22 09:14 UTC)),
        command: ["bench", "run", "--suite", "coldstart", "--seed", "7"]
            .map(str::to_owned)
            .to_vec(),
        seed,
        quick: false,
        environment: environment(),
        preflight: preflight(),
        targets: targets.iter().map(record).collect(),
        workloads: workloads.iter().map(workload).collect(),
        programs: Vec::new(),
        denoised: None,
        artefacts: artefacts(workloads, targets),
        skipped: Vec::new(),
        load: None,
        specification: None,
        sandbox: None,
        density: None,
        plan,
    }
}

fn steps(target: &MadeUp, suite: Suite) -> &'static [Step] {
    match (suite, target.kind) {
        (Suite::Conformance | Suite::Sandbox, _) => &[],
        (Suite::Throughput, _) => &[Step::Execute],
        (
            Suite::Density
            | Suite::Memory
            | Suite::Size
            | Suite::Serve
            | Suite::Languages
            | Suite::Instructions
            | Suite::Neighbours,
            _,
        ) => &[],
        (Suite::Coldstart, TargetKind::Wasm) if target.in_process[1] == 0.0 => {
            &[Step::Compile, Step::Process]
        }
        (Suite::Coldstart, TargetKind::Wasm) => &[
            Step::Instantiate,
            Step::Load,
            Step::Compile,
            Step::FirstOutputWarm,
            Step::FirstOutputArtefact,
            Step::Process,
            Step::Deploy,
        ],
        (Suite::Coldstart, TargetKind::Native | TargetKind::Container) => {
            &[Step::Process, Step::Deploy]
        }
    }
}

/// What a step yields: boundary, metric, typical nanoseconds, number of samples.
fn typical(
    step: Step,
    target: &MadeUp,
    size: f64,
    work: f64,
    iterations: u32,
) -> Vec<(Boundary, Metric, f64, u32)> {
    let container = target.kind == TargetKind::Container;
    let [l0, l1, l2] = target.in_process;
    let guest = work * target.work;
    let l3 = target.process + guest * 0.98;
    let l4 = l3 * if container { 1.18 } else { 1.04 } + guest * 0.02 + 3e4;
    let count = (iterations as f64 / (size * 1.5).max(1.0)).ceil() as u32;
    let mut plan: Vec<(Boundary, Metric, f64, u32)> = match step {
        Step::Instantiate => vec![
            (
                Boundary::L0,
                Metric::WallTime,
                l0 * size.powf(0.1),
                iterations,
            ),
            (Boundary::L0, Metric::CycleTime, l0 * 1.6 + guest, count),
        ],
        Step::Load => vec![(Boundary::L1, Metric::WallTime, l1 * size.powf(0.3), count)],
        Step::Compile => vec![(Boundary::L2, Metric::WallTime, l2 * size, count.min(4))],
        // A reader in the host gets the first byte shortly after the guest writes it.
        Step::FirstOutputWarm => {
            let took = l0 * size.powf(0.1) + 2e4 + guest * 0.98;
            vec![(Boundary::FirstOutputWarm, Metric::WallTime, took, count)]
        }
        Step::FirstOutputArtefact => {
            let took = l1 * size.powf(0.3) + 2e4 + guest * 0.98;
            vec![(Boundary::FirstOutputArtefact, Metric::WallTime, took, count)]
        }
        Step::Process => vec![
            (Boundary::L3, Metric::WallTime, l3, 1),
            (Boundary::L4, Metric::WallTime, l4, 1),
            (Boundary::L4, Metric::CpuTime, l4 * 0.7, 1),
        ],
        Step::Deploy => vec![(Boundary::L6, Metric::WallTime, l4 * 1.3 + 2e5 * size, 1)],
        Step::Execute => vec![
            (Boundary::Run, Metric::WallTime, guest, iterations),
            (Boundary::Run, Metric::CpuTime, guest * 0.99, iterations),
            (
                Boundary::Run,
                Metric::CycleTime,
                guest * 1.01 + l0,
                iterations,
            ),
        ],
        other => unreachable!("{other} is no step of a cold start"),
    };
    if step == Step::Process && container {
        plan.push((Boundary::L5, Metric::WallTime, l4 * 1.06, 1));
    }
    plan
}

fn samples(
    trial: u32,
    step: Step,
    target: &MadeUp,
    size: f64,
    work: f64,
    iterations: u32,
    rng: &mut ChaCha8Rng,
) -> Vec<SampleLine> {
    let log_normal = |sigma: f64| LogNormal::new(0.0, sigma).expect("sigma is finite");
    let mut own = log_normal(0.05).sample(rng);
    if rng.random_bool(0.06) {
        own *= 1.7;
    }
    let mut lines = Vec::new();
    for (boundary, metric, typical, count) in typical(step, target, size, work, iterations) {
        for iteration in 0..count {
            let cold = if iteration == 0 && count > 1 {
                1.8
            } else {
                1.0
            };
            let value = typical * own * cold * log_normal(0.06).sample(rng);
            lines.push(SampleLine {
                trial,
                attempt: 0,
                boundary,
                metric,
                iteration,
                at: None,
                value: value.round() as u64,
                unit: Unit::Nanoseconds,
            });
        }
    }
    lines
}

fn environment() -> Environment {
    Environment {
        kernel: "Linux 6.1.0-31-amd64".to_owned(),
        os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        cpu_model: "Synthetic CPU @ 2.90GHz (made up for a test)".to_owned(),
        cpus: 2,
        memory_bytes: 24_700_000_000,
        virtualised: true,
        governor: None,
        aslr: Some("2".to_owned()),
        transparent_hugepages: Some("madvise".to_owned()),
        cgroup: "hybrid".to_owned(),
        other: BTreeMap::from([("clock source".to_owned(), "kvm-clock".to_owned())]),
        identity: None,
    }
}

fn preflight() -> Vec<PreflightNote> {
    let note = |subject: &str, found: &str, severity| PreflightNote {
        subject: subject.to_owned(),
        found: found.to_owned(),
        severity,
    };
    vec![
        note("load average", "1.62 on 2 processors", Severity::Noisy),
        note("stolen time", "0.2 %", Severity::Good),
        note("frequency governor", "not visible here", Severity::Note),
        note("other containers", "none", Severity::Good),
        note(
            "virtual machine",
            "yes: the host's other guests share this hardware",
            Severity::Note,
        ),
    ]
}

fn record(made_up: &MadeUp) -> TargetRecord {
    let configuration: BTreeMap<String, String> = [
        ("optimisation", "speed"),
        ("memory", "static, 4 GiB reserved, 32 MiB guard"),
        ("cache", "none: the artefact is made before the first trial"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    TargetRecord {
        target: made_up.target.into(),
        kind: made_up.kind,
        engine: TargetId::from(made_up.target).engine().to_owned(),
        engine_version: "48.0.8".to_owned(),
        adapter: "adapter-made-up 0.1.0".to_owned(),
        configuration,
        steps: steps(made_up, Suite::Coldstart).to_vec(),
        family: match (made_up.kind, made_up.target) {
            (TargetKind::Native, _) => Some(Family::Native),
            (TargetKind::Container, _) => Some(Family::Container),
            (_, target) if target.contains("winch") || target.contains("singlepass") => {
                Some(Family::Baseline)
            }
            _ => Some(Family::Optimising),
        },
        own: Some(made_up.target.starts_with("ours")),
        daemon: (made_up.kind == TargetKind::Container).then_some(true),
        programs: Vec::new(),
        life: None,
    }
}

fn workload(
    (name, title, language, bytes, _, _): &(&str, &str, &str, u64, f64, u32),
) -> WorkloadRecord {
    let hash = |what: &str| {
        format!("{name}{what}")
            .bytes()
            .fold(String::new(), |mut hash, b| {
                hash.push_str(&format!("{b:02x}"));
                hash
            })
    };
    WorkloadRecord {
        workload: (*name).into(),
        title: (*title).to_owned(),
        language: (*language).to_owned(),
        source_sha256: hash("source"),
        wasm_sha256: hash("wasm"),
        wasm_bytes: *bytes,
        component_sha256: None,
        wasm_toolchain: "rustc 1.96.0, LLVM 22, wasm32-wasip1".to_owned(),
        native_toolchain: Some("rustc 1.96.0, LLVM 22".to_owned()),
        native_sha256: Some(hash("native")),
        expected_sha256: hash("expected"),
        given: Default::default(),
        uses: Vec::new(),
    }
}

fn artefacts(
    workloads: &[(&'static str, &'static str, &'static str, u64, f64, u32)],
    targets: &[MadeUp],
) -> Vec<ArtefactRecord> {
    let mut artefacts = Vec::new();
    for (name, _, _, bytes, _, _) in workloads {
        for target in targets {
            let (role, factor) = match target.kind {
                TargetKind::Native => continue,
                TargetKind::Wasm => ("aot", 3),
                TargetKind::Container => ("image", 60),
            };
            artefacts.push(ArtefactRecord {
                target: target.target.into(),
                workload: (*name).into(),
                role: role.to_owned(),
                bytes: bytes * factor,
            });
        }
    }
    artefacts
}
