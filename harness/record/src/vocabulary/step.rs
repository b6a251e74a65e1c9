//! The table of steps: what each one yields, needs, and is run by.

use super::{Boundary, Metric, Step};

/// Everything needed to plan a step, check its samples and show its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepSpec {
    /// The boundaries of its samples.
    pub yields: &'static [Boundary],
    /// The boundaries of its rows. Those that only containers have come last.
    pub rows: &'static [Boundary],
    /// Number of `rows` that only containers have.
    pub only_containers: usize,
    /// The main metric; `None` if the step measures nothing.
    pub first_metric: Option<Metric>,
    /// What the workload must do.
    pub needs: Needs,
    /// Who does it.
    pub done_by: DoneBy,
}

/// What a step needs the workload to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing in particular.
    Any,
    /// Waits for the end of its input.
    Waits,
    /// Exits by itself.
    Ends,
    /// Serves requests.
    Server,
    /// Works in rounds until it is killed.
    Neighbour,
}

/// The program that runs a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoneBy {
    /// The adapter alone.
    Adapter,
    /// `bench`, with a command line from the adapter; for containers, the adapter.
    Launch,
    /// As [`DoneBy::Launch`], for every target that is a process, even if its adapter does not list
    /// the step.
    Bench,
}

const NOTHING: StepSpec = StepSpec {
    yields: &[],
    rows: &[],
    only_containers: 0,
    first_metric: Some(Metric::WallTime),
    needs: Needs::Any,
    done_by: DoneBy::Adapter,
};

impl Step {
    /// The step's row in the table.
    pub const fn spec(self) -> StepSpec {
        use Boundary as B;
        match self {
            Step::Instantiate => StepSpec {
                yields: &[B::L0],
                rows: &[B::L0],
                ..NOTHING
            },
            Step::Load => StepSpec {
                yields: &[B::L1],
                rows: &[B::L1],
                ..NOTHING
            },
            Step::Compile => StepSpec {
                yields: &[B::L2],
                rows: &[B::L2],
                ..NOTHING
            },
            Step::FirstOutputWarm => StepSpec {
                yields: &[B::FirstOutputWarm],
                rows: &[B::FirstOutputWarm],
                ..NOTHING
            },
            Step::FirstOutputArtefact => StepSpec {
                yields: &[B::FirstOutputArtefact],
                rows: &[B::FirstOutputArtefact],
                ..NOTHING
            },
            Step::Process => StepSpec {
                yields: &[B::L3, B::L4, B::L5, B::Tick],
                rows: &[B::L3, B::L4, B::L5],
                only_containers: 1,
                done_by: DoneBy::Launch,
                ..NOTHING
            },
            Step::Deploy => StepSpec {
                yields: &[B::L6],
                rows: &[B::L6],
                done_by: DoneBy::Launch,
                ..NOTHING
            },
            Step::Serve => StepSpec {
                rows: &[B::Request],
                first_metric: Some(Metric::AchievedRate),
                needs: Needs::Server,
                ..NOTHING
            },
            Step::ServeFresh => StepSpec {
                rows: &[B::FreshRequest],
                first_metric: Some(Metric::AchievedRate),
                needs: Needs::Server,
                ..NOTHING
            },
            Step::FirstResponse => StepSpec {
                rows: &[B::FirstResponse],
                needs: Needs::Server,
                ..NOTHING
            },
            Step::Execute => StepSpec {
                yields: &[B::Run],
                rows: &[B::Run],
                ..NOTHING
            },
            Step::Instances => StepSpec {
                yields: &[B::Instances],
                rows: &[B::Instance],
                first_metric: Some(Metric::Pss),
                needs: Needs::Ends,
                ..NOTHING
            },
            Step::Processes => StepSpec {
                yields: &[B::Processes, B::Daemon],
                rows: &[B::Process],
                first_metric: Some(Metric::Pss),
                needs: Needs::Waits,
                done_by: DoneBy::Bench,
                ..NOTHING
            },
            Step::Idle => StepSpec {
                yields: &[B::Idle, B::Peak, B::Daemon],
                rows: &[B::Idle],
                first_metric: Some(Metric::Pss),
                needs: Needs::Waits,
                done_by: DoneBy::Bench,
                ..NOTHING
            },
            Step::Peak => StepSpec {
                yields: &[B::Peak],
                rows: &[B::Peak],
                first_metric: Some(Metric::PeakRss),
                needs: Needs::Ends,
                done_by: DoneBy::Bench,
                ..NOTHING
            },
            Step::Size => StepSpec {
                yields: &[B::OnDisk],
                rows: &[B::OnDisk],
                first_metric: Some(Metric::TransferBytes),
                done_by: DoneBy::Bench,
                ..NOTHING
            },
            Step::Count => StepSpec {
                yields: &[B::L4, B::Run],
                rows: &[B::L4, B::Run],
                first_metric: Some(Metric::Instructions),
                done_by: DoneBy::Launch,
                ..NOTHING
            },
            Step::Beside => StepSpec {
                rows: &[B::Beside],
                first_metric: Some(Metric::P99),
                needs: Needs::Neighbour,
                done_by: DoneBy::Bench,
                ..NOTHING
            },
            Step::BesideLimited => StepSpec {
                rows: &[B::BesideLimited],
                first_metric: Some(Metric::P99),
                needs: Needs::Neighbour,
                done_by: DoneBy::Bench,
                ..NOTHING
            },
            // Counted, not measured.
            Step::Conformance => StepSpec {
                first_metric: None,
                ..NOTHING
            },
            Step::Sandbox => StepSpec {
                first_metric: None,
                ..NOTHING
            },
        }
    }
}
