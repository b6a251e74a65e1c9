//! Generates an Indexed Job: one pod per node, each with its own run on a shared volume.

use serde_json::{Value, json};

use crate::machine::environment;

/// Mount point of the volume of runs.
const RUNS: &str = "/runs";

/// Resumes the run of this index, or creates it. `bench` and its data are in the image.
const SCRIPT: &str = r#"run=/runs/$JOB_COMPLETION_INDEX/run
mkdir -p "${run%/run}"
if [ -e "$run/run.json" ]; then exec bench run --resume "$run" --wait; fi
rm -rf "$run"
exec bench run "$@" --out "$run" --wait
"#;

/// The parameters of a manifest.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Name of the job.
    pub name: &'a str,
    /// An image made from a bundle, with `bench` on PATH.
    pub image: &'a str,
    /// Claim of a volume that every node can write (ReadWriteMany).
    pub claim: &'a str,
    /// Number of nodes.
    pub nodes: u32,
    /// Maximum failures per node.
    pub attempts: u32,
    /// Passed to `bench run`.
    pub arguments: &'a [String],
}

/// The manifest for `kubectl apply -f -`: an object of `batch/v1`. `backoffLimitPerIndex` needs Kubernetes
/// 1.29.
pub fn manifest(wanted: &Wanted<'_>) -> Value {
    let labels = json!({ "app.kubernetes.io/name": "plimsoll", "plimsoll/fleet": wanted.name });
    // `sh -c SCRIPT NAME ARGUMENT..`: each argument stays one word, whatever it contains.
    let command = ["/bin/sh", "-c", SCRIPT, "bench"].map(str::to_owned);
    let container = json!({
        "name": "bench",
        "image": wanted.image,
        "command": command,
        "args": wanted.arguments,
        "env": [{
            "name": environment::NAME,
            "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } },
        }],
        "volumeMounts": [{ "name": "runs", "mountPath": RUNS }],
    });
    let one_per_node = json!({
        "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
            "topologyKey": "kubernetes.io/hostname",
            "labelSelector": { "matchLabels": labels },
        }] },
    });
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": wanted.name, "labels": labels },
        "spec": {
            "completionMode": "Indexed",
            "completions": wanted.nodes,
            "parallelism": wanted.nodes,
            "backoffLimitPerIndex": wanted.attempts.saturating_sub(1),
            "maxFailedIndexes": wanted.nodes,
            // 2: the command line is invalid, on this node and on every other.
            "podFailurePolicy": { "rules": [{
                "action": "FailJob",
                "onExitCodes": { "containerName": "bench", "operator": "In", "values": [2] },
            }] },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "restartPolicy": "Never",
                    "affinity": one_per_node,
                    "containers": [container],
                    "volumes": [{
                        "name": "runs",
                        "persistentVolumeClaim": { "claimName": wanted.claim },
                    }],
                },
            },
        },
    })
}
