//! The report as Markdown, CSV and JSON of a small synthetic run, as users and programs see it.

use crate::synthetic;

#[test]
fn markdown_of_a_small_run() {
    insta::assert_snapshot!(reports::markdown(&[synthetic::small()]));
}

#[test]
fn csv_of_a_small_run() {
    insta::assert_snapshot!(reports::csv(&[synthetic::small()]));
}

#[test]
fn json_of_a_small_run() {
    insta::assert_snapshot!(reports::json(&[synthetic::small()]));
}
