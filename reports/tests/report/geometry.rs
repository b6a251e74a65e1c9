//! Tests charts in a real browser: marks complete and centred, labels separate, with ten and forty targets.

use std::process::Command;

use plimsoll_analysis::analyse_all;
use reports::claims::Claims;
use reports::cost::Prices;

use crate::synthetic;

const LOOK: &str = include_str!("../../../tests/browser/geometry.js");

/// Faults of the charts of `page` in a frame of this width; `None` without Chromium.
fn faults(page: &str, width: u32, scheme: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a page can be written");
    };
    let look = format!("<script>{LOOK}</script></body>");
    write("page.html", &page.replace("</body>", &look));
    // A frame can be narrower than a browser window.
    write(
        "frame.html",
        &format!(
            "<!doctype html><iframe src=\"page.html\" style=\"border:0;width:{width}px;height:900px\"></iframe>\
             <script>addEventListener(\"message\", (event) => {{ \
             document.body.append(`ANSWER ${{event.data}} END`); }})</script>"
        ),
    );
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args(["--virtual-time-budget=60000", "--window-size=1400,1000"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!(
            "file://{}",
            folder.path().join("frame.html").display()
        ))
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: there is no chromium; scripts/install-tools chromium");
        return None;
    };
    let dom = String::from_utf8_lossy(&output.stdout);
    let answer = dom
        .rsplit_once("ANSWER ")
        .and_then(|(_, rest)| rest.split_once(" END"));
    let (answer, _) = answer.unwrap_or_else(|| {
        panic!("no answer: {}", String::from_utf8_lossy(&output.stderr));
    });
    Some(answer.to_owned())
}

fn drawn_right(page: &str) {
    for width in [390, 800, 1280] {
        for scheme in ["0", "1"] {
            let Some(answer) = faults(page, width, scheme) else {
                return;
            };
            assert!(
                answer.starts_with("{\"faults\":[],"),
                "{width} pixels: {answer}"
            );
        }
    }
}

#[test]
fn pictures_of_eleven_targets_are_drawn_right() {
    let runs = [synthetic::full(), synthetic::throughput()];
    drawn_right(&reports::html(
        &analyse_all(&runs),
        &Claims::published(),
        &Prices::example(),
    ));
}

#[test]
fn pictures_of_forty_targets_are_drawn_right() {
    drawn_right(&reports::html(
        &analyse_all(&synthetic::whole::runs()),
        &Claims::published(),
        &Prices::example(),
    ));
}

#[test]
fn a_quartered_mark_and_a_covered_label_are_found() {
    let page = "<!doctype html><html><body><svg role=\"img\" viewBox=\"0 0 60 30\" width=\"60\" height=\"30\">\
        <title>t</title><g id=\"m\"><path d=\"M0 0h5v5h-5z\"/></g><use href=\"#m\" x=\"30\" y=\"15\"/>\
        <text x=\"5\" y=\"25\">one</text><text x=\"9\" y=\"25\">two</text></svg></body></html>";
    if let Some(answer) = faults(page, 390, "1") {
        for found in ["off its point by", "instead of 12.0", "over “two”"] {
            assert!(answer.contains(found), "{found}: {answer}");
        }
    }
}
