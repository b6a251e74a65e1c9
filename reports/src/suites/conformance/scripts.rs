//! One row per script: which target passes it. For groups in which a script is one test, such as WASI's.

use std::collections::BTreeMap;

use maud::{Markup, html};
use plimsoll_analysis::conformance::{Cell, Matrix};
use plimsoll_record::conformance::{Group, Tally};

use crate::facts::Facts;
use crate::page::parts::{Place, Section};

/// A table per group without features of the language, as far as there is room.
pub(crate) fn by_script(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let matrix = facts.analysed.matrix.as_ref()?;
    let part = place.budget.part(2);
    let groups = matrix.specification.groups.iter();
    let tables: Vec<(&Group, Option<Markup>)> = groups
        .filter(|group| group.features.is_empty())
        .map(|group| (group, part.draw(|| table(matrix, group, place))))
        .collect();
    if tables.is_empty() {
        return None;
    }
    let body = html! {
        @for (group, table) in &tables {
            h3 { (group.title) }
            @match table {
                Some(table) => (table),
                None => p.without { "No room in this file; " code { "bench report --json" } " has every test." },
            }
        }
    };
    Some(Section {
        id: "tests",
        title: "Each test by engine",
        body,
    })
}

fn table(matrix: &Matrix<'_>, group: &Group, place: &Place<'_>) -> Markup {
    let cells: Vec<&Cell<'_>> = matrix
        .targets
        .iter()
        .filter_map(|target| matrix.cell(target, &group.id))
        .collect();
    // Engines that ended early have fewer scripts than others.
    let mut rows: BTreeMap<&str, Vec<Option<Tally>>> = BTreeMap::new();
    for (column, cell) in cells.iter().enumerate() {
        for script in cell.scripts {
            let row = rows.entry(&script.script).or_default();
            row.resize(cells.len(), None);
            row[column] = Some(script.tally());
        }
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label=(place.label(&format!("Tests of {} by target", group.id))) {
            table.facts {
                thead { tr {
                    th scope="col" { "test" }
                    @for cell in &cells { th scope="col" data-t=(cell.target) { (cell.target) } }
                } }
                tbody {
                    @for (script, row) in &rows {
                        tr data-target="" {
                            th scope="row" { (script) }
                            @for tally in row { td { (tally.map_or("not run", |tally| word(&tally))) } }
                        }
                    }
                }
            }
        }
    }
}

/// What became of a script with one test.
fn word(tally: &Tally) -> &'static str {
    match tally {
        Tally { crashed: 1.., .. } => "crashed",
        Tally { timeout: 1.., .. } => "too slow",
        Tally { failed: 1.., .. } => "failed",
        Tally {
            unsupported: 1.., ..
        } => "unsupported",
        Tally { passed: 0, .. } => "skipped",
        _ => "passed",
    }
}
