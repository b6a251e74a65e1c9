//! Results over several machines on the page.

use maud::{Markup, html};

use super::{Machines, RULE, Table};
use crate::page::size_budget::SizeBudget;
use crate::suites;

/// Machines, claims by machine, and a table per workload within `budget`.
pub(crate) fn section(machines: &Machines<'_>, budget: &SizeBudget) -> Markup {
    let (columns, part) = (machines.columns(), budget.part(2));
    let mut undrawn = Vec::new();
    let tables: Vec<Markup> = machines
        .tables()
        .iter()
        .filter_map(|one| {
            let drawn = part.draw(|| table(one, &columns));
            if drawn.is_none() {
                undrawn.push(one.workload.to_string());
            }
            drawn
        })
        .collect();
    html! {
        section #machines aria-labelledby="machines-h" {
            h2 #machines-h { "Across machines" }
            ul { @for sentence in machines.sentences() { li { (sentence) } } }
            p { (RULE) }
            @if !machines.claims.is_empty() { (claims(machines)) }
            @for table in &tables { (table) }
            @if !undrawn.is_empty() {
                p.without {
                    "Tables of " (undrawn.join(", ")) " have no room in this file; " code { "bench report RUN.. --csv" } " has every row."
                }
            }
        }
    }
}

fn claims(machines: &Machines<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Published claims by machine" {
            table {
                caption { "Published claims by machine" }
                thead { tr { th scope="col" { "claim" } th scope="col" { "on these machines" } } }
                tbody {
                    @for one in &machines.claims {
                        tr { th scope="row" { (one.says) } td { (one.words(&machines.across)) } }
                    }
                }
            }
        }
    }
}

fn table(table: &Table, columns: &[&str]) -> Markup {
    let subject = suites::question(table.suite).subject;
    let label = format!("{}, {subject}, across machines", table.workload);
    html! {
        div data-workload=(table.workload) {
            h3 { (table.workload) " " span.dim { (subject) } }
            div.scroll tabindex="0" role="region" aria-label=(label) {
                table {
                    caption.unseen { (label) }
                    thead { tr {
                        th scope="col" { "target" }
                        th scope="col" { "at" }
                        @for name in columns { th scope="col" { (name) } }
                        th scope="col" { "machines" }
                        th scope="col" { "median" }
                        th scope="col" { "interval" }
                        th scope="col" title="standard deviation" { "between machines" }
                        th scope="col" title="standard deviation" { "between trials" }
                        th scope="col" title="standard deviation" { "within a trial" }
                    } }
                    tbody {
                        @for line in &table.lines {
                            tr {
                                th scope="row" { (line.target) }
                                td { (line.what) }
                                @if !columns.is_empty() { @for cell in &line.by_machine { td { (cell) } } }
                                td { (line.scope) }
                                td { b { (line.median) } }
                                td { (line.interval) }
                                @for level in &line.spread { td { (level) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
