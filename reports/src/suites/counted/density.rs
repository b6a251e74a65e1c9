//! Memory by number of live instances: the measured points of the lines that the density suite fits.

use maud::{Markup, PreEscaped, html};
use plimsoll_record::run::WorkloadRecord;
use plimsoll_record::{Boundary, Metric, Unit};

use crate::facts::Facts;
use crate::page::legend::curve_key;
use crate::page::parts::Place;
use crate::picture::canvas::Caption;
use crate::picture::load::{Curve, Points, Tick, WIDTH, curves_in};
use crate::quantity;

/// One target's memory at each level.
struct Grown<'f> {
    /// Position in the ledger, which determines the curve's style.
    place: usize,
    target: &'f str,
    /// Number alive, and bytes.
    points: Vec<(u64, f64)>,
}

/// A chart of each workload's levels, if the run has levels.
pub(crate) fn lines(facts: &Facts<'_>, place: &Place<'_>) -> Markup {
    html! {
        div.pair {
            @for (n, workload) in facts.workloads().into_iter().enumerate() {
                @for at in [Boundary::Instances, Boundary::Processes] {
                    (grown(facts, workload, at, &place.id(&format!("levels-{n}-{at}"))))
                }
            }
        }
    }
}

fn grown(facts: &Facts<'_>, workload: &WorkloadRecord, at: Boundary, id: &str) -> Markup {
    let mut levels: Vec<u64> = Vec::new();
    let mut measured: Vec<Grown<'_>> = Vec::new();
    for (place, target) in facts.targets().iter().enumerate() {
        let rows = facts.rows.iter().filter(|row| {
            (row.boundary, row.metric) == (at, Metric::Pss)
                && row.target == target.target
                && row.workload == workload.workload
        });
        let points: Vec<(u64, f64)> = rows
            .filter_map(|row| Some((row.at?, row.median?)))
            .collect();
        levels.extend(points.iter().map(|point| point.0));
        if !points.is_empty() {
            measured.push(Grown {
                place,
                target: target.target.as_str(),
                points,
            });
        }
    }
    levels.sort_unstable();
    levels.dedup();
    let (Some(&least), Some(&most)) = (levels.first(), levels.last()) else {
        return html! {};
    };
    if least == most {
        return html! {};
    }
    let whole = (most as f64 / least as f64).ln();
    let share = |level: u64| (level as f64 / least as f64).ln() / whole;
    let ticks: Vec<Tick> = levels
        .iter()
        .map(|&level| (share(level), quantity::grouped(level)))
        .collect();
    let curves: Vec<Curve<'_>> = measured
        .iter()
        .map(|grown| Curve {
            target: grown.target,
            place: grown.place,
            points: grown
                .points
                .iter()
                .map(|(level, value)| (share(*level), *value))
                .collect(),
        })
        .collect();
    let spoken: Vec<String> = measured
        .iter()
        .filter_map(|grown| {
            let (level, value) = grown.points.last()?;
            let target = grown.target;
            let value = quantity::value(*value, Unit::Bytes);
            Some(format!("{target}: {value} with {level}"))
        })
        .collect();
    let caption = Caption {
        id: id.to_owned(),
        title: format!("Memory of {at} of {} by their number", workload.workload),
        description: spoken.join("; "),
    };
    let unit = Unit::Bytes;
    let drawn = curves_in(unit, &curves, &ticks, Points::Marked, WIDTH, &caption);
    html! {
        figure data-workload=(workload.workload) {
            figcaption { b { "Memory by number of " (at) } (workload.workload) ": PSS of all that is theirs, by how many are alive" }
            @if let Some(drawn) = drawn { (PreEscaped(drawn)) }
            ul.legend.small {
                @for grown in &measured { (curve_key(grown.place, grown.target, grown.target)) }
            }
        }
    }
}
