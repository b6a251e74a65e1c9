//! One side of a gate: what it is, and how it is prepared.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use plimsoll_record::run::Skipped;

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{Building, Gathered, ResolvedTarget};
use crate::catalog::selection;
use crate::catalog::suites::{Amount, Extent};
use crate::catalog::targets::{Table, is_executable};
use crate::catalog::workloads::{Ready, WorkloadRow, Workloads, sha256};
use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;
use crate::process::command;
use crate::run::adapter::discovery::{Ability, Presence, ability, look};
use crate::ui::progress::say;

/// The forms of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Product {
    /// The checkout that `bench` runs in.
    Here,
    /// Another checkout, built in its own `target/`.
    Checkout(PathBuf),
    /// A build directory, used unchanged: `release/` with adapters and runners.
    Built(PathBuf),
    /// The program of an adapter, used unchanged.
    Adapter(PathBuf),
    /// A module that replaces the one workload.
    Module(PathBuf),
}

impl Product {
    /// Determines the form of what exists at `path`.
    ///
    /// # Errors
    /// [`Usage`] if it cannot be measured.
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let path = path
            .canonicalize()
            .map_err(|error| Usage(format!("cannot gate {shown}: {error}")))?;
        if path.is_dir() {
            if path.join("workloads/workloads.toml").is_file() {
                return Ok(Self::Checkout(path));
            }
            if path.join("release").is_dir() {
                return Ok(Self::Built(path));
            }
            return Err(Usage(format!(
                "{shown} is neither a checkout (it has no workloads/workloads.toml) nor a \
                 build directory (it has no release/)"
            ))
            .into());
        }
        let mut head = [0; 4];
        let read = fs::File::open(&path).and_then(|mut file| file.read_exact(&mut head));
        match read {
            Ok(()) if head == *b"\0asm" => Ok(Self::Module(path)),
            _ if is_executable(&path) => Ok(Self::Adapter(path)),
            _ => Err(Usage(format!(
                "{shown} is neither a directory, nor a .wasm, nor a program that can be executed"
            ))
            .into()),
        }
    }

    /// A commit of `here`'s repository, in its own work tree inside the build directory.
    ///
    /// # Errors
    /// [`Usage`] if git does not know it; otherwise git's error.
    pub fn of_commit(here: &Checkout, name: &str, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let root = here.root.to_string_lossy();
        let commit = format!("{name}^{{commit}}");
        let resolve = [
            "-C",
            &root,
            "rev-parse",
            "--verify",
            "--end-of-options",
            &commit,
        ];
        let sha = command::first_line("git", &resolve).ok_or_else(|| {
            Usage(format!(
                "git knows no commit {name:?} in {root}; fetch it, or name another --base-ref"
            ))
        })?;
        let tree = here.target.join("gate").join(sha.get(..12).unwrap_or(&sha));
        if !tree.join(".git").exists() {
            // Removes what a killed git may have left.
            let _ = fs::remove_dir_all(&tree);
            let mut prune = Command::new("git");
            command::run(prune.args(["-C", &root, "worktree", "prune"]), interrupt)?;
            let mut add = Command::new("git");
            add.args(["-C", &root, "worktree", "add", "--detach", "--quiet"])
                .arg(&tree)
                .arg(&sha);
            command::run(&mut add, interrupt)
                .with_context(|| format!("cannot check out {name} beside this checkout"))?;
        }
        Ok(Self::Checkout(tree))
    }

    /// A description of it.
    pub fn words(&self, here: &Checkout) -> String {
        match self {
            Product::Here => "this checkout".to_owned(),
            Product::Checkout(path) => format!("the checkout {}", here.shown(path)),
            Product::Built(path) => format!("what is built in {}", here.shown(path)),
            Product::Adapter(path) => format!("the adapter {}", here.shown(path)),
            Product::Module(path) => format!("the module {}", here.shown(path)),
        }
    }
}

/// A side that is ready to measure.
#[derive(Debug)]
pub struct Side {
    /// A description of it.
    pub words: String,
    /// Its files.
    pub checkout: Checkout,
    /// Its adapters.
    pub table: Table,
    /// Its workloads, from their table.
    pub workloads: Workloads,
    /// Its targets.
    pub targets: Vec<ResolvedTarget>,
    /// Named targets that it lacks.
    pub skipped: Vec<Skipped>,
    module: Option<PathBuf>,
}

impl Side {
    /// Prepares the targets `globs` of `product`; builds checkouts.
    ///
    /// # Errors
    /// [`Usage`] if a named target is missing; otherwise the error of the build.
    pub fn ready(
        product: &Product,
        here: &Checkout,
        globs: &[String],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let checkout = match product {
            Product::Here | Product::Adapter(_) | Product::Module(_) => here.clone(),
            Product::Checkout(root) => Checkout::at(root.clone(), root.join("target")),
            Product::Built(target) => Checkout {
                target: target.clone(),
                ..here.clone()
            },
        };
        let mut table = Table::read(&checkout)?;
        selection::check("target", globs, &table.targets())?;
        let mut gathered = Gathered::default();
        match product {
            Product::Built(_) => as_it_is(&mut gathered, &checkout, &table, globs, interrupt),
            Product::Adapter(program) => {
                let meant = |row: &&mut crate::catalog::targets::AdapterRow| {
                    let mut targets = row.targets.iter();
                    targets.any(|target| selection::matches_any(globs, target.as_str()))
                };
                let mut rows: Vec<_> = table.adapters.iter_mut().filter(meant).collect();
                let [row] = rows.as_mut_slice() else {
                    return Err(Usage(format!(
                        "{} drives the targets of one adapter, and {} are selected; \
                         narrow --target",
                        program.display(),
                        rows.len()
                    ))
                    .into());
                };
                row.program = Some(program.clone());
                (row.manifest, row.binary) = (None, None);
                as_it_is(&mut gathered, &checkout, &table, globs, interrupt);
            }
            _ => gathered.targets(
                &checkout,
                &table,
                globs,
                (Extent::Full, Building::WhereStale),
                interrupt,
            )?,
        }
        // A build directory without native programs uses those of this checkout.
        let natives = match product {
            Product::Built(target) if !target.join("workloads/native").is_dir() => here.clone(),
            _ => checkout.clone(),
        };
        let workloads = Workloads::read(&natives)?;
        Ok(Self {
            words: product.words(here),
            checkout,
            table,
            workloads,
            targets: gathered.targets,
            skipped: gathered.skipped,
            module: match product {
                Product::Module(path) => Some(path.clone()),
                _ => None,
            },
        })
    }

    /// The workloads that match `globs`, or without globs those of `amount`.
    ///
    /// # Errors
    /// [`Usage`] if this side lacks them, or its module would replace more than one.
    pub fn ready_workloads(
        &self,
        here: &Checkout,
        globs: &[String],
        amount: &Amount,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Vec<Ready>> {
        selection::check("workload", globs, &self.workloads.ids())?;
        let rows: Vec<&WorkloadRow> =
            crate::run::cells::chosen_workloads(globs, amount, &self.workloads);
        let natives = match self.checkout.native_binaries().is_dir() {
            true => &self.checkout,
            false => here,
        };
        let mut gathered = Gathered::default();
        gathered.workloads(
            natives,
            &self.workloads,
            &rows,
            Building::WhereStale,
            interrupt,
        )?;
        if let Some(lost) = gathered.skipped.first() {
            return Err(Usage(format!("{}: {}: {}", self.words, lost.what, lost.why)).into());
        }
        let Some(module) = &self.module else {
            return Ok(gathered.workloads);
        };
        let [ready] = gathered.workloads.as_mut_slice() else {
            return Err(Usage(format!(
                "{} is a module of one workload, and {} are selected; choose one with --workload",
                module.display(),
                gathered.workloads.len()
            ))
            .into());
        };
        let bytes =
            fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
        ready.workload.wasm.clone_from(module);
        ready.record.wasm_sha256 = sha256(&bytes);
        ready.record.wasm_bytes = bytes.len() as u64;
        Ok(gathered.workloads)
    }
}

/// Adds targets without building anything.
fn as_it_is(
    gathered: &mut Gathered,
    checkout: &Checkout,
    table: &Table,
    globs: &[String],
    interrupt: &Interrupt,
) {
    for row in &table.adapters {
        let meant =
            |target: &&plimsoll_record::TargetId| selection::matches_any(globs, target.as_str());
        let meant: Vec<_> = row.targets.iter().filter(meant).collect();
        if meant.is_empty() {
            continue;
        }
        let presence = look(checkout, row, interrupt);
        for target in meant {
            match ability(row, &presence, target) {
                Ability::Ready(target) => {
                    if let Presence::Speaks(hello) = &presence {
                        let hello = hello.clone();
                        let family = row.family_of(&target.id);
                        gathered.targets.push(ResolvedTarget {
                            target,
                            hello,
                            family,
                        });
                    }
                }
                Ability::Absent { why, .. } => gathered.skipped.push(Skipped {
                    what: target.to_string(),
                    why,
                    remedy: None,
                    requested: true,
                }),
            }
        }
    }
}

/// Prints a description of `side`.
pub fn introduce(name: &str, side: &Side) {
    let targets: Vec<&str> = side.targets.iter().map(|c| c.target.id.as_str()).collect();
    say(&format!("{name}: {} ({})", side.words, targets.join(", ")));
}
