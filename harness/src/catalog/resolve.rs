//! Resolves what to measure: selects targets and workloads, builds missing ones and verifies them.
//! Records what is skipped, why, and the command that adds it.

use plimsoll_adapter::protocol::{Hello, Target};
use plimsoll_record::TargetId;
use plimsoll_record::run::{PreflightNote, Severity, Skipped, TargetKind, TargetRecord};
use std::process::Command;

use crate::catalog::checkout::Checkout;
use crate::catalog::selection;
use crate::catalog::suites::Extent;
use crate::catalog::targets::{AdapterRow, Table, Traits};
use crate::catalog::workloads::{Native, Ready, WorkloadRow, Workloads};
use crate::machine::interrupt::Interrupt;
use crate::process::command::{self, ToolError};
use crate::run::adapter::build::{Built, build, failed_before, state};
use crate::run::adapter::discovery::{
    Ability, Presence, ability, look, missing, programs, unexpected_version,
};
use crate::ui::progress::say;

/// The selected targets and workloads that can run here.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The targets, in table order.
    pub targets: Vec<ResolvedTarget>,
    /// The workloads, in table order.
    pub workloads: Vec<Ready>,
    /// The targets and workloads that cannot.
    pub skipped: Vec<Skipped>,
    /// Further notes for the record.
    pub notes: Vec<PreflightNote>,
}

/// Whether adapters and native programs are built as needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Building {
    /// If missing or older than their sources.
    WhereStale,
    /// Never; existing ones are used.
    Never,
}

/// A target that can run here.
#[derive(Debug, Clone)]
pub struct ResolvedTarget {
    /// The target as described by its adapter.
    pub target: Target,
    /// The adapter's description of itself.
    pub hello: Hello,
    /// Its facts in the table of targets.
    pub traits: Traits,
}

impl ResolvedTarget {
    /// Its row of the fairness ledger.
    pub fn record(&self) -> TargetRecord {
        TargetRecord {
            target: self.target.id.clone(),
            kind: self.target.kind,
            engine: self.hello.engine.clone(),
            engine_version: self.hello.engine_version.clone(),
            adapter: self.hello.adapter.clone(),
            configuration: self.target.configuration.clone(),
            steps: self.target.steps.clone(),
            family: self.traits.family,
            own: Some(self.traits.own),
            daemon: self.traits.daemon,
            programs: self.target.programs.clone(),
            life: self.traits.life,
        }
    }
}

impl Gathered {
    /// Adds the targets that match `globs`. Without globs: the default set and all that is already
    /// set up, minus what a quick run skips.
    ///
    /// # Errors
    /// [`crate::exit::Usage`] if a glob matches nothing; [`ToolError::Interrupted`].
    pub fn targets(
        &mut self,
        checkout: &Checkout,
        table: &Table,
        globs: &[String],
        (extent, building): (Extent, Building),
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        selection::check("target", globs, &table.targets())?;
        for row in &table.adapters {
            let meant: Vec<_> = row
                .targets
                .iter()
                .filter(|target| globs.is_empty() || selection::matches_any(globs, target.as_str()))
                .collect();
            if meant.is_empty() {
                continue;
            }
            let needed = !globs.is_empty() || row.default;
            let built = state(checkout, row);
            if built == Built::Missing && !needed {
                let left =
                    meant
                        .iter()
                        .map(|target| match ability(row, &missing(checkout), target) {
                            Ability::Absent { why, remedy } => {
                                left(target.as_str(), why, remedy, false)
                            }
                            Ability::Ready(_) => unreachable!("what is not built is not ready"),
                        });
                self.skipped.extend(left);
                continue;
            }
            let builds = match building {
                // A bundle has no sources to build from.
                Building::WhereStale => built != Built::Fresh && checkout.bundle.is_none(),
                Building::Never => false,
            };
            if builds && failed_before(checkout, row) {
                self.skipped.extend(meant.iter().map(|target| {
                    let why = "its last build failed, and is not tried again in a run";
                    left(
                        target.as_str(),
                        why.to_owned(),
                        Some(row.setup_command()),
                        needed,
                    )
                }));
                continue;
            }
            if builds && let Err(error) = set_up(checkout, row, interrupt) {
                if matches!(error, ToolError::Interrupted) {
                    return Err(error.into());
                }
                self.skipped.extend(meant.iter().map(|target| {
                    left(
                        target.as_str(),
                        error.to_string(),
                        Some(row.setup_command()),
                        needed,
                    )
                }));
                continue;
            }
            let presence = look(checkout, row, interrupt);
            if interrupt.requested() {
                return Err(ToolError::Interrupted.into());
            }
            let may_rest = extent == Extent::Quick && globs.is_empty();
            let named = !globs.is_empty();
            self.add(row, &meant, &presence, may_rest, named);
            self.hash(checkout, row, interrupt);
        }
        Ok(())
    }

    /// Adds the targets `meant` of an adapter, or the reason why they are skipped. A quick run may
    /// skip some; a missing target that was named is an error.
    fn add(
        &mut self,
        row: &AdapterRow,
        meant: &[&TargetId],
        presence: &Presence,
        may_rest: bool,
        named: bool,
    ) {
        // An unavailable engine is no error in a run that did not name it; an adapter of the
        // default set that does not speak the protocol is.
        let broken = matches!(presence, Presence::Broken { .. });
        for &target in meant {
            let rests = may_rest && row.not_quick.contains(target);
            match (ability(row, presence, target), presence) {
                (Ability::Ready(target), _) if rests => {
                    let why = "left to runs without --quick, or that name it with --target";
                    let left = left(target.id.as_str(), why.to_owned(), None, false);
                    self.skipped.push(left);
                }
                (Ability::Ready(target), Presence::Speaks(hello)) => {
                    self.targets.push(ResolvedTarget {
                        traits: row.traits_of(&target.id),
                        target,
                        hello: hello.clone(),
                    });
                }
                (Ability::Ready(_), _) => unreachable!("only what speaks is ready"),
                (Ability::Absent { why, remedy }, _) => {
                    let requested = named || (row.default && broken);
                    self.skipped
                        .push(left(target.as_str(), why, remedy, requested));
                }
            }
        }
        if let Presence::Speaks(hello) = presence
            && let Some(found) = unexpected_version(row, hello)
        {
            self.notes.push(PreflightNote {
                subject: format!("version of {}", row.id),
                found,
                severity: Severity::Note,
            });
        }
    }

    /// Lets the adapter of `row` hash the programs of its targets.
    fn hash(&mut self, checkout: &Checkout, row: &AdapterRow, interrupt: &Interrupt) {
        let own = |target: &&mut ResolvedTarget| row.targets.contains(&target.target.id);
        for one in self.targets.iter_mut().filter(own) {
            match programs(checkout, row, &one.target.id, interrupt) {
                Ok(found) => one.target.programs = found,
                Err(why) => self.notes.push(PreflightNote {
                    subject: format!("programs of {}", one.target.id),
                    found: format!("not recorded by hash: {why}"),
                    severity: Severity::Noisy,
                }),
            }
        }
    }

    /// Adds the workloads `rows` and builds missing native binaries.
    ///
    /// # Errors
    /// [`ToolError::Interrupted`]; an unusable workload is skipped.
    pub fn workloads(
        &mut self,
        checkout: &Checkout,
        workloads: &Workloads,
        rows: &[&WorkloadRow],
        building: Building,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let missing: Vec<&str> = rows
            .iter()
            .filter(|row| workloads.native(checkout, row) == Native::Missing)
            .map(|row| row.id.as_str())
            .collect();
        if building == Building::WhereStale
            && !missing.is_empty()
            && let Err(error) = build_native(checkout, &missing, interrupt)
        {
            if matches!(error, ToolError::Interrupted) {
                return Err(error.into());
            }
            for id in missing {
                let what = format!("native binary of {id}");
                let remedy = format!("scripts/build-workloads --native {id}");
                self.skipped
                    .push(left(&what, error.to_string(), Some(remedy), true));
            }
        }
        for row in rows {
            match workloads.ready(checkout, row) {
                Ok(ready) => {
                    if ready.native == Native::NotPlanned && self.has_other_than_wasm() {
                        let what = format!("{} natively and in containers", row.id);
                        let why = format!("there is no native program in {}", row.language);
                        self.skipped.push(left(&what, why, None, false));
                    }
                    self.workloads.push(ready);
                }
                Err(error) => {
                    self.skipped
                        .push(left(row.id.as_str(), error.to_string(), None, true))
                }
            }
        }
        Ok(())
    }

    fn has_other_than_wasm(&self) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|chosen| chosen.target.kind != TargetKind::Wasm)
    }

    /// Whether anything required was skipped.
    pub fn lacks_something_requested(&self) -> bool {
        self.skipped.iter().any(|one| one.requested)
    }
}

/// Builds what `row` needs and prints a line about it.
///
/// # Errors
/// [`ToolError`].
pub fn set_up(
    checkout: &Checkout,
    row: &AdapterRow,
    interrupt: &Interrupt,
) -> Result<(), ToolError> {
    let time = match row.build_minutes {
        Some(minutes) => format!(
            " (about {})",
            crate::ui::format::count(minutes as usize, "minute")
        ),
        None => String::new(),
    };
    say(&format!("building {}: {}{time}", row.id, row.title));
    build(checkout, row, interrupt)
}

/// Builds the native binaries of the workloads `ids`.
///
/// # Errors
/// [`ToolError`].
pub fn build_native(
    checkout: &Checkout,
    ids: &[&str],
    interrupt: &Interrupt,
) -> Result<(), ToolError> {
    if checkout.bundle.is_some() {
        return Err(ToolError::Bundle);
    }
    say(&format!("building native binaries: {}", ids.join(", ")));
    let mut script = Command::new(checkout.root.join("scripts/build-workloads"));
    script
        .current_dir(&checkout.root)
        .env("CARGO_TARGET_DIR", &checkout.target)
        .arg("--native")
        .args(ids);
    command::run_quietly(&mut script, "building native binaries", interrupt)
}

fn left(what: &str, why: String, remedy: Option<String>, requested: bool) -> Skipped {
    Skipped {
        what: what.to_owned(),
        why,
        remedy,
        requested,
    }
}
