//! Whose container is this, and does its owner live?
//!
//! Everything made on the engine carries two labels: [`MARK`], and [`OWNER`] with the process
//! that made it. A process that was killed cannot tidy up; the next one finds what it left by
//! these labels and removes it, and leaves alone what belongs to a run that is still going on.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};

use crate::failure::{Failure, LIST, REMOVE, bounded, tolerate_missing};

/// The label of everything that is made here; its value is `1`.
pub const MARK: &str = "plimsoll";
/// The label that names the process that made it.
pub const OWNER: &str = "plimsoll.owner";

/// A process, named so that no other process ever has the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The kernel's boot, /proc/sys/kernel/random/boot_id: process ids start again with it.
    pub boot: String,
    /// Inode of the PID namespace that `pid` is meant in: two containers on one engine each
    /// have a process 7.
    pub pid_namespace: u64,
    /// Process id.
    pub pid: u32,
    /// When it started, in clock ticks after boot (proc(5), stat field 22): ids are reused.
    pub started: u64,
}

/// Whether an owner still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It does.
    Alive,
    /// It does not: what it left are strays.
    Dead,
    /// Cannot be seen from here: its process ids mean something else.
    Unknown,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub fn this_process() -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Owner {
            boot: boot()?,
            pid_namespace: pid_namespace()?,
            pid,
            started: started(pid)?,
        })
    }

    /// Whether it still runs, as seen from this process.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub fn life(&self) -> io::Result<Life> {
        if self.boot != boot()? {
            return Ok(Life::Dead);
        }
        if self.pid_namespace != pid_namespace()? {
            return Ok(Life::Unknown);
        }
        match started(self.pid) {
            Ok(started) if started == self.started => Ok(Life::Alive),
            Ok(_) => Ok(Life::Dead),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Life::Dead),
            // Read while the process went away: ESRCH.
            Err(error) if error.raw_os_error() == Some(3) => Ok(Life::Dead),
            Err(error) => Err(error),
        }
    }

    /// The labels of everything that this owner makes.
    pub fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (MARK.to_owned(), "1".to_owned()),
            (OWNER.to_owned(), self.to_string()),
        ])
    }

    /// A word for names on the engine, unique to this process.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.pid, self.started)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Owner {
            boot,
            pid_namespace,
            pid,
            started,
        } = self;
        write!(f, "{boot}/{pid_namespace}/{pid}/{started}")
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(());
        let owner = Owner {
            boot: next()?.to_owned(),
            pid_namespace: next()?.parse().map_err(drop)?,
            pid: next()?.parse().map_err(drop)?,
            started: next()?.parse().map_err(drop)?,
        };
        match parts.next() {
            None => Ok(owner),
            Some(_) => Err(()),
        }
    }
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

fn pid_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

fn started(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the command in parentheses and may hold anything, so count from the
    // last parenthesis: field 3 follows it, field 22 is the start time. A zombie is as dead.
    let mut fields = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_ascii_whitespace())
        .ok_or_else(|| io::Error::other("no command in /proc/pid/stat"))?;
    if matches!(fields.next(), Some("Z" | "X")) {
        return Err(io::ErrorKind::NotFound.into());
    }
    fields
        .nth(18)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| io::Error::other("no start time in /proc/pid/stat"))
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Containers.
    pub containers: usize,
    /// Images.
    pub images: usize,
}

/// Removes what dead owners left.
///
/// # Errors
///
/// When the engine does not answer or refuses.
pub async fn reap(docker: &Docker) -> Result<Removed, Failure> {
    remove_where(docker, |owner| matches!(owner.life(), Ok(Life::Dead))).await
}

/// Removes everything that this owner made.
///
/// # Errors
///
/// When the engine does not answer or refuses.
pub async fn remove_all_of(docker: &Docker, owner: &Owner) -> Result<Removed, Failure> {
    remove_where(docker, |of| of == owner).await
}

async fn remove_where(
    docker: &Docker,
    condemned: impl Fn(&Owner) -> bool,
) -> Result<Removed, Failure> {
    let marked = HashMap::from([("label".to_owned(), vec![format!("{MARK}=1")])]);
    let condemned = |labels: &HashMap<String, String>| {
        labels
            .get(OWNER)
            .and_then(|text| text.parse().ok())
            .is_some_and(|owner| condemned(&owner))
    };
    let mut removed = Removed::default();

    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&marked)
        .build();
    let containers = bounded(
        "listing containers",
        LIST,
        docker.list_containers(Some(options)),
    )
    .await?;
    for container in containers {
        let (Some(id), Some(labels)) = (container.id, container.labels) else {
            continue;
        };
        if condemned(&labels) {
            remove_container(docker, &id).await?;
            removed.containers += 1;
        }
    }

    let options = ListImagesOptionsBuilder::new().filters(&marked).build();
    let images = bounded("listing images", LIST, docker.list_images(Some(options))).await?;
    for image in images {
        if condemned(&image.labels) {
            remove_image(docker, &image.id).await?;
            removed.images += 1;
        }
    }
    Ok(removed)
}

/// Removes a container, killing it first if it runs; one that is not there is removed already.
pub(crate) async fn remove_container(docker: &Docker, name: &str) -> Result<(), Failure> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let removing = docker.remove_container(name, Some(options));
    tolerate_missing(bounded("removing a container", REMOVE, removing).await)
}

/// Removes an image and its layer; one that is not there is removed already.
pub(crate) async fn remove_image(docker: &Docker, name: &str) -> Result<(), Failure> {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    let removing = docker.remove_image(name, Some(options), None);
    tolerate_missing(
        bounded("removing an image", REMOVE, removing)
            .await
            .map(drop),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_reads_back_from_its_label() -> io::Result<()> {
        let owner = Owner::this_process()?;
        assert_eq!(owner.to_string().parse(), Ok(owner));
        Ok(())
    }

    #[test]
    fn a_label_of_another_shape_names_nobody() {
        for text in ["", "a/1/2", "a/1/2/3/4", "a/x/2/3"] {
            assert_eq!(text.parse::<Owner>(), Err(()), "{text:?}");
        }
    }

    #[test]
    fn this_process_is_alive_and_its_number_reused_is_not() -> io::Result<()> {
        let owner = Owner::this_process()?;
        assert_eq!(owner.life()?, Life::Alive);
        let reused = Owner {
            started: owner.started + 1,
            ..owner
        };
        assert_eq!(reused.life()?, Life::Dead);
        Ok(())
    }

    #[test]
    fn a_process_that_was_waited_for_is_dead() -> io::Result<()> {
        let mut child = std::process::Command::new("true").spawn()?;
        let owner = Owner {
            pid: child.id(),
            started: started(child.id()).unwrap_or_default(),
            ..Owner::this_process()?
        };
        child.wait()?;
        assert_eq!(owner.life()?, Life::Dead);
        Ok(())
    }

    #[test]
    fn an_owner_of_an_earlier_boot_is_dead_and_of_another_namespace_unknown() -> io::Result<()> {
        let owner = Owner::this_process()?;
        let before = Owner {
            boot: "another".to_owned(),
            ..owner.clone()
        };
        assert_eq!(before.life()?, Life::Dead);
        let elsewhere = Owner {
            pid_namespace: owner.pid_namespace + 1,
            ..owner
        };
        assert_eq!(elsewhere.life()?, Life::Unknown);
        Ok(())
    }
}
