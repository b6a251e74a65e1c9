//! The suite `sandbox` as Markdown.

use std::fmt::Write;

use plimsoll_analysis::Analysed;
use plimsoll_analysis::capability::Facts;
use plimsoll_record::sandbox::Answer;

/// Explanation above every table of answers.
pub(crate) const RULE: &str = "Facts, each tried in this run, without a score: a container that lets its program start processes \
does its job, so there is no best answer. Guests had no directory and no variable; a limit was set where a question names \
one. Guests that did not end were killed.";

/// The summary's sentence; `None` for other suites.
pub(crate) fn said(run: &Analysed<'_>) -> Option<String> {
    run.answers.as_ref().map(sentence)
}

fn sentence(facts: &Facts<'_>) -> String {
    let (known, all) = facts.known();
    format!(
        "{} questions to {} targets: {known} of {all} answers found, each by trying it.",
        facts.questions.len(),
        facts.targets.len()
    )
}

/// The table and the evidence for each answer; empty for other suites.
pub(crate) fn markdown(run: &Analysed<'_>, inline: impl Fn(&str) -> String) -> String {
    let Some(facts) = &run.answers else {
        return String::new();
    };
    let mut text = String::new();
    let _ = writeln!(text, "- {}\n\n{RULE}", inline(&sentence(facts)));
    text.push_str("\n## Can it\n\n|  |");
    for (target, _) in &facts.targets {
        let _ = write!(text, " {} |", inline(target.as_str()));
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(facts.targets.len()));
    for question in facts.questions {
        let _ = write!(text, "| {} |", inline(&question.title));
        for (target, _) in &facts.targets {
            let cell = facts.cell(target, &question.id);
            let _ = write!(text, " {} |", cell.map_or("", |cell| cell.word()));
        }
        text.push('\n');
    }
    text.push('\n');
    for answer in Answer::ALL {
        let _ = writeln!(text, "- {answer}: {}", answer.meaning());
    }
    for (target, _) in &facts.targets {
        let _ = writeln!(text, "\n## What {} did\n", inline(target.as_str()));
        for question in facts.questions {
            let Some(cell) = facts.cell(target, &question.id) else {
                continue;
            };
            let _ = writeln!(
                text,
                "- {}: {}: {}",
                inline(&question.title),
                cell.word(),
                inline(cell.evidence())
            );
        }
    }
    text
}
