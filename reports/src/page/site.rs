//! A static site of recorded runs: an overview, a page per run, the published claims, machines and downloads.
//!
//! The pages share their parts with the report. Every link is relative, so the folder can be served from any address
//! or opened from a disk.

use std::collections::BTreeMap;

use maud::{Markup, html};
use plimsoll_analysis::Analysed;
use plimsoll_record::Suite;

use super::parts::{Place, Section};
use super::size_budget::{self, SizeBudget};
use super::{
    Assets, SCRIPT, STYLE, curves, harmless, ledger, overview, raw, reading, run, skeleton,
};
use crate::claims::section as claims;
use crate::claims::{Claims, Judgement, judge};
use crate::cost::Prices;
use crate::facts::Facts;
use crate::machines::{self, Machines};
use crate::{data, quantity};

/// The style sheet of every page.
pub(super) const STYLE_FILE: &str = "style.css";
/// The script of every page; nothing is missing without it.
pub(super) const SCRIPT_FILE: &str = "report.js";

const INDEX: &str = "index.html";
const CLAIMS: &str = "claims.html";
const MACHINES: &str = "machines.html";
const DOWNLOADS: &str = "downloads.html";

/// A file of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFile {
    /// Path below the site's folder.
    pub path: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// What a visitor can download of a run.
struct Download {
    path: String,
    what: &'static str,
    content: Vec<u8>,
}

/// One run of the site.
struct Shown<'f> {
    facts: &'f Facts<'f>,
    /// Its page and its folder of data: the suite's name, with a number if the site has several runs of the suite.
    name: String,
    downloads: Vec<Download>,
}

impl Shown<'_> {
    fn page(&self) -> String {
        format!("{}.html", self.name)
    }
}

/// The files of a site of `runs`, with a verdict on each of `claims`.
///
/// No page makes a request to elsewhere. Every page of a run links to the run's plan, its raw samples and its rows.
pub fn site(runs: &[Analysed<'_>], claims: &Claims, prices: &Prices) -> Vec<SiteFile> {
    let facts = Facts::all(runs);
    let judgements = match runs.is_empty() {
        true => Vec::new(),
        false => judge(claims, runs),
    };
    let machines = Machines::of(runs, claims);
    let shown = shown(runs, &facts);
    let assets = Assets {
        inside: false,
        pages: pages(&shown),
        closing: "These pages load nothing from elsewhere.",
    };
    let page = |path: &str, title: &str, body: &Markup| SiteFile {
        path: path.to_owned(),
        content: harmless(skeleton(title, path, &assets, curves(&facts), body)).into_bytes(),
    };
    let mut files = vec![
        page(
            INDEX,
            "Plimsoll: what server-side WebAssembly costs",
            &index((&facts, machines.as_ref()), &judgements, &shown, prices),
        ),
        page(
            CLAIMS,
            "Published claims, beside measurements",
            &claims_page(&judgements),
        ),
        page(
            MACHINES,
            "The machines",
            &machines_page(&shown, machines.as_ref()),
        ),
        page(DOWNLOADS, "Downloads", &downloads_page(&shown)),
        asset(STYLE_FILE, STYLE),
        asset(SCRIPT_FILE, SCRIPT),
    ];
    for one in shown {
        let title = super::title(one.facts);
        files.push(page(&one.page(), &title, &run_page(&one, prices)));
        files.extend(one.downloads.into_iter().map(|download| SiteFile {
            path: download.path,
            content: download.content,
        }));
    }
    files
}

fn asset(path: &str, text: &str) -> SiteFile {
    SiteFile {
        path: path.to_owned(),
        content: text.as_bytes().to_vec(),
    }
}

/// The runs with their names and data.
fn shown<'f>(runs: &[Analysed<'_>], facts: &'f [Facts<'f>]) -> Vec<Shown<'f>> {
    let mut seen: BTreeMap<Suite, usize> = BTreeMap::new();
    let all = facts.iter().zip(runs);
    all.map(|(facts, analysed)| {
        let suite = facts.recorded.run.suite;
        let number = seen.entry(suite).or_default();
        *number += 1;
        let name = match *number {
            1 => suite.name().to_owned(),
            n => format!("{suite}-{n}"),
        };
        let file = |file: &str, what, content| Download {
            path: format!("data/{name}/{file}"),
            what,
            content,
        };
        let downloads = vec![
            file(
                "run.json",
                "plan, machine and configuration of every target",
                serde_json::to_vec_pretty(&facts.recorded.run).unwrap_or_default(),
            ),
            file(
                "samples.ndjson.gz",
                "every sample, histogram and outcome, one JSON object per line",
                raw::gzip(&raw::lines(facts.recorded)),
            ),
            file(
                "rows.csv",
                "every result with its interval",
                data::csv(std::slice::from_ref(analysed)).into_bytes(),
            ),
        ];
        Shown {
            facts,
            name,
            downloads,
        }
    })
    .collect()
}

fn pages(shown: &[Shown<'_>]) -> Vec<(String, String)> {
    let mut pages = vec![(INDEX.to_owned(), "Overview".to_owned())];
    pages.extend(shown.iter().map(|one| (one.page(), one.name.clone())));
    for (address, title) in [
        (CLAIMS, "claims"),
        (MACHINES, "machines"),
        (DOWNLOADS, "downloads"),
    ] {
        pages.push((address.to_owned(), title.to_owned()));
    }
    pages
}

fn index(
    (facts, machines): (&[Facts<'_>], Option<&Machines<'_>>),
    judgements: &[Judgement<'_>],
    shown: &[Shown<'_>],
    prices: &Prices,
) -> Markup {
    let across = machines
        .map(|machines| machines::page::section(machines, &SizeBudget::of(size_budget::WHOLE)));
    html! {
        (overview::overview(facts, machines, prices, &|_, n| shown[n].page()))
        (claims::glance(judgements, CLAIMS))
        @if let Some(across) = across { (across) }
        (reading::reading())
    }
}

fn run_page(shown: &Shown<'_>, prices: &Prices) -> Markup {
    let place = Place {
        number: 1,
        of: 1,
        earlier: &[],
        budget: &SizeBudget::of(size_budget::WHOLE),
        prices,
    };
    let raw = Section {
        id: raw::ID,
        title: "Raw data",
        body: html! {
            p {
                "Every figure on this page is computed from these files. Unpacked into one folder, " code { "run.json" } " and "
                code { "samples.ndjson" } " are a run directory, which " code { "bench report" } " and " code { "bench compare" } " take."
            }
            (list(shown))
        },
    };
    html! {
        (run(shown.facts, &place, &[], Some(raw)))
        (reading::reading())
    }
}

fn list(shown: &Shown<'_>) -> Markup {
    html! {
        ul.plain {
            @for download in &shown.downloads {
                li {
                    a download href=(download.path) { (download.path.rsplit('/').next().unwrap_or_default()) }
                    " " span.dim { (download.what) ", " (quantity::bytes(download.content.len() as u64)) }
                }
            }
        }
    }
}

fn claims_page(judgements: &[Judgement<'_>]) -> Markup {
    html! {
        header { h1 { "Published claims, beside measurements" } }
        (claims::glance(judgements, ""))
        (claims::section(judgements, &SizeBudget::of(3 * size_budget::WHOLE)))
        (reading::reading())
    }
}

fn machines_page(shown: &[Shown<'_>], machines: Option<&Machines<'_>>) -> Markup {
    html! {
        header {
            h1 { "The machines" }
            @if machines.is_some() { p { a href={ (INDEX) "#machines" } { "Medians over the machines" } "." } }
        }
        @for one in shown {
            section aria-labelledby={ (one.name) "-h" } {
                h2 #{ (one.name) "-h" } { a href=(one.page()) { (one.name) } }
                @if let Some(machine) = ledger::machine(one.facts) { (machine.body) }
            }
        }
    }
}

fn downloads_page(shown: &[Shown<'_>]) -> Markup {
    html! {
        header { h1 { "Downloads" } }
        p {
            "The runs as they were recorded. Put " code { "run.json" } " and the unpacked " code { "samples.ndjson" }
            " of a run into one folder; " code { "bench report FOLDER" } " computes every figure again."
        }
        @for one in shown {
            section aria-labelledby={ (one.name) "-h" } {
                h2 #{ (one.name) "-h" } { a href=(one.page()) { (one.name) } }
                (list(one))
            }
        }
    }
}
