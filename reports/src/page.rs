//! The HTML report: one file, no request; whole without its script.
//!
//! # Layout
//!
//! - [`overview`]: what several runs say together
//! - [`claims`]: published claims, beside what was measured
//! - [`summary`]: title, rankings and sentences: what a busy reader takes in within a screen
//! - [`counted`]: the suites whose rows are counted rather than timed
//! - [`capability`]: what a guest can and cannot do
//! - [`conformance`]: what passes of the specification's tests
//! - [`density`]: how memory grows with how many are alive
//! - [`ladders`]: the cold-start ladder of every workload
//! - [`throughput`]: how many times as long as native the guest's own code takes
//! - [`marks`]: which figures are marked, because a target fails what a workload uses
//! - [`tables`]: every number with its interval
//! - [`spread`]: boxes, dots and cumulative shares
//! - [`load`]: servers under load
//! - [`ledger`]: what was not measured, the machine, every target's configuration, the workloads
//! - [`raw`]: everything that was recorded, to be taken away
//! - [`room`]: what a page may weigh
//! - [`reading`]: the boundaries, the method, who made this

mod capability;
mod claims;
pub(crate) mod conformance;
mod counted;
mod density;
mod ladders;
mod ledger;
pub(crate) mod load;
mod marks;
mod overview;
mod raw;
mod reading;
mod room;
mod spread;
mod summary;
mod tables;
mod throughput;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use plimsoll_record::{Recorded, Suite, WorkloadId};

use crate::claims::{Claims, Judgement, judge_by};
use crate::facts::Facts;
use crate::headline::list;
use crate::shell;
use room::Room;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("report.js");

/// The report of `runs` as one self-contained HTML document, with a verdict on each of `claims`.
///
/// It makes no request: styles, pictures and raw data are inside, and so is the script that filters
/// and sorts, without which nothing is missing. Everything that comes from a run is escaped.
pub fn html(runs: &[Recorded], claims: &Claims) -> String {
    let facts = Facts::all(runs);
    let evidence: Vec<_> = facts.iter().map(Facts::evidence).collect();
    let judgements = match facts.is_empty() {
        true => Vec::new(),
        false => judge_by(claims, &evidence),
    };
    let page = |shown: &Room, raw: Option<usize>| {
        document(&facts, &judgements, shown, raw)
            .into_string()
            // Control characters stand for nothing in HTML and are not allowed in it.
            .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
    };
    // What nobody can do without comes first; the rest shares what that leaves.
    let needed = page(&Room::of(0), None).len();
    let left = room::WHOLE.saturating_sub(needed);
    let shown = Room::of((left as f64 * room::SHOWN) as usize);
    let taken = shown.left();
    let without_raw = page(&shown, None).len();
    let raw = room::WHOLE.saturating_sub(without_raw);
    page(&Room::of(taken), Some(raw))
}

/// The whole page, with `shown` for what is not indispensable, and so many bytes for raw data.
fn document(
    facts: &[Facts<'_>],
    judgements: &[Judgement<'_>],
    shown: &Room,
    raw: Option<usize>,
) -> Markup {
    let files = raw.map(|room| raw::files(facts, room));
    let title = match facts {
        [] => "Plimsoll: no run".to_owned(),
        [only] => summary::title(only),
        many => format!("Plimsoll: {} runs", many.len()),
    };
    let published = claims::section(judgements, shown);
    let runs: Vec<Markup> = facts
        .iter()
        .enumerate()
        .map(|(n, one)| {
            let place = Place {
                number: n + 1,
                of: facts.len(),
                earlier: &facts[..n],
                // What a run leaves of its share is for those after it.
                room: &Room::of(shown.left() / (facts.len() - n)),
            };
            let before = place.room.left();
            let markup = run(
                one,
                &place,
                judgements,
                files.as_ref().map(|files| &files[n]),
            );
            shown.spend(before - place.room.left());
            markup
        })
        .collect();
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
                (ladders::symbols(curves(facts)))
                main #main {
                    @if facts.is_empty() {
                        header { h1 { "No run to report" } }
                        p { "Nothing was given. " code { "bench run --suite coldstart" } " makes a run." }
                    }
                    @if facts.len() > 1 {
                        (overview::overview(facts))
                        (claims::glance(judgements))
                    }
                    @for run in &runs { (run) }
                    (published)
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
}

/// How many curves a picture of the page has at most.
fn curves(facts: &[Facts<'_>]) -> usize {
    let of_run = |facts: &Facts<'_>| match facts.recorded.run.suite {
        // A target serves in one way or in two.
        Suite::Serve => 2 * facts.targets().len(),
        _ => facts.targets().len(),
    };
    facts.iter().map(of_run).max().unwrap_or(0)
}

/// What of the workloads had no room in this page, and how to get it.
fn without(facts: &Facts<'_>, what: &str, workloads: &[&WorkloadId]) -> Markup {
    let Some(first) = workloads.first() else {
        return html! {};
    };
    let directory = facts.recorded.directory.file_name();
    let directory = directory.map_or_else(
        || facts.recorded.run.id.clone(),
        |name| name.to_string_lossy().into_owned(),
    );
    let names: Vec<String> = workloads.iter().map(ToString::to_string).collect();
    html! {
        p.without {
            (what) " here, so that this file stays one that a mail carries: " (list(&names)) ". "
            "Of each there is a page with everything in it: "
            code { "bench report " (shell::word(&format!("results/{directory}"))) " --workload " (shell::word(first.as_str())) " --html " (shell::word(&format!("{first}.html"))) }
        }
    }
}

/// Which of the runs of a page this is: it keeps ids apart.
struct Place<'p> {
    number: usize,
    of: usize,
    /// The runs before it in the page.
    earlier: &'p [Facts<'p>],
    /// For what is not indispensable.
    room: &'p Room,
}

impl Place<'_> {
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
    place: &Place<'_>,
    judgements: &[Judgement<'_>],
    files: Option<&raw::Files>,
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
            conformance::picture(facts, place),
            conformance::shares(facts, place),
            conformance::failures(facts, place),
        ],
        Suite::Sandbox => vec![
            capability::answers(facts, place),
            capability::evidence(facts, place),
        ],
        Suite::Serve => vec![
            load::by_rate(facts, place),
            load::by_percentile(facts, place),
            load::numbers(facts, place),
        ],
    };
    let of_every_suite = [
        marks::section(facts, place),
        files.and_then(|files| raw::section(facts, files)),
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
                Suite::Sandbox => (capability::summary(facts, place)),
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
