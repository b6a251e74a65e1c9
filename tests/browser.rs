//! Opens the report in headless Chromium and checks its network requests, its console output, its layout on a
//! phone, and a screenshot in each colour scheme.

use std::path::Path;
use std::process::{Command, Output};

use e2e::{Bench, both_streams, built, skip};
use serde_json::Value;

/// Runs Chromium on `page` with `extra` flags; `None` if there is no Chromium.
fn chromium(page: &Path, profile: &Path, extra: &[&str]) -> Option<Output> {
    chromium_at(&format!("file://{}", page.display()), profile, extra)
}

fn chromium_at(address: &str, profile: &Path, extra: &[&str]) -> Option<Output> {
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
        .arg(address)
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

/// A report of a small real run of these workloads.
fn report(bench: &Bench, workloads: &[&str]) -> std::path::PathBuf {
    let mut run = vec!["run", "--suite", "coldstart", "--trials", "3"];
    run.extend(workloads.iter().flat_map(|id| ["--workload", id]));
    for target in ["native", "keel*", "wasmtime/*"] {
        run.extend(["--target", target]);
    }
    run.extend(["--wait", "--out", "run"]);
    bench.exits(0, &run);
    bench.exits(0, &["report", "run", "--html", "report.html"]);
    bench.folder().join("report.html")
}

/// A report with one small real run of each suite that has its own pictures.
fn report_of_suites(bench: &Bench) -> std::path::PathBuf {
    report(bench, &["hello", "empty"]);
    let mut runs = vec!["report", "run"];
    for (suite, more) in [
        ("size", "--workload hello --workload json"),
        (
            "density",
            "--workload hello --target keel --target wasmtime/cranelift",
        ),
        ("serve", "--target native --target keel"),
        // In the first group every target passes everything, in the second not.
        (
            "conformance",
            "--workload sign-extension --workload bulk-memory --target keel --target wasmtime/winch",
        ),
        (
            "throughput",
            "--workload empty --target native --target keel",
        ),
    ] {
        let target = if more.contains("--target") {
            ""
        } else {
            " --target native --target keel"
        };
        let line =
            format!("run --suite {suite} --quick --trials 2 {more}{target} --wait --out {suite}");
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        bench.exits(0, &words);
        runs.push(suite);
    }
    runs.extend(["--html", "suites.html"]);
    bench.exits(0, &runs);
    bench.folder().join("suites.html")
}

#[test]
fn the_report_is_quiet_on_the_console_and_asks_nothing_of_the_network() {
    let bench = Bench::new();
    let page = report(&bench, &["hello"]);
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

    // Control: the same check detects a page that does make a request.
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

/// Network requests of a page, from Chromium's log. Chromium's own requests (time, updates) have no initiator
/// origin and are left out.
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
    let page = report_of_suites(&bench);
    let album = built("bench")
        .parent()
        .expect("bench lies in a folder")
        .join("screenshots");
    std::fs::create_dir_all(&album).expect("a folder for the photographs");
    let mut sizes = Vec::new();
    for (scheme, setting) in [("dark", "0"), ("light", "1")] {
        for (width, size) in [("wide", "1400,9000"), ("narrow", "390,9000")] {
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
    // Printing unfolds all sections: without that rule the page has fewer sheets.
    let html = std::fs::read_to_string(&page).expect("the report can be read");
    let unfolds = "details::details-content { content-visibility: visible; block-size: auto; }";
    assert!(html.contains(unfolds), "the rule is another");
    let folded = bench.folder().join("folded.html");
    std::fs::write(&folded, html.replace(unfolds, "")).expect("a page can be written");
    let sheets = |page: &Path, name: &str| {
        let paper = album.join(name);
        let flag = format!("--print-to-pdf={}", paper.display());
        let output = chromium(page, &bench.folder().join("profile"), &[&flag]);
        let bytes = std::fs::read(&paper).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert!(bytes.starts_with(b"%PDF"));
        let text = String::from_utf8_lossy(&bytes);
        text.matches("/Type /Page\n").count()
    };
    let (all, few) = (sheets(&page, "report.pdf"), sheets(&folded, "folded.pdf"));
    assert!(
        few > 0 && all > few,
        "{all} sheets, {few} of them without what is folded"
    );
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

/// The faults that `script` finds in a copy of `page` opened with `hash` and `flags`; `None` without
/// Chromium.
fn answers(page: &Path, script: &str, hash: &str, flags: &[&str]) -> Option<Vec<String>> {
    let html = std::fs::read_to_string(page).expect("the report can be read");
    let copy = page.with_extension("driven.html");
    let driven = html.replace("</body>", &format!("<script>{script}</script></body>"));
    std::fs::write(&copy, driven).expect("a page can be written");
    let profile = page.with_extension("profile");
    let mut all = vec!["--dump-dom", "--virtual-time-budget=20000"];
    all.extend(flags);
    let address = format!("file://{}{hash}", copy.display());
    let output = chromium_at(&address, &profile, &all)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let console: Vec<&str> = said.lines().filter(|l| l.contains(":CONSOLE")).collect();
    assert!(console.is_empty(), "{console:?}");
    let dom = String::from_utf8_lossy(&output.stdout);
    let answer = dom
        .split_once("<pre id=\"answer\">ANSWER ")
        .and_then(|(_, rest)| rest.split_once(" END</pre>"))
        .unwrap_or_else(|| panic!("no answer\n{}", both_streams(&output)))
        .0;
    let answer = answer
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    let faults = answer["faults"].as_array().expect("faults").iter();
    Some(
        faults
            .map(|fault| fault.as_str().unwrap_or_default().to_owned())
            .collect(),
    )
}

/// As [`answers`], in a frame `width` pixels wide, because a Chromium window has at least 500. Also checks
/// the width that the page sees.
fn answers_at(page: &Path, script: &str, width: u32, flags: &[&str]) -> Option<Vec<String>> {
    let html = std::fs::read_to_string(page).expect("the report can be read");
    let looks = format!(
        "<script>if (innerWidth !== {width}) throw new Error(`innerWidth ${{innerWidth}}`);</script>\
         <script>{script}</script></body>"
    );
    let inner = html.replace("</body>", &looks);
    let inner = inner.replace('&', "&amp;").replace('"', "&quot;");
    // The answer exists once the frame has loaded.
    let take = "document.body.append(this.contentDocument.getElementById('answer'))";
    let outer = format!(
        "<!doctype html><html style=\"color-scheme: light dark\"><body style=\"margin: 0\"><iframe srcdoc=\"{inner}\" \
         onload=\"{take}\" style=\"border: 0; width: {width}px; height: 900px\"></iframe></body></html>"
    );
    let framed = page.with_extension("framed.html");
    std::fs::write(&framed, outer).expect("a page can be written");
    answers(&framed, "", "", flags)
}

#[test]
fn a_reader_can_sort_filter_and_keep_a_view_and_the_report_is_there_for_everyone() {
    let bench = Bench::new();
    let page = report_of_suites(&bench);
    let drive = include_str!("browser/drive.js");
    let Some(faults) = answers(&page, drive, "", &[]) else {
        return;
    };
    assert_eq!(faults, Vec::<String>::new());
    let kept = "#without=keel&linear=1&sort=0.1.down";
    let faults = answers(&page, drive, kept, &[]).expect("chromium is there");
    assert_eq!(faults, Vec::<String>::new());

    let audit = include_str!("browser/audit.js");
    let geometry = include_str!("browser/geometry.js");
    for (scheme, width) in [("0", 1280), ("1", 800), ("0", 390), ("1", 390)] {
        let setting = format!("--blink-settings=preferredColorScheme={scheme}");
        for (script, what) in [(audit, "audit"), (geometry, "geometry")] {
            let window = "--window-size=1400,1000";
            let faults = answers_at(&page, script, width, &[&setting, window]);
            let faults = faults.expect("chromium is there");
            assert_eq!(faults, Vec::<String>::new(), "{what} {setting} {width}");
        }
    }
    // Without its script the page lacks only the tools that the script adds.
    let html = std::fs::read_to_string(&page).expect("the report can be read");
    let (before, rest) = html.split_once("<script>").expect("it has a script");
    let (_, after) = rest.split_once("</script>").expect("it ends");
    assert!(!before.contains("class=\"tools\"") && !before.contains(" hidden>"));
    let plain = bench.folder().join("plain.html");
    std::fs::write(&plain, format!("{before}{after}")).expect("a page can be written");
    let faults = answers(&plain, audit, "", &[]).expect("chromium is there");
    assert_eq!(faults, Vec::<String>::new(), "without the script");
    // Control: the same check finds the faults of a faulty page.
    let broken = bench.folder().join("broken.html");
    let faulty = "<!doctype html><html><body><h1>a</h1>\
                  <h3 style='color:#999;background:#fff'>b</h3><input></body></html>";
    std::fs::write(&broken, faulty).expect("a page can be written");
    let faults = answers(&broken, audit, "", &[]).expect("chromium is there");
    let faults = faults.join("\n");
    for found in [
        "no language",
        "h3 after h1",
        "contrast 2.",
        "without a name",
    ] {
        assert!(faults.contains(found), "{found} in {faults}");
    }
}

#[test]
fn a_site_asks_nothing_of_the_network_and_fits_every_width_in_both_schemes() {
    let bench = Bench::new();
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/reference");
    let runs: Vec<String> = ["coldstart", "throughput", "density", "size"]
        .iter()
        .map(|suite| format!("{reference}/{suite}"))
        .collect();
    let mut words = vec!["site", "site"];
    words.extend(runs.iter().map(String::as_str));
    bench.exits(0, &words);
    let site = bench.folder().join("site");
    let audit = include_str!("browser/audit.js");
    let geometry = include_str!("browser/geometry.js");
    let log = bench.folder().join("net.json");
    let log_flag = format!("--log-net-log={}", log.display());
    let pictures = ["coldstart", "throughput", "density", "size"];
    for name in [
        "index",
        "coldstart",
        "throughput",
        "density",
        "size",
        "claims",
        "machines",
        "downloads",
    ] {
        let page = site.join(format!("{name}.html"));
        let Some(output) = chromium(
            &page,
            &bench.folder().join("profile"),
            &[&log_flag, "--dump-dom"],
        ) else {
            return;
        };
        assert!(output.status.success(), "{}", both_streams(&output));
        assert_eq!(asked_by_the_page(&log), Vec::<String>::new(), "{name}");
        for (scheme, width) in [("0", 1280), ("1", 800), ("0", 390)] {
            let setting = format!("--blink-settings=preferredColorScheme={scheme}");
            // The frame has no folder of its own: style and script are put inside.
            let alone = inlined(&page);
            let scripts = match pictures.contains(&name) {
                true => vec![audit, geometry],
                false => vec![audit],
            };
            for script in scripts {
                let faults = answers_at(&alone, script, width, &[&setting]).expect("chromium");
                assert_eq!(faults, Vec::<String>::new(), "{name} at {width}");
            }
        }
    }
}

/// A copy of a site's page with its style sheet and its script inside.
fn inlined(page: &Path) -> std::path::PathBuf {
    let beside = |name: &str| {
        std::fs::read_to_string(page.with_file_name(name)).expect("the site's file can be read")
    };
    let html = std::fs::read_to_string(page).expect("the page can be read");
    let link = "<link rel=\"stylesheet\" href=\"style.css\">";
    let script = "<script src=\"report.js\"></script>";
    assert!(html.contains(link) && html.contains(script), "other links");
    let html = html.replace(link, &format!("<style>{}</style>", beside("style.css")));
    let html = html.replace(script, &format!("<script>{}</script>", beside("report.js")));
    let alone = page.with_extension("alone.html");
    std::fs::write(&alone, html).expect("a page can be written");
    alone
}
