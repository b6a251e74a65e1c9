//! Summary of several runs on one screen.

use maud::{Markup, html};

use super::parts::Place;
use crate::cost::Prices;
use crate::facts::Facts;
use crate::machines::Machines;
use crate::page::size_budget::SizeBudget;
use crate::quantity;
use crate::suites;

/// Machine, runs, and the first sentence of each run. `address` is the link to a run, by its place and its index.
pub(super) fn overview(
    facts: &[Facts<'_>],
    machines: Option<&Machines<'_>>,
    prices: &Prices,
    address: &dyn Fn(&Place<'_>, usize) -> String,
) -> Markup {
    let Some(first) = facts.first() else {
        return html! {};
    };
    let machine = &first.recorded.run.environment;
    let alike = facts.iter().all(|f| {
        let other = &f.recorded.run.environment;
        (&other.cpu_model, other.cpus, &other.kernel)
            == (&machine.cpu_model, machine.cpus, &machine.kernel)
    });
    html! {
        header {
            p.brand { "Plimsoll" span { " what server-side WebAssembly costs beside containers and native code" } }
            h1 { "What does it cost here?" }
            p.lede {
                strong { (quantity::count(facts.len() as u64, "run")) } " on "
                (machine.cpus) " × " (machine.cpu_model.trim())
                @if machine.virtualised { " (virtual machine)" }
                ", " (quantity::bytes(machine.memory_bytes)) ", " (machine.os) ". "
                @match machines {
                    Some(machines) => {
                        "The runs are of " strong { (quantity::count(machines.across.fleet.machines.len() as u64, "machine")) }
                        ": " a href="#machines" { "medians over them" } "."
                    },
                    None => @if !alike { strong { "The kernels differ: figures of different runs do not compare." } },
                }
            }
        }
        nav.runs aria-label="Runs" {
            ul {
                @for (n, facts) in facts.iter().enumerate() {
                    @let run = &facts.recorded.run;
                    @let place = Place { number: n + 1, of: 2, earlier: &[], budget: &SizeBudget::of(0), prices };
                    @let ended = facts.ended();
                    li {
                        a href=(address(&place, n)) { (suites::question(run.suite).asked) }
                        span.dim { " " (quantity::grouped(ended.verified)) " of " (quantity::count(ended.planned, "trial")) " verified" }
                        @if let Some(sentence) = said(facts) { p { (sentence) } }
                    }
                }
            }
        }
    }
}

fn said(facts: &Facts<'_>) -> Option<String> {
    suites::sentences(facts).into_iter().next()
}
