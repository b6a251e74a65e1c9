//! Snapshots of a small synthetic run's report as Markdown, CSV and JSON.

use plimsoll_analysis::analyse_all;
use reports::claims::Claims;

use crate::synthetic;

/// One claim with figures in the run and one without.
fn two_claims() -> Claims {
    let published = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/claims.toml"));
    let published = published.expect("claims.toml is there");
    let sources = published
        .split("# How long until it runs.")
        .next()
        .unwrap_or_default();
    let wanted = ["faas-100ms", "image-container"];
    let claims = published.split("\n[[claim]]\n").skip(1).filter(|claim| {
        wanted
            .iter()
            .any(|id| claim.starts_with(&format!("id = \"{id}\"")))
    });
    let text = claims.fold(sources.to_owned(), |text, claim| {
        format!("{text}\n[[claim]]\n{claim}")
    });
    Claims::parse("two of them", &text).expect("they are of the published ones")
}

#[test]
fn markdown_of_a_small_run() {
    insta::assert_snapshot!(reports::markdown(
        &analyse_all(&[synthetic::small()]),
        &Claims::published()
    ));
}

#[test]
fn csv_of_a_small_run() {
    insta::assert_snapshot!(reports::csv(&analyse_all(&[synthetic::small()])));
}

#[test]
fn json_of_a_small_run() {
    insta::assert_snapshot!(reports::json(
        &analyse_all(&[synthetic::small()]),
        &two_claims()
    ));
}

#[test]
fn csv_of_several_suites_loses_no_row() {
    let all = synthetic::whole::runs();
    let lines =
        |runs: &[plimsoll_record::Recorded]| reports::csv(&analyse_all(runs)).lines().count() - 1;
    let apart: usize = all.iter().map(|run| lines(std::slice::from_ref(run))).sum();
    assert_eq!(lines(&all), apart);
    let header = reports::csv(&analyse_all(&all));
    let header = header.lines().next().expect("a header");
    assert!(
        header.contains("boundary") && header.contains("passed"),
        "{header}"
    );
}
