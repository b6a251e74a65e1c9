//! Removes leftovers of killed runs: containers, and cgroups of containers that were not completely created.
//!
//! Containers are named after the `bench` that started them ([`Owner::name`]). A normal exit leaves nothing, and
//! `bench` cleans up after containers that it kills. If `bench` and the runtime were killed together, the next start of
//! this adapter cleans up.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_adapter::cgroup;
use plimsoll_adapter::owner::{Life, Owner};

use crate::runtime::{Found, Program, Runtime};

/// Time limit for removing a container.
const REMOVE: Duration = Duration::from_secs(10);

/// Removes leftovers of dead owners. Failures are ignored, because strays do not affect the measurements.
pub(crate) fn reap(found: &BTreeMap<Runtime, Found>) {
    let mut removed = 0;
    for (runtime, found) in found {
        let Ok(program) = found else { continue };
        for entry in fs::read_dir(runtime.state())
            .into_iter()
            .flatten()
            .flatten()
        {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            // gVisor also leaves lock files beside its folders: `NAME_sandbox:NAME.lock`.
            if !is_of_the_dead(name.split('_').next().unwrap_or_default()) {
                continue;
            }
            if entry.path().is_dir() {
                remove(*runtime, program, &name);
                removed += 1;
            } else {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    cgroup::remove_condemned(&|group| {
        let name = group.find("plimsoll-").map_or("", |at| &group[at..]);
        is_of_the_dead(name)
    });
    if removed > 0 {
        eprintln!("removed what an interrupted run had left: {removed} containers");
    }
}

fn is_of_the_dead(name: &str) -> bool {
    Owner::of_name(name).is_some_and(|owner| matches!(owner.life(), Ok(Life::Dead)))
}

fn remove(runtime: Runtime, program: &Program, name: &str) {
    let removing = Command::new(&program.path)
        .arg("--root")
        .arg(runtime.state())
        .args(runtime.options())
        .args(["delete", "--force", name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = removing else { return };
    let begun = Instant::now();
    while let Ok(None) = child.try_wait() {
        if begun.elapsed() > REMOVE {
            eprintln!("{} does not remove {name}", runtime.name());
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
