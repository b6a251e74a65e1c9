//! Runs recorded by earlier versions are still readable.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use plimsoll_record::{Boundary, Line, Metric, Recorded, Step, Suite};

/// Recorded by commit 7da3bf4, reduced to one trial per step and target.
fn runs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs/1")
}

#[test]
fn runs_of_schema_1_are_read_whole_under_todays_names() {
    let mut steps = BTreeSet::new();
    for (run, trials) in [("coldstart", 6), ("serve", 5), ("throughput", 2)] {
        let recorded = Recorded::read(&runs().join(run)).unwrap();
        assert_eq!(recorded.unreadable_lines, 0, "{run}");
        assert_eq!(recorded.trials.len(), trials, "{run}");
        assert!(recorded.is_complete(), "{run}");
        steps.extend(recorded.run.plan.iter().map(|trial| trial.step));
    }
    for step in [Step::Deploy, Step::FirstResponse, Step::Execute] {
        assert!(steps.contains(&step), "{step} under its earlier name");
    }
}

#[test]
fn a_report_of_a_run_of_schema_1_has_its_rows() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["report", "--csv"])
        .arg(runs().join("serve"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("first-response"), "{text}");
}

#[test]
fn every_earlier_name_is_read_as_todays() {
    let line = r#"{"type":"sample","trial":0,"attempt":0,"boundary":"rest","metric":"travel_bytes","iteration":0,"value":1,"unit":"bytes"}"#;
    let Line::Sample(sample) = serde_json::from_str(line).unwrap() else {
        panic!("a sample");
    };
    assert_eq!(sample.boundary, Boundary::OnDisk);
    assert_eq!(sample.metric, Metric::TransferBytes);
    let metric = |name: &str| serde_json::from_str::<Metric>(&format!("{name:?}")).unwrap();
    assert_eq!(metric("worst"), Metric::Max);
    assert_eq!(
        metric("travel_compressed_bytes"),
        Metric::TransferCompressedBytes
    );
    let suite: Suite = serde_json::from_str("\"capabilities\"").unwrap();
    assert_eq!(suite, Suite::Sandbox);
    let step: Step = serde_json::from_str("\"capability\"").unwrap();
    assert_eq!(step, Step::Sandbox);
}

#[test]
fn every_name_is_written_as_it_is_shown() {
    for &suite in Suite::ALL {
        assert_eq!(serde_json::to_value(suite).unwrap(), suite.name());
    }
    for &step in Step::ALL {
        assert_eq!(serde_json::to_value(step).unwrap(), step.name());
    }
}
