//! `bench list`: targets, workloads, suites and metrics.

use std::fmt::Write;

use plimsoll_adapter::protocol::Target;
use plimsoll_record::{Metric, Suite};
use serde_json::json;

use crate::catalog::checkout::Checkout;
use crate::catalog::suites;
use crate::catalog::targets::Table;
use crate::catalog::workloads::{Native, Workloads};
use crate::cli::{List, Listed};
use crate::exit::Exit;
use crate::machine::interrupt::Interrupt;
use crate::run::adapter::discovery::{Ability, ability, look};

pub(super) fn run(args: &List) -> anyhow::Result<Exit> {
    let checkout = Checkout::find()?;
    let (rows, text) = match args.what {
        Listed::Targets => targets(&checkout)?,
        Listed::Workloads => workloads(&checkout)?,
        Listed::Suites => suites(),
        Listed::Metrics => metrics(),
    };
    match args.json {
        true => super::print(&(serde_json::to_string_pretty(&rows)? + "\n"))?,
        false => super::print(&text)?,
    }
    Ok(Exit::Ok)
}

type Listing = (Vec<serde_json::Value>, String);

fn targets(checkout: &Checkout) -> anyhow::Result<Listing> {
    let table = Table::read(checkout)?;
    let interrupt = Interrupt::never()?;
    let width = table.targets().iter().map(|t| t.len()).max().unwrap_or(0);
    let (mut rows, mut text) = (Vec::new(), String::new());
    for adapter in &table.adapters {
        let presence = look(checkout, adapter, &interrupt);
        let mut first: Option<Target> = None;
        for id in &adapter.targets {
            let mut row = json!({
                "id": id, "adapter": adapter.id, "title": adapter.title, "default": adapter.default,
            });
            let (more, said) = match ability(adapter, &presence, id) {
                Ability::Ready(target) => {
                    let apart = first.as_ref().map(|first| differences(first, &target));
                    let said = apart.filter(|apart| !apart.is_empty());
                    let said = said.unwrap_or_else(|| adapter.title.clone());
                    let more = json!({
                        "status": "ready", "why": null, "remedy": null, "kind": target.kind,
                        "steps": target.steps, "configuration": target.configuration,
                    });
                    first.get_or_insert(target);
                    (more, said)
                }
                Ability::Absent { why, remedy } => {
                    let said = match &remedy {
                        Some(remedy) => format!("{}: {why} -> {remedy}", adapter.title),
                        None => format!("{}: {why}", adapter.title),
                    };
                    let more = json!({ "status": "absent", "why": why, "remedy": remedy });
                    (more, said)
                }
            };
            let status = more["status"].as_str().unwrap_or_default();
            let _ = writeln!(text, "{id:width$}  {status:6}  {said}");
            if let (Some(row), serde_json::Value::Object(more)) = (row.as_object_mut(), more) {
                row.extend(more);
            }
            rows.push(row);
        }
    }
    Ok((rows, text))
}

/// Settings of `target` that differ from `first`, the first of its adapter, shortened. The JSON and reports
/// have them in full.
fn differences(first: &Target, target: &Target) -> String {
    let others = target.configuration.iter();
    let others = others.filter(|(name, value)| first.configuration.get(*name) != Some(value));
    let short = others.map(|(name, value)| format!("{name}: {}", beginning(value)));
    short.collect::<Vec<_>>().join("; ")
}

/// As many words of `text` as fit into fifty characters, with a sign if there are more.
fn beginning(text: &str) -> String {
    const FITS: usize = 50;
    let end = text.find([';', '(']).unwrap_or(text.len());
    let clause = text[..end].trim_end();
    let mut kept = String::new();
    for word in clause.split_whitespace() {
        if kept.len() + word.len() > FITS {
            return kept + " …";
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept += word;
    }
    kept
}

fn workloads(checkout: &Checkout) -> anyhow::Result<Listing> {
    let workloads = Workloads::read(checkout)?;
    let width = workloads.ids().iter().map(|id| id.len()).max().unwrap_or(0);
    let (mut rows, mut text) = (Vec::new(), String::new());
    for row in &workloads.rows {
        let _ = writeln!(text, "{:width$}  {:5} {}", row.id, row.language, row.title);
        rows.push(json!({
            "id": row.id, "title": row.title, "why": row.why, "language": row.language,
            "duration": row.duration.name(),
            "category": row.category.name(),
            "native": match workloads.native(checkout, row) {
                Native::Ready => "ready", Native::Missing => "missing", Native::NotPlanned => "none",
            },
            "notes": row.notes,
        }));
    }
    Ok((rows, text))
}

fn suites() -> Listing {
    let (mut rows, mut text) = (Vec::new(), String::new());
    for &suite in Suite::ALL {
        let row = suites::row(suite);
        let _ = writeln!(text, "{suite:11}  {}", row.title);
        rows.push(json!({ "id": suite.name(), "title": row.title, "steps": row.steps }));
    }
    (rows, text)
}

fn metrics() -> Listing {
    let names = Metric::ALL.iter().map(|metric| metric.name().len());
    let width = names.max().unwrap_or(0);
    let (mut rows, mut text) = (Vec::new(), String::new());
    for metric in Metric::ALL {
        let spec = metric.spec();
        let _ = writeln!(
            text,
            "{:width$}  {:5}  {}",
            metric.name(),
            spec.unit,
            spec.meaning
        );
        rows.push(json!({
            "id": metric.name(), "unit": spec.unit, "label": spec.label, "meaning": spec.meaning,
            "judged": spec.judged_as.name(), "in_throughput": spec.in_throughput,
        }));
    }
    (rows, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_cut_where_its_explanation_begins_or_at_a_whole_word() {
        assert_eq!(beginning("pooling (its defaults); reset"), "pooling");
        let long = "4 GiB reservation without guard pages, bounds checked by the code itself";
        let kept = beginning(long);
        assert_eq!(kept, "4 GiB reservation without guard pages, bounds …");
        assert_eq!(beginning(""), "");
    }
}
