//! Runs Slurm's commands. Formats are fixed by `-o`, `-h` and `--parsable`, which work in every release; JSON
//! output needs a plugin that many sites lack.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use thiserror::Error;

use super::state::Task;

/// Why a Slurm command failed.
#[derive(Debug, Error)]
pub enum SlurmError {
    /// A command does not exist.
    #[error(
        "cannot start {command}: {source}; run this where Slurm's commands are, on a login node (Debian: slurm-client)"
    )]
    Absent {
        /// The command.
        command: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A command exited with an error.
    #[error("`{command}` failed: {said}{}", remedy(.said))]
    Failed {
        /// The command line.
        command: String,
        /// Its output, on one line.
        said: String,
    },
    /// A command printed something unexpected.
    #[error(
        "`{command}` said {said:?}, which is not what this bench reads of it; report this with `sinfo --version`"
    )]
    Format {
        /// The command line.
        command: String,
        /// Its output.
        said: String,
    },
    /// The partition does not exist or has no nodes.
    #[error("there is no partition {asked:?} with nodes; this cluster has: {}", .known.join(", "))]
    Partition {
        /// The given name.
        asked: String,
        /// The cluster's partitions.
        known: Vec<String>,
    },
    /// A node is not in the partition.
    #[error("there is no node {node:?} in {partition}; it has: {}", .known.join(", "))]
    Node {
        /// The given name.
        node: String,
        /// The partition searched.
        partition: String,
        /// The nodes in it.
        known: Vec<String>,
    },
    /// A named node accepts no jobs.
    #[error(
        "{node} is {state}{reason}; leave it out of --nodes, or bring it back: sudo scontrol update nodename={node} state=resume"
    )]
    Unusable {
        /// The node.
        node: String,
        /// Slurm's name for its state.
        state: String,
        /// Slurm's reason after a separator, or empty.
        reason: String,
    },
    /// Fewer usable nodes than requested.
    #[error(
        "{partition} has {usable} usable nodes of {asked}: {states}; ask for fewer with --nodes"
    )]
    TooFew {
        /// The partition.
        partition: String,
        /// Number of nodes that accept jobs.
        usable: usize,
        /// Number of nodes needed.
        asked: usize,
        /// Every node with its state.
        states: String,
    },
}

fn remedy(said: &str) -> &'static str {
    let knows = |what: &str| said.to_lowercase().contains(what);
    if knows("unable to contact") || knows("connection refused") || knows("configuration source") {
        "; no controller answers: is slurmctld running, and /etc/slurm/slurm.conf (or SLURM_CONF) right?"
    } else if knows("munge") || knows("authentication") {
        "; is munged running here and on the controller, with one key?"
    } else if knows("partition") {
        "; `sinfo` lists the partitions that you may use"
    } else if knows("time limit") {
        "; give --minutes within the partition's limit"
    } else if knows("account") || knows("permission") || knows("not permitted") {
        "; ask the cluster's administrators which account or partition you may use"
    } else {
        ""
    }
}

/// A node as Slurm describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// Its name.
    pub name: String,
    /// Slurm's name for it, without flags.
    pub state: String,
    /// Why it accepts no jobs, if a reason is set.
    pub reason: Option<String>,
}

impl NodeState {
    /// Whether a job submitted now can run there, at once or later.
    pub fn takes_jobs(&self) -> bool {
        const GONE: &[&str] = &[
            "down",
            "drain",
            "drained",
            "draining",
            "fail",
            "failing",
            "error",
            "maint",
            "inval",
            "power_down",
            "powered_down",
            "powering_down",
            "reboot",
            "future",
        ];
        !GONE.contains(&self.state.as_str())
    }

    /// State and reason as text.
    pub fn describe(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{} ({reason})", self.state),
            None => self.state.clone(),
        }
    }
}

/// A task in Slurm's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Slurm's name for it: `PENDING`, `RUNNING`, `COMPLETING`, ...
    pub state: String,
    /// Slurm's reason for waiting.
    pub reason: String,
}

/// An array of tasks to submit.
#[derive(Debug)]
pub struct Submission<'a> {
    /// Name of the job.
    pub name: &'a str,
    /// The partition; `None` means the default one.
    pub partition: Option<&'a str>,
    /// Time limit, minutes.
    pub minutes: Option<u32>,
    /// Indices in the array with their nodes.
    pub tasks: &'a [(u32, &'a str)],
    /// The script of each task.
    pub script: &'a Path,
    /// Working directory of the tasks.
    pub folder: &'a Path,
}

/// The nodes of a partition, or of all for `None`.
///
/// # Errors
/// [`SlurmError::Partition`] if there are none.
pub fn nodes(partition: Option<&str>) -> Result<Vec<NodeState>, SlurmError> {
    let mut arguments = vec!["-h", "-N", "-o", "%N|%T|%E"];
    if let Some(partition) = partition {
        arguments.extend(["-p", partition]);
    }
    let said = output("sinfo", &arguments)?;
    let mut found: Vec<NodeState> = Vec::new();
    for line in said.lines() {
        let fields: Vec<&str> = line.splitn(3, '|').collect();
        let [name, state, reason] = fields.as_slice() else {
            return Err(format_error("sinfo", &arguments, line));
        };
        if found.iter().any(|node| node.name == *name) {
            continue;
        }
        found.push(NodeState {
            name: (*name).to_owned(),
            // sinfo(1): `*` is not responding, `~#!%` power saving, `$@^` reservations and reboots, `-`
            // planned.
            state: state
                .trim_end_matches(|c: char| !c.is_alphanumeric())
                .to_owned(),
            reason: Some((*reason).trim().to_owned())
                .filter(|reason| !reason.is_empty() && reason != "none"),
        });
    }
    if let (true, Some(partition)) = (found.is_empty(), partition) {
        let known = output("sinfo", &["-h", "-o", "%R"])?;
        return Err(SlurmError::Partition {
            asked: partition.to_owned(),
            known: known.lines().map(str::to_owned).collect(),
        });
    }
    Ok(found)
}

/// Submits an array with one task per node, which gets the node exclusively.
///
/// sbatch cannot assign nodes to the tasks of an array. So the array is submitted held, each task is bound to
/// its node, and all are released. A crash in between leaves held tasks; a failed binding cancels them here.
///
/// # Errors
/// [`SlurmError`].
pub fn submit(submission: &Submission<'_>) -> Result<u64, SlurmError> {
    let places: Vec<String> = submission
        .tasks
        .iter()
        .map(|(place, _)| place.to_string())
        .collect();
    let mut arguments = vec![
        "--parsable".to_owned(),
        "--hold".to_owned(),
        format!("--job-name={}", submission.name),
        format!("--array={}", places.join(",")),
        "--nodes=1".to_owned(),
        "--ntasks=1".to_owned(),
        "--exclusive".to_owned(),
        "--mem=0".to_owned(),
        "--requeue".to_owned(),
        "--open-mode=append".to_owned(),
        format!("--chdir={}", submission.folder.display()),
        "--output=tasks/%A_%a.out".to_owned(),
    ];
    arguments.extend(
        submission
            .partition
            .map(|name| format!("--partition={name}")),
    );
    arguments.extend(
        submission
            .minutes
            .map(|minutes| format!("--time={minutes}")),
    );
    arguments.push(submission.script.display().to_string());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = output("sbatch", &arguments)?;
    // `id` or `id;cluster`.
    let id = said.trim().split(';').next().unwrap_or_default();
    let job: u64 = id
        .parse()
        .map_err(|_| format_error("sbatch", &arguments, &said))?;
    let mut tasks = submission.tasks.iter();
    let bound = tasks.try_for_each(|&(index, node)| bind(Task { job, index }, node));
    match bound {
        Ok(()) => Ok(job),
        Err(error) => {
            cancel(job);
            Err(error)
        }
    }
}

/// Binds a held task to its node and releases it.
///
/// # Errors
/// [`SlurmError`].
pub fn bind(task: Task, node: &str) -> Result<(), SlurmError> {
    let id = format!("{}_{}", task.job, task.index);
    let node = format!("ReqNodeList={node}");
    output("scontrol", &["update", &format!("JobId={id}"), &node])?;
    output("scontrol", &["release", &id]).map(drop)
}

/// Cancels an array. Errors are ignored, because the tasks are held or end by themselves.
pub fn cancel(job: u64) {
    let _ = output("scancel", &[&job.to_string()]);
}

/// Cancels every task called `name` that has not started.
pub fn cancel_waiting(name: &str) {
    let _ = output("scancel", &["--name", name, "--state", "PENDING"]);
}

/// The unfinished tasks called `name`.
///
/// # Errors
/// [`SlurmError`].
pub fn queue(name: &str) -> Result<BTreeMap<Task, Queued>, SlurmError> {
    let arguments = ["-h", "-r", "-n", name, "-o", "%F|%K|%T|%r"];
    let said = output("squeue", &arguments)?;
    let mut found = BTreeMap::new();
    for line in said.lines() {
        let fields: Vec<&str> = line.splitn(4, '|').collect();
        let parsed = match fields.as_slice() {
            [job, index, state, reason] => {
                job.parse()
                    .ok()
                    .zip(index.parse().ok())
                    .map(|(job, index)| {
                        let (state, reason) = ((*state).to_owned(), (*reason).to_owned());
                        (Task { job, index }, Queued { state, reason })
                    })
            }
            _ => None,
        };
        let (task, queued) = parsed.ok_or_else(|| format_error("squeue", &arguments, line))?;
        found.insert(task, queued);
    }
    Ok(found)
}

/// How a task ended, in Slurm's terms: from the controller while it remembers, later from the accounting if
/// the site has it.
pub fn ended(task: Task) -> Option<String> {
    let id = format!("{}_{}", task.job, task.index);
    let shown = output("scontrol", &["-o", "show", "job", &id]).ok();
    let of_controller = shown.and_then(|line| {
        let field = |name: &str| {
            line.split(' ')
                .find_map(|word| word.strip_prefix(name))
                .map(str::to_owned)
        };
        Some(format!(
            "{} (exit {})",
            field("JobState=")?,
            field("ExitCode=")?
        ))
    });
    of_controller.or_else(|| {
        let line = output(
            "sacct",
            &["-n", "-X", "-P", "-j", &id, "-o", "State,ExitCode"],
        )
        .ok()?;
        let (state, exit) = line.lines().next()?.split_once('|')?;
        Some(format!("{state} (exit {exit})"))
    })
}

fn output(command: &str, arguments: &[&str]) -> Result<String, SlurmError> {
    let output = Command::new(command)
        .args(arguments)
        // Users' defaults for these commands change their output.
        .env_remove("SQUEUE_FORMAT")
        .env_remove("SINFO_FORMAT")
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|source| SlurmError::Absent {
            command: command.to_owned(),
            source,
        })?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: Vec<&str> = said
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect();
            Err(SlurmError::Failed {
                command: shown(command, arguments),
                said: said.join("; "),
            })
        }
    }
}

fn shown(command: &str, arguments: &[&str]) -> String {
    format!("{command} {}", arguments.join(" "))
}

fn format_error(command: &str, arguments: &[&str], said: &str) -> SlurmError {
    SlurmError::Format {
        command: shown(command, arguments),
        said: said.to_owned(),
    }
}
