//! Key sentences of a conformance run.

use plimsoll_analysis::conformance::Matrix;
use plimsoll_record::TargetId;
use plimsoll_record::conformance::Tally;

use crate::facts::Facts;
use crate::quantity;
use crate::quantity::list;
use crate::suites::conformance::sections::{each, percent};

/// Maximum targets with their own sentence; with more, the chart and table show them.
const EACH: usize = 5;

/// Sentences, most important first.
pub(crate) fn sentences(facts: &Facts<'_>) -> Vec<String> {
    let Some(matrix) = &facts.analysed.matrix else {
        return vec!["No test was run, so there is nothing to sum up.".to_owned()];
    };
    let mut totals: Vec<(&TargetId, Tally)> = matrix
        .targets
        .iter()
        .map(|&target| (target, matrix.total(target)))
        .filter(|(_, tally)| tally.attempted() > 0)
        .collect();
    totals.sort_by(|a, b| share(&a.1).total_cmp(&share(&b.1)));
    let mut said = Vec::new();
    said.extend(ends(matrix, &totals));
    said.extend(faultless(&totals));
    said.extend(lost(&totals));
    said.extend(ours(facts, &totals));
    if matrix.targets.len() <= EACH {
        said.extend(each(matrix));
    }
    said
}

fn share(tally: &Tally) -> f64 {
    f64::from(tally.passed) / f64::from(tally.attempted().max(1))
}

fn count(number: u32) -> String {
    quantity::grouped(u64::from(number))
}

/// The targets that pass least and most.
fn ends(matrix: &Matrix<'_>, totals: &[(&TargetId, Tally)]) -> Option<String> {
    let (least, most) = (totals.first()?, totals.last()?);
    let described = |(target, tally): &(&TargetId, Tally)| format!("{} ({target})", percent(tally));
    let of = format!(
        "Of {} directives in {} of the specification's tests",
        count(most.1.attempted()),
        quantity::count(matrix.specification.groups.len() as u64, "group")
    );
    Some(match totals.len() {
        1 => format!("{of} {} pass.", described(most)),
        _ => format!(
            "{of} from {} to {} pass; proposals that a target does not claim count as not passed.",
            described(least),
            described(most)
        ),
    })
}

/// Targets that pass everything they claim.
fn faultless(totals: &[(&TargetId, Tally)]) -> Option<String> {
    let names: Vec<String> = totals
        .iter()
        .filter(|(_, tally)| tally.unpassed() == 0)
        .map(|(target, _)| target.to_string())
        .collect();
    match (names.len(), totals.len()) {
        (_, 0 | 1) => None,
        (0, _) => Some("No target passes all that it claims.".to_owned()),
        (some, all) if some > EACH => Some(format!(
            "All that they claim passes on {some} of {all} targets."
        )),
        _ => Some(format!("All that they claim passes on {}.", list(&names))),
    }
}

/// Engines that crashed or hung, which is worse than a wrong answer.
fn lost(totals: &[(&TargetId, Tally)]) -> Option<String> {
    let names: Vec<String> = totals
        .iter()
        .filter(|(_, tally)| tally.crashed + tally.timeout > 0)
        .map(|(target, tally)| format!("{target} ({})", count(tally.crashed + tally.timeout)))
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "Directives that crashed an engine or hung: {}.",
            list(&names)
        )
    })
}

/// The result of this project's own engine.
fn ours(facts: &Facts<'_>, totals: &[(&TargetId, Tally)]) -> Option<String> {
    let (target, tally) = totals
        .iter()
        .rev()
        .find(|(target, _)| facts.is_ours(target))?;
    let others = || totals.iter().filter(|(target, _)| !facts.is_ours(target));
    let ahead = others()
        .filter(|(_, other)| share(other) > share(tally))
        .count();
    let beside = match (others().count(), ahead) {
        (0, _) => String::new(),
        (all, 0) => format!(", and none of {all} other targets passes more"),
        (all, 1) => format!(", and 1 of {all} other targets passes more"),
        (all, ahead) => format!(", and {ahead} of {all} other targets pass more"),
    };
    Some(format!(
        "{} is this project's own engine: it passes {} of {}{beside}.",
        target.engine(),
        count(tally.passed),
        count(tally.attempted())
    ))
}
