//! Removes the container of a start that was killed, so that its program could not remove it.

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use plimsoll_adapter::cgroup;
use plimsoll_adapter::protocol::{Container, Launch};

use crate::process::group::{self, Bounds, Group};
use crate::ui::progress::say;

/// Time limit for removing a container.
const REMOVE: Duration = Duration::from_secs(10);

/// Ends and removes the container of a start, if it makes one; `launch` is as started. If that fails, the
/// next start of its adapter removes it.
pub fn clear(launch: &Launch) {
    let Some(container) = &launch.container else {
        return;
    };
    if let Err(error) = remove(launch, container) {
        let program = launch.program.display();
        say(&format!(
            "removing {} by {program}: {error}",
            container.name
        ));
    }
    cgroup::remove_condemned(&|group| group.ends_with(&container.name));
}

fn remove(launch: &Launch, container: &Container) -> io::Result<()> {
    let mut command = group::command(&Launch {
        args: container.remove.clone(),
        ..launch.clone()
    });
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut remover = Group::start(&mut command)?;
    // An interruption does not end this wait, because nothing may be left behind.
    let mut bounds = Bounds {
        interrupt: None,
        until: Some(Instant::now() + REMOVE),
        memory: None,
    };
    // Its exit code does not matter: the container may not exist yet, or no longer.
    loop {
        match bounds.wait([Some(remover.exit())])? {
            Ok([true]) => return remover.wait().map(drop),
            Ok([false]) => {}
            Err(_) => return Err(io::Error::other(format!("not done within {REMOVE:?}"))),
        }
    }
}
