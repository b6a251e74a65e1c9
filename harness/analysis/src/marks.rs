//! Marks speeds that need a caveat: the target fails tests of a proposal that the workload uses.
//!
//! An engine may be fast because of a mistake. A run records the proposals that each workload's `.wasm`
//! needs; conformance runs show which targets fail tests of them. Speeds with both get a mark.

use std::collections::BTreeMap;

use plimsoll_record::run::Run;
use plimsoll_record::{Proposal, TargetId, WorkloadId};

use crate::conformance::Matrix;
use crate::rows::Row;

/// The mark next to a value.
pub const MARK: &str = "†";

/// The targets' failures, from the given conformance runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<(TargetId, Proposal), String>);

/// A target and workload with marked results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The target.
    pub target: TargetId,
    /// The workload.
    pub workload: WorkloadId,
    /// A description of the failures.
    pub why: String,
}

impl Marks {
    /// Collects the failures from conformance runs.
    pub fn of<'m, 'r: 'm>(runs: impl Iterator<Item = &'m Matrix<'r>>) -> Self {
        let mut marks = BTreeMap::new();
        for matrix in runs {
            for cell in &matrix.cells {
                let (Some(proposal), Ok(tally)) = (cell.group.proposal, &cell.counted) else {
                    continue;
                };
                if cell.passes_all() {
                    continue;
                }
                let why = match cell.is_unclaimed() {
                    true => format!("does not claim {proposal}"),
                    false => format!(
                        "passes {} of {} tests of {proposal}",
                        tally.passed,
                        tally.attempted()
                    ),
                };
                marks.insert((cell.target.clone(), proposal), why);
            }
        }
        Marks(marks)
    }

    /// Why results of `target` on a workload that `uses` these proposals are marked; `None` if they are not.
    /// A configuration with a label (`+pooling`) shares the failures of the one without.
    pub fn why(&self, target: &TargetId, uses: &[Proposal]) -> Option<String> {
        let mut name = target.as_str();
        loop {
            let id = TargetId::from(name);
            let mut all = uses
                .iter()
                .filter_map(|one| self.0.get(&(id.clone(), *one)));
            if let Some(first) = all.next() {
                let rest: String = all.map(|why| format!(", {why}")).collect();
                return Some(format!("{first}{rest}"));
            }
            (name, _) = name.rsplit_once('+')?;
        }
    }

    /// Every target and workload of `run` with marked results.
    pub fn marked(&self, run: &Run) -> Vec<Marked> {
        let mut marked: Vec<Marked> = Vec::new();
        for plan in &run.plan {
            let of = |one: &Marked| (&one.target, &one.workload) == (&plan.target, &plan.workload);
            if marked.iter().any(of) {
                continue;
            }
            let mut workloads = run.workloads.iter();
            let workload = workloads.find(|one| one.workload == plan.workload);
            if let Some(why) = workload.and_then(|one| self.why(&plan.target, &one.uses)) {
                marked.push(Marked {
                    target: plan.target.clone(),
                    workload: plan.workload.clone(),
                    why,
                });
            }
        }
        marked.sort_by(|a, b| (&a.workload, &a.target).cmp(&(&b.workload, &b.target)));
        marked
    }
}

/// Puts before the note of each of `rows` the mark of its target on its workload, if there is one.
pub(crate) fn note(marked: &[Marked], rows: &mut [Row]) {
    for row in rows.iter_mut().filter(|row| row.is_speed()) {
        let of = |one: &&Marked| one.target == row.target && one.workload == row.workload;
        if let Some(one) = marked.iter().find(of) {
            let mark = one.words();
            row.note = Some(match row.note.take() {
                None => mark,
                Some(note) => format!("{mark}; {note}"),
            });
        }
    }
}

impl Marked {
    /// The mark with its explanation.
    pub fn words(&self) -> String {
        format!("{MARK} {}, which {} uses", self.why, self.workload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_shares_what_its_configuration_fails_and_other_proposals_do_not_count() {
        let at = |target: &str, proposal| (TargetId::from(target), proposal);
        let why = "passes 1 of 2 tests of simd".to_owned();
        let marks = Marks([(at("a/b", Proposal::Simd), why.clone())].into());
        let found = |target: &str, uses: &[Proposal]| marks.why(&TargetId::from(target), uses);
        assert_eq!(found("a/b", &[Proposal::Simd]), Some(why.clone()));
        assert_eq!(found("a/b+pooling+more", &[Proposal::Simd]), Some(why));
        assert_eq!(found("a/c", &[Proposal::Simd]), None);
        assert_eq!(found("a/b", &[Proposal::BulkMemory]), None);
        assert_eq!(found("a/b", &[]), None);
    }
}
