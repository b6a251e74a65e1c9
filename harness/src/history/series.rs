//! Which rows of different runs are one series: those that measure the same thing on the same machine
//! in the same conditions.

use plimsoll_analysis::{Row, alike};
use plimsoll_record::run::Environment;
use plimsoll_record::{Boundary, Metric, Run, Suite, TargetId, Unit, WorkloadId};

/// What one series is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What is measured.
    pub question: Question,
    /// Machine, conditions, engine and program.
    pub circumstances: Vec<(&'static str, String)>,
}

/// What is measured, wherever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    suite: Suite,
    workload: WorkloadId,
    target: TargetId,
    boundary: Boundary,
    metric: Metric,
    unit: Unit,
    at: Option<u64>,
}

impl Key {
    /// The series that `row` of `run` belongs to.
    pub fn of(run: &Run, row: &Row) -> Self {
        let mut circumstances = alike::machine(&run.environment);
        circumstances.extend(alike::conditions(run));
        circumstances.push(("the engine", alike::engine(run, &row.target)));
        let kind = alike::kind_of(run, &row.target);
        let program = alike::program(run, &row.workload, kind);
        circumstances.push(("the program", program));
        Key {
            question: Question {
                suite: row.suite,
                workload: row.workload.clone(),
                target: row.target.clone(),
                boundary: row.boundary,
                metric: row.metric,
                unit: row.unit,
                at: row.at,
            },
            circumstances,
        }
    }

    /// The circumstances in which it differs from `other`, in words.
    pub fn apart(&self, other: &Key) -> String {
        let pairs = self.circumstances.iter().zip(&other.circumstances);
        let differing = pairs.filter(|(own, other)| own != other);
        let words = differing.map(|((what, value), _)| match *what {
            // Hashes.
            "the program" => format!("{what}: {}", value.get(..12).unwrap_or(value)),
            what => format!("{what}: {value}"),
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// What a row is called in a history, the same in every run.
pub fn name(row: &Row) -> String {
    let name = format!("{} {}", benchmark(row), row.metric);
    name.trim_end().to_owned()
}

/// What is measured, without the metric.
pub fn benchmark(row: &Row) -> String {
    let name = format!(
        "{} {} {} {}",
        row.suite, row.workload, row.target, row.boundary
    );
    match row.at {
        Some(at) => format!("{name} at {at}"),
        None => name,
    }
}

/// A machine, in words; a new kernel does not make another machine of it.
pub fn machine(environment: &Environment) -> String {
    format!(
        "{} × {}, {:.1} GiB",
        environment.cpus,
        environment.cpu_model,
        environment.memory_bytes as f64 / f64::from(1u32 << 30)
    )
}
