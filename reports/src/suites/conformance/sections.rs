//! The suite `conformance`: a matrix of groups by targets, followed by all failures.

use maud::{Markup, PreEscaped, html};
use plimsoll_analysis::conformance::{Cell, Matrix};
use plimsoll_record::conformance::Tally;

use crate::facts::Facts;
use crate::page::parts::{Place, Section};
use crate::page::parts::{heading, in_words};
use crate::picture::canvas::Caption;
use crate::picture::ladder::Layout;
use crate::picture::shares::{PARTS, Shares, shares as bars};
use crate::quantity;
use crate::suites;

/// Maximum failures shown per script: a script that does not compile has hundreds.
const SHOWN: usize = 40;
/// The same maximum if the failures do not fit.
const FEW: usize = 2;

/// Title and sentences.
pub(crate) fn summary(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    let question = suites::question(facts.recorded.run.suite);
    html! {
        (heading(facts, place, question.asked, question.subject))
        @if let Some(matrix) = &facts.analysed.matrix {
            p { "What each target does with the specification's own tests, from " (matrix.specification.source) "." }
        }
        section.glance aria-label=(place.label("In words")) { (in_words(&suites::sentences(facts))) }
    }
}

/// Results of all directives by target.
pub(crate) fn picture(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let matrix = facts.analysed.matrix.as_ref()?;
    let lines: Vec<Shares<'_>> = matrix
        .targets
        .iter()
        .map(|&target| {
            let tally = matrix.total(target);
            Shares {
                target,
                passed: tally.passed,
                unclaimed: tally.unsupported,
                failed: tally.unpassed(),
                figure: percent(&tally),
            }
        })
        .collect();
    let spoken: Vec<String> = lines
        .iter()
        .map(|line| format!("{}: {}", line.target, line.figure))
        .collect();
    let draw = |layout, id: &str| {
        let caption = Caption {
            id: place.id(&format!("shares-{id}")),
            title: "Share of directives passed".to_owned(),
            description: spoken.join("; "),
        };
        PreEscaped(bars(&lines, &caption, layout))
    };
    let body = html! {
        ul.legend.small {
            @for (pen, name) in PARTS { li { span.swatch.(pen.class()) {} span { (name) } } }
        }
        figure {
            figcaption { b { "All groups together" } " directives that are a question to an engine" }
            div.wide { (draw(Layout::Wide, "wide")) }
            div.narrow { (draw(Layout::Narrow, "narrow")) }
        }
    };
    (!lines.is_empty()).then_some(Section {
        id: "picture",
        title: "At a glance",
        body,
    })
}

/// `99.9 %` of the tested directives; never rounded up to 100.
pub(crate) fn percent(tally: &Tally) -> String {
    match (tally.passed, tally.attempted()) {
        (_, 0) => "none".to_owned(),
        (passed, asked) if passed == asked => "100 %".to_owned(),
        (passed, asked) => {
            let share = f64::from(passed) / f64::from(asked);
            format!("{:.1} %", (share * 1000.0).floor() / 10.0)
        }
    }
}

/// One sentence per target.
pub(crate) fn each(matrix: &Matrix<'_>) -> Vec<String> {
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
            quantity::grouped(u64::from(tally.attempted())),
            whole.count(),
        );
        if tally.unsupported > 0 {
            let unsupported = quantity::grouped(u64::from(tally.unsupported));
            text.push_str(&format!(
                "; {unsupported} test proposals that it does not claim"
            ));
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

/// The matrix of groups by targets.
pub(crate) fn shares(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let matrix = facts.analysed.matrix.as_ref()?;
    let hide = place.id("hide");
    let body = html! {
        p {
            "Share and number of the directives that an engine passes. Directives that only test a parser of the text "
            "format are left out for every target. A proposal that a target does not claim counts as not passed. "
            "The message of a refusal or trap may differ from the script's."
        }
        div.conformance {
            p { input type="checkbox" id=(hide); " " label for=(hide) { "hide what passes everywhere" } }
            div.scroll tabindex="0" role="region" aria-label=(place.label("Share passed by group and target")) {
                table.groups.sortable {
                    thead { tr {
                        th scope="col" { "group" }
                        @for target in &matrix.targets { th scope="col" data-t=(target) { (target) } }
                    } }
                    tbody {
                        @for group in &matrix.specification.groups {
                            // A row belongs to no target, so the filter ignores it.
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
        div.scroll tabindex="0" role="region" aria-label=(place.label("Totals")) {
            table.matrix.sortable {
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

/// Column headings of the totals.
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

/// `99.9 % (19,985/20,004)`; never rounded up to 100.
pub(crate) fn shown(cell: &Cell<'_>) -> String {
    match (&cell.counted, cell.share()) {
        (Err(why), _) => why.clone(),
        (Ok(_), None) => "no directives".to_owned(),
        (Ok(tally), Some(_)) if cell.is_unclaimed() => {
            let asked = quantity::grouped(u64::from(tally.attempted()));
            format!("not claimed (0/{asked})")
        }
        (Ok(tally), Some(share)) => {
            let percent = (share * 1000.0).floor() / 10.0;
            let passed = quantity::grouped(u64::from(tally.passed));
            let asked = quantity::grouped(u64::from(tally.attempted()));
            match cell.passes_all() {
                true => format!("100 % ({passed}/{asked})"),
                false => format!("{percent:.1} % ({passed}/{asked})"),
            }
        }
    }
}

/// All failures, by target, group and script.
pub(crate) fn failures(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let matrix = facts.analysed.matrix.as_ref()?;
    let failing = |cell: &&Cell<'_>| {
        let mut scripts = cell.scripts.iter();
        scripts.any(|script| !script.findings.is_empty())
    };
    let part = place.budget.part(1);
    let failing: Vec<(&plimsoll_record::TargetId, Vec<&Cell<'_>>)> = matrix
        .targets
        .iter()
        .map(|&target| {
            let cells = matrix.cells.iter().filter(|cell| cell.target == target);
            (target, cells.filter(failing).collect())
        })
        .filter(|(_, cells): &(_, Vec<_>)| !cells.is_empty())
        .collect();
    let body = html! {
        @if failing.is_empty() {
            p { "Nothing failed." }
        }
        @for (target, cells) in &failing {
            div data-t=(target) {
                h3 { (target) }
                @for cell in cells {
                    @let described = |most| described(matrix, cell, most, place);
                    @match part.draw(|| described(SHOWN)).or_else(|| part.draw(|| described(FEW))) {
                        Some(described) => (described),
                        None => (described(0)),
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

/// The failures of a target in a group, at most `most` per script.
fn described(matrix: &Matrix<'_>, cell: &Cell<'_>, most: usize, place: &Place<'_>) -> Markup {
    let scripts = || {
        cell.scripts
            .iter()
            .filter(|script| !script.findings.is_empty())
    };
    let count = scripts().map(|script| script.findings.len()).sum::<usize>();
    let names: Vec<&str> = scripts().map(|script| script.script.as_str()).collect();
    html! {
        details #(place.id(&plain(&anchor(cell)))) {
            summary { (cell.group.id) ": " (count) }
            @if most == 0 {
                p { "In " (names.join(", ")) "; all of them are in " code { "bench report --json" } "." }
            } @else {
                @for script in scripts() {
                    ul.plain {
                        @for finding in script.findings.iter().take(most) {
                            @let name = format!("{}-{}-{}", anchor(cell), script.script, finding.line);
                            @let id = place.id(&plain(&name));
                            li #(id) {
                                a.here href={ "#" (id) } aria-label={ "Link to " (script.script) ":" (finding.line) " on " (cell.target) } { "#" } " "
                                (located(matrix, cell, &script.script, finding.line)) " "
                                (how(finding.how)) ": " (finding.message)
                            }
                        }
                        @if script.findings.len() > most {
                            li { "and " (script.findings.len() - most) " more of " (script.script) ", all in " code { "bench report --json" } }
                        }
                    }
                }
            }
        }
    }
}

/// A share that links to its failures, if any.
fn linked(cell: &Cell<'_>, place: &Place<'_>) -> Markup {
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

/// Id of a cell's failures.
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

/// A failure mode in a word.
pub(crate) fn how(how: plimsoll_record::conformance::FailureMode) -> &'static str {
    use plimsoll_record::conformance::FailureMode;
    match how {
        FailureMode::Failed => "failed",
        FailureMode::Crashed => "crashed",
        FailureMode::Timeout => "took too long",
    }
}

/// Converts a name to a valid id.
pub(crate) fn plain(name: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' {
            c
        } else {
            '-'
        }
    };
    name.chars().map(keep).collect()
}
