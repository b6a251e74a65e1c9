//! The suite `sandbox` on a terminal: one line per question, one column per target; targets beyond 80 columns
//! follow in a further table.

use std::fmt::Write;

use plimsoll_analysis::Analysed;
use plimsoll_analysis::capability::{Cell, Facts};
use plimsoll_record::TargetId;
use plimsoll_record::sandbox::Answer;

use super::{BAD, BOLD, DIM, styled};

/// Columns of a terminal.
const COLUMNS: usize = 80;
/// Width of an answer: the longest plus two.
const ANSWER: usize = "no such limit".len() + 2;

/// The answers, and the reasons for missing ones.
pub fn tables(run: &Analysed<'_>) -> String {
    let Some(facts) = &run.answers else {
        return String::new();
    };
    let mut text = String::new();
    let names = facts.questions.iter().map(|one| one.id.as_str().len());
    let width = names.max().unwrap_or(0);
    let at_once = (COLUMNS.saturating_sub(width) / ANSWER).max(1);
    let targets: Vec<&TargetId> = facts.targets.iter().map(|(target, _)| *target).collect();
    for some in targets.chunks(at_once) {
        answers(&mut text, facts, some, width);
    }
    text.push('\n');
    for question in facts.questions {
        let _ = writeln!(
            text,
            "{:width$}  can it {}?",
            question.id.as_str(),
            question.title
        );
    }
    text.push('\n');
    for answer in Answer::ALL {
        let _ = writeln!(text, "{answer:13}  {}", answer.meaning());
    }
    text.push_str("Facts and no marks: nothing is added up. The report has what each rests on.\n");
    for cell in facts.cells.iter().filter(|cell| cell.found.is_err()) {
        let why = crate::ui::format::clipped(cell.evidence(), 160);
        let _ = writeln!(
            text,
            "{} {}: not known: {why}",
            cell.target, cell.question.id
        );
    }
    text
}

fn answers(text: &mut String, facts: &Facts<'_>, targets: &[&TargetId], width: usize) {
    let _ = write!(text, "\n{:width$}", "");
    for target in targets {
        // A long name shifts its line, which is better than truncating the name.
        let _ = write!(
            text,
            "  {}",
            styled(BOLD, &format!("{:13}", target.as_str()))
        );
    }
    text.push('\n');
    for question in facts.questions {
        let _ = write!(text, "{:width$}", question.id.as_str());
        for target in targets {
            let cell = facts.cell(target, &question.id);
            let column = target.as_str().len().max(ANSWER - 2);
            let word = format!("{:column$}", cell.map_or("-", Cell::word));
            let style = match cell.map(|cell| cell.found.as_ref().map(|fact| fact.answer)) {
                None | Some(Ok(Answer::Unsupported)) => DIM,
                Some(Err(_)) => BAD,
                Some(Ok(_)) => anstyle::Style::new(),
            };
            let _ = write!(text, "  {}", styled(style, &word));
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    }
}
