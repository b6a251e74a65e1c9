//! The suite `conformance`: a matrix of groups by targets, every failure below it.

use maud::{Markup, html};
use plimsoll_analysis::conformance::{Cell, Matrix, matrix};
use plimsoll_record::conformance::Tally;

use super::{Place, Section};
use crate::facts::Facts;
use crate::quantity;

/// Most failures shown of one script: a script that does not compile fails hundreds of times.
const SHOWN: usize = 40;

/// Title and totals.
pub(super) fn summary(facts: &Facts<'_>, place: &Place) -> Markup {
    let Some(matrix) = matrix(facts.recorded) else {
        return html! {};
    };
    html! {
        header {
            h1 #(place.id("title")) { "Conformance: " (facts.recorded.run.id) }
            p { "What each target does with the specification's own tests, from " (matrix.specification.source) "." }
        }
        ul.sentences {
            @for sentence in sentences(&matrix) { li { (sentence) } }
        }
    }
}

/// A sentence a target; none if the run was about something else.
pub(super) fn said(facts: &Facts<'_>) -> Vec<String> {
    matrix(facts.recorded).map_or_else(Vec::new, |matrix| sentences(&matrix))
}

/// A sentence a target.
pub(crate) fn sentences(matrix: &Matrix<'_>) -> Vec<String> {
    let groups = matrix.specification.groups.len();
    let sentence = |target: &&plimsoll_record::TargetId| {
        let tally = matrix.total(target);
        let whole = matrix
            .cells
            .iter()
            .filter(|cell| cell.target == *target && cell.passes_all());
        let mut text = format!(
            "{target} passes {} of {} directives, all of them in {} of {groups} groups",
            quantity::grouped(u64::from(tally.passed)),
            quantity::grouped(u64::from(tally.asked())),
            whole.count(),
        );
        if tally.unsupported > 0 {
            let unsupported = quantity::grouped(u64::from(tally.unsupported));
            text.push_str(&format!("; {unsupported} are about what it does not claim"));
        }
        if tally.unpassed() > 0 {
            text.push_str(&format!("; {}", unpassed(&tally)));
        }
        text + "."
    };
    matrix.targets.iter().map(sentence).collect()
}

fn unpassed(tally: &Tally) -> String {
    let named = [
        (tally.failed, "failed"),
        (tally.crashed, "crashed"),
        (tally.timeout, "took too long"),
    ];
    let named = named.iter().filter(|(count, _)| *count > 0);
    let named = named.map(|(count, how)| format!("{} {how}", quantity::grouped(u64::from(*count))));
    named.collect::<Vec<_>>().join(", ")
}

/// The matrix.
pub(super) fn shares(facts: &Facts<'_>, place: &Place) -> Option<Section> {
    let matrix = matrix(facts.recorded)?;
    let hide = place.id("hide");
    let body = html! {
        p {
            "Share of the directives that are a question to an engine, and how many. What only a reader of "
            "the text format decides is none and counts for nobody; what a target does not claim counts, "
            "and does not pass. Words of a refusal or trap may differ from the script's."
        }
        div.conformance {
            p { input type="checkbox" id=(hide); " " label for=(hide) { "hide what passes everywhere" } }
            div.scroll tabindex="0" role="region" aria-label="Share passed by group and target" {
                table.sortable {
                    thead { tr {
                        th scope="col" { "group" }
                        @for target in &matrix.targets { th scope="col" { (target) } }
                    } }
                    tbody {
                        @for group in &matrix.specification.groups {
                            // A row is no target's: nothing to filter it by.
                            tr data-target="" class=[matrix.passes_everywhere(&group.id).then_some("everywhere")] {
                                th scope="row" title=(group.title) { (group.id) }
                                @for target in &matrix.targets {
                                    td { @if let Some(cell) = matrix.cell(target, &group.id) { (linked(cell, place)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
        h3 { "Directives by what became of them" }
        div.scroll tabindex="0" role="region" aria-label="Totals" {
            table.sortable {
                thead { tr {
                    th scope="col" { "target" }
                    @for name in COUNTS { th scope="col" { (name) } }
                } }
                tbody {
                    @for target in &matrix.targets {
                        tr {
                            th scope="row" { (target) }
                            @for count in counts(&matrix.total(target)) {
                                td { (quantity::grouped(u64::from(count))) }
                            }
                        }
                    }
                }
            }
        }
    };
    Some(Section {
        id: "matrix",
        title: "What passes",
        body,
    })
}

/// The columns of totals.
pub(crate) const COUNTS: [&str; 8] = [
    "passed",
    "in other words",
    "failed",
    "crashed",
    "timeout",
    "unsupported",
    "skipped",
    "total",
];

/// A target's totals in the order of [`COUNTS`].
pub(crate) fn counts(tally: &Tally) -> [u32; 8] {
    [
        tally.passed,
        tally.differing,
        tally.failed,
        tally.crashed,
        tally.timeout,
        tally.unsupported,
        tally.skipped,
        tally.total(),
    ]
}

/// `99.9 % (19,985/20,004)`; never rounded up to all.
pub(crate) fn shown(cell: &Cell<'_>) -> String {
    match (&cell.counted, cell.share()) {
        (Err(why), _) => why.clone(),
        (Ok(_), None) => "nothing asked".to_owned(),
        (Ok(tally), Some(_)) if cell.is_unclaimed() => {
            let asked = quantity::grouped(u64::from(tally.asked()));
            format!("not claimed (0/{asked})")
        }
        (Ok(tally), Some(share)) => {
            let percent = (share * 1000.0).floor() / 10.0;
            let passed = quantity::grouped(u64::from(tally.passed));
            let asked = quantity::grouped(u64::from(tally.asked()));
            match cell.passes_all() {
                true => format!("100 % ({passed}/{asked})"),
                false => format!("{percent:.1} % ({passed}/{asked})"),
            }
        }
    }
}

/// Every failure, by target, group and script.
pub(super) fn failures(facts: &Facts<'_>, place: &Place) -> Option<Section> {
    let matrix = matrix(facts.recorded)?;
    let failing = |cell: &&Cell<'_>| {
        let mut scripts = cell.scripts.iter();
        scripts.any(|script| !script.findings.is_empty())
    };
    let body = html! {
        @if !matrix.cells.iter().any(|cell| failing(&cell)) {
            p { "Nothing failed." }
        }
        @for target in &matrix.targets {
            @let cells: Vec<_> = matrix.cells.iter().filter(|cell| cell.target == *target).filter(failing).collect();
            @if !cells.is_empty() {
                h3 { (target) }
                @for cell in cells {
                    @let count = cell.scripts.iter().map(|script| script.findings.len()).sum::<usize>();
                    details #(place.id(&plain(&anchor(cell)))) {
                        summary { (cell.group.id) ": " (count) }
                        @for script in cell.scripts.iter().filter(|script| !script.findings.is_empty()) {
                            ul.plain {
                                @for finding in script.findings.iter().take(SHOWN) {
                                    @let name = format!("{}-{}-{}", anchor(cell), script.script, finding.line);
                                    @let id = place.id(&plain(&name));
                                    li #(id) {
                                        a.here href={ "#" (id) } aria-label={ "Link to " (script.script) ":" (finding.line) " on " (target) } { "#" } " "
                                        (located(&matrix, cell, &script.script, finding.line)) " "
                                        (how(finding.how)) ": " (finding.message)
                                    }
                                }
                                @if script.findings.len() > SHOWN {
                                    li { "and " (script.findings.len() - SHOWN) " more of " (script.script) ", all in " code { "bench report --json" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Some(Section {
        id: "failures",
        title: "What does not",
        body,
    })
}

/// A share, as a link to what fails where something does.
fn linked(cell: &Cell<'_>, place: &Place) -> Markup {
    let fails = cell
        .scripts
        .iter()
        .any(|script| !script.findings.is_empty());
    html! {
        @if fails {
            a href={ "#" (place.id(&plain(&anchor(cell)))) } { (shown(cell)) }
        } @else {
            (shown(cell))
        }
    }
}

/// Where the failures of a cell are.
fn anchor(cell: &Cell<'_>) -> String {
    format!("{}-{}", cell.target, cell.group.id)
}

fn located(matrix: &Matrix<'_>, cell: &Cell<'_>, script: &str, line: u32) -> Markup {
    let at = format!("{script}:{line}");
    html! {
        @match matrix.permalink(cell.group, script, line) {
            Some(address) => a href=(address) { (at) },
            None => code { (at) },
        }
    }
}

/// How a directive did not pass, in a word.
pub(crate) fn how(how: plimsoll_record::conformance::How) -> &'static str {
    use plimsoll_record::conformance::How;
    match how {
        How::Failed => "failed",
        How::Crashed => "crashed",
        How::Timeout => "took too long",
    }
}

/// A name as an id may have it.
pub(super) fn plain(name: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    name.chars().map(keep).collect()
}
