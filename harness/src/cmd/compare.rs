//! `bench compare`: compares runs with a base.

use plimsoll_analysis::{Comparison, Measured, Verdict, compare_all};
use plimsoll_record::Recorded;

use crate::cli::{Compare, FailOn};
use crate::exit::{Exit, Usage};
use crate::ui::progress::say;
use crate::ui::terminal::comparison;

pub(super) fn run(args: &Compare) -> anyhow::Result<Exit> {
    let (base, candidates) = match (&args.base, args.runs.as_slice()) {
        (Some(base), candidates) => (base, candidates),
        (None, [base, candidates @ ..]) if !candidates.is_empty() => (base, candidates),
        _ => {
            let why = "one run alone cannot be compared; name a second run, or a --base";
            return Err(Usage(why.to_owned()).into());
        }
    };
    let base = Recorded::read(base)?;
    // The base itself is not a candidate.
    let same = |run: &Recorded| {
        run.directory.canonicalize().ok() == base.directory.canonicalize().ok()
            && args.base.is_some()
    };
    let candidates = candidates
        .iter()
        .map(|directory| Recorded::read(directory))
        .filter(|run| !run.as_ref().is_ok_and(same))
        .collect::<Result<Vec<Recorded>, _>>()?;
    if candidates.is_empty() {
        let why = "the base is the only run; name another to compare it with";
        return Err(Usage(why.to_owned()).into());
    }
    let comparisons = compare_all(&base, &candidates);
    let text = match (args.json, comparisons.as_slice()) {
        (true, [one]) => serde_json::to_string_pretty(one)? + "\n",
        (true, several) => serde_json::to_string_pretty(several)? + "\n",
        (false, [one]) => comparison::one(one),
        (false, several) => comparison::several(several),
    };
    super::print(&text)?;
    Ok(match args.fail_on {
        Some(what) => verdict(what, &comparisons),
        None => Exit::Ok,
    })
}

/// The exit code for `--fail-on`.
fn verdict(what: FailOn, comparisons: &[Comparison]) -> Exit {
    if let Some(empty) = comparisons.iter().find(|one| one.rows.is_empty()) {
        say(&format!(
            "no row of {} could be compared with {}",
            empty.candidate, empty.base
        ));
        return Exit::Incomplete;
    }
    let fails = comparisons.iter().any(|one| {
        let counts = |side: Measured| what == FailOn::Any || side != Measured::CandidateOnly;
        let rows = one.unmatched.iter().map(|row| row.measured_in);
        let trials = one.rows.iter().filter_map(|row| row.lost.as_ref());
        let lost = rows
            .chain(trials.map(|lost| lost.measured_in))
            .filter(|side| counts(*side));
        let differs = match what {
            FailOn::Regression => one.count(Verdict::Slower) > 0,
            FailOn::Any => one.count(Verdict::Slower) + one.count(Verdict::Faster) > 0,
        };
        differs || lost.count() > 0
    });
    match fails {
        true => Exit::Regression,
        false => Exit::Ok,
    }
}
