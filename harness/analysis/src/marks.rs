//! Speed that does not count fully: where a target fails tests of a proposal that a workload uses.
//!
//! An engine that gets something wrong may be fast because of it. A workload's `.wasm` says which
//! proposals it cannot do without (recorded with the run), conformance runs say which tests of them a
//! target fails; figures that are touched by both carry a mark.

use std::collections::BTreeMap;

use plimsoll_record::run::Run;
use plimsoll_record::{Proposal, TargetId, WorkloadId};

use crate::conformance::Matrix;

/// What stands at a figure that is marked.
pub const MARK: &str = "†";

/// What targets fail, by the runs that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<(TargetId, Proposal), String>);

/// A target's figures on a workload, marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The target.
    pub target: TargetId,
    /// The workload.
    pub workload: WorkloadId,
    /// What the target fails, in words.
    pub why: String,
}

impl Marks {
    /// What conformance runs say.
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
                        tally.asked()
                    ),
                };
                marks.insert((cell.target.clone(), proposal), why);
            }
        }
        Marks(marks)
    }

    /// Why figures of `target` on a workload that `uses` these proposals are marked. Configurations
    /// that differ in a label (`+pooling`) share what the one without it fails.
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

    /// Every target and workload of `run` with marked figures.
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

impl Marked {
    /// The mark and why it stands there.
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
