//! The HTML report: one file that makes no requests and is complete without its script.
//!
//! # Layout
//!
//! - [`overview`]: summary of several runs
//! - [`parts`]: headings, ids, sections, cells
//! - [`marks`]: figures marked because the target fails tests of features that the workload uses
//! - [`tables`]: all numbers with their intervals
//! - [`spread`]: boxes, dots and cumulative shares
//! - [`ledger`]: missing measurements, the machine, targets' configurations, workloads
//! - [`raw`]: downloads of the raw data
//! - [`site`]: the same parts as a folder of linked pages
//! - [`size_budget`]: limits the size of a page
//! - [`reading`]: boundaries, method, and authors

mod ledger;
pub(crate) mod legend;
pub(crate) mod marks;
mod overview;
pub(crate) mod parts;
mod raw;
mod reading;
mod site;
pub(crate) mod size_budget;
pub(crate) mod spread;
pub(crate) mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use plimsoll_analysis::Analysed;
use plimsoll_record::Suite;
use plimsoll_record::text::is_obeyed;

use crate::claims::section as claims;
use crate::claims::{Claims, Judgement, judge};
use crate::cost::Prices;
use crate::facts::Facts;
use crate::machines::{self, Machines};
use crate::suites;
use parts::{Place, Section};
use size_budget::SizeBudget;

pub use site::{SiteFile, site};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("report.js");

/// The report of `runs` as one self-contained HTML document, with a verdict on each of `claims`.
///
/// It makes no requests: styles, charts, raw data and the script are embedded. The script only filters and sorts;
/// nothing is missing without it. All text from runs is escaped.
pub fn html(runs: &[Analysed<'_>], claims: &Claims, prices: &Prices) -> String {
    let facts = Facts::all(runs);
    let judgements = match runs.is_empty() {
        true => Vec::new(),
        false => judge(claims, runs),
    };
    let machines = Machines::of(runs, claims);
    let page = |shown: &SizeBudget, raw: Option<usize>| {
        harmless(document(
            (&facts, machines.as_ref()),
            &judgements,
            prices,
            shown,
            raw,
        ))
    };
    // First the size of the essential parts; everything else shares the rest.
    let needed = page(&SizeBudget::of(0), None).len();
    let left = size_budget::WHOLE.saturating_sub(needed);
    let shown = SizeBudget::of((left as f64 * size_budget::SHOWN) as usize);
    let taken = shown.left();
    let without_raw = page(&shown, None).len();
    let raw = size_budget::WHOLE.saturating_sub(without_raw);
    page(&SizeBudget::of(taken), Some(raw))
}

/// The text of a page without the characters that HTML forbids, and without bidirectional marks, which would display
/// text other than what was recorded.
fn harmless(page: Markup) -> String {
    page.into_string()
        .replace(|c: char| is_obeyed(c) && c != '\n', "\u{fffd}")
}

/// The whole page, with budget `shown` for optional parts and a number of bytes for raw data.
fn document(
    (facts, machines): (&[Facts<'_>], Option<&Machines<'_>>),
    judgements: &[Judgement<'_>],
    prices: &Prices,
    shown: &SizeBudget,
    raw: Option<usize>,
) -> Markup {
    let files = raw.map(|room| raw::files(facts, room));
    let title = match facts {
        [] => "Plimsoll: no run".to_owned(),
        [only] => title(only),
        many => format!("Plimsoll: {} runs", many.len()),
    };
    let published = claims::section(judgements, shown);
    let across = machines.map(|machines| machines::page::section(machines, shown));
    let runs: Vec<Markup> = facts
        .iter()
        .enumerate()
        .map(|(n, one)| {
            let place = Place {
                number: n + 1,
                of: facts.len(),
                earlier: &facts[..n],
                // Later runs can use what a run leaves of its share.
                budget: &SizeBudget::of(shown.left() / (facts.len() - n)),
                prices,
            };
            let before = place.budget.left();
            let raw = files
                .as_ref()
                .and_then(|files| raw::section(one, &files[n]));
            let markup = run(one, &place, judgements, raw);
            shown.spend(before - place.budget.left());
            markup
        })
        .collect();
    let body = html! {
        @if facts.is_empty() {
            header { h1 { "No run to report" } }
            p { "Nothing was given. " code { "bench run --suite coldstart" } " makes a run." }
        }
        @if facts.len() > 1 {
            (overview::overview(facts, machines, prices, &|place, _| format!("#{}", place.id("title"))))
            (claims::glance(judgements, ""))
            @if let Some(across) = &across { (across) }
        }
        @for run in &runs { (run) }
        (published)
        (reading::reading())
    };
    skeleton(&title, "", &Assets::INSIDE, curves(facts), &body)
}

/// The parts of a page that are files beside it, or inside it.
struct Assets {
    /// Style and script are in the page.
    inside: bool,
    /// Links to the other pages: address and title.
    pages: Vec<(String, String)>,
    /// The last line of the page.
    closing: &'static str,
}

impl Assets {
    const INSIDE: Self = Self {
        inside: true,
        pages: Vec::new(),
        closing: "This file holds everything it shows and asks no server for anything.",
    };
}

/// A page around `body`, with symbols for `curves` curves. `here` is its address among the pages.
fn skeleton(title: &str, here: &str, assets: &Assets, curves: usize, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "Plimsoll " (env!("CARGO_PKG_VERSION")) };
                // An empty icon, because browsers otherwise request one from the server.
                link rel="icon" href="data:,";
                title { (title) }
                @if assets.inside { style { (PreEscaped(STYLE)) } }
                @else { link rel="stylesheet" href=(site::STYLE_FILE); }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (legend::symbols(curves))
                @if !assets.pages.is_empty() {
                    nav.site aria-label="Pages" {
                        ul {
                            @for (address, title) in &assets.pages {
                                li { a href=(address) aria-current=[(address == here).then_some("page")] { (title) } }
                            }
                        }
                    }
                }
                main #main { (body) }
                footer {
                    p { "Made by Plimsoll " (env!("CARGO_PKG_VERSION")) " from raw samples. " (assets.closing) }
                }
                @if assets.inside { script { (PreEscaped(SCRIPT)) } }
                @else { script src=(site::SCRIPT_FILE) {} }
            }
        }
    }
}

/// The report's title.
fn title(facts: &Facts<'_>) -> String {
    let what = suites::question(facts.recorded.run.suite).subject;
    format!("{what}, measured: {}", facts.recorded.run.id)
}

/// Maximum number of curves in a chart of the page.
fn curves(facts: &[Facts<'_>]) -> usize {
    let of_run = |facts: &Facts<'_>| match facts.recorded.run.suite {
        // Each target can have two ways of serving.
        Suite::Serve => 2 * facts.targets().len(),
        _ => facts.targets().len(),
    };
    facts.iter().map(of_run).max().unwrap_or(0)
}

fn run(
    facts: &Facts<'_>,
    place: &Place<'_>,
    judgements: &[Judgement<'_>],
    raw: Option<Section>,
) -> Markup {
    let of_the_suite = suites::sections(facts, place);
    let of_every_suite = [
        marks::section(facts, place),
        raw,
        ledger::not_measured(facts, place),
        ledger::machine(facts),
        ledger::fairness(facts, place),
        ledger::workloads(facts, place),
        ledger::again(facts),
    ];
    let has_raw = of_every_suite[1].is_some();
    let sections: Vec<Section> = of_the_suite
        .into_iter()
        .chain(of_every_suite)
        .flatten()
        .collect();
    html! {
        article aria-labelledby=(place.id("title")) {
            (suites::summary(facts, place))
            @if place.of == 1 { (claims::glance(judgements, "")) }
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
                    h2 #{ (place.id(section.id)) "-h" } {
                        (section.title)
                        @if has_raw && section.id != raw::ID { a.raw href={ "#" (place.id(raw::ID)) } { "raw samples" } }
                    }
                    (section.body)
                }
            }
        }
    }
}
