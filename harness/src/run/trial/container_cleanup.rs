//! What is left of a container whose start did not end by itself: the program that makes it was
//! killed and could not tidy up.

use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plimsoll_adapter::cgroup;
use plimsoll_adapter::protocol::{Container, Launch};

use crate::ui::progress::say;

/// How long the program has to remove a container.
const REMOVE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(2);

/// Ends and removes the container of a start, if it makes one; `launch` is as it was started. What
/// cannot be removed now, the next start of its adapter removes.
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
    let mut child = Command::new(&launch.program)
        .args(&container.remove)
        .env_clear()
        .envs(&launch.env)
        .current_dir(&launch.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    // How it ended says nothing: there may have been no such container yet, or any more.
    while child.try_wait()?.is_none() {
        if begun.elapsed() > REMOVE {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("not done within {REMOVE:?}")));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
