//! `bench fleet`: runs one suite on several machines.

use std::fs::{self, File};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::catalog::checkout::Checkout;
use crate::cli::fleet::{Collect, Fleet as Args, Manifest, Run, Status, Work};
use crate::cli::{Cli, Command};
use crate::exit::{Exit, Usage};
use crate::fleet::kubernetes;
use crate::fleet::progress::{Phase, Standing, standings};
use crate::fleet::slurm::{self, SlurmError};
use crate::fleet::state::{Fleet, Folder, Node, SCHEMA, Source, StateError};
use crate::fleet::submit::{Wanted, choose, equip, submit};
use crate::fleet::worker::{Place, bench_in, digest, work};
use crate::machine::denoise;
use crate::machine::interrupt::Interrupt;
use crate::process::pipe::ready;
use crate::ui::format;
use crate::ui::progress::say;

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let done = match args {
        Args::Run(args) => begin(args),
        Args::Status(args) => status(args),
        Args::Collect(args) => collect(args),
        Args::Manifest(args) => manifest(args),
        Args::Work(args) => on_node(args),
    };
    done.map_err(|error| match error.downcast_ref() {
        // Something named on the command line does not exist, so the command line is wrong.
        Some(
            SlurmError::Partition { .. } | SlurmError::Node { .. } | SlurmError::TooFew { .. },
        ) => Usage(error.to_string()).into(),
        _ if error.is::<StateError>() => Usage(format!("{error:#}")).into(),
        _ => error,
    })
}

fn begin(args: &Run) -> anyhow::Result<Exit> {
    check_arguments(&args.arguments)?;
    let wanted = match &args.nodes {
        None => Wanted::All,
        Some(text) => text.parse().map_err(Usage)?,
    };
    let source = source(args.bundle.as_deref())?;
    let known = slurm::nodes(args.partition.as_deref())?;
    let chosen = choose(&wanted, &known, args.partition.as_deref())?;
    let id = name()?;
    let folder = match (&args.dir, &source) {
        (Some(dir), _) => Folder::at(dir)?,
        (None, Source::Checkout { root, .. }) => Folder::at(&root.join("results").join(&id))?,
        (None, _) => Folder::at(Path::new(&id))?,
    };
    folder.create()?;
    equip(&folder)?;
    let mut fleet = Fleet {
        schema: SCHEMA.to_owned(),
        id,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        arguments: args.arguments.clone(),
        source,
        partition: args.partition.clone(),
        minutes: args.minutes,
        attempts: args.attempts,
        nodes: chosen
            .into_iter()
            .map(|name| Node {
                name,
                tasks: Vec::new(),
            })
            .collect(),
    };
    folder.write(&fleet)?;
    let _alone = alone(&folder)?;
    let all: Vec<usize> = (0..fleet.nodes.len()).collect();
    submit(&folder, &mut fleet, &all)?;
    let names: Vec<&str> = fleet.nodes.iter().map(|node| node.name.as_str()).collect();
    say(&format!(
        "submitted {} for {}: {}",
        fleet.id,
        format::count(names.len(), "node"),
        names.join(", ")
    ));
    say(&format!("state and runs: {}", folder.path().display()));
    match args.no_wait {
        true => {
            say(&format!(
                "continue with `bench fleet collect {}`",
                folder.path().display()
            ));
            Ok(Exit::Ok)
        }
        false => follow(&folder, args.poll),
    }
}

/// Parses the arguments as nodes will, so that errors appear before anything is submitted.
fn check_arguments(arguments: &[String]) -> anyhow::Result<()> {
    let line = ["bench", "run"]
        .into_iter()
        .chain(arguments.iter().map(String::as_str));
    let parsed = Cli::try_parse_from(line)
        .map_err(|error| Usage(error.to_string().trim_end().to_owned()))?;
    let Command::Run(run) = parsed.command else {
        return Err(Usage("give arguments of `bench run`".to_owned()).into());
    };
    if run.out.is_some() || run.resume.is_some() || run.list {
        return Err(Usage(
            "a fleet chooses each node's --out and --resume itself, and --list is for one machine"
                .to_owned(),
        )
        .into());
    }
    let files = [&run.wasm, &run.native, &run.input, &run.stdin];
    if let Some(file) = files.into_iter().flatten().find(|file| !file.is_absolute()) {
        return Err(Usage(format!(
            "{} is relative; give an absolute path that every node has",
            file.display()
        ))
        .into());
    }
    Ok(())
}

fn source(bundle: Option<&Path>) -> anyhow::Result<Source> {
    let Some(bundle) = bundle else {
        let checkout = Checkout::find()?;
        let Checkout { root, target, .. } = checkout;
        return Ok(Source::Checkout { root, target });
    };
    let path = bundle.canonicalize().map_err(|error| {
        Usage(format!(
            "cannot read the bundle {}: {error}",
            bundle.display()
        ))
    })?;
    if path.is_dir() {
        bench_in(&path).map_err(|error| Usage(error.to_string()))?;
        return Ok(Source::Folder { path });
    }
    let sha256 = digest(&path)?;
    Ok(Source::Archive { path, sha256 })
}

fn name() -> anyhow::Result<String> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z-fleet");
    Ok(OffsetDateTime::now_utc().format(&format)?)
}

/// Locks a fleet for submitting: two processes would submit a lost node twice.
fn alone(folder: &Folder) -> anyhow::Result<File> {
    let path = folder.path().join("collect.lock");
    let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    lock.try_lock().map_err(|_| {
        Usage(format!(
            "another bench works on {}; watch it with `bench fleet status`, or end it first",
            folder.path().display()
        ))
    })?;
    Ok(lock)
}

fn status(args: &Status) -> anyhow::Result<Exit> {
    let folder = Folder::at(&args.dir)?;
    let fleet = folder.read()?;
    let standings = standings(&folder, &fleet)?;
    match args.json {
        true => super::print(&(serde_json::to_string_pretty(&standings)? + "\n"))?,
        false => super::print(&table(&standings))?,
    }
    Ok(Exit::Ok)
}

fn collect(args: &Collect) -> anyhow::Result<Exit> {
    let folder = Folder::at(&args.dir)?;
    folder.read()?;
    let _alone = alone(&folder)?;
    follow(&folder, args.poll)
}

/// Submits lost nodes again until every node is done or out of attempts.
fn follow(folder: &Folder, seconds: u64) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::install(denoise::put_files_back)?;
    let mut shown = Vec::new();
    let mut unanswered = 0_u32;
    loop {
        match look(folder, &mut shown) {
            Ok(Next::Wait) => unanswered = 0,
            Ok(Next::LookAgain) => continue,
            Ok(Next::End) => return finish(folder, &shown),
            // A restarting controller is absent for a while; the nodes go on.
            Err(error) if unanswered < PATIENCE && is_passing(&error) => {
                if unanswered == 0 {
                    say(&format!("{error:#}; asking again"));
                }
                unanswered += 1;
            }
            Err(error) => return Err(error),
        }
        ready([Some(interrupt.as_fd())], Duration::from_secs(seconds))?;
        if interrupt.requested() {
            say(&format!(
                "the nodes work on; continue with `bench fleet collect {}`",
                folder.path().display()
            ));
            return Ok(Exit::Interrupted);
        }
    }
}

/// The next action after a check.
enum Next {
    Wait,
    LookAgain,
    End,
}

/// Checks every node, prints what changed since `shown`, and submits or binds tasks if necessary.
fn look(folder: &Folder, shown: &mut Vec<Standing>) -> anyhow::Result<Next> {
    let mut fleet = folder.read()?;
    let found = standings(folder, &fleet)?;
    tell(shown, &found);
    shown.clone_from(&found);
    for one in &found {
        if let Phase::Held { task } = one.phase {
            slurm::bind(task, &one.node)?;
        }
    }
    let is_open = |one: &Standing| {
        matches!(
            one.phase,
            Phase::Running | Phase::Waiting { .. } | Phase::Held { .. }
        )
    };
    Ok(match again(folder, &mut fleet, &found)? {
        true => Next::LookAgain,
        false if found.iter().any(is_open) => Next::Wait,
        false => {
            slurm::cancel_waiting(&fleet.id);
            Next::End
        }
    })
}

/// Whether Slurm may be available at the next attempt.
fn is_passing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(SlurmError::Failed { .. }))
}

/// Number of consecutive failures of the controller to tolerate.
const PATIENCE: u32 = 60;

/// Submits lost nodes that may succeed; `true` if there were any.
fn again(folder: &Folder, fleet: &mut Fleet, found: &[Standing]) -> anyhow::Result<bool> {
    let attempts = fleet.attempts as usize;
    let lost: Vec<usize> = found
        .iter()
        .enumerate()
        .filter(|(_, one)| {
            matches!(one.phase, Phase::Lost { again: true, .. }) && one.tasks < attempts
        })
        .map(|(place, _)| place)
        .collect();
    if lost.is_empty() {
        return Ok(false);
    }
    submit(folder, fleet, &lost)?;
    let names: Vec<&str> = lost
        .iter()
        .map(|&place| fleet.nodes[place].name.as_str())
        .collect();
    say(&format!("submitted again: {}", names.join(", ")));
    Ok(true)
}

/// Prints what changed; on a terminal also the counts.
fn tell(before: &[Standing], now: &[Standing]) {
    for (place, one) in now.iter().enumerate() {
        let same = |old: &Standing| match std::io::stderr().is_terminal() {
            true => old == one,
            false => old.phase == one.phase,
        };
        if !before.get(place).is_some_and(same) {
            say(&line(one));
        }
    }
}

fn line(one: &Standing) -> String {
    let trials = match one.planned {
        0 => String::new(),
        planned => format!(", {} of {}", one.recorded, format::count(planned, "trial")),
    };
    let phase = match &one.phase {
        Phase::Done => "done".to_owned(),
        Phase::Running => "running".to_owned(),
        Phase::Waiting { why } => format!("waiting: {why}"),
        Phase::Held { .. } => {
            "held by Slurm, not bound to the node yet; `bench fleet collect` lets it go".to_owned()
        }
        Phase::Lost { why, .. } => format!("lost: {why}"),
    };
    format!("{}{trials}: {phase}", one.node)
}

fn table(standings: &[Standing]) -> String {
    standings.iter().map(|one| line(one) + "\n").collect()
}

fn finish(folder: &Folder, found: &[Standing]) -> anyhow::Result<Exit> {
    let done: Vec<&Standing> = found
        .iter()
        .filter(|one| one.phase == Phase::Done)
        .collect();
    say(&format!(
        "{} of {} done",
        done.len(),
        format::count(found.len(), "node")
    ));
    for one in found.iter().filter(|one| one.phase != Phase::Done) {
        say(&format!(
            "given up: {} (after {})",
            line(one),
            format::count(one.tasks, "task")
        ));
    }
    let runs: Vec<PathBuf> = done.iter().map(|one| folder.run(&one.node)).collect();
    if !runs.is_empty() {
        let runs: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
        super::print(&format!("bench report {}\n", runs.join(" ")))?;
    }
    Ok(match done.len() == found.len() {
        true => Exit::Ok,
        false => Exit::Incomplete,
    })
}

fn manifest(args: &Manifest) -> anyhow::Result<Exit> {
    check_arguments(&args.arguments)?;
    let manifest = kubernetes::manifest(&kubernetes::Wanted {
        name: &args.name,
        image: &args.image,
        claim: &args.claim,
        nodes: args.nodes,
        attempts: args.attempts,
        arguments: &args.arguments,
    });
    super::print(&(serde_json::to_string_pretty(&manifest)? + "\n"))?;
    Ok(Exit::Ok)
}

fn on_node(args: &Work) -> anyhow::Result<Exit> {
    let place = Place::here().ok_or_else(|| {
        Usage("this is what a task of a fleet runs; `bench fleet run` starts it".to_owned())
    })?;
    let folder = Folder::at(&args.dir)?;
    fs::metadata(folder.path()).with_context(|| {
        format!(
            "this node has no {}; put the fleet where every node can write, with --dir",
            folder.path().display()
        )
    })?;
    Ok(match work(&folder, &place)? {
        true => Exit::Ok,
        false => Exit::Incomplete,
    })
}
