//! Counts a process's instructions with valgrind's callgrind: user mode only, and independent of the
//! machine's load.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_adapter::protocol::{Launch, Sample};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric};

/// The program that counts instructions.
const VALGRIND: &str = "valgrind";
/// Part of the names of two functions in every runner: one calls `_start`, the other is called after it
/// returned. Callgrind starts a new part of its count at each.
const FENCE: &str = "--dump-before=*guest_phase*";
/// Prefix of the names of callgrind's output files.
const OUT: &str = "callgrind.out";

/// Why counting is impossible here; `None` if it works.
pub fn absent() -> Option<String> {
    match program() {
        Some(_) => None,
        None => Some(format!(
            "not supported on this machine: no {VALGRIND} is on PATH; `scripts/install-tools valgrind` installs it"
        )),
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(VALGRIND))
        .find(|file| file.is_file())
}

/// `launch` under valgrind, with its output files in `scratch`.
pub fn under_valgrind(launch: &Launch, scratch: &Path) -> io::Result<Launch> {
    let valgrind = program().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    for file in counts(scratch)?.into_values() {
        fs::remove_file(file)?;
    }
    let mut args = vec![
        "-q".to_owned(),
        "--tool=callgrind".to_owned(),
        FENCE.to_owned(),
        format!("--callgrind-out-file={}", scratch.join(OUT).display()),
        launch.program.display().to_string(),
    ];
    args.extend(launch.args.iter().cloned());
    Ok(Launch {
        program: valgrind,
        args,
        ..launch.clone()
    })
}

/// Callgrind's output files by number of the part, the last part last.
fn counts(scratch: &Path) -> io::Result<BTreeMap<u32, PathBuf>> {
    let mut parts = BTreeMap::new();
    for entry in fs::read_dir(scratch)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let part = match name.strip_prefix(OUT) {
            Some("") => u32::MAX,
            Some(number) => match number.trim_start_matches('.').parse() {
                Ok(number) => number,
                Err(_) => continue,
            },
            None => continue,
        };
        parts.insert(part, path);
    }
    Ok(parts)
}

/// The counts: at L4 of the process, at `run` of the guest alone if the runner has the fence. A native
/// program is its own guest.
///
/// # Errors
/// If valgrind left no readable count.
pub fn samples(scratch: &Path, kind: Option<TargetKind>) -> io::Result<Vec<Sample>> {
    let totals: Vec<u64> = counts(scratch)?
        .into_values()
        .map(|file| total(&file))
        .collect::<io::Result<_>>()?;
    if totals.is_empty() {
        return Err(io::Error::other("valgrind left no count"));
    }
    let process: u64 = totals.iter().sum();
    let guest = match (kind, totals.as_slice()) {
        (Some(TargetKind::Native), _) => Some(process),
        (_, [_, guest, _]) => Some(*guest),
        _ => None,
    };
    let sample = |boundary, value| Sample {
        boundary,
        metric: Metric::Instructions,
        iteration: 0,
        at: None,
        value,
    };
    Ok([(Boundary::L4, Some(process)), (Boundary::Run, guest)]
        .into_iter()
        .filter_map(|(boundary, value)| Some(sample(boundary, value?)))
        .collect())
}

fn total(file: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("{} has no totals", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_part_is_the_guests() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |part: &str| folder.path().join(format!("{OUT}{part}"));
        assert!(samples(folder.path(), Some(TargetKind::Wasm)).is_err());
        fs::write(at(""), "events: Ir\ntotals: 1\n")?;
        let values = |kind| -> io::Result<Vec<(Boundary, u64)>> {
            let samples = samples(folder.path(), Some(kind))?;
            Ok(samples
                .iter()
                .map(|one| (one.boundary, one.value))
                .collect())
        };
        // A runner without the fence gives no count of the guest.
        assert_eq!(values(TargetKind::Wasm)?, [(Boundary::L4, 1)]);
        fs::write(at(".1"), "totals: 600\n")?;
        fs::write(at(".2"), "totals: 20\n")?;
        assert_eq!(
            values(TargetKind::Wasm)?,
            [(Boundary::L4, 621), (Boundary::Run, 20)]
        );
        assert_eq!(
            values(TargetKind::Native)?,
            [(Boundary::L4, 621), (Boundary::Run, 621)]
        );
        fs::write(at(".2"), "nothing\n")?;
        let error = samples(folder.path(), Some(TargetKind::Wasm)).expect_err("it is damaged");
        assert!(error.to_string().contains("has no totals"), "{error}");
        Ok(())
    }
}
