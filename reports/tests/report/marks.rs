//! Tests the marks on figures whose target fails tests of features that the workload uses, in every report format.

use plimsoll_analysis::analyse_all;
use plimsoll_record::conformance::{FailureMode, Finding, Group, ScriptLine, Specification};
use plimsoll_record::run::{TargetKind, TrialPlan};
use plimsoll_record::{Proposal, Recorded, Step, Suite};
use reports::claims::Claims;

use crate::synthetic;

/// A conformance run of vector tests on the engines of `run`, in which `failing` fails one of two.
fn conformance(run: &Recorded, failing: &str) -> Recorded {
    let mut tests = run.clone();
    let model = run.trials.values().next().expect("a trial").clone();
    let group = Group {
        id: "simd".into(),
        title: "vectors".to_owned(),
        folder: "proposals/simd".to_owned(),
        proposal: Some(Proposal::Simd),
        features: Vec::new(),
        scripts: 1,
        directives: 2,
        sha256: "0".repeat(64),
    };
    tests.run.id = "2026-11-22T10-00-00Z-conformance".to_owned();
    tests.run.suite = Suite::Conformance;
    tests.run.plan.clear();
    tests.trials.clear();
    tests.run.targets.retain(|one| one.kind == TargetKind::Wasm);
    for (index, target) in (0..).zip(&tests.run.targets) {
        tests.run.plan.push(TrialPlan {
            index,
            block: 0,
            target: target.target.clone(),
            workload: group.id.clone(),
            step: Step::Conformance,
            iterations: 1,
            budget_ns: 0,
        });
        let mut trial = model.clone();
        trial.outcome.trial = index;
        trial.samples.clear();
        let lost = u32::from(target.target.as_str() == failing);
        let finding = |_| Finding {
            line: 3,
            how: FailureMode::Failed,
            message: "gave another lane".to_owned(),
        };
        trial.scripts = vec![ScriptLine {
            trial: index,
            attempt: 0,
            script: "lanes.wast".to_owned(),
            passed: 2 - lost,
            differing: 0,
            words: Vec::new(),
            findings: (0..lost).map(finding).collect(),
            skipped: Vec::new(),
            unsupported: Vec::new(),
        }];
        tests.trials.insert(index, trial);
    }
    tests.run.specification = Some(Specification {
        source: "tests made up".to_owned(),
        directory: None,
        wasi_testsuite: None,
        permalink: None,
        groups: vec![group],
        claims: Default::default(),
    });
    tests
}

#[test]
fn figures_of_a_target_that_fails_what_a_workload_uses_are_marked_and_no_others() {
    let mut speed = synthetic::throughput();
    let (using, failing) = ("sha256", "alpha/cranelift");
    for workload in &mut speed.run.workloads {
        if workload.workload.as_str() == using {
            workload.uses = vec![Proposal::Simd];
        }
    }
    let tests = conformance(&speed, failing);
    let claims = Claims::published();
    let why = "passes 1 of 2 tests of simd";

    let json = reports::json(&analyse_all(&[speed.clone(), tests.clone()]), &claims);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let rows = report["rows"].as_array().expect("rows").iter();
    let of_speed = rows.filter(|row| row["suite"] == "throughput");
    let mut marked = 0;
    for row in of_speed {
        let note = row["note"].as_str().unwrap_or_default();
        // Configurations of the same code share its failures.
        let target = row["target"].as_str().expect("a target");
        let touched = target.split('+').next() == Some(failing) && row["workload"] == using;
        let is_marked = note.contains("\u{2020}");
        assert_eq!(is_marked, touched && row["unit"] == "ns", "{row}");
        assert!(!is_marked || note.contains(why), "{row}");
        marked += u32::from(is_marked);
    }
    assert!(marked > 0, "the figures are there");

    let both = [speed.clone(), tests];
    let markdown = reports::markdown(&analyse_all(&both), &claims);
    let line = format!("\u{2020} {failing} on {using}: {why}");
    assert!(markdown.contains(&line), "{line} in {markdown}");
    let page = reports::html(
        &analyse_all(&both),
        &claims,
        &reports::cost::Prices::example(),
    );
    assert!(page.contains("Marked figures") && page.contains(why));
    // Without the conformance run nothing is known, so nothing is marked.
    let alone = reports::markdown(&analyse_all(&[speed]), &claims);
    assert!(!alone.contains('\u{2020}'), "{alone}");
}
