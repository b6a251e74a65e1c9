//! Parses a real document of several MB, answers questions about it, and writes it out again:
//! allocation, string handling and pointer chasing, as a service that speaks JSON does them.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;

use serde_json::Value;

const BROWSERS: [&str; 4] = ["chrome", "firefox", "safari", "nodejs"];

/// What is counted over every feature of the compatibility table.
#[derive(Default)]
struct Totals {
    features: usize,
    deprecated: usize,
    experimental: usize,
    notes: usize,
    deepest: usize,
    supported_by: BTreeMap<&'static str, usize>,
}

impl Totals {
    fn visit(&mut self, value: &Value, depth: usize) {
        let Some(members) = value.as_object() else {
            return;
        };
        for (name, member) in members {
            if name == "__compat" {
                self.count(member, depth);
            } else {
                self.visit(member, depth + 1);
            }
        }
    }

    fn count(&mut self, compat: &Value, depth: usize) {
        self.features += 1;
        self.deepest = self.deepest.max(depth);
        self.deprecated += usize::from(compat["status"]["deprecated"] == Value::Bool(true));
        self.experimental += usize::from(compat["status"]["experimental"] == Value::Bool(true));
        for browser in BROWSERS {
            // A browser with several ranges of support has an array, the newest first.
            let newest = match &compat["support"][browser] {
                Value::Array(ranges) => &ranges[0],
                single => single,
            };
            self.notes += usize::from(newest.get("notes").is_some());
            let added = &newest["version_added"];
            let supported = added.is_string() || *added == Value::Bool(true);
            if supported && newest.get("version_removed").is_none() {
                *self.supported_by.entry(browser).or_default() += 1;
            }
        }
    }
}

/// Engines and the number of browser releases that shipped each.
fn releases_per_engine(document: &Value) -> BTreeMap<&str, usize> {
    let mut engines = BTreeMap::new();
    let browsers = document["browsers"].as_object().into_iter().flatten();
    for (_, browser) in browsers {
        for (_, release) in browser["releases"].as_object().into_iter().flatten() {
            *engines
                .entry(release["engine"].as_str().unwrap_or("unnamed"))
                .or_default() += 1;
        }
    }
    engines
}

/// FNV-1a, 64 bit: a digest of what was written that costs little beside writing it.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: json DOCUMENT")?;
    let text = fs::read(&path).map_err(|error| format!("reading {path}: {error}"))?;
    println!("read {} bytes", text.len());

    let document: Value = serde_json::from_slice(&text)?;
    for (area, members) in document.as_object().into_iter().flatten() {
        let mut totals = Totals::default();
        totals.visit(members, 1);
        if totals.features > 0 {
            println!("{area}: {} features", totals.features);
        }
    }

    let mut totals = Totals::default();
    totals.visit(&document, 0);
    println!(
        "{} features, {} deprecated, {} experimental, {} with notes, at most {} deep",
        totals.features, totals.deprecated, totals.experimental, totals.notes, totals.deepest
    );
    for (browser, count) in &totals.supported_by {
        println!("{browser} supports {count}");
    }
    for (engine, count) in releases_per_engine(&document) {
        println!("{engine}: {count} releases");
    }

    let written = serde_json::to_vec(&document)?;
    println!(
        "wrote {} bytes, fnv1a {:016x}",
        written.len(),
        fnv1a(&written)
    );
    Ok(())
}
