//! Prints a run on a terminal: for the ladder, a table of targets by boundaries per workload, within 80
//! columns.

pub mod claims;
pub mod comparison;
pub mod conformance;
pub mod counted;
mod languages;
pub mod load;
pub mod machines;
pub mod sandbox;
mod throughput;

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use plimsoll_analysis::marks::{MARK, Marked};
use plimsoll_analysis::{Analysed, Row, Status};
use plimsoll_record::run::{PreflightNote, Severity, Skipped};
use plimsoll_record::text::plain;
use plimsoll_record::{Boundary, Metric, Recorded, Suite, TargetId};
use reports::claims::{Judgement, Verdict};

pub use languages::languages;
pub use throughput::throughput;

use crate::ui::format;

/// For headings.
pub const BOLD: Style = Style::new().bold();
/// For less important text.
pub const DIM: Style = Style::new().dimmed();
/// For good results.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// For what needs attention.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// For errors.
pub const BAD: Style = AnsiColor::Red.on_default();

/// `text` in `style`; the output stream removes colour where necessary.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The tables of a run, by its suite.
pub fn tables(run: &Analysed<'_>) -> String {
    of_suite(run) + &fewer(&run.rows)
}

fn of_suite(run: &Analysed<'_>) -> String {
    match run.recorded.run.suite {
        Suite::Coldstart => ladder(run) + &counted::ticks(run),
        Suite::Throughput => throughput(run),
        Suite::Density | Suite::Memory | Suite::Size | Suite::Instructions | Suite::Neighbours => {
            counted::tables(run)
        }
        Suite::Serve => load::tables(run),
        Suite::Conformance => conformance::tables(run),
        Suite::Sandbox => sandbox::tables(run),
        Suite::Languages => languages(run),
    }
}

/// Maximum lines about figures that lack trials.
const FEWER: usize = 6;

/// Lists the figures that lack planned trials, and why: damaged, failed or not reached.
fn fewer(rows: &[Row]) -> String {
    let mut found: Vec<(String, usize)> = Vec::new();
    for row in rows.iter().filter(|row| row.status != Status::Unsupported) {
        let mut notes = row.note.as_deref().unwrap_or_default().split("; ");
        let counts = |note: &&str| {
            let begins = note.starts_with(|first: char| first.is_ascii_digit());
            (begins && note.contains(" trials ")) || note.starts_with("the one trial ")
        };
        let Some(why) = notes.find(counts) else {
            continue;
        };
        let line = format!("{} on {}: {}", row.target, row.workload, plain(why));
        match found.iter_mut().find(|(other, _)| *other == line) {
            Some((_, figures)) => *figures += 1,
            None => found.push((line, 1)),
        }
    }
    if found.is_empty() {
        return String::new();
    }
    let mut text = "\nFigures that lack planned trials:\n".to_owned();
    for (line, figures) in found.iter().take(FEWER) {
        let _ = writeln!(text, "  {line} ({})", format::count(*figures, "figure"));
    }
    if let Some(more) = found.len().checked_sub(FEWER).filter(|more| *more > 0) {
        let _ = writeln!(
            text,
            "  and {more} more: `bench report RUN --csv` lists each"
        );
    }
    text
}

/// Lists the targets with speeds marked because they fail tests of features that a workload uses.
pub fn marked(marked: &[Marked]) -> String {
    let mut text = String::new();
    for one in marked {
        let target = styled(WARN, one.target.as_str());
        let _ = writeln!(text, "{MARK} {target} on {}: {}", one.workload, one.why);
    }
    if !text.is_empty() {
        text.push_str(
            "Their speed there is of an engine that does not pass all tests of what runs on it.\n",
        );
    }
    text
}

/// The ladder of every workload.
pub fn ladder(run: &Analysed<'_>) -> String {
    let recorded = run.recorded;
    let mut text = String::new();
    for workload in &recorded.run.workloads {
        let rows: Vec<&Row> = run
            .rows
            .iter()
            .filter(|row| row.workload == workload.workload && row.metric == Metric::WallTime)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let heading = styled(BOLD, workload.workload.as_str());
        let _ = writeln!(text, "\n{heading}: {}", workload.title);
        table(&mut text, recorded, &rows);
    }
    if !text.is_empty() {
        legend(&mut text, run);
    }
    text
}

/// Maximum width of a target name next to seven columns of seven characters, within 80.
const NAME_WIDTH: usize = 31;

fn table(text: &mut String, recorded: &Recorded, rows: &[&Row]) {
    let targets: Vec<&TargetId> = recorded
        .run
        .targets
        .iter()
        .map(|record| &record.target)
        .filter(|target| rows.iter().any(|row| row.target == **target))
        .collect();
    let name_width = targets
        .iter()
        .map(|target| target.as_str().chars().count())
        .filter(|&width| width <= NAME_WIDTH)
        .max()
        .unwrap_or(0);
    let _ = write!(text, "{:name_width$}", "");
    for boundary in Boundary::LADDER {
        let _ = write!(text, "{:>7}", boundary.name());
    }
    text.push('\n');
    for target in targets {
        if target.as_str().chars().count() > name_width {
            let _ = write!(text, "{target}\n{:name_width$}", "");
        } else {
            let _ = write!(text, "{target:name_width$}");
        }
        for &boundary in Boundary::LADDER {
            let row = rows
                .iter()
                .find(|row| row.target == *target && row.boundary == boundary);
            text.push_str(&cell(row.copied()));
        }
        text.push('\n');
    }
}

/// One median, right-aligned in seven columns; dimmed if its interval is wide.
fn cell(row: Option<&Row>) -> String {
    let Some(row) = row else {
        return format!("{:>7}", "-");
    };
    match (row.status, row.median) {
        (Status::Ok, Some(median)) => {
            let shown = format!("{:>7}", format::nanoseconds(median));
            match is_wide(row) {
                true => styled(DIM, &shown),
                false => shown,
            }
        }
        (Status::WrongOutput, _) => styled(BAD, "  wrong"),
        (Status::Failed, _) => styled(BAD, " failed"),
        (Status::Ok | Status::Unsupported, _) => format!("{:>7}", "-"),
    }
}

/// Whether a row's interval reaches further than 10 % from its median, or is missing.
fn is_wide(row: &Row) -> bool {
    // File sizes do not vary.
    if row.boundary == Boundary::OnDisk {
        return false;
    }
    match (row.median, row.ci95) {
        (Some(median), Some([low, high])) => (high - median).max(median - low) > 0.10 * median,
        _ => true,
    }
}

fn legend(text: &mut String, run: &Analysed<'_>) {
    let rows: Vec<&Row> = run
        .rows
        .iter()
        .filter(|row| row.metric == Metric::WallTime && row.status == Status::Ok)
        .collect();
    let wide = rows.iter().filter(|row| is_wide(row)).count();
    text.push('\n');
    for boundary in Boundary::LADDER {
        if run.rows.iter().any(|row| row.boundary == *boundary) {
            let _ = writeln!(text, "{}  {}", boundary.name(), boundary.meaning());
        }
    }
    let _ = writeln!(
        text,
        "Medians of wall time. {wide} of {} have a 95 % interval wider than 10 %{}.",
        rows.len(),
        if wide > 0 { " (dimmed)" } else { "" }
    );
}

/// Columns for sentences: the terminal's, limited to 60 to 100; 80 without a terminal.
fn columns() -> usize {
    let named = std::env::var("COLUMNS").ok();
    let named = named.and_then(|columns| columns.parse().ok());
    let terminal = || rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let found = named.or_else(|| terminal().map(|size| usize::from(size.ws_col)));
    found
        .filter(|columns| *columns > 0)
        .unwrap_or(80)
        .clamp(60, 100)
}

/// A run's answers in a few sentences, and verdicts on published claims. Empty without either.
pub fn answer(sentences: &[String], judgements: &[Judgement<'_>]) -> String {
    let mut text = String::new();
    for sentence in sentences {
        let sentence = sentence.replace('\u{a0}', " ");
        let _ = writeln!(text, "{}", counted::wrapped_to(columns(), &sentence));
    }
    if judgements
        .iter()
        .any(|one| one.verdict != Verdict::NotMeasured)
    {
        text += &counted::wrapped_to(columns(), &claims::counts(judgements));
    }
    match text.is_empty() {
        true => text,
        false => format!("\n{text}"),
    }
}

/// What a run skipped: in full if it was required, otherwise only the number.
pub fn skipped(skipped: &[Skipped]) -> String {
    let mut text = String::new();
    let (requested, rest): (Vec<_>, Vec<_>) = skipped.iter().partition(|one| one.requested);
    for one in requested {
        let remedy = one.remedy.as_ref();
        let remedy = remedy.map_or_else(String::new, |remedy| format!("; add it with `{remedy}`"));
        let why = plain(&one.why);
        let what = plain(&one.what);
        let _ = writeln!(text, "{} {what}: {why}{remedy}", styled(WARN, "skipped"));
    }
    if !rest.is_empty() {
        let count = format::count(rest.len(), "target");
        let _ = writeln!(text, "{count} skipped: bench list targets");
    }
    text
}

/// Damage in a run's record; empty without damage.
pub fn damage(recorded: &Recorded) -> String {
    let mut text = String::new();
    let trials = recorded.trials.values();
    let histograms = trials.flat_map(|trial| &trial.histograms);
    let damaged = histograms.filter(|line| plimsoll_analysis::load::decoded(line).is_none());
    for (number, what, meaning) in [
        (
            recorded.unreadable_lines,
            "line",
            "cannot be read, or is there twice",
        ),
        (damaged.count(), "histogram", "damaged and left out"),
    ] {
        if number > 0 {
            let count = format::count(number, what);
            let warning = styled(WARN, "damaged");
            let _ = writeln!(text, "{warning} {count} of samples.ndjson: {meaning}");
        }
    }
    text
}

/// The preflight notes, one per line.
pub fn preflight(notes: &[PreflightNote], which: Notes) -> String {
    let mut text = String::new();
    for note in notes {
        let style = match note.severity {
            Severity::Good => GOOD,
            Severity::Note => DIM,
            Severity::Noisy => WARN,
        };
        let word = match note.severity {
            Severity::Good => "good ",
            Severity::Note => "note ",
            Severity::Noisy => "noisy",
        };
        if which == Notes::All || note.severity == Severity::Noisy {
            let _ = writeln!(
                text,
                "{} {}: {}",
                styled(style, word),
                note.subject,
                note.found
            );
        }
    }
    text
}

/// Selects preflight notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notes {
    /// Every one.
    All,
    /// Those that cast doubt on the results.
    Noisy,
}
