//! What guests could and could not do: answers by question and target.
//!
//! Nothing is computed: answers are listed in the run's order and never added up.

use plimsoll_record::run::{Run, TargetKind};
use plimsoll_record::sandbox::{Answer, Limit, Question, Sandbox};
use plimsoll_record::{FactLine, Outcome, Recorded, Suite, TargetId, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::rows::Status;

/// A run's answers, questions and targets in the run's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'r> {
    /// The questions.
    pub questions: &'r [Question],
    /// The targets of the run, with their kinds.
    pub targets: Vec<(&'r TargetId, TargetKind)>,
    /// One cell per planned answer.
    pub cells: Vec<Cell<'r>>,
}

/// The answer of one target to one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell<'r> {
    /// The target.
    pub target: &'r TargetId,
    /// The question.
    pub question: &'r Question,
    /// The answer, or why it is missing.
    pub found: Result<&'r FactLine, String>,
}

impl Cell<'_> {
    /// The answer's name; `not known` if it is missing.
    pub fn word(&self) -> &'static str {
        match &self.found {
            Ok(fact) => fact.answer.word(),
            Err(_) => "not known",
        }
    }

    /// The evidence for the answer, or why it is missing.
    pub fn evidence(&self) -> &str {
        match &self.found {
            Ok(fact) => &fact.evidence,
            Err(why) => why,
        }
    }
}

impl<'r> Facts<'r> {
    /// The cell of a target and question; `None` if it was not planned.
    pub fn cell(&self, target: &TargetId, question: &WorkloadId) -> Option<&Cell<'r>> {
        let mut cells = self.cells.iter();
        cells.find(|cell| cell.target == target && cell.question.id == *question)
    }

    /// The number of answers, and the number planned.
    pub fn known(&self) -> (usize, usize) {
        let known = self.cells.iter().filter(|cell| cell.found.is_ok());
        (known.count(), self.cells.len())
    }
}

/// The answers of a run; `None` for other suites.
pub(crate) fn facts(recorded: &Recorded) -> Option<Facts<'_>> {
    let run = &recorded.run;
    let Sandbox { questions } = run.sandbox.as_ref()?;
    let mut cells = Vec::new();
    let mut targets = Vec::new();
    for record in &run.targets {
        let before = cells.len();
        for question in questions {
            let mut plan = run.plan.iter();
            let plan =
                plan.find(|plan| plan.target == record.target && plan.workload == question.id);
            let Some(plan) = plan else { continue };
            let found = match recorded.trials.get(&plan.index) {
                None => Err("not reached before the run ended".to_owned()),
                Some(trial) => match (&trial.outcome.outcome, &trial.fact) {
                    (Outcome::Ok, Some(fact)) => Ok(fact),
                    (Outcome::Ok, None) => Err("its line is lost".to_owned()),
                    (Outcome::Unsupported { reason }, _) => Err(reason.clone()),
                    (Outcome::Failed { message, .. } | Outcome::WrongOutput { message }, _) => {
                        Err(message.clone())
                    }
                },
            };
            cells.push(Cell {
                target: &record.target,
                question,
                found,
            });
        }
        if cells.len() > before {
            targets.push((&record.target, record.kind));
        }
    }
    Some(Facts {
        questions,
        targets,
        cells,
    })
}

/// A row of `plimsoll.report/1`: one target and question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactRow {
    /// Name of the run that the row is from.
    pub run: String,
    /// Always `sandbox`.
    pub suite: Suite,
    /// The question's name.
    pub workload: WorkloadId,
    /// The guest's attempt.
    pub title: String,
    /// The limits that the target had to set.
    pub limits: Vec<Limit>,
    /// The target.
    pub target: TargetId,
    /// The answer; `None` if `status` is `failed`.
    pub answer: Option<Answer>,
    /// The evidence for the answer.
    pub evidence: Option<String>,
    /// `unsupported` if the target sets no such limit.
    pub status: Status,
    /// Why there is no answer.
    pub note: Option<String>,
}

/// One row per answer of `run`.
pub(crate) fn rows(run: &Run, facts: &Facts<'_>) -> Vec<FactRow> {
    let row = |cell: &Cell<'_>| FactRow {
        run: run.id.clone(),
        suite: run.suite,
        workload: cell.question.id.clone(),
        title: cell.question.title.clone(),
        limits: cell.question.limits.clone(),
        target: cell.target.clone(),
        answer: cell.found.as_ref().ok().map(|fact| fact.answer),
        evidence: cell.found.as_ref().ok().map(|fact| fact.evidence.clone()),
        status: match &cell.found {
            Ok(fact) if fact.answer == Answer::Unsupported => Status::Unsupported,
            Ok(_) => Status::Ok,
            Err(_) => Status::Failed,
        },
        note: cell.found.as_ref().err().cloned(),
    };
    facts.cells.iter().map(row).collect()
}
