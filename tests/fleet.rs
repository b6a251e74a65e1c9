//! `bench fleet` on a real Slurm, and its manifest for Kubernetes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use e2e::{Bench, both_streams, eventually, outcomes, root, skip};
use k8s_openapi::api::batch::v1::Job;
use serde_json::Value;

/// A cluster of three nodes, stopped when dropped.
struct Cluster {
    state: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    /// `None` if Slurm is not available, which is reported as a skip.
    fn start(port: u16) -> Option<Self> {
        let cluster = Self {
            state: tempfile::tempdir_in("/tmp").expect("a temporary folder can be made"),
            port,
        };
        let output = cluster.script(&["start"]);
        match output.status.code() {
            Some(0) => Some(cluster),
            Some(3) => {
                skip(&format!("no Slurm: {}", both_streams(&output)));
                None
            }
            _ => panic!("scripts/slurm-cluster start: {}", both_streams(&output)),
        }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.state.path().join("cluster")
    }

    fn script(&self, arguments: &[&str]) -> Output {
        Command::new(root().join("scripts/slurm-cluster"))
            .args(arguments)
            .env("PLIMSOLL_SLURM", self.folder())
            .env("PLIMSOLL_SLURM_PORT", self.port.to_string())
            // Daemons outlive the script and would keep its pipes open.
            .stderr(Stdio::null())
            .output()
            .expect("the script can be started")
    }

    fn must(&self, arguments: &[&str]) {
        let output = self.script(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            both_streams(&output)
        );
    }

    fn bench(&self, bench: &Bench, arguments: &[&str]) -> Command {
        let mut command = bench.command(arguments);
        command
            .env("SLURM_CONF", self.folder().join("slurm.conf"))
            // The nodes take turns with each other, not with other tests on this machine.
            .env("PLIMSOLL_LOCK_DIR", self.state.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script(&["stop"]);
    }
}

/// The number of outcomes per trial of a run, and the number of planned trials.
fn counted(run: &Path) -> (BTreeMap<u64, usize>, usize) {
    let mut counts = BTreeMap::new();
    for outcome in outcomes(run) {
        *counts
            .entry(outcome["trial"].as_u64().expect("a trial"))
            .or_default() += 1;
    }
    let text = fs::read_to_string(run.join("run.json")).expect("a run");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    (counts, record["plan"].as_array().expect("a plan").len())
}

/// Kills a node with everything on it, restarts the controller, and ends the submitting command. Afterwards
/// every node has each trial exactly once.
#[test]
fn a_fleet_survives_a_killed_node_a_restarted_controller_and_its_own_end() {
    let Some(cluster) = Cluster::start(16817) else {
        return;
    };
    let bench = Bench::new();
    let folder = bench.folder().join("fleet");
    let path = folder.to_str().expect("UTF-8");
    let submitted = cluster
        .bench(
            &bench,
            &[
                "fleet",
                "run",
                "--slurm",
                "--partition",
                "bench",
                "--nodes",
                "n[1-3]",
                "--dir",
                path,
                "--no-wait",
                "--suite",
                "coldstart",
                "--target",
                "native",
                "--workload",
                "hello",
                "--trials",
                "400",
            ],
        )
        .output()
        .expect("bench can be started");
    assert_eq!(
        submitted.status.code(),
        Some(0),
        "{}",
        both_streams(&submitted)
    );

    let hit = eventually("a node measures", || {
        let measuring = ["n1", "n2", "n3"].into_iter().find(|node| {
            let samples = folder.join("nodes").join(node).join("run/samples.ndjson");
            fs::metadata(samples).is_ok_and(|samples| samples.len() > 0)
        });
        measuring.map(str::to_owned)
    });
    cluster.must(&["kill", &hit]);
    let (counts, planned) = counted(&folder.join("nodes").join(&hit).join("run"));
    assert!(
        counts.len() < planned,
        "{hit} was done before it was killed"
    );
    cluster.must(&["restart", "controller"]);
    cluster.must(&["restart", &hit]);

    let collected = cluster
        .bench(&bench, &["fleet", "collect", path, "--poll", "1"])
        .output()
        .expect("bench can be started");
    assert_eq!(
        collected.status.code(),
        Some(0),
        "{}",
        both_streams(&collected)
    );
    for node in ["n1", "n2", "n3"] {
        let run = folder.join("nodes").join(node).join("run");
        let (counts, planned) = counted(&run);
        assert!(planned >= 400, "{node}: {planned} trials planned");
        assert_eq!(counts.len(), planned, "{node}: trials are lost");
        assert!(
            counts.values().all(|count| *count == 1),
            "{node}: trials are doubled"
        );
    }
    let status = cluster
        .bench(&bench, &["fleet", "status", path, "--json"])
        .output()
        .expect("bench can be started");
    let standings: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let phases = standings
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["phase"]);
    assert!(
        phases.into_iter().all(|phase| phase == "done"),
        "{standings}"
    );

    // Three nodes of one kernel count as one machine, and the report mentions it.
    let runs = ["n1", "n2", "n3"].map(|node| format!("{path}/nodes/{node}/run"));
    let mut report = vec!["report", "--json"];
    report.extend(runs.iter().map(String::as_str));
    let report = bench.run(&report);
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert!(
        report["across"].is_null(),
        "one machine was taken for several"
    );
}

#[test]
fn what_a_cluster_cannot_do_is_said_with_a_remedy() {
    let bench = Bench::new();
    let folder = bench.folder().join("fleet");
    let path = folder.to_str().expect("UTF-8");
    let fleet = |more: &[&'static str]| {
        let mut arguments = vec!["fleet", "run", "--slurm", "--dir", path];
        arguments.extend(more);
        arguments.extend(["--suite", "coldstart", "--target", "native"]);
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let none = bench
        .command(&fleet(&[]))
        .env("PATH", bench.folder())
        .output()
        .expect("bench can be started");
    assert_eq!(none.status.code(), Some(3), "{}", both_streams(&none));
    assert!(
        both_streams(&none).contains("on a login node"),
        "{}",
        both_streams(&none)
    );

    let Some(cluster) = Cluster::start(16917) else {
        return;
    };
    let said = |arguments: &[String], code: i32| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = cluster
            .bench(&bench, &arguments)
            .output()
            .expect("bench can be started");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{}",
            both_streams(&output)
        );
        both_streams(&output)
    };
    let no_partition = said(&fleet(&["--partition", "nowhere"]), 2);
    assert!(
        no_partition.contains("this cluster has: bench"),
        "{no_partition}"
    );
    let no_node = said(&fleet(&["--nodes", "n9"]), 2);
    assert!(no_node.contains("it has: n1, n2, n3"), "{no_node}");

    let drained = Command::new("scontrol")
        .args([
            "update",
            "nodename=n2",
            "state=drain",
            "reason=a disk fails",
        ])
        .env("SLURM_CONF", cluster.folder().join("slurm.conf"))
        .status();
    assert!(drained.is_ok_and(|status| status.success()));
    let drained = said(&fleet(&["--nodes", "n1,n2"]), 3);
    assert!(
        drained.contains("n2 is drained: a disk fails") && drained.contains("state=resume"),
        "{drained}"
    );

    // A truncated copy of a bundle.
    let cut = bench.folder().join("cut.tar.gz");
    fs::write(&cut, b"\x1f\x8b\x08\x00no archive").expect("a writable folder");
    let cut = cut.to_str().expect("UTF-8").to_owned();
    let mut arguments = fleet(&["--nodes", "1", "--attempts", "1", "--poll", "1"]);
    arguments.splice(3..3, ["--bundle".to_owned(), cut]);
    let cut = said(&arguments, 3);
    assert!(cut.contains("the archive is damaged or was cut"), "{cut}");
}

/// Kubernetes is not available: the manifest is checked against the types of its API.
#[test]
fn the_manifest_is_an_indexed_job_of_kubernetes() {
    let bench = Bench::new();
    let arguments = [
        "fleet",
        "manifest",
        "--kubernetes",
        "--image",
        "registry.example/bench:1",
        "--claim",
        "runs",
        "--nodes",
        "4",
        "--suite",
        "coldstart",
        "--target",
        "keel",
    ];
    let text = bench.exits(0, &arguments);
    let job: Job = serde_json::from_str(&text).expect("it is a Job");
    // Unknown fields would be lost in the conversion: nothing is.
    let again = serde_json::to_value(&job).expect("JSON");
    let printed: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(again, printed);

    let spec = job.spec.expect("a specification");
    assert_eq!(spec.completion_mode.as_deref(), Some("Indexed"));
    assert_eq!((spec.completions, spec.parallelism), (Some(4), Some(4)));
    let pod = spec.template.spec.expect("a pod");
    let container = &pod.containers[0];
    let arguments = container.args.as_deref().unwrap_or_default();
    assert_eq!(arguments, ["--suite", "coldstart", "--target", "keel"]);
    let refused = bench.run(&[
        "fleet",
        "manifest",
        "--kubernetes",
        "--image",
        "x",
        "--claim",
        "y",
        "--nodes",
        "1",
        "--suite",
        "size",
        "--out",
        "z",
    ]);
    assert_eq!(refused.status.code(), Some(2), "{}", both_streams(&refused));
    assert!(
        both_streams(&refused).contains("chooses each node's --out"),
        "{}",
        both_streams(&refused)
    );
}
