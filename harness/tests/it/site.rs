//! `bench site` on the runs that lie in the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::checkout::Checkout;

fn reference(suite: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/reference");
    Path::new(folder).join(suite)
}

/// The addresses in the attributes `href` and `src` of a page.
fn addresses(page: &str) -> Vec<&str> {
    let starts = ["href=\"", "src=\""];
    let found = starts.iter().flat_map(|start| page.split(start).skip(1));
    found.filter_map(|rest| rest.split('"').next()).collect()
}

fn ids(page: &str) -> BTreeSet<&str> {
    let rest = page.split(" id=\"").skip(1);
    rest.filter_map(|rest| rest.split('"').next()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn site(checkout: &Checkout, suites: &[&str]) -> PathBuf {
    let runs: Vec<String> = suites
        .iter()
        .map(|suite| reference(suite).display().to_string())
        .collect();
    let mut words = vec!["site", "site"];
    words.extend(runs.iter().map(String::as_str));
    let (code, _, stderr) = checkout.run(&words);
    assert_eq!(code, 0, "{stderr}");
    checkout.path("site")
}

#[test]
fn every_link_of_a_site_leads_to_a_file_or_a_place_in_it() {
    let checkout = Checkout::new();
    let folder = site(&checkout, &["coldstart", "throughput", "density", "size"]);
    let mut pages = 0;
    for entry in fs::read_dir(&folder).expect("the site") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        pages += 1;
        let page = read(&path);
        for address in addresses(&page) {
            // A source of a claim is elsewhere: a link that a reader follows, never a request of the page.
            if address.starts_with("https://") || address.starts_with("data:") {
                continue;
            }
            let (file, place) = address.split_once('#').unwrap_or((address, ""));
            let at = match file {
                "" => path.clone(),
                file => folder.join(file),
            };
            assert!(at.is_file(), "{}: no file for {address}", path.display());
            if !place.is_empty() {
                let there = read(&at);
                assert!(
                    ids(&there).contains(place),
                    "{}: no place for {address}",
                    path.display()
                );
            }
        }
    }
    assert_eq!(
        pages, 8,
        "four suites, overview, claims, machines, downloads"
    );
    for suite in ["coldstart", "throughput", "density", "size"] {
        let page = read(&folder.join(format!("{suite}.html")));
        assert!(
            page.contains("href=\"#raw\""),
            "{suite}: no way to its samples"
        );
    }
}

#[test]
fn downloads_of_a_site_are_the_run() {
    let checkout = Checkout::new();
    let folder = site(&checkout, &["size"]);
    let data = folder.join("data/size");
    let unpacked = std::process::Command::new("gzip")
        .args(["-d", "samples.ndjson.gz"])
        .current_dir(&data)
        .status()
        .expect("gzip");
    assert!(unpacked.success());
    let original = reference("size").display().to_string();
    let copy = data.display().to_string();
    let (_, first, _) = checkout.run(&["report", &original, "--csv"]);
    let (_, again, stderr) = checkout.run(&["report", &copy, "--csv"]);
    assert!(first.lines().count() > 5, "{first}");
    assert_eq!(first, again, "{stderr}");
    assert_eq!(read(&data.join("rows.csv")), first);
}

#[test]
fn a_site_replaces_an_earlier_one_and_nothing_else() {
    let checkout = Checkout::new();
    site(&checkout, &["size"]);
    let folder = site(&checkout, &["density"]);
    assert!(
        !folder.join("size.html").exists(),
        "the earlier site is gone"
    );

    checkout.write("mine/notes.txt", "not a site\n");
    let run = reference("size").display().to_string();
    let (code, _, stderr) = checkout.run(&["site", "mine", &run]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("neither empty nor a site"), "{stderr}");
    assert_eq!(read(&checkout.path("mine/notes.txt")), "not a site\n");

    let (code, _, stderr) = checkout.run(&["site", "other"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("no run is recorded"), "{stderr}");
}

#[test]
fn two_runs_of_a_suite_have_a_page_each() {
    let checkout = Checkout::new();
    let folder = site(&checkout, &["size", "size"]);
    for page in ["size.html", "size-2.html", "data/size-2/rows.csv"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
}
