//! The report as Markdown, for pull requests and wiki pages.

use std::fmt::Write;

use plimsoll_analysis::columns::{TICKS, Table, rule, tables};
use plimsoll_analysis::marks::MARK;
use plimsoll_analysis::statistics::Interval;
use plimsoll_analysis::throughput::Throughput;
use plimsoll_analysis::{Analysed, Row, Status};
use plimsoll_record::text::lines;
use plimsoll_record::{Boundary, Metric, Suite};

use crate::claims::sentences::RULE;
use crate::claims::{Claims, Judgement, Source, Verdict, judge};
use crate::facts::Facts;
use crate::quantity;
use crate::shell;
use crate::suites;
use crate::suites::conformance::markdown as conformance;
use crate::suites::sandbox::markdown as capability;
use crate::suites::serve::ways as load;
use crate::text::inline;

/// The report of `runs` as Markdown: the summary, a table per workload, missing measurements and the command to
/// reproduce it, then a verdict on each of `claims`. All text from runs is escaped.
pub fn markdown(runs: &[Analysed<'_>], claims: &Claims) -> String {
    let mut text = String::new();
    if runs.is_empty() {
        text.push_str("# No run to report\n");
    }
    let facts = Facts::all(runs);
    for (n, facts) in facts.iter().enumerate() {
        if n > 0 {
            text.push('\n');
        }
        run(&mut text, facts);
    }
    if let Some(machines) = crate::machines::Machines::of(runs, claims) {
        crate::machines::markdown::markdown(&mut text, &machines);
    }
    if !runs.is_empty() && !claims.is_empty() {
        published(&mut text, &judge(claims, runs));
    }
    // It is also printed on terminals.
    lines(&text).into_owned()
}

/// The verdicts on published claims.
fn published(text: &mut String, judgements: &[Judgement<'_>]) {
    let (missing, judged): (Vec<_>, Vec<_>) = judgements
        .iter()
        .partition(|j| j.verdict == Verdict::NotMeasured);
    text.push_str("\n# Published claims\n");
    if !judged.is_empty() {
        text.push_str("\n| claim | claimed | verdict | found |\n|---|---|---|---|\n");
    }
    for judgement in judged {
        let claim = judgement.claim;
        let _ = writeln!(
            text,
            "| {} ({}) | {} | **{}** | {} |",
            inline(&claim.says),
            origin(judgement.source),
            inline(&claim.range()),
            judgement.verdict.words(),
            inline(&judgement.summary()),
        );
    }
    if !missing.is_empty() {
        let ids: Vec<&str> = missing.iter().map(|j| j.claim.id.as_str()).collect();
        let _ = writeln!(text, "\nNot measured here: {}.", ids.join(", "));
    }
    let _ = writeln!(text, "\n{RULE}");
}

/// Title and year of a source, as a link if it has an address.
fn origin(source: &Source) -> String {
    let words = inline(&source.words());
    match &source.url {
        // The table may come from anyone: the URL must not be able to end the link.
        Some(url) if !url.contains(['(', ')', '<', '>', ' ', '|', '\n']) => {
            format!("[{words}]({url})")
        }
        _ => words,
    }
}

// Writing to a String cannot fail, so the results of write! are ignored throughout.
fn run(text: &mut String, facts: &Facts<'_>) {
    let run = &facts.recorded.run;
    let machine = &run.environment;
    let ended = facts.ended();
    let subject = suites::question(run.suite).subject;
    let _ = writeln!(text, "# {subject}: {}\n", inline(&run.id));
    let _ = writeln!(
        text,
        "{} × {}, {}, {}, kernel {}. {} of {} measured and verified.\n",
        machine.cpus,
        inline(machine.cpu_model.trim()),
        quantity::bytes(machine.memory_bytes),
        inline(&machine.os),
        inline(&machine.kernel),
        quantity::grouped(ended.verified),
        quantity::count(ended.planned, "trial"),
    );
    let sentences = match run.suite {
        // These have a sentence per target instead.
        Suite::Conformance | Suite::Sandbox => Vec::new(),
        _ => suites::sentences(facts),
    };
    for sentence in sentences {
        let _ = writeln!(text, "- {}", inline(&sentence));
    }
    text.push_str(&conformance::markdown(facts.analysed, inline));
    text.push_str(&capability::markdown(facts.analysed, inline));
    if let Some(throughput) = facts.throughput() {
        ratios(text, facts, throughput);
        instructions(text, facts);
    }
    for workload in facts.workloads() {
        let _ = writeln!(
            text,
            "\n## {}: {}\n",
            inline(workload.workload.as_str()),
            inline(&workload.title)
        );
        match run.suite {
            Suite::Serve => under_load(text, facts, &workload.workload),
            Suite::Conformance | Suite::Sandbox => {}
            Suite::Coldstart | Suite::Throughput => {
                table(text, facts, &workload.workload);
                if facts.has_ticks(&workload.workload) {
                    text.push('\n');
                    counted(text, facts, &workload.workload, &[TICKS]);
                }
            }
            Suite::Density
            | Suite::Memory
            | Suite::Size
            | Suite::Languages
            | Suite::Instructions
            | Suite::Neighbours => {
                counted(text, facts, &workload.workload, tables(run.suite));
            }
        }
    }
    if !facts.analysed.marked.is_empty() {
        text.push_str("\n## Marked figures\n\n");
    }
    for one in &facts.analysed.marked {
        let on = format!("{} on {}: {}", one.target, one.workload, one.why);
        let _ = writeln!(text, "- {MARK} {}", inline(&on));
    }
    not_measured(text, facts);
    let _ = writeln!(
        text,
        "\nMedians with 95 % bootstrap intervals over trials. {}\n\n```sh\n{}\n```",
        explained(facts),
        shell::line(&run.command).replace("```", "'''"),
    );
}

/// How the figures are counted, or between what they are timed.
fn explained(facts: &Facts<'_>) -> String {
    let run = &facts.recorded.run;
    match rule(run.suite) {
        Some(rule) => rule.to_owned(),
        None => {
            let all = Boundary::LADDER
                .iter()
                .chain(Boundary::FIRST_OUTPUT)
                .chain(Boundary::GUEST);
            let has = |b: &&Boundary| facts.rows.iter().any(|row| row.boundary == **b);
            let all = all.filter(has);
            let all = all.map(|boundary| format!("{boundary} {}", boundary.meaning()));
            format!("Boundaries: {}.", all.collect::<Vec<_>>().join("; "))
        }
    }
}

/// Rows without a number, and skipped targets with how to enable them.
fn not_measured(text: &mut String, facts: &Facts<'_>) {
    let run = &facts.recorded.run;
    let missing: Vec<&Row> = facts
        .rows
        .iter()
        .filter(|r| r.status != Status::Ok)
        .collect();
    if !missing.is_empty() || !run.skipped.is_empty() {
        text.push_str("\n## Not measured\n\n");
    }
    for left in &run.skipped {
        let _ = write!(text, "- {}: {}", inline(&left.what), inline(&left.why));
        if let Some(remedy) = &left.remedy {
            let _ = write!(text, " (`{}`)", remedy.replace('`', "'"));
        }
        text.push('\n');
    }
    for row in missing {
        let _ = writeln!(
            text,
            "- {} on {} at {}: {}",
            inline(row.target.as_str()),
            inline(row.workload.as_str()),
            row.boundary,
            inline(row.note.as_deref().unwrap_or("no reason was recorded"))
        );
    }
}

/// Ratios to native: one target per row, one workload per column, the mean last.
fn ratios(text: &mut String, facts: &Facts<'_>, throughput: &Throughput) {
    let Some(reference) = &throughput.reference else {
        return;
    };
    let reference_name = inline(reference.as_str());
    let _ = writeln!(text, "\n## Times {reference_name}, wall time of a run\n");
    text.push_str("| target |");
    for workload in &throughput.workloads {
        let _ = write!(text, " {} |", inline(workload.as_str()));
    }
    let _ = writeln!(text, " geometric mean of {} |", throughput.common.len());
    text.push_str("|---|");
    text.push_str(&"---:|".repeat(throughput.workloads.len() + 1));
    text.push('\n');
    let shown = |ratio: f64, ci95: Option<Interval>| {
        let interval = ci95.map(|ci| format!(" ({})", quantity::ratio_interval(ci)));
        quantity::ratio(ratio) + &interval.unwrap_or_default()
    };
    for standing in throughput
        .standings
        .iter()
        .filter(|s| s.target != *reference)
    {
        let _ = write!(text, "| {} |", inline(standing.target.as_str()));
        for workload in &throughput.workloads {
            let ratio = standing
                .cell(workload)
                .and_then(|cell| cell.ratio(Metric::WallTime));
            let cell = ratio.map_or_else(|| "·".to_owned(), |r| shown(r.ratio, r.ci95));
            let mark = facts.mark(&standing.target, workload).map_or("", |_| MARK);
            let _ = write!(text, " {cell}{mark} |");
        }
        let mean = standing.mean(Metric::WallTime);
        let cell = mean.map_or_else(|| "·".to_owned(), |m| shown(m.ratio, m.ci95));
        let _ = writeln!(text, " {cell} |");
    }
    for sentence in throughput.left_out() {
        let _ = writeln!(text, "\n{}", inline(&sentence));
    }
}

/// Whether instructions are reported in addition to times, and if not, why.
fn instructions(text: &mut String, facts: &Facts<'_>) {
    let said = facts
        .recorded
        .run
        .instructions()
        .unwrap_or("not looked for");
    let _ = writeln!(text, "\nInstructions: {}.", inline(said));
}

fn table(text: &mut String, facts: &Facts<'_>, workload: &plimsoll_record::WorkloadId) {
    let boundaries = facts.boundaries(workload);
    text.push_str("| target |");
    for boundary in &boundaries {
        let _ = write!(text, " {boundary} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(boundaries.len()));
    text.push('\n');
    for target in facts.targets() {
        let rows: Vec<Option<&Row>> = boundaries
            .iter()
            .map(|&boundary| facts.wall(workload, &target.target, boundary))
            .collect();
        if rows.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(text, "| {} |", inline(target.target.as_str()));
        for row in rows {
            let _ = write!(
                text,
                " {} |",
                row.map_or_else(|| "·".to_owned(), |row| cell(facts, row))
            );
        }
        text.push('\n');
    }
}

/// Tables of servers with one rate per column.
fn under_load(text: &mut String, facts: &Facts<'_>, workload: &plimsoll_record::WorkloadId) {
    let rates = load::rates(facts);
    for metric in [Metric::P50, Metric::P99, Metric::AchievedRate] {
        let _ = write!(text, "\n| {metric} |");
        for rate in &rates {
            let _ = write!(text, " {}/s |", quantity::grouped(*rate));
        }
        let last = if metric == Metric::AchievedRate {
            "most"
        } else {
            "first-response"
        };
        let _ = writeln!(text, " {last} |\n|---|{}", "---:|".repeat(rates.len() + 1));
        for way in load::ways(facts, workload) {
            let _ = write!(text, "| {} |", inline(&way.name()));
            let at = |at| load::row(facts, workload, &way, metric, at);
            let last = match metric {
                Metric::AchievedRate => at(None),
                _ => facts.wall(workload, way.target(), Boundary::FirstResponse),
            };
            for row in rates.iter().map(|rate| at(Some(*rate))).chain([last]) {
                let _ = write!(
                    text,
                    " {} |",
                    row.map_or_else(|| "·".to_owned(), |row| cell(facts, row))
                );
            }
            text.push('\n');
        }
    }
    text.push('\n');
    for life in load::lives(&load::ways(facts, workload)) {
        let _ = writeln!(text, "- {}: {}", life.name(), life.isolation());
    }
}

/// Tables of counted rows that have content.
fn counted(
    text: &mut String,
    facts: &Facts<'_>,
    workload: &plimsoll_record::WorkloadId,
    tables: &[Table],
) {
    for table in tables {
        let lines: Vec<(&str, Vec<Option<&Row>>)> = facts
            .targets()
            .iter()
            .map(|target| {
                let cells = table.columns.iter();
                let cells = cells.map(|column| facts.of_column(workload, &target.target, column));
                (target.target.as_str(), cells.collect())
            })
            .filter(|(_, cells): &(_, Vec<Option<&Row>>)| cells[0].is_some())
            .collect();
        if lines.is_empty() {
            continue;
        }
        let headings = table
            .columns
            .iter()
            .map(|column| format!(" {} |", column.heading));
        let headings: String = headings.collect();
        let _ = writeln!(text, "{}:\n\n| target |{headings}", table.title);
        let _ = writeln!(text, "|---|{}", "---:|".repeat(table.columns.len()));
        for (target, cells) in lines {
            let _ = write!(text, "| {} |", inline(target));
            for row in cells {
                let _ = write!(
                    text,
                    " {} |",
                    row.map_or_else(|| "·".to_owned(), |row| cell(facts, row))
                );
            }
            text.push('\n');
        }
        text.push('\n');
    }
}

fn cell(facts: &Facts<'_>, row: &Row) -> String {
    match (row.status, row.median) {
        (Status::Ok, Some(_)) if row.at_most().is_some() => quantity::at_most(row),
        (Status::Ok, Some(median)) => {
            let interval = row.ci95.map(|[low, high]| {
                format!(
                    " ({})",
                    quantity::interval(Interval { low, high }, row.unit)
                )
            });
            let mark = facts.mark(&row.target, &row.workload);
            let mark = mark.filter(|_| row.is_speed());
            quantity::value(median, row.unit)
                + mark.map_or("", |_| MARK)
                + &interval.unwrap_or_default()
        }
        (Status::Ok, None) | (Status::Failed, _) => "failed".to_owned(),
        (Status::Unsupported, _) => "unsupported".to_owned(),
        (Status::WrongOutput, _) => "wrong output".to_owned(),
    }
}
