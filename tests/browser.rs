//! The report, opened in headless Chromium: what it asks of the network, what it says on the
//! console, whether it fits a phone, and a photograph in each colour scheme.

use std::path::Path;
use std::process::{Command, Output};

use e2e::{Bench, both_streams, built, skip};
use serde_json::Value;

/// Runs Chromium on `page` with `extra` flags; `None` if there is no Chromium.
fn chromium(page: &Path, profile: &Path, extra: &[&str]) -> Option<Output> {
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--v=0",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(extra)
        .arg(format!("file://{}", page.display()))
        .output();
    match output {
        Ok(output) => Some(output),
        Err(error) => {
            skip(&format!(
                "chromium cannot be started: {error}; scripts/install-tools chromium"
            ));
            None
        }
    }
}

/// A report of a small real run.
fn report(bench: &Bench) -> std::path::PathBuf {
    let mut run = vec![
        "run",
        "--suite",
        "coldstart",
        "--workload",
        "hello",
        "--trials",
        "3",
    ];
    run.extend([
        "--target",
        "native",
        "--target",
        "keel*",
        "--target",
        "wasmtime/*",
    ]);
    run.extend(["--out", "run"]);
    bench.exits(0, &run);
    bench.exits(0, &["report", "run", "--html", "report.html"]);
    bench.folder().join("report.html")
}

#[test]
fn the_report_is_quiet_on_the_console_and_asks_nothing_of_the_network() {
    let bench = Bench::new();
    let page = report(&bench);
    let log = bench.folder().join("net.json");
    let log_flag = format!("--log-net-log={}", log.display());
    let profile = bench.folder().join("profile");
    let Some(output) = chromium(&page, &profile, &[&log_flag, "--dump-dom"]) else {
        return;
    };
    assert!(output.status.success(), "{}", both_streams(&output));
    let said = String::from_utf8_lossy(&output.stderr);
    let console: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .collect();
    assert!(console.is_empty(), "{console:?}");
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(
        dom.contains("</html>") && dom.contains("<svg"),
        "the page did not load"
    );

    assert_eq!(
        asked_by_the_page(&log),
        Vec::<String>::new(),
        "the report reaches outside"
    );

    // The same look at a page that does ask finds it out: else the check above could not fail.
    let asking = bench.folder().join("asking.html");
    let image = "http://127.0.0.1:9/outside.png";
    std::fs::write(
        &asking,
        format!("<!doctype html><img src=\"{image}\"></html>"),
    )
    .expect("a page can be written");
    chromium(&asking, &profile, &[&log_flag, "--dump-dom"]);
    assert_eq!(asked_by_the_page(&log), [image]);
}

/// What a page asked of the network, by Chromium's own log. Chromium asks on its own behalf too
/// (the time, its updates); those requests have no origin as their initiator.
fn asked_by_the_page(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("chromium wrote its network log");
    let net: Value = serde_json::from_str(&text).expect("the network log is JSON");
    let mut asked: Vec<String> = net["events"]
        .as_array()
        .expect("the network log has events")
        .iter()
        .map(|event| &event["params"])
        .filter(|params| {
            params["initiator"]
                .as_str()
                .is_some_and(|by| by != "not an origin")
        })
        .filter_map(|params| params["url"].as_str())
        .filter(|url| !url.starts_with("file:") && !url.starts_with("data:"))
        .map(str::to_owned)
        .collect();
    asked.sort();
    asked.dedup();
    asked
}

#[test]
fn the_report_is_photographed_in_both_schemes_wide_and_narrow() {
    let bench = Bench::new();
    let page = report(&bench);
    let album = built("bench")
        .parent()
        .expect("bench lies in a folder")
        .join("screenshots");
    std::fs::create_dir_all(&album).expect("a folder for the photographs");
    let mut sizes = Vec::new();
    for (scheme, setting) in [("dark", "0"), ("light", "1")] {
        for (width, size) in [("wide", "1400,2400"), ("narrow", "390,2400")] {
            let picture = album.join(format!("report-{scheme}-{width}.png"));
            let _ = std::fs::remove_file(&picture);
            let flags = [
                format!("--screenshot={}", picture.display()),
                format!("--window-size={size}"),
                format!("--blink-settings=preferredColorScheme={setting}"),
            ];
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let profile = bench.folder().join("profile");
            let Some(output) = chromium(&page, &profile, &flags) else {
                return;
            };
            let bytes = std::fs::read(&picture).unwrap_or_else(|error| {
                panic!("no photograph: {error}\n{}", both_streams(&output))
            });
            assert!(
                bytes.len() > 20_000,
                "{} is all but empty",
                picture.display()
            );
            sizes.push((scheme, width, bytes));
        }
    }
    for width in ["wide", "narrow"] {
        let of = |scheme| {
            sizes
                .iter()
                .find(|(s, w, _)| *s == scheme && *w == width)
                .map(|(_, _, bytes)| bytes)
        };
        assert_ne!(
            of("dark"),
            of("light"),
            "both schemes look the same at {width} width"
        );
    }
}
