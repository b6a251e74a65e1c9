//! What has been published, beside what was measured: a line a claim at the top, every figure of
//! every claim further down.

use maud::{Markup, html};

use crate::claims::words::RULE;
use crate::claims::{Finding, Judgement, Verdict};
use crate::quantity;

/// The claims that could be held against something, a line each.
pub(super) fn glance(judgements: &[Judgement<'_>]) -> Markup {
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
                a href="#claims" { "Every figure and the rule" }
            }
            ul {
                @for judgement in judged {
                    li {
                        (badge(judgement.verdict))
                        a href={ "#claim-" (judgement.claim.id) } { (judgement.claim.title) }
                        span.dim { "claimed " (judgement.claim.range()) "; found " (judgement.span()) }
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
        Verdict::NotMeasured => "none",
    }
}

fn badge(verdict: Verdict) -> Markup {
    html! { span.verdict.(class(verdict)) { (verdict.words()) } }
}

/// Every claim with everything that its verdict rests on.
pub(super) fn section(judgements: &[Judgement<'_>]) -> Markup {
    if judgements.is_empty() {
        return html! {};
    }
    let missing = judgements.iter();
    let missing: Vec<_> = missing
        .filter(|j| j.verdict == Verdict::NotMeasured)
        .collect();
    html! {
        section #claims aria-labelledby="claims-h" {
            h2 #claims-h { "Published claims" }
            p { (RULE) }
            @for judgement in judged(judgements) { (claim(judgement)) }
            @if !missing.is_empty() {
                details {
                    summary { b { "Not measured" } " " (quantity::count(missing.len() as u64, "claim")) " that nothing here can be held against" }
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

fn origin(judgement: &Judgement<'_>) -> String {
    let source = judgement.source.words();
    match &judgement.claim.place {
        Some(place) => format!("{source}, {place}"),
        None => source,
    }
}

fn claim(judgement: &Judgement<'_>) -> Markup {
    let claim = judgement.claim;
    html! {
        div.claim #{ "claim-" (claim.id) } {
            h3 { (claim.title) " " (badge(judgement.verdict)) }
            p.says {
                q { (claim.says) } " " span.dim { (origin(judgement)) "." }
                @if let Some(read_as) = &claim.read_as { span.dim { " Read as: " (read_as) "." } }
            }
            p { (judgement.summary()) }
            details {
                summary { (quantity::count(judgement.findings.len() as u64, "figure")) " beside " (claim.range()) }
                div.scroll tabindex="0" role="region" aria-label={ "Figures: " (claim.title) } {
                    table.sortable {
                        caption.unseen { "Figures: " (claim.title) }
                        thead { tr {
                            th scope="col" { "target" }
                            th scope="col" { "at" }
                            @if claim.measured.iter().any(|r| r.over.is_some()) { th scope="col" { "over" } }
                            th scope="col" { "workload" }
                            th.n scope="col" { "found, 95 % interval" }
                            th scope="col" { "beside " (claim.range()) }
                            th.n scope="col" { "times its nearer end" }
                            th scope="col" { "view" }
                        } }
                        tbody { @for finding in &judgement.findings { (figure(judgement, finding)) } }
                    }
                }
            }
        }
    }
}

fn figure(judgement: &Judgement<'_>, finding: &Finding) -> Markup {
    let claim = judgement.claim;
    let workloads: Vec<&str> = finding.workloads.iter().map(|w| w.as_str()).collect();
    html! {
        tr data-target=(finding.target) data-workload=(workloads.join(" ")) data-over=[finding.over.as_ref().map(|(target, _)| target)] {
            th scope="row" {
                (finding.target)
                @if finding.alike > 0 { span.ci { "and " (finding.alike) " more, alike" } }
            }
            td { (finding.boundary) }
            @if claim.measured.iter().any(|r| r.over.is_some()) {
                td {
                    @if let Some((target, boundary)) = &finding.over {
                        (target) @if *boundary != finding.boundary { " at " (boundary) }
                    }
                }
            }
            td { (workloads.join(", ")) }
            td.n data-v=(finding.value) {
                (claim.figure(finding.value))
                @if let Some(ci) = finding.ci95.filter(|ci| ci.low < ci.high) { span.ci { (claim.interval(ci)) } }
            }
            td { (finding.standing.words()) }
            td.n {
                @if let Some((times, ci95)) = finding.beyond(claim) {
                    (quantity::ratio(times))
                    @if let Some(ci) = ci95.filter(|ci| ci.low < ci.high) { span.ci { (quantity::ratio_interval(ci)) } }
                }
            }
            td.note { (finding.view) }
        }
    }
}
