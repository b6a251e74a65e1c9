//! A recorded run as JSON that tests change: `data/min-base`, two targets, one workload, six trials each.

use std::fs;
use std::path::Path;

use plimsoll_record::{ReadError, Recorded};
use serde_json::{Value, json};

/// A run as its two files, for changing them.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) run: Value,
    pub(crate) lines: Vec<Value>,
}

impl Files {
    pub(crate) fn base() -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/min-base");
        let read = |name: &str| fs::read_to_string(directory.join(name)).expect("the fixture");
        Files {
            run: serde_json::from_str(&read("run.json")).expect("JSON"),
            lines: read("samples.ndjson")
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect(),
        }
    }

    /// A different run: another name and slightly different values.
    pub(crate) fn candidate() -> Self {
        let mut files = Files::base();
        files.run["id"] = json!("candidate");
        files.scale(|_| true, 1.001);
        files
    }

    pub(crate) fn record(&self) -> Recorded {
        self.record_with(|text| text)
    }

    pub(crate) fn record_with(&self, change: impl Fn(String) -> String) -> Recorded {
        self.read_with(change).expect("a run")
    }

    pub(crate) fn read_with(
        &self,
        change: impl Fn(String) -> String,
    ) -> Result<Recorded, ReadError> {
        let directory = tempfile::tempdir().expect("a directory");
        let lines = self.lines.iter().map(|line| format!("{line}\n"));
        let write = |name: &str, text: String| {
            fs::write(directory.path().join(name), text).expect("written");
        };
        write("run.json", self.run.to_string());
        write("samples.ndjson", change(lines.collect()));
        Recorded::read(directory.path())
    }

    pub(crate) fn target_of(&self, trial: &Value) -> String {
        let plan = self.run["plan"].as_array().expect("a plan");
        let planned = plan.iter().find(|one| one["index"] == *trial);
        planned.map_or_else(String::new, |one| {
            one["target"].as_str().unwrap().to_owned()
        })
    }

    pub(crate) fn scale(&mut self, of: impl Fn(&Value) -> bool, factor: f64) {
        for line in &mut self.lines {
            if line["type"] == "sample" && of(line) {
                let value = line["value"].as_u64().expect("a number") as f64;
                line["value"] = json!((value * factor).round() as u64);
            }
        }
    }

    /// Replaces the values of samples, each by that of its trial.
    pub(crate) fn set(&mut self, of: impl Fn(&Value) -> bool, value: impl Fn(u64) -> u64) {
        for line in &mut self.lines {
            if line["type"] == "sample" && of(line) {
                line["value"] = json!(value(line["trial"].as_u64().expect("a number")));
            }
        }
    }

    /// Selects lines of keel's trials.
    pub(crate) fn keel(&self) -> impl Fn(&Value) -> bool + use<> {
        let files = self.clone();
        move |line: &Value| files.target_of(&line["trial"]) == "keel"
    }

    pub(crate) fn fail(&mut self, of: impl Fn(&Value) -> bool, outcome: &Value) {
        for line in &mut self.lines {
            if line["type"] == "outcome" && of(line) {
                let merged = line.as_object_mut().expect("an object");
                for (name, value) in outcome.as_object().expect("an object") {
                    merged.insert(name.clone(), value.clone());
                }
            }
        }
    }

    pub(crate) fn keep_blocks(&mut self, most: u64) {
        let plan = self.run["plan"].as_array_mut().expect("a plan");
        plan.retain(|trial| trial["block"].as_u64().expect("a block") < most);
        let kept: Vec<Value> = plan.iter().map(|trial| trial["index"].clone()).collect();
        self.lines.retain(|line| kept.contains(&line["trial"]));
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        for list in ["targets", "plan", "artefacts"] {
            for entry in self.run[list].as_array_mut().expect("a list") {
                if entry["target"] == from {
                    entry["target"] = json!(to);
                }
            }
        }
    }
}
