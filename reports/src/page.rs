//! The HTML report: one file, no request; whole without its script.
//!
//! # Layout
//!
//! - [`overview`]: what several runs say together
//! - [`claims`]: published claims, beside what was measured
//! - [`summary`]: title, rankings and sentences: what a busy reader takes in within a screen
//! - [`counted`]: the suites whose rows are counted rather than timed
//! - [`conformance`]: what passes of the specification's tests
//! - [`density`]: how memory grows with how many are alive
//! - [`ladders`]: the cold-start ladder of every workload
//! - [`throughput`]: how many times as long as native the guest's own code takes
//! - [`tables`]: every number with its interval
//! - [`spread`]: boxes, dots and cumulative shares
//! - [`load`]: servers under load
//! - [`ledger`]: what was not measured, the machine, every target's configuration, the workloads
//! - [`raw`]: everything that was recorded, to be taken away
//! - [`reading`]: the boundaries, the method, who made this

mod claims;
pub(crate) mod conformance;
mod counted;
mod density;
mod ladders;
mod ledger;
pub(crate) mod load;
mod overview;
mod raw;
mod reading;
mod spread;
mod summary;
mod tables;
mod throughput;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use plimsoll_record::{Recorded, Suite};

use crate::claims::{Claims, Judgement, judge_by};
use crate::facts::Facts;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("report.js");

/// The report of `runs` as one self-contained HTML document, with a verdict on each of `claims`.
///
/// It makes no request: styles, pictures and raw data are inside, and so is the script that filters
/// and sorts, without which nothing is missing. Everything that comes from a run is escaped.
pub fn html(runs: &[Recorded], claims: &Claims) -> String {
    let facts: Vec<Facts<'_>> = runs.iter().map(Facts::of).collect();
    let evidence: Vec<_> = facts.iter().map(Facts::evidence).collect();
    let judgements = match facts.is_empty() {
        true => Vec::new(),
        false => judge_by(claims, &evidence),
    };
    let files = raw::files(&facts);
    let title = match facts.as_slice() {
        [] => "Plimsoll: no run".to_owned(),
        [only] => summary::title(only),
        many => format!("Plimsoll: {} runs", many.len()),
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "Plimsoll " (env!("CARGO_PKG_VERSION")) };
                // An empty icon: without one a browser asks the server for it.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (ladders::symbols())
                main #main {
                    @if facts.is_empty() {
                        header { h1 { "No run to report" } }
                        p { "Nothing was given. " code { "bench run --suite coldstart" } " makes a run." }
                    }
                    @if facts.len() > 1 {
                        (overview::overview(&facts))
                        (claims::glance(&judgements))
                    }
                    @for (n, (facts, files)) in facts.iter().zip(&files).enumerate() {
                        (run(facts, &Place { number: n + 1, of: runs.len() }, &judgements, files))
                    }
                    (claims::section(&judgements))
                    (reading::reading())
                }
                footer {
                    p {
                        "Made by Plimsoll " (env!("CARGO_PKG_VERSION")) " from raw samples. "
                        "This file holds everything it shows and asks no server for anything."
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
    // Control characters stand for nothing in HTML and are not allowed in it.
    .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

/// Which of the runs of a page this is: it keeps ids apart.
struct Place {
    number: usize,
    of: usize,
}

impl Place {
    /// An id that is this run's alone.
    fn id(&self, name: &str) -> String {
        match self.of {
            1 => name.to_owned(),
            _ => format!("run{}-{name}", self.number),
        }
    }

    /// The ids of what names a section: its heading, and in a page of several runs its run's.
    fn named_by(&self, section: &str) -> String {
        match self.of {
            1 => format!("{section}-h"),
            _ => format!("{}-h {}", self.id(section), self.id("title")),
        }
    }

    /// A label that is this run's alone.
    fn label(&self, name: &str) -> String {
        match self.of {
            1 => name.to_owned(),
            _ => format!("{name}, run {}", self.number),
        }
    }
}

/// One section's place in a run's contents.
struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

fn run(
    facts: &Facts<'_>,
    place: &Place,
    judgements: &[Judgement<'_>],
    files: &raw::Files,
) -> Markup {
    let of_the_suite = match facts.recorded.run.suite {
        Suite::Coldstart => vec![
            ladders::section(facts, place),
            tables::section(facts, place),
            spread::section(facts, place),
        ],
        Suite::Throughput => vec![
            throughput::section(facts, place),
            tables::section(facts, place),
            spread::section(facts, place),
        ],
        Suite::Density | Suite::Memory | Suite::Size | Suite::Languages => vec![
            counted::pictures(facts, place),
            counted::numbers(facts, place),
        ],
        Suite::Conformance => vec![
            conformance::shares(facts, place),
            conformance::failures(facts, place),
        ],
        Suite::Serve => vec![
            load::by_rate(facts, place),
            load::by_percentile(facts, place),
            load::numbers(facts, place),
        ],
    };
    let of_every_suite = [
        raw::section(facts, files),
        ledger::not_measured(facts, place),
        ledger::machine(facts),
        ledger::fairness(facts, place),
        ledger::workloads(facts, place),
        ledger::again(facts),
    ];
    let sections: Vec<Section> = of_the_suite
        .into_iter()
        .chain(of_every_suite)
        .flatten()
        .collect();
    html! {
        article aria-labelledby=(place.id("title")) {
            @match facts.recorded.run.suite {
                Suite::Serve => (load::summary(facts, place)),
                Suite::Conformance => (conformance::summary(facts, place)),
                Suite::Coldstart | Suite::Throughput => (summary::summary(facts, place)),
                Suite::Density | Suite::Memory | Suite::Size | Suite::Languages => (counted::summary(facts, place)),
            }
            @if place.of == 1 { (claims::glance(judgements)) }
            nav aria-label=(place.label("Contents")) {
                ul {
                    @for section in &sections {
                        li { a href={ "#" (place.id(section.id)) } { (section.title) } }
                    }
                    @if !judgements.is_empty() { li { a href="#claims" { "Published claims" } } }
                    li { a href="#reading" { "How to read this" } }
                    li { a href="#bias" { "Who made this" } }
                }
            }
            @for section in &sections {
                section #(place.id(section.id)) aria-labelledby=(place.named_by(section.id)) {
                    h2 #{ (place.id(section.id)) "-h" } { (section.title) }
                    (section.body)
                }
            }
        }
    }
}
