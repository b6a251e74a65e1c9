//! Sections on missing measurements, the machine, targets' configurations, and workloads.

use maud::{Markup, html};
use plimsoll_analysis::{Row, Status};
use plimsoll_record::run::{ArtefactRecord, Severity, TargetRecord, WorkloadRecord};

use super::parts::{Place, Section};
use super::tables::status;
use crate::facts::Facts;
use crate::page::parts::kind_class;
use crate::quantity;
use crate::shell;

pub(super) fn not_measured(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let of_rows = |wanted: fn(&Row) -> bool| incidents(facts, wanted);
    let missing = of_rows(|row| row.status != Status::Ok);
    let partly = of_rows(|row| row.status == Status::Ok);
    let skipped = &facts.recorded.run.skipped;
    let body = html! {
        @if missing.is_empty() && partly.is_empty() && skipped.is_empty() {
            p { "Everything that was planned was measured and verified, and nothing was left out." }
        }
        @if !skipped.is_empty() {
            h3 { "Left out" }
            ul.plain {
                @for left in skipped {
                    li {
                        b { (left.what) } ": " (left.why.trim_end_matches('.')) "."
                        @if left.requested { " The command named it." }
                        @if let Some(remedy) = &left.remedy { " To add it: " code { (remedy) } }
                    }
                }
            }
        }
        @if !missing.is_empty() {
            h3 { "No number" }
            (what_happened(&missing, &place.label("No number")))
        }
        @if !partly.is_empty() {
            h3 { "Measured, but not in every trial" }
            (what_happened(&partly, &place.label("Not in every trial")))
        }
    };
    Some(Section {
        id: "not-measured",
        title: "What was not measured",
        body,
    })
}

/// Failed trials: rows of one target with the same failures are reported together.
struct Incident<'f> {
    row: &'f Row,
    workloads: Vec<String>,
    boundaries: Vec<String>,
    story: String,
}

fn incidents<'f>(facts: &'f Facts<'_>, wanted: fn(&Row) -> bool) -> Vec<Incident<'f>> {
    let mut found: Vec<Incident<'f>> = Vec::new();
    for row in facts.rows.iter().filter(|row| wanted(row)) {
        let Some(story) = facts.lost_trials(row) else {
            continue;
        };
        let boundary = row.boundary.to_string();
        match found.iter_mut().find(|incident| {
            let other = incident.row;
            (&other.workload, &other.target, other.status)
                == (&row.workload, &row.target, row.status)
                && incident.story == story
        }) {
            Some(incident) if incident.boundaries.contains(&boundary) => {}
            Some(incident) => incident.boundaries.push(boundary),
            None => found.push(Incident {
                row,
                workloads: vec![row.workload.to_string()],
                boundaries: vec![boundary],
                story,
            }),
        }
    }
    let mut merged: Vec<Incident<'f>> = Vec::new();
    for incident in found {
        let alike = merged.iter_mut().find(|other| {
            (
                &other.row.target,
                other.row.status,
                &other.boundaries,
                &other.story,
            ) == (
                &incident.row.target,
                incident.row.status,
                &incident.boundaries,
                &incident.story,
            )
        });
        match alike {
            Some(other) => other.workloads.extend(incident.workloads),
            None => merged.push(incident),
        }
    }
    merged
}

fn what_happened(incidents: &[Incident<'_>], label: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.sortable {
                thead { tr {
                    th scope="col" { "workload" } th scope="col" { "target" } th scope="col" { "at" }
                    th scope="col" { "status" } th scope="col" { "what happened" }
                } }
                tbody {
                    @for Incident { row, workloads, boundaries, story } in incidents {
                        tr data-workload=(workloads.join(" ")) {
                            td.names { (workloads.join(", ")) }
                            th scope="row" { (row.target) }
                            td { (boundaries.join(", ")) }
                            td { (status(row.status)) }
                            td.note { (story) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn machine(facts: &Facts<'_>) -> Option<Section> {
    let run = &facts.recorded.run;
    let machine = &run.environment;
    let unknown = "not visible here";
    let mut entries: Vec<(&str, String)> = vec![
        (
            "processor",
            format!("{} × {}", machine.cpus, machine.cpu_model.trim()),
        ),
        ("memory", quantity::bytes(machine.memory_bytes)),
        (
            "virtual machine",
            if machine.virtualised { "yes" } else { "no" }.to_owned(),
        ),
        ("system", machine.os.clone()),
        ("kernel", machine.kernel.clone()),
        ("cgroups", machine.cgroup.clone()),
        (
            "frequency governor",
            machine
                .governor
                .clone()
                .unwrap_or_else(|| unknown.to_owned()),
        ),
        (
            "address space randomisation",
            machine.aslr.clone().unwrap_or_else(|| unknown.to_owned()),
        ),
        (
            "transparent huge pages",
            machine
                .transparent_hugepages
                .clone()
                .unwrap_or_else(|| unknown.to_owned()),
        ),
        ("bench", run.bench_version.clone()),
        ("seed", run.seed.to_string()),
    ];
    entries.extend(
        machine
            .other
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    );
    let body = html! {
        div.columns {
            div {
                h3 { "What it is" }
                (pairs(&entries))
            }
            div {
                h3 { "What was looked at before the first trial" }
                @if run.preflight.is_empty() { p { "Nothing was recorded." } }
                ul.preflight {
                    @for note in &run.preflight {
                        li.(severity(note.severity)) {
                            span.mark { (severity_word(note.severity)) }
                            span { b { (note.subject) } ": " (note.found) }
                        }
                    }
                }
            }
        }
    };
    Some(Section {
        id: "machine",
        title: "The machine",
        body,
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Note => "note",
        Severity::Noisy => "noisy",
    }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Good => "good",
        Severity::Note => "note",
        Severity::Noisy => "doubt",
    }
}

fn pairs(entries: &[(&str, String)]) -> Markup {
    html! {
        dl {
            @for (name, value) in entries {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

pub(super) fn fairness(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let targets = facts.targets();
    if targets.is_empty() {
        return None;
    }
    let known: Vec<String> = targets
        .iter()
        .filter_map(|target| {
            let (number, _) = earlier(target, place)?;
            Some(format!("{} (run {number})", target.target))
        })
        .collect();
    let body = html! {
        p { "Every target exactly as it was configured, in its adapter's words." }
        div.scroll tabindex="0" role="region" aria-label=(place.label("Targets")) {
            table {
                caption.unseen { "Targets and their versions" }
                thead { tr { th scope="col" { "target" } th scope="col" { "kind" } th scope="col" { "engine" } th scope="col" { "version" } th scope="col" { "steps" } } }
                tbody {
                    @for target in targets {
                        tr {
                            th scope="row" { (target.target) }
                            td { (kind_class(target.kind)) }
                            td { (target.engine) }
                            td { (target.engine_version) }
                            td { (steps(target)) }
                        }
                    }
                }
            }
        }
        @for target in targets.iter().filter(|target| earlier(target, place).is_none()) {
            details data-t=(target.target) {
                summary { b { (target.target) } " " (quantity::count(target.configuration.len() as u64, "setting")) }
                @let entries = settings(target);
                (pairs(&entries))
            }
        }
        @if !known.is_empty() {
            p { "Configured as in another run of this page, which has their settings: " (known.join(", ")) "." }
        }
    };
    Some(Section {
        id: "fairness",
        title: "The fairness ledger",
        body,
    })
}

/// The first earlier run on the page in which the target had the same configuration.
fn earlier<'p>(target: &TargetRecord, place: &Place<'p>) -> Option<(usize, &'p TargetRecord)> {
    let runs = place.earlier.iter().enumerate();
    let mut same = runs.filter_map(|(n, facts)| {
        let mut targets = facts.targets().iter();
        let found = targets.find(|other| {
            (
                &other.target,
                &other.engine_version,
                &other.adapter,
                &other.configuration,
            ) == (
                &target.target,
                &target.engine_version,
                &target.adapter,
                &target.configuration,
            )
        });
        Some((n + 1, found?))
    });
    same.next()
}

/// The first earlier run on the page that described the workload.
fn described(workload: &WorkloadRecord, place: &Place<'_>) -> Option<usize> {
    let runs = place.earlier.iter();
    let has = |facts: &Facts<'_>| facts.recorded.run.workloads.contains(workload);
    runs.enumerate()
        .find_map(|(n, facts)| has(facts).then_some(n + 1))
}

fn steps(target: &TargetRecord) -> String {
    let names: Vec<&str> = target.steps.iter().map(|step| step.name()).collect();
    names.join(", ")
}

fn settings(target: &TargetRecord) -> Vec<(&str, String)> {
    let mut entries = vec![("adapter", target.adapter.clone())];
    let configuration = target.configuration.iter();
    entries.extend(configuration.map(|(name, value)| (name.as_str(), value.clone())));
    entries
}

pub(super) fn workloads(facts: &Facts<'_>, place: &Place<'_>) -> Option<Section> {
    let run = &facts.recorded.run;
    if run.workloads.is_empty() {
        return None;
    }
    let part = place.budget.part(4);
    let body = html! {
        p { "One source each, built once for every target; the output of every trial is checked against the expected one." }
        @for workload in &run.workloads {
            @let made: Vec<_> = run.artefacts.iter().filter(|a| a.workload == workload.workload).collect();
            details data-workload=(workload.workload) {
                summary {
                    b { (workload.workload) } " " (workload.title) ", "
                    (workload.language) ", .wasm " (quantity::bytes(workload.wasm_bytes))
                }
                @match described(workload, place) {
                    Some(number) => p { "Hashes and toolchains: as in run " (number) " of this page." },
                    None => (pairs(&hashes(workload))),
                }
                @if !made.is_empty() {
                    @match part.draw(|| artefacts(workload, &made, place)) {
                        Some(table) => (table),
                        None => p.without { "What was made of it before the first trial is in " code { "run.json" } " of the run directory." },
                    }
                }
            }
        }
    };
    Some(Section {
        id: "workloads",
        title: "The workloads",
        body,
    })
}

fn artefacts(workload: &WorkloadRecord, made: &[&ArtefactRecord], place: &Place<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(place.label(&format!("Artefacts of {}", workload.workload))) {
            table.sortable {
                caption { "Made of it before the first trial" }
                thead { tr { th scope="col" { "target" } th scope="col" { "what" } th.n scope="col" { "size" } } }
                tbody {
                    @for artefact in made {
                        tr { th scope="row" { (artefact.target) } td { (artefact.role) } td.n { (quantity::bytes(artefact.bytes)) } }
                    }
                }
            }
        }
    }
}

fn hashes(workload: &WorkloadRecord) -> Vec<(&'static str, String)> {
    let none = || "none was built".to_owned();
    let mut hashes = vec![
        ("source sha256", workload.source_sha256.clone()),
        (".wasm sha256", workload.wasm_sha256.clone()),
        (".wasm toolchain", workload.wasm_toolchain.clone()),
        (
            "native toolchain",
            workload.native_toolchain.clone().unwrap_or_else(none),
        ),
        (
            "native sha256",
            workload.native_sha256.clone().unwrap_or_else(none),
        ),
        ("expected output sha256", workload.expected_sha256.clone()),
    ];
    if let Some(component) = &workload.component_sha256 {
        hashes.insert(2, ("component sha256", component.clone()));
    }
    hashes
}

pub(super) fn again(facts: &Facts<'_>) -> Option<Section> {
    let run = &facts.recorded.run;
    let body = html! {
        p { "The same trials in the same order:" }
        pre tabindex="0" { code { (shell::line(&run.command)) } }
        p {
            "Times differ from run to run; whether two runs differ by more than chance is what "
            code { "bench compare" } " tells. This report again, from the raw samples:"
        }
        pre tabindex="0" { code { "bench report " (shell::word(&facts.recorded.directory.file_name().map_or_else(|| run.id.clone(), |n| format!("results/{}", n.to_string_lossy())))) " --html" } }
    };
    Some(Section {
        id: "again",
        title: "Run it again",
        body,
    })
}
