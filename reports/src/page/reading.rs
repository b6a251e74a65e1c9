//! Sections on the boundaries, the method, and the authors.

use maud::{Markup, html};
use plimsoll_analysis::statistics::bootstrap::{RESAMPLES, RESAMPLING_TRIALS};
use plimsoll_analysis::statistics::order::{P99_SAMPLES, P99_TRIALS};
use plimsoll_record::Boundary;

use crate::quantity::grouped;

pub(super) fn reading() -> Markup {
    html! {
        section #reading aria-labelledby="reading-h" {
            h2 #reading-h { "How to read this" }
            div.columns {
                div {
                    h3 { "Boundaries: where a clock starts and stops" }
                    dl {
                        @for &boundary in Boundary::LADDER.iter().chain(Boundary::FIRST_OUTPUT).chain(Boundary::GUEST).chain(Boundary::SERVE) {
                            div { dt { (boundary) } dd { (boundary.meaning()) } }
                        }
                    }
                    h3 { "Where something is counted" }
                    dl {
                        @for &boundary in Boundary::COUNTED {
                            div { dt { (boundary) } dd { (boundary.meaning()) } }
                        }
                    }
                    p {
                        "Cold start is a ladder, never one number. A Wasm engine inside a running server starts at L0 or L1; the same engine as a command starts at L3. "
                        "Holding one's L0 against the other's L3 compares two different things, so ratios in tables are taken at the same boundary, and where the summary sets L1 beside L3 it says so."
                    }
                }
                div {
                    h3 { "Numbers" }
                    dl {
                        div { dt { "trial" } dd { "one fresh process or container, with its output checked; a wrong answer scores nothing" } }
                        div { dt { "order" } dd { "trials of all targets are mixed in blocks, in a random order that the seed fixes, so that what the machine does to one it does to all" } }
                        div { dt { "median" } dd { "over trials, of the median of each trial's iterations: iterations of one process are not independent" } }
                        div { dt { "95 % interval" } dd { (grouped(RESAMPLES as u64)) " bootstrap resamples of whole trials, expanded percentiles; below " (RESAMPLING_TRIALS) " trials Student's on logarithms" } }
                        div { dt { "ratio" } dd { "of two medians, resampled by block; \"no difference shown\" after Holm's correction over all ratios to native and to the container" } }
                        div { dt { "p99" } dd { "over samples, only from " (P99_SAMPLES) " samples of " (P99_TRIALS) " trials on: fewer than five samples beyond it make no tail" } }
                        div { dt { "outliers" } dd { "beyond three interquartile ranges on a logarithmic scale: counted in the note, never dropped" } }
                        div { dt { "wall, CPU, cycle" } dd { "elapsed time; user and system time of the process and its children; at L0 and run, instance or process made, run to its end and gone" } }
                    }
                }
            }
        }
        section #bias aria-labelledby="bias-h" {
            h2 #bias-h { "Who made this" }
            p {
                "Plimsoll's authors also make an engine that Plimsoll measures. What is done about that: every engine runs in its default and in its best-known configuration, both shown; "
                "our own gets no switch that others are not given; every raw sample is on disk beside this report; the run can be repeated by one command; "
                "the summary says by itself where another engine or a container is ahead. "
                code { "BIAS.md" } " in the repository says where our judgement could still have leaned our way."
            }
        }
    }
}
