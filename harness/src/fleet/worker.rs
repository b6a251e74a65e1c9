//! The program on a node: creates or resumes the node's run, and records how that ended.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use plimsoll_record::Recorded;
use rustix::io::{FdFlags, fcntl_setfd};

use super::state::{End, Fleet, Folder, Source};
use crate::machine::environment;
use crate::run::programs::sha256_of;

/// Maximum output of `bench` kept as the reason of a failure, from its end, bytes.
const LAST_WORDS: usize = 600;

/// A task's identity from the scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Index of the node in the fleet.
    pub index: usize,
    /// The scheduler's name of the machine, if known.
    pub machine: Option<String>,
}

impl Place {
    /// Reads the environment of a Slurm task or of a pod of an Indexed Job; `None` elsewhere.
    pub fn here() -> Option<Self> {
        let index = |name| env::var(name).ok()?.parse().ok();
        if let Some(index) = index("SLURM_ARRAY_TASK_ID") {
            return Some(Self {
                index,
                machine: env::var("SLURMD_NODENAME").ok(),
            });
        }
        let index = index("JOB_COMPLETION_INDEX")?;
        Some(Self {
            index,
            machine: env::var(environment::NAME).ok(),
        })
    }
}

/// Runs the task at `place` and records its end. Returns whether the node's run is complete.
///
/// # Errors
/// If the end cannot even be recorded.
pub fn work(folder: &Folder, place: &Place) -> anyhow::Result<bool> {
    let fleet = folder.read()?;
    let node = fleet.nodes.get(place.index).with_context(|| {
        format!(
            "task {} is of no node: {} has {}",
            place.index,
            fleet.id,
            fleet.nodes.len()
        )
    })?;
    let begun = Instant::now();
    // Slurm restarts a lost task even if the first still runs unseen; the lock makes them take turns. The
    // task's children inherit the lock and hold it until they exit.
    let lock = folder.node(&node.name);
    fs::create_dir_all(&lock)?;
    let lock = File::create(lock.join("lock"))?;
    lock.lock()
        .with_context(|| format!("cannot lock the folder of {}", node.name))?;
    fcntl_setfd(&lock, FdFlags::empty())?;
    let mut measuring = 0.0;
    let end = match measure(folder, &fleet, &node.name, place, &mut measuring) {
        Ok(exit) => {
            let is_complete = is_complete(&folder.run(&node.name));
            End {
                exit,
                error: (!is_complete).then(|| last_words(&printed(folder, &node.name), exit)),
                // 2: the command line is invalid, and stays so.
                again: !is_complete && exit != Some(2),
                around_seconds: 0.0,
            }
        }
        Err(error) => End {
            exit: None,
            error: Some(format!("{error:#}")),
            again: !error.is::<WrongBundle>(),
            around_seconds: 0.0,
        },
    };
    let around_seconds = begun.elapsed().as_secs_f64() - measuring;
    folder.write_end(
        &node.name,
        &End {
            around_seconds,
            ..end.clone()
        },
    )?;
    if let Some(error) = &end.error {
        eprintln!("bench: {}: {error}", node.name);
    }
    Ok(end.error.is_none())
}

/// Whether the run in `directory` has an outcome for every planned trial.
pub fn is_complete(directory: &Path) -> bool {
    Recorded::read(directory).is_ok_and(|recorded| recorded.is_complete())
}

fn printed(folder: &Folder, node: &str) -> PathBuf {
    folder.node(node).join("printed.txt")
}

/// Runs `bench`, and adds the seconds to `measuring`.
fn measure(
    folder: &Folder,
    fleet: &Fleet,
    node: &str,
    place: &Place,
    measuring: &mut f64,
) -> anyhow::Result<Option<i32>> {
    if let Some(machine) = place.machine.as_deref().filter(|machine| *machine != node) {
        bail!("the scheduler started the task of {node} on {machine}: nothing was measured");
    }
    let run = folder.run(node);
    if is_complete(&run) {
        return Ok(Some(0));
    }
    let (root, bench, _unpacked) = source(folder, &fleet.source)?;
    let mut command = Command::new(&bench);
    command.arg("run");
    if run.join("run.json").exists() {
        command.arg("--resume").arg(&run);
    } else {
        // A task that ended before its run had a plan leaves nothing useful.
        let _ = fs::remove_dir_all(&run);
        command.args(&fleet.arguments).arg("--out").arg(&run);
    }
    let path = printed(folder, node);
    let output = OpenOptions::new().create(true).append(true).open(&path);
    let output = output.with_context(|| format!("cannot write {}", path.display()))?;
    let begun = Instant::now();
    let status = command
        .arg("--wait")
        .current_dir(&root)
        .env("PLIMSOLL_ROOT", &root)
        .env(environment::NAME, node)
        .envs(target_of(&fleet.source))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("cannot start {} on {node}", bench.display()))?;
    *measuring += begun.elapsed().as_secs_f64();
    Ok(status.code())
}

/// The build directory of a checkout, as a variable of the environment.
fn target_of(source: &Source) -> Option<(&'static str, &Path)> {
    match source {
        Source::Checkout { target, .. } => Some(("CARGO_TARGET_DIR", target)),
        Source::Folder { .. } | Source::Archive { .. } => None,
    }
}

/// The bundle differs from the submitted one.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} on this node is not the bundle that was submitted ({found} instead of {expected} bytes or another content): copy it again, and start a new fleet"
)]
struct WrongBundle {
    path: PathBuf,
    found: String,
    expected: String,
}

/// The root, the `bench` to measure with, and a value that must live until the end.
fn source(
    folder: &Folder,
    source: &Source,
) -> anyhow::Result<(PathBuf, PathBuf, Option<Unpacked>)> {
    match source {
        Source::Checkout { root, .. } => Ok((root.clone(), folder.bench(), None)),
        Source::Folder { path } => Ok((path.clone(), bench_in(path)?, None)),
        Source::Archive { path, sha256 } => {
            let found = digest(path)?;
            if found != *sha256 {
                return Err(WrongBundle {
                    path: path.clone(),
                    found,
                    expected: sha256.clone(),
                }
                .into());
            }
            let unpacked = Unpacked::of(path)?;
            let root = unpacked.root()?;
            Ok((root.clone(), bench_in(&root)?, Some(unpacked)))
        }
    }
}

/// Finds `bench` in an unpacked bundle.
///
/// # Errors
/// If it has none.
pub fn bench_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let places = ["bin/bench", "bench"].map(|name| folder.join(name));
    let found = places.into_iter().find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "{} has neither bin/bench nor bench: it is no bundle, or one that was cut",
            folder.display()
        )
    })
}

/// SHA-256 of a bundle, hexadecimal.
///
/// # Errors
/// If it cannot be read.
pub fn digest(bundle: &Path) -> anyhow::Result<String> {
    sha256_of(bundle).with_context(|| {
        format!(
            "cannot read {}: is it on a file system that every node has?",
            bundle.display()
        )
    })
}

/// A bundle unpacked on this node; removed when dropped.
struct Unpacked(PathBuf);

impl Unpacked {
    fn of(archive: &Path) -> anyhow::Result<Self> {
        let all = env::temp_dir();
        let folder = all.join(format!("plimsoll-fleet-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let unpacked = Self(folder);
        let output = Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(&unpacked.0)
            .output()
            .context("cannot start tar to unpack the bundle; install tar on this node")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let remedy = match said.contains("No space left") {
                true => format!(
                    "free space in {} of this node, or set TMPDIR before `bench fleet run`",
                    all.display()
                ),
                false => "the archive is damaged or was cut: make and copy it again".to_owned(),
            };
            bail!("cannot unpack {}: {said}; {remedy}", archive.display());
        }
        Ok(unpacked)
    }

    /// The folder with `bench`: the archive's root, or the only folder in it.
    fn root(&self) -> anyhow::Result<PathBuf> {
        if bench_in(&self.0).is_ok() {
            return Ok(self.0.clone());
        }
        let entries: Vec<PathBuf> = fs::read_dir(&self.0)?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        match entries.as_slice() {
            [only] if only.is_dir() => Ok(only.clone()),
            _ => Ok(self.0.clone()),
        }
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Why `bench` did not complete the run, from the end of its output.
fn last_words(printed: &Path, exit: Option<i32>) -> String {
    let how = match exit {
        Some(code) => format!("bench ended with exit code {code}"),
        None => "bench was ended by a signal".to_owned(),
    };
    let text = fs::read(printed).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LAST_WORDS)..]).into_owned();
    let last = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    match last {
        Some(last) => format!("{how}: {last}"),
        None => format!("{how} and printed nothing"),
    }
}
