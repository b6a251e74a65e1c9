//! The section about published claims: one line per claim at the top, all figures further down.

use maud::{Markup, html};

use crate::claims::sentences::RULE;
use crate::claims::{Finding, Judgement, Standing, Verdict};
use crate::page::size_budget::{Part, SizeBudget};
use crate::quantity;

/// Maximum figures of a claim with their own line; beyond it there is one line per target.
const LINES: usize = 60;
/// Maximum programs named per line.
const NAMED: usize = 3;

/// One line for each claim that could be tested. `page` is the address of the page with all claims, empty for this one.
pub(crate) fn glance(judgements: &[Judgement<'_>], page: &str) -> Markup {
    let judged = judged(judgements);
    if judged.is_empty() {
        return html! {};
    }
    html! {
        section.verdicts aria-labelledby="verdicts-h" {
            h2 #verdicts-h { "What has been published, beside this" }
            p.tally {
                @for &verdict in Verdict::ALL {
                    @let count = judgements.iter().filter(|j| j.verdict == verdict).count();
                    @if count > 0 { span.verdict.(class(verdict)) { (count) " " (plural(verdict, count)) } " " }
                }
                span { (judged.len()) " of " (judgements.len()) " judged" } " "
                a href={ (page) "#claims" } { "Every figure and the rule" }
            }
            ul {
                @for judgement in judged {
                    li {
                        (badge(judgement))
                        a href={ (page) "#claim-" (judgement.claim.id) } { (judgement.claim.title) }
                        span.dim {
                            "claimed " (judgement.claim.range()) "; found " (judgement.span())
                            @if judgement.verdict == Verdict::DoesNotHold {
                                @for (miss, _) in judgement.misses() { "; " (miss) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn plural(verdict: Verdict, count: usize) -> &'static str {
    match (verdict, count) {
        (Verdict::Holds, 2..) => "hold",
        (Verdict::HoldsInPart, 2..) => "hold in part",
        (Verdict::DoesNotHold, 2..) => "do not hold",
        _ => verdict.words(),
    }
}

fn judged<'j, 'c>(judgements: &'j [Judgement<'c>]) -> Vec<&'j Judgement<'c>> {
    let all = judgements.iter();
    all.filter(|j| j.verdict != Verdict::NotMeasured).collect()
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::HoldsInPart => "in-part",
        Verdict::DoesNotHold => "not",
        Verdict::Undecided => "open",
        Verdict::NotMeasured => "none",
    }
}

fn badge(judgement: &Judgement<'_>) -> Markup {
    html! { span.verdict.(class(judgement.verdict)) { (judgement.verdict.words()) } }
}

/// Every claim with the figures that its verdict is based on.
pub(crate) fn section(judgements: &[Judgement<'_>], room: &SizeBudget) -> Markup {
    if judgements.is_empty() {
        return html! {};
    }
    let part = room.part(3);
    let missing = judgements.iter();
    let missing: Vec<_> = missing
        .filter(|j| j.verdict == Verdict::NotMeasured)
        .collect();
    html! {
        section #claims aria-labelledby="claims-h" {
            h2 #claims-h { "Published claims" }
            p { (RULE) }
            @for judgement in judged(judgements) { (claim(judgement, &part)) }
            @if !missing.is_empty() {
                details {
                    summary { b { "Not measured" } " " (quantity::count(missing.len() as u64, "claim")) " without a comparable figure in this report" }
                    dl.missing {
                        @for judgement in missing {
                            div #{ "claim-" (judgement.claim.id) } {
                                dt { (judgement.claim.says) span.dim { " " (origin(judgement)) } }
                                dd { (judgement.summary()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn origin(judgement: &Judgement<'_>) -> Markup {
    let source = judgement.source;
    html! {
        @match &source.url {
            Some(url) => a href=(url) { (source.words()) },
            None => (source.words()),
        }
        @if let Some(place) = &judgement.claim.place { ", " (place) }
    }
}

fn claim(judgement: &Judgement<'_>, room: &Part<'_>) -> Markup {
    let claim = judgement.claim;
    html! {
        div.claim #{ "claim-" (claim.id) } {
            h3 { (claim.title) " " span.verdict.(class(judgement.verdict)) { (judgement.words()) } }
            p.says {
                q { (claim.says) } " " span.dim { (origin(judgement)) "." }
                @if let Some(condition) = &claim.condition {
                    span.dim { " Published: " (claim.figure.as_deref().unwrap_or_default()) "; " (claim.boundary.as_deref().unwrap_or_default()) "; " (condition) "." }
                }
                @if let Some(read_as) = &claim.read_as { span.dim { " Read as: " (read_as) "." } }
            }
            p { (judgement.summary()) }
            @match room.draw(|| figures(judgement)) {
                Some(figures) => (figures),
                None => p.without { "There is no room here for its " (quantity::count(judgement.findings.len() as u64, "figure")) ": they are in " code { "bench report --json" } "." },
            }
        }
    }
}

/// The figures of a verdict: one per line, or one target per line if there are many.
fn figures(judgement: &Judgement<'_>) -> Markup {
    let claim = judgement.claim;
    let is_ratio = claim.measured.iter().any(|r| r.over.is_some());
    let many = judgement.findings.len() > LINES;
    html! {
        details {
            summary { (quantity::count(judgement.findings.len() as u64, "figure")) " beside " (claim.range()) }
            @if many { p { "One line per target, from its smallest to its largest figure; every one is in " code { "bench report --json" } "." } }
            div.scroll tabindex="0" role="region" aria-label={ "Figures: " (claim.title) } {
                table.sortable {
                    caption.unseen { "Figures: " (claim.title) }
                    @if many {
                        thead { tr {
                            th scope="col" { "target" }
                            th.n scope="col" { "figures" }
                            th.n scope="col" { "least" }
                            th.n scope="col" { "greatest" }
                            th scope="col" { "beside " (claim.range()) }
                            th scope="col" { "view" }
                        } }
                        tbody { @for group in groups(&judgement.findings) { (line(judgement, &group)) } }
                    } @else {
                        thead { tr {
                            th scope="col" { "target" }
                            th scope="col" { "at" }
                            @if is_ratio { th scope="col" { "over" } }
                            th scope="col" { "workload" }
                            th.n scope="col" { "found, 95 % interval" }
                            th scope="col" { "beside " (claim.range()) }
                            th.n scope="col" { "times its nearer end" }
                            th scope="col" { "view" }
                        } }
                        tbody { @for finding in &judgement.findings { (figure(judgement, finding, is_ratio)) } }
                    }
                }
            }
        }
    }
}

/// Groups figures by view and target; for ratios, by the side with more distinct targets.
fn groups(findings: &[Finding]) -> Vec<(&str, Vec<&Finding>)> {
    let names = |side: fn(&Finding) -> Option<&str>| {
        let mut names: Vec<&str> = findings.iter().filter_map(side).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    };
    let of: fn(&Finding) -> Option<&str> = |finding| Some(finding.target.as_str());
    let over: fn(&Finding) -> Option<&str> =
        |finding| finding.over.as_ref().map(|(target, _)| target.as_str());
    let side = if names(over) > names(of) { over } else { of };
    let mut groups: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let name = side(finding).unwrap_or(finding.target.as_str());
        let mut known = groups.iter_mut();
        match known.find(|(other, of)| *other == name && of[0].view == finding.view) {
            Some((_, group)) => group.push(finding),
            None => groups.push((name, vec![finding])),
        }
    }
    groups
}

fn line(judgement: &Judgement<'_>, (name, group): &(&str, Vec<&Finding>)) -> Markup {
    let claim = judgement.claim;
    let by_value = |a: &&&Finding, b: &&&Finding| a.value.total_cmp(&b.value);
    let (least, most) = (group.iter().min_by(by_value), group.iter().max_by(by_value));
    let described = |finding: Option<&&Finding>| {
        html! {
            @if let Some(finding) = finding {
                td.n data-v=(finding.value) { (claim.figure(finding.value)) i { (on(finding)) } }
            }
        }
    };
    let standings: Vec<String> = [
        Standing::Inside,
        Standing::AtTheEdge,
        Standing::Below,
        Standing::Above,
        Standing::NoInterval,
    ]
    .into_iter()
    .filter_map(|standing| {
        let count = group.iter().filter(|f| f.standing == standing).count();
        (count > 0).then(|| format!("{count} {}", standing.words()))
    })
    .collect();
    html! {
        tr {
            th scope="row" { (name) }
            td.n { (group.len()) }
            (described(least)) (described(most))
            td { (standings.join(", ")) }
            td.note { (group[0].view) }
        }
    }
}

/// The programs of a figure, in a few words.
fn on(finding: &Finding) -> String {
    let workloads: Vec<&str> = finding.workloads.iter().map(|w| w.as_str()).collect();
    match workloads.len() > NAMED {
        true => format!("{} programs", workloads.len()),
        false => workloads.join(", "),
    }
}

fn figure(judgement: &Judgement<'_>, finding: &Finding, is_ratio: bool) -> Markup {
    let claim = judgement.claim;
    let one = match finding.workloads.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    html! {
        tr data-workload=[one] data-over=[finding.over.as_ref().map(|(target, _)| target)] {
            th scope="row" {
                (finding.target)
                @if finding.alike > 0 { i { "and " (finding.alike) " more, alike" } }
            }
            td { (finding.boundary) }
            @if is_ratio {
                td {
                    @if let Some((target, boundary)) = &finding.over {
                        (target) @if *boundary != finding.boundary { " at " (boundary) }
                    }
                }
            }
            td { (on(finding)) }
            td.n data-v=(finding.value) {
                (claim.figure(finding.value))
                @if let Some(ci) = finding.ci95.filter(|ci| ci.low < ci.high) { i { (claim.interval(ci)) } }
            }
            td { (finding.standing.words()) }
            td.n {
                @if let Some((times, ci95)) = finding.beyond(claim) {
                    (quantity::times(times))
                    @if let Some(ci) = ci95.filter(|ci| ci.low < ci.high) { i { (format!("{} to {}", quantity::times(ci.low), quantity::times(ci.high))) } }
                }
            }
            td.note { (finding.view) }
        }
    }
}
