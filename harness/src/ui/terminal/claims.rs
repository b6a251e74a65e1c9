//! Verdicts on published claims: two lines each, within 80 columns.

use std::fmt::Write;

use anstyle::Style;
use reports::claims::{Judgement, Standing, Verdict};

use super::{BOLD, DIM, GOOD, WARN, styled};

const WIDTH: usize = 80;

/// The verdict on every claim that the runs can confirm or refute, and the number of other claims.
pub fn verdicts(judgements: &[Judgement<'_>]) -> String {
    let mut text = String::new();
    let judged = judgements.iter();
    let judged = judged.filter(|j| j.verdict != Verdict::NotMeasured);
    let judged: Vec<_> = judged.collect();
    if !judged.is_empty() {
        let _ = writeln!(text, "\n{}", styled(BOLD, "Published claims beside this"));
    }
    for judgement in judged {
        let verdict = judgement.verdict;
        let says = shortened(&judgement.claim.says, WIDTH - 15);
        let shown = format!("{:14}", verdict.words());
        let _ = writeln!(text, "{} {says}", styled(style(verdict), &shown));
        let all = judgement.counted();
        let count = |standing| all.iter().filter(|f| f.standing == standing).count();
        let mut found = format!("found {}", judgement.span());
        for (standing, what) in [
            (Standing::Inside, "inside"),
            (Standing::AtTheEdge, "at an end"),
            (Standing::Below, "below"),
            (Standing::Above, "above"),
        ] {
            match count(standing) {
                0 => {}
                n => found.push_str(&format!(", {n} {what}")),
            }
        }
        if verdict == Verdict::DoesNotHold {
            for (miss, _) in judgement.misses() {
                found.push_str(&format!("; {miss}"));
            }
        }
        let found = shortened(&found.replace('\u{a0}', " "), WIDTH - 15);
        let _ = writeln!(text, "{:14} {}", "", styled(DIM, &found));
    }
    if !judgements.is_empty() {
        if text.is_empty() {
            text.push('\n');
        }
        text += &counts(judgements);
    }
    text
}

/// The numbers of claims by verdict, on one line. Empty without claims.
pub fn counts(judgements: &[Judgement<'_>]) -> String {
    let count = |verdict| judgements.iter().filter(|j| j.verdict == verdict).count();
    let (all, missing) = (judgements.len(), count(Verdict::NotMeasured));
    if all == 0 {
        return String::new();
    }
    let found: Vec<String> = [
        (Verdict::Holds, "hold"),
        (Verdict::HoldsInPart, "hold in part"),
        (Verdict::DoesNotHold, "do not hold"),
        (Verdict::Undecided, "undecided"),
    ]
    .into_iter()
    .map(|(verdict, words)| format!("{} {words}", count(verdict)))
    .collect();
    let found = found.join(", ");
    format!("Of {all} published claims: {found}, {missing} not measured here.\n")
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Holds => GOOD,
        Verdict::HoldsInPart | Verdict::DoesNotHold | Verdict::Undecided => WARN,
        Verdict::NotMeasured => DIM,
    }
}

/// `text` shortened to at most `most` characters.
fn shortened(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    match letters.len() <= most {
        true => text.to_owned(),
        false => letters[..most - 1].iter().collect::<String>() + "…",
    }
}
