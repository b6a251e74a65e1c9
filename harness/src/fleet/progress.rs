//! The state of each node of a fleet: results from the folder, running tasks from Slurm.

use std::collections::BTreeMap;
use std::fs;

use plimsoll_record::Recorded;
use serde::Serialize;

use super::slurm::{self, NodeState, Queued, SlurmError};
use super::state::{Fleet, Folder, Node, Task};

/// The state of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// Every trial has an outcome.
    Done,
    /// Its task is running.
    Running,
    /// Its task is waiting.
    Waiting {
        /// Slurm's reason, with the node's state if that is the reason.
        why: String,
    },
    /// Its task is not bound to the node, because the submitting `bench` was killed first, or the controller
    /// before it had saved the binding.
    Held {
        /// The held task.
        #[serde(skip)]
        task: Task,
    },
    /// Trials are missing, and there is no task any more.
    Lost {
        /// How the last task ended.
        why: String,
        /// Whether another task may succeed.
        again: bool,
    },
}

/// A node with its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its name.
    pub node: String,
    /// Done, or what is missing.
    #[serde(flatten)]
    pub phase: Phase,
    /// Trials with an outcome.
    pub recorded: usize,
    /// Trials of the plan; 0 before it exists.
    pub planned: usize,
    /// Tasks submitted so far.
    pub tasks: usize,
}

/// Every node of `fleet`, in order.
///
/// # Errors
/// [`SlurmError`] if a node is not done and Slurm does not report its tasks.
pub fn standings(folder: &Folder, fleet: &Fleet) -> Result<Vec<Standing>, SlurmError> {
    // Read the queue before the folder: a task that ends in between has then written everything.
    let queue = slurm::queue(&fleet.id);
    let runs: Vec<(usize, usize)> = fleet
        .nodes
        .iter()
        .map(|node| trials(folder, node))
        .collect();
    let is_done = |(recorded, planned): &(usize, usize)| *planned > 0 && recorded == planned;
    let (queue, nodes) = match runs.iter().all(is_done) {
        // Complete results do not need Slurm.
        true => (queue.unwrap_or_default(), Vec::new()),
        false => (
            queue?,
            slurm::nodes(fleet.partition.as_deref()).unwrap_or_default(),
        ),
    };
    let standing = |(place, (node, counts)): (usize, (&Node, (usize, usize)))| Standing {
        node: node.name.clone(),
        phase: match is_done(&counts) {
            true => Phase::Done,
            false => phase(folder, (place, node), &queue, &nodes),
        },
        recorded: counts.0,
        planned: counts.1,
        tasks: node.tasks.len(),
    };
    Ok(fleet
        .nodes
        .iter()
        .zip(runs)
        .enumerate()
        .map(standing)
        .collect())
}

/// The number of trials with an outcome, and of planned trials.
fn trials(folder: &Folder, node: &Node) -> (usize, usize) {
    let recorded = Recorded::read(&folder.run(&node.name));
    recorded.map_or((0, 0), |recorded| {
        (recorded.trials.len(), recorded.run.plan.len())
    })
}

fn phase(
    folder: &Folder,
    (place, node): (usize, &Node),
    queue: &BTreeMap<Task, Queued>,
    nodes: &[NodeState],
) -> Phase {
    // Includes a task that was submitted but not recorded, because `bench` was killed.
    let mut tasks = queue.iter().rev();
    let Some((task, queued)) = tasks.find(|(task, _)| task.index as usize == place) else {
        return lost(folder, node);
    };
    match queued.state.as_str() {
        // A completing task has finished its work; the next query no longer lists it.
        "RUNNING" | "COMPLETING" | "CONFIGURING" | "SUSPENDED" | "STOPPED" => Phase::Running,
        "PENDING" if queued.reason == "JobHeldUser" => Phase::Held { task: *task },
        _ => {
            let state = nodes.iter().find(|known| known.name == node.name);
            let why = match state.filter(|state| !state.takes_jobs()) {
                Some(state) => format!(
                    "the node is {}; bring it back: sudo scontrol update nodename={} state=resume",
                    state.describe(),
                    node.name
                ),
                None if queued.reason == "None" => "Slurm has not looked at it yet".to_owned(),
                None => queued.reason.clone(),
            };
            Phase::Waiting { why }
        }
    }
}

fn lost(folder: &Folder, node: &Node) -> Phase {
    let Some(task) = node.tasks.last() else {
        return Phase::Lost {
            why: "no task was submitted".to_owned(),
            again: true,
        };
    };
    if let Some(end) = folder.end(&node.name) {
        let why = end
            .error
            .unwrap_or_else(|| "its run was damaged after it had ended".to_owned());
        return Phase::Lost {
            why,
            again: end.again,
        };
    }
    let printed = fs::read(folder.printed(*task)).unwrap_or_default();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let last = printed
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    let state = slurm::ended(*task).unwrap_or_else(|| "gone from Slurm".to_owned());
    let why = match last {
        // The copy of bench did not start; the dynamic loader names the C library it needs.
        Some(last) if last.contains("GLIBC_") => format!(
            "{last}; this node's C library is older than the one bench was built with: submit from the oldest \
             system of the cluster"
        ),
        Some(last) => format!("{state}: {last}"),
        None => state,
    };
    Phase::Lost { why, again: true }
}
