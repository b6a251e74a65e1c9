//! Decides which rows of different runs form one series: those of the same thing on the same machine in the
//! same conditions.

use plimsoll_analysis::{Row, alike};
use plimsoll_record::run::Environment;
use plimsoll_record::{Boundary, Metric, Run, Suite, TargetId, Unit, WorkloadId};

/// The identity of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The thing measured.
    pub question: Question,
    /// Machine, conditions, engine and program.
    pub circumstances: Vec<(&'static str, String)>,
}

/// The thing measured, independent of the circumstances.
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

    /// The circumstances that differ from `other`'s.
    pub fn apart(&self, other: &Key) -> String {
        let pairs = self.circumstances.iter().zip(&other.circumstances);
        let differing = pairs.filter(|(own, other)| own != other);
        let words = differing.map(|((what, value), _)| match *what {
            // A hash, shortened.
            "the program" => format!("{what}: {}", value.get(..12).unwrap_or(value)),
            what => format!("{what}: {value}"),
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// A row's name in a history, the same in every run.
pub fn name(row: &Row) -> String {
    let name = format!("{} {}", benchmark(row), row.metric);
    name.trim_end().to_owned()
}

/// The row's name without the metric.
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

/// Describes a machine. The kernel is not part of it.
pub fn machine(environment: &Environment) -> String {
    format!(
        "{} × {}, {:.1} GiB",
        environment.cpus,
        environment.cpu_model,
        environment.memory_bytes as f64 / f64::from(1u32 << 30)
    )
}
