//! Tests that charts are legible in both colour schemes, described, and filterable.

use plimsoll_analysis::analyse;

use super::{check, html, runs, text_of};
use crate::synthetic;

#[test]
fn every_picture_has_a_name_and_a_description_and_colours_of_the_scheme_only() {
    let page = html(synthetic::full());
    check("full", &page, |document| {
        let pictures = document
            .descendants()
            .filter(|n| n.has_tag_name("svg") && n.attribute("role") == Some("img"));
        let mut count = 0;
        for picture in pictures {
            count += 1;
            let child = |tag: &str| {
                picture
                    .children()
                    .find(|n| n.has_tag_name(tag))
                    .map(text_of)
            };
            assert!(child("title").is_some_and(|title| !title.is_empty()));
            assert!(child("desc").is_some_and(|desc| !desc.is_empty()));
            for node in picture.descendants() {
                for attribute in ["fill", "stroke", "font-family", "font-size", "opacity"] {
                    assert_eq!(node.attribute(attribute), None, "{:?}", node.tag_name());
                }
                if node.has_tag_name("text") {
                    assert!(!text_of(node).trim().is_empty());
                }
            }
        }
        // One ladder per workload, the first in two widths, and two charts per boundary.
        assert!(count > 60, "{count} pictures");
    });
}

#[test]
fn no_text_of_a_picture_reaches_beyond_its_edge() {
    for (name, run) in runs() {
        check(name, &html(run), |document| {
            for text in document.descendants().filter(|n| n.has_tag_name("text")) {
                let picture = text
                    .ancestors()
                    .find(|n| n.has_tag_name("svg"))
                    .expect("an svg");
                let Some(view) = picture.attribute("viewBox") else {
                    continue;
                };
                let width: f64 = view
                    .split(' ')
                    .nth(2)
                    .and_then(|w| w.parse().ok())
                    .expect("w");
                let x: f64 = text.attribute("x").and_then(|x| x.parse().ok()).expect("x");
                // System fonts are up to 7 pixels per character at 12 pixels.
                let long = text_of(text).trim().chars().count() as f64 * 7.0;
                let (from, to) = match text.attribute("text-anchor") {
                    Some("middle") => (x - long / 2.0, x + long / 2.0),
                    Some("end") => (x - long, x),
                    _ => (x, x + long),
                };
                let said = text_of(text);
                assert!(
                    from >= 0.0 && to <= width,
                    "{name}: {said:?} {from} {to} {width}"
                );
            }
        });
    }
}

#[test]
fn the_colour_scheme_follows_the_reader_and_every_colour_has_both() {
    let page = html(synthetic::small());
    let style = page
        .split("<style>")
        .nth(1)
        .and_then(|s| s.split("</style>").next());
    let style = style.expect("a style");
    let (light, dark) = style
        .split_once("@media (prefers-color-scheme: dark)")
        .expect("dark");
    let dark = dark.split_once("\n}").expect("it ends").0;
    let names = |block: &str| -> std::collections::BTreeSet<String> {
        let declared = block.split("--").skip(1);
        declared
            .filter_map(|d| d.split_once(':'))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    assert_eq!(names(light), names(dark));
    for used in style.split("var(--").skip(1) {
        let name = used.split(')').next().expect("it closes");
        assert!(
            name == "w" || names(light).contains(name),
            "--{name} is not declared"
        );
    }
}

#[test]
fn curves_of_servers_and_crowds_can_be_hidden_by_target_and_workload() {
    let runs = synthetic::whole::runs();
    for (run, pictures) in [(&runs[5], 4), (&runs[3], 3)] {
        let page = html(run.clone());
        check("curves", &page, |document| {
            let curves = document.descendants().filter(|n| {
                n.has_tag_name("figure") && n.descendants().any(|n| n.has_tag_name("use"))
            });
            let mut count = 0;
            for figure in curves {
                let drawn = figure.descendants().filter(|n| {
                    let class = n.attribute("class").unwrap_or_default();
                    n.has_tag_name("path") && class.starts_with("s-c")
                });
                for path in drawn {
                    let mut above = path.ancestors();
                    assert!(
                        above.any(|n| n.attribute("data-t").is_some()),
                        "a curve of nobody's"
                    );
                }
                let mut above = figure.ancestors();
                assert!(above.any(|n| n.attribute("data-workload").is_some()));
                count += 1;
            }
            assert!(count >= pictures, "{count} figures with curves");
        });
    }
}

#[test]
fn every_target_of_a_picture_can_be_hidden_and_axes_changed() {
    let page = html(synthetic::full());
    check("full", &page, |document| {
        let names: std::collections::BTreeSet<&str> = document
            .descendants()
            .filter_map(|n| n.attribute("data-t"))
            .collect();
        assert!(
            names.len() == 11 && names.contains("alpha/cranelift+pooling"),
            "{names:?}"
        );
        let of = |class: &str| {
            let all = document.descendants();
            all.filter(|n| n.attribute("class") == Some(class)).count()
        };
        assert!(of("linear") > 0 && of("linear") == of("logarithmic"));
    });
}

#[test]
fn a_throughput_report_shows_bars_first_and_the_mean_of_what_all_completed() {
    let run = synthetic::throughput();
    let ratios = analyse(&run).ratio_rows();
    let page = html(run);
    let (picture, table) = (
        page.find("<b>Geometric mean</b>"),
        page.find("class=\"ratios\""),
    );
    assert!(picture.is_some() && picture < table, "picture first");
    assert!(page.contains("How fast does it run?"));
    assert!(
        !page.contains("Platform already running"),
        "that is another suite's question"
    );
    let means: Vec<_> = ratios.iter().filter(|r| r.workloads.len() > 1).collect();
    assert!(means.iter().all(|r| r.workloads.len() == 2), "{means:?}");
    let ours = means.iter().find(|r| r.target.as_str() == "ours");
    let ours = ours.expect("ours completed everything");
    let [low, high] = ours.ci95.expect("six trials or more");
    assert!(
        low <= 1.24 && 1.24 <= high,
        "made to take 1.24 times as long: {ours:?}"
    );
}
