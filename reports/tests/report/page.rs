//! Tests that the HTML report is one offline file that is complete and safe.

mod pictures;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_analysis::analyse;
use plimsoll_analysis::analyse_all;
use plimsoll_record::Recorded;
use plimsoll_record::text::is_obeyed;
use reports::claims::Claims;
use reports::cost::Prices;

use crate::synthetic;

/// Every kind of run that a report must handle.
fn runs() -> Vec<(&'static str, Recorded)> {
    vec![
        ("full", synthetic::full()),
        ("small", synthetic::small()),
        ("single", synthetic::single()),
        ("interrupted", synthetic::interrupted()),
        ("empty", synthetic::empty()),
        ("hostile", synthetic::hostile()),
        ("throughput", synthetic::throughput()),
    ]
}

fn html(run: Recorded) -> String {
    reports::html(
        &analyse_all(&[run]),
        &Claims::published(),
        &Prices::example(),
    )
}

/// Converts the page to XML: closes void elements, removes the script, and gives attributes values.
fn parsed(page: &str) -> String {
    let page = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let mut xml = String::with_capacity(page.len());
    for (n, part) in page.split('<').enumerate() {
        if n > 0 {
            xml.push('<');
        }
        match ["meta ", "link ", "wbr>", "input "]
            .iter()
            .any(|void| part.starts_with(void))
        {
            true => xml.push_str(&part.replacen('>', "/>", 1)),
            false => xml.push_str(part),
        }
    }
    // The script is not XML; only check that it exists once and is ours.
    let (before, script) = xml.split_once("<script>").expect("one script");
    let (script, after) = script.split_once("</script>").expect("it ends");
    assert_eq!(script, include_str!("../../src/report.js"));
    assert!(!after.contains("<script"), "a second script");
    // XML requires values for attributes.
    format!("{before}{after}").replace(" open>", " open=\"\">")
}

pub(crate) fn check(name: &str, page: &str, claim: impl Fn(&roxmltree::Document<'_>)) {
    let xml = parsed(page);
    match roxmltree::Document::parse(&xml) {
        Ok(document) => claim(&document),
        Err(error) => panic!("the {name} report is not well formed: {error}"),
    }
}

fn text_of(node: roxmltree::Node<'_, '_>) -> String {
    node.descendants()
        .filter_map(|n| n.text().filter(|_| n.is_text()))
        .collect()
}

#[test]
fn every_report_is_well_formed_and_its_ids_are_unique() {
    for (name, run) in runs() {
        check(name, &html(run), |document| {
            let mut seen = std::collections::BTreeSet::new();
            for id in document.descendants().filter_map(|n| n.attribute("id")) {
                assert!(seen.insert(id.to_owned()), "{name}: id {id:?} twice");
                assert!(!id.contains(char::is_whitespace), "{name}: id {id:?}");
            }
            for node in document.descendants() {
                if let Some(target) = node.attribute("href").and_then(|h| h.strip_prefix('#')) {
                    assert!(seen.contains(target), "{name}: #{target} leads nowhere");
                }
                for target in node
                    .attribute("aria-labelledby")
                    .unwrap_or_default()
                    .split(' ')
                {
                    assert!(
                        target.is_empty() || seen.contains(target),
                        "{name}: {target}"
                    );
                }
            }
        });
    }
}

#[test]
fn a_report_asks_no_server_for_anything_and_runs_no_script_but_its_own() {
    for (name, run) in runs() {
        let page = html(run);
        check(name, &page, |document| {
            for node in document.descendants().filter(|n| n.is_element()) {
                let tag = node.tag_name().name();
                assert!(
                    !["script", "img", "iframe", "object", "embed", "base", "form"].contains(&tag),
                    "{name}: <{tag}>"
                );
                for attribute in node.attributes() {
                    let (key, value) = (attribute.name(), attribute.value());
                    assert!(!key.starts_with("on"), "{name}: {key}");
                    if ["href", "src", "action", "srcset"].contains(&key) {
                        let taken_away = node.attribute("download").is_some()
                            && ["data:application/gzip;base64,", "data:text/plain;"]
                                .iter()
                                .any(|kind| value.starts_with(kind));
                        let inside = value.starts_with('#') || value == "data:,";
                        // Readers follow links; the page does not.
                        let cited = tag == "a" && key == "href" && value.starts_with("https://");
                        assert!(inside || taken_away || cited, "{name}: {key}={value}");
                    }
                }
                if tag == "style" {
                    let style = node.text().unwrap_or_default();
                    assert!(!style.contains("url(") && !style.contains("@import"));
                }
            }
        });
    }
}

#[test]
fn what_an_engine_says_of_itself_cannot_become_markup() {
    let page = html(synthetic::hostile());
    assert_eq!(page.matches("<script").count(), 1, "a script came in");
    assert!(!page.contains("<img"), "an image came in");
    // The text is still shown: nothing is hidden from readers.
    check("hostile", &page, |document| {
        assert!(text_of(document.root()).contains("<script>alert('x')</script>"));
    });
    let markdown = reports::markdown(&analyse_all(&[synthetic::hostile()]), &Claims::published());
    for text in [&page, &markdown] {
        let obeyed = text.chars().find(|c| *c != '\n' && is_obeyed(*c));
        assert_eq!(obeyed, None, "a terminal or a reader would be misled");
    }
    for line in markdown.lines().filter(|line| !line.starts_with("bench ")) {
        let code = line.split('`').step_by(2).collect::<String>();
        assert!(!code.contains("<script"), "{line}");
    }
}

#[test]
fn every_row_of_a_run_stands_in_a_table() {
    for (name, run) in runs() {
        let rows = analyse(&run).rows;
        check(name, &html(run), |document| {
            let lines: Vec<String> = document
                .descendants()
                .filter(|n| n.has_tag_name("table") && n.attribute("class") == Some("rows"))
                .flat_map(|table| table.descendants().filter(|n| n.has_tag_name("tbody")))
                .flat_map(|body| body.children().filter(|n| n.is_element()))
                .map(|line| line.children().map(|cell| text_of(cell) + "\t").collect())
                .collect();
            assert_eq!(lines.len(), rows.len(), "{name}");
            for row in &rows {
                let start = format!("{}\t{}\t", row.target, row.boundary);
                let start = start.replace(|c: char| c != '\t' && is_obeyed(c), "\u{fffd}");
                let line = lines
                    .iter()
                    .find(|line| line.replace('\0', "\u{fffd}").starts_with(&start));
                assert!(line.is_some(), "{name}: no line for {start}");
            }
        });
    }
}

#[test]
fn a_full_run_stays_small() {
    let size = html(synthetic::full()).len();
    assert!(size < 3_000_000, "{size} bytes");
}

#[test]
fn forty_targets_on_thirty_five_workloads_in_every_suite_fit_into_a_mail() {
    let runs = synthetic::whole::runs();
    let page = reports::html(
        &analyse_all(&runs),
        &Claims::published(),
        &Prices::example(),
    );
    if let Some(directory) = std::env::var_os("PLIMSOLL_REPORT_EXAMPLES") {
        let path = std::path::Path::new(&directory).join("whole.html");
        std::fs::write(path, &page).expect("the directory can be written to");
    }
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    check("whole", &page, |document| {
        // Nothing is omitted silently: every pair has medians, and every workload without a chart or rows is named.
        let matrices = document
            .descendants()
            .filter(|n| n.attribute("class") == Some("matrix"))
            .flat_map(|table| table.descendants().filter(|n| n.has_tag_name("tbody")))
            .flat_map(|body| body.children().filter(|n| n.is_element()));
        assert!(matrices.count() > 4 * 40 * 35);
        let told: String = document
            .descendants()
            .filter(|n| n.attribute("class") == Some("without"))
            .map(text_of)
            .collect();
        assert!(
            told.contains("workload-34") && told.contains("--workload"),
            "{told}"
        );
        let mut seen = std::collections::BTreeSet::new();
        for id in document.descendants().filter_map(|n| n.attribute("id")) {
            assert!(seen.insert(id), "id {id:?} twice");
        }
        let articles = document.descendants().filter(|n| n.has_tag_name("article"));
        assert_eq!(articles.count(), 7);
    });
}

#[test]
fn every_suite_says_in_words_what_it_found() {
    let page = reports::html(
        &analyse_all(&synthetic::whole::runs()[5..]),
        &Claims::published(),
        &Prices::example(),
    );
    for said in [
        "requests per second, the highest rate that all sustained, the 99th percentile",
        "Container beside Wasm, at that rate",
        "From nothing running to the first response",
        "an instance made for every request",
        "directives in 44\u{a0}groups of the specification&#39;s tests from",
        "All that they claim passes on",
    ] {
        let escaped = page.replace("'", "&#39;");
        assert!(escaped.contains(said), "{said:?} is not said");
    }
}

#[test]
fn the_raw_data_can_be_taken_away_and_read_again() {
    use std::io::Read;
    let run = synthetic::small();
    let page = html(run.clone());
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["run.json", "samples.ndjson"] {
        let (_, link) = page
            .split_once(&format!(
                "-{file}.gz\" href=\"data:application/gzip;base64,"
            ))
            .expect("a link");
        let packed = STANDARD
            .decode(link.split('"').next().expect("it ends"))
            .expect("base64");
        let mut text = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(packed.as_slice());
        decoder.read_to_end(&mut text).expect("gzip");
        std::fs::write(folder.path().join(file), text).expect("written");
    }
    let again = Recorded::read(folder.path()).expect("a run");
    assert_eq!(again.run, run.run);
    assert_eq!(again.trials, run.trials);
    assert_eq!(again.unreadable_lines, 0);
}

#[test]
fn verdicts_stand_at_the_top_and_lead_to_what_they_rest_on() {
    for page in [
        html(synthetic::full()),
        reports::html(
            &analyse_all(&[synthetic::full(), synthetic::throughput()]),
            &Claims::published(),
            &Prices::example(),
        ),
    ] {
        let verdicts = page.find("class=\"verdicts\"").expect("verdicts");
        let contents = page.find("aria-label=\"Contents").expect("contents");
        assert!(verdicts < contents);
        assert!(
            page.contains("href=\"#claim-start-ratio\"")
                && page.contains("id=\"claim-start-ratio\"")
        );
        let all = Claims::published().len();
        assert_eq!(
            page.matches("id=\"claim-").count(),
            all,
            "each claim is told once"
        );
    }
}

#[test]
fn failures_and_what_was_left_out_are_said_in_words() {
    let page = html(synthetic::full());
    for said in [
        "gave a wrong output: byte",
        "ended by signal 11",
        "needs SIMD",
        "no output within 60 s",
        "bench setup gamma",
        "The command named it.",
        "3,035 of 3,120",
    ] {
        assert!(page.contains(said), "{said:?} is not said");
    }
}

#[test]
fn an_interrupted_run_says_so_first() {
    let page = html(synthetic::interrupted());
    let head = page.split("<nav").next().expect("there is a head");
    assert!(head.contains("not reached"), "{head}");
    assert!(head.contains("could not be read"));
}

#[test]
fn the_summary_says_where_our_own_engine_is_behind() {
    let page = html(synthetic::full());
    assert!(page.contains("own engine"), "the owner is not told");
    assert!(
        page.contains("it is behind at L2"),
        "what is behind comes first"
    );
}

#[test]
fn several_runs_stand_in_one_file() {
    let page = reports::html(
        &analyse_all(&[synthetic::small(), synthetic::single()]),
        &Claims::published(),
        &Prices::example(),
    );
    check("two runs", &page, |document| {
        let articles = document.descendants().filter(|n| n.has_tag_name("article"));
        assert_eq!(articles.count(), 2);
        let ids: Vec<_> = document
            .descendants()
            .filter_map(|n| n.attribute("id"))
            .collect();
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
    });
    assert!(
        reports::html(&[], &Claims::published(), &Prices::example()).contains("No run to report")
    );
}

#[test]
fn a_report_of_a_run_is_the_same_every_time() {
    assert_eq!(html(synthetic::small()), html(synthetic::small()));
}

#[test]
fn examples_can_be_written_out_to_be_looked_at() {
    let Some(directory) = std::env::var_os("PLIMSOLL_REPORT_EXAMPLES") else {
        return;
    };
    for (name, run) in runs() {
        let path = std::path::Path::new(&directory).join(format!("{name}.html"));
        std::fs::write(path, html(run)).expect("the directory can be written to");
    }
}
