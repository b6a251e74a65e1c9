//! Differences between two runs: machine, conditions, engines, programs.
//!
//! `bench compare` warns of every difference. `bench gate` does not judge rows that measure different things,
//! and `bench history` keeps runs with different [`conditions`] in separate series.

use plimsoll_record::run::{Environment, TargetKind, TargetRecord, WorkloadRecord};
use plimsoll_record::{Recorded, Run, TargetId, WorkloadId};

use crate::series::SeriesKey;

/// The name and value of a property of a run.
pub type Fact = (&'static str, String);

/// One difference between a base and a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The property that differs, as the subject of a sentence.
    pub what: String,
    /// Its value in the base.
    pub base: String,
    /// Its value in the candidate.
    pub candidate: String,
    /// The affected rows.
    pub scope: Scope,
}

/// The rows that a difference affects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All rows, because the suites differ.
    Suite,
    /// All timed rows, because the machines differ.
    Machine,
    /// All timed rows, because the machine is configured differently.
    Conditions,
    /// All rows, but they stay comparable: the harness differs.
    Harness,
    /// The rows of a target: another engine or version.
    Engine(TargetId),
    /// The rows of a target: another configuration of the same engine.
    Configuration(TargetId),
    /// The rows of a workload on targets of these kinds.
    Program(WorkloadId, &'static [TargetKind]),
}

impl Difference {
    /// The difference as one sentence.
    pub fn describe(&self) -> String {
        format!(
            "{} differs: {} in the base, {} in the candidate",
            self.what, self.base, self.candidate
        )
    }

    /// Whether rows with `key`, of a target of `kind`, measure different things on the two sides, whatever
    /// the machine.
    pub fn is_other_thing(&self, key: &SeriesKey, kind: Option<TargetKind>) -> bool {
        match &self.scope {
            Scope::Suite => true,
            Scope::Engine(target) => *target == key.target,
            Scope::Program(workload, kinds) => {
                *workload == key.workload && kind.is_none_or(|kind| kinds.contains(&kind))
            }
            Scope::Machine | Scope::Conditions | Scope::Harness | Scope::Configuration(_) => false,
        }
    }

    /// Whether it makes times incomparable.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.scope, Scope::Machine | Scope::Conditions)
    }
}

/// The machine of a run.
pub fn machine(environment: &Environment) -> Vec<Fact> {
    vec![
        ("the processor", environment.cpu_model.clone()),
        ("the number of processors", environment.cpus.to_string()),
        (
            "the memory of the machine",
            format!("{} bytes", environment.memory_bytes),
        ),
        ("the kernel", environment.kernel.clone()),
        ("the distribution", environment.os.clone()),
    ]
}

/// How the machine was configured for a run: settings that affect times but not programs.
pub fn conditions(run: &Run) -> Vec<Fact> {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let environment = &run.environment;
    let measured = match run.is_denoised() {
        true => "with --denoise",
        false => "without --denoise",
    };
    vec![
        ("noise reduction", measured.to_owned()),
        ("the frequency governor", known(&environment.governor)),
        ("address space randomisation", known(&environment.aslr)),
        (
            "the setting of transparent huge pages",
            known(&environment.transparent_hugepages),
        ),
        ("the cgroup version", environment.cgroup.clone()),
    ]
}

/// The hashes of the program behind rows of `workload` on a target of `kind`.
pub fn program(run: &Run, workload: &WorkloadId, kind: Option<TargetKind>) -> String {
    let mut workloads = run.workloads.iter();
    let Some(record) = workloads.find(|record| record.workload == *workload) else {
        return String::new();
    };
    let hashes = PARTS
        .iter()
        .filter(|part| kind.is_none_or(|kind| part.kinds.contains(&kind)))
        .map(|part| (part.hash)(record).unwrap_or("none"));
    hashes.collect::<Vec<_>>().join(" ")
}

/// The engine of a target in `run` with its version; empty if the run does not have the target.
pub fn engine(run: &Run, target: &TargetId) -> String {
    let mut targets = run.targets.iter();
    let found = targets.find(|record| record.target == *target);
    found.map_or_else(String::new, engine_of)
}

fn engine_of(record: &TargetRecord) -> String {
    format!("{} {}", record.engine, record.engine_version)
}

/// The kind of a target in `run`.
pub fn kind_of(run: &Run, target: &TargetId) -> Option<TargetKind> {
    let mut targets = run.targets.iter();
    let found = targets.find(|record| record.target == *target);
    found.map(|record| record.kind)
}

/// A part of a workload that affects the results, and the targets that run it.
struct Part {
    what: &'static str,
    kinds: &'static [TargetKind],
    hash: fn(&WorkloadRecord) -> Option<&str>,
}

/// Targets that run the native binary.
pub(crate) const NATIVE: &[TargetKind] = &[TargetKind::Native, TargetKind::Container];

const ALL: &[TargetKind] = &[TargetKind::Native, TargetKind::Wasm, TargetKind::Container];

const PARTS: [Part; 4] = [
    Part {
        what: "the .wasm",
        kinds: &[TargetKind::Wasm, TargetKind::Container],
        hash: |record| Some(&record.wasm_sha256),
    },
    Part {
        what: "the component",
        kinds: &[TargetKind::Wasm, TargetKind::Container],
        hash: |record| record.component_sha256.as_deref(),
    },
    Part {
        what: "the native binary",
        kinds: NATIVE,
        hash: |record| record.native_sha256.as_deref(),
    },
    Part {
        what: "the expected output",
        kinds: ALL,
        hash: |record| Some(&record.expected_sha256),
    },
];

/// Everything that differs between two runs and affects their results: suite and harness first, then machine,
/// conditions, and the targets and workloads of both.
pub fn differences(base: &Recorded, candidate: &Recorded) -> Vec<Difference> {
    let (b, c) = (&base.run, &candidate.run);
    let suite = [("the suite", b.suite.to_string())];
    let version = [("the version of bench", b.bench_version.clone())];
    let mut found = differing(&suite, &[("the suite", c.suite.to_string())], &Scope::Suite);
    found.extend(differing(
        &version,
        &[("the version of bench", c.bench_version.clone())],
        &Scope::Harness,
    ));
    found.extend(differing(
        &machine(&b.environment),
        &machine(&c.environment),
        &Scope::Machine,
    ));
    found.extend(differing(
        &conditions(b),
        &conditions(c),
        &Scope::Conditions,
    ));
    for base in &b.targets {
        let mut others = c.targets.iter();
        if let Some(other) = others.find(|other| other.target == base.target) {
            found.extend(targets(base, other));
        }
    }
    for base in &b.workloads {
        let mut others = c.workloads.iter();
        match others.find(|other| other.workload == base.workload) {
            Some(other) => found.extend(programs(base, other)),
            None if c.plan.iter().any(|trial| trial.workload == base.workload) => {
                found.push(unrecorded(base));
            }
            None => {}
        }
    }
    found
}

fn differing(base: &[Fact], candidate: &[Fact], scope: &Scope) -> Vec<Difference> {
    base.iter()
        .zip(candidate)
        .filter(|(base, candidate)| base.1 != candidate.1)
        .map(|(base, candidate)| Difference {
            what: base.0.to_owned(),
            base: base.1.clone(),
            candidate: candidate.1.clone(),
            scope: scope.clone(),
        })
        .collect()
}

fn targets(base: &TargetRecord, other: &TargetRecord) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |what: String, base: String, candidate: String, scope| {
        if base != candidate {
            found.push(Difference {
                what,
                base,
                candidate,
                scope,
            });
        }
    };
    add(
        format!("the engine of {}", base.target),
        engine_of(base),
        engine_of(other),
        Scope::Engine(base.target.clone()),
    );
    let names = base.configuration.keys().chain(
        other
            .configuration
            .keys()
            .filter(|name| !base.configuration.contains_key(*name)),
    );
    for name in names {
        let of = |record: &TargetRecord| {
            let value = record.configuration.get(name);
            value.cloned().unwrap_or_else(|| "not recorded".to_owned())
        };
        add(
            format!("the setting {name:?} of {}", base.target),
            of(base),
            of(other),
            Scope::Configuration(base.target.clone()),
        );
    }
    found
}

/// The difference of a candidate that did not record a workload's programs.
fn unrecorded(base: &WorkloadRecord) -> Difference {
    Difference {
        what: format!("the record of workload {}'s programs", base.workload),
        base: "there".to_owned(),
        candidate: "missing".to_owned(),
        scope: Scope::Program(base.workload.clone(), ALL),
    }
}

fn programs(base: &WorkloadRecord, other: &WorkloadRecord) -> Vec<Difference> {
    let short = |hash: Option<&str>| match hash {
        Some(hash) => hash.get(..12).unwrap_or(hash).to_owned(),
        None => "none".to_owned(),
    };
    PARTS
        .iter()
        .filter(|part| (part.hash)(base) != (part.hash)(other))
        .map(|part| Difference {
            what: format!("{} of workload {}", part.what, base.workload),
            base: short((part.hash)(base)),
            candidate: short((part.hash)(other)),
            scope: Scope::Program(base.workload.clone(), part.kinds),
        })
        .collect()
}
