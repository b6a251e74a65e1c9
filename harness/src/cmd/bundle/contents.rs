//! The contents of a bundle: built programs, and the committed files that are read at run time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::catalog::bundle::PROGRAMS;
use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::{build_native, set_up};
use crate::catalog::targets::{AdapterRow, Table, is_executable};
use crate::catalog::workloads::{Native, Workloads};
use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;
use crate::process::command::ToolError;
use crate::run::adapter::build::{Built, state};
use crate::suites::sandbox::questions::Questions;
use crate::ui::progress::say;

/// Committed files and folders that programs or users read.
const COMMITTED: [&str; 8] = [
    "workloads",
    "scripts",
    "runtimes/targets.toml",
    "runtimes/conformance.ratchet",
    "docs",
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
];

/// Libraries that every system with the C library has.
const EVERYWHERE: [&str; 8] = [
    "linux-vdso.so",
    "ld-linux-x86-64.so",
    "libc.so",
    "libm.so",
    "libgcc_s.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
];

/// The contents of a bundle.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Source paths by their path in the bundle.
    pub(super) files: BTreeMap<PathBuf, PathBuf>,
    /// Ids of the adapters in it.
    pub(super) adapters: Vec<String>,
    /// What is missing, and why.
    pub(super) left_out: Vec<String>,
}

/// Builds what the default set lacks, and collects everything that is built.
///
/// # Errors
/// If the default set cannot be built, or git cannot list the committed files.
pub(super) fn contents(checkout: &Checkout, interrupt: &Interrupt) -> anyhow::Result<Contents> {
    let mut contents = Contents::default();
    committed(checkout, &mut contents)?;
    let own = std::env::current_exe().context("cannot tell where this bench is")?;
    let release = Path::new(PROGRAMS).join("release");
    contents.files.insert(release.join("bench"), own);
    for row in &Table::read(checkout)?.adapters {
        adapter(checkout, row, &mut contents, interrupt)?;
    }
    natives(checkout, &mut contents, interrupt)?;
    Ok(contents)
}

fn committed(checkout: &Checkout, contents: &mut Contents) -> anyhow::Result<()> {
    let listed = Command::new("git")
        .current_dir(&checkout.root)
        .args(["ls-files", "-z", "--"])
        .args(COMMITTED)
        .stdin(Stdio::null())
        .output()
        .context("cannot start git, which lists what belongs to the checkout; install git")?;
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        let root = checkout.root.display();
        return Err(Usage(format!(
            "git cannot list the files of {root}: {said}; make the bundle in a clone of the repository"
        ))
        .into());
    }
    for name in String::from_utf8_lossy(&listed.stdout).split('\0') {
        let path = checkout.root.join(name);
        // git also lists files that are deleted in the checkout.
        if !name.is_empty() && path.is_file() {
            contents.files.insert(PathBuf::from(name), path);
        }
    }
    Ok(())
}

fn adapter(
    checkout: &Checkout,
    row: &AdapterRow,
    contents: &mut Contents,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let built = state(checkout, row);
    if built == Built::Missing && !row.default {
        let why = format!("{}: not set up (`{}`)", row.id, row.setup_command());
        contents.left_out.push(why);
        return Ok(());
    }
    if built != Built::Fresh {
        set_up(checkout, row, interrupt)
            .with_context(|| format!("cannot build {} for the bundle", row.id))?;
    }
    let builds = row.builds(checkout);
    let makes = builds.into_iter().flat_map(|(_, makes)| makes);
    let programs: Vec<PathBuf> = makes.chain([row.executable(checkout)]).collect();
    let foreign = programs.iter().find_map(|program| {
        let library = foreign_library(program)?;
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        Some(format!(
            "{}: {name} needs {library} of this machine",
            row.id
        ))
    });
    if let Some(why) = foreign {
        contents.left_out.push(why);
        return Ok(());
    }
    for program in programs {
        if let Ok(below) = program.strip_prefix(&checkout.target) {
            let at = Path::new(PROGRAMS).join(below);
            contents.files.insert(at, program);
        } else if let Ok(below) = program.strip_prefix(&checkout.root) {
            contents.files.insert(below.to_owned(), program.clone());
        }
    }
    contents.adapters.push(row.id.clone());
    Ok(())
}

/// A shared library that `program` needs and that another machine may lack.
fn foreign_library(program: &Path) -> Option<String> {
    let listed = Command::new("ldd")
        .arg(program)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    text.lines().find_map(|line| {
        let line = line.trim();
        let name = line.split([' ', '\t']).next()?;
        let file = name.rsplit('/').next()?;
        let known = EVERYWHERE.iter().any(|known| file.starts_with(known));
        (file.contains(".so") && !known).then(|| file.to_owned())
    })
}

fn natives(
    checkout: &Checkout,
    contents: &mut Contents,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let workloads = Workloads::read(checkout)?;
    let missing = || -> Vec<&str> {
        let rows = workloads.rows.iter();
        rows.filter(|row| workloads.native(checkout, row) == Native::Missing)
            .map(|row| row.id.as_str())
            .collect()
    };
    let lacking = missing();
    if !lacking.is_empty() {
        match build_native(checkout, &lacking, interrupt) {
            Err(error @ ToolError::Interrupted) => return Err(error.into()),
            Err(error) => say(&format!("native binaries: {error}")),
            Ok(()) => {}
        }
    }
    for id in missing() {
        let why =
            format!("the native binary of {id}: `scripts/build-workloads --native {id}` builds it");
        contents.left_out.push(why);
    }
    // This builds what the suite lacks.
    Questions::gather(checkout, &[], interrupt)?;
    let mut folders = vec![checkout.native_binaries()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder);
        let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if (is_executable(&path) || path.extension().is_some_and(|end| end == "json"))
                && let Ok(below) = path.strip_prefix(&checkout.target)
            {
                let at = Path::new(PROGRAMS).join(below);
                contents.files.insert(at, path.clone());
            }
        }
    }
    Ok(())
}
