//! Names that identify the process that created a resource, and whether it still runs.
//!
//! Containers and control groups, which can outlive a process, are named after their creator. If it is killed, the next
//! process finds its leftovers by name and spares those of a live run.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;

/// Prefix of all names generated here.
const PREFIX: &str = "plimsoll";

/// A unique identity of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Boot id from /proc/sys/kernel/random/boot_id: pids restart at each boot.
    pub boot: String,
    /// Inode of `pid`'s PID namespace: two containers on one engine can both have a process 7.
    pub pid_namespace: u64,
    /// Process id in that namespace.
    pub pid: u32,
    /// Start time in clock ticks after boot (proc(5), stat field 22), because pids are reused.
    pub started: u64,
}

/// Whether an owner still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Alive,
    /// It does not run: its resources are strays.
    Dead,
    /// Not visible from here: it is in another PID namespace.
    Unknown,
}

impl Owner {
    /// The identity of this process.
    ///
    /// # Errors
    ///
    /// If /proc cannot be read.
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
    /// If /proc cannot be read.
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
            // ESRCH: it exited during the read.
            Err(error) if error.raw_os_error() == Some(3) => Ok(Life::Dead),
            Err(error) => Err(error),
        }
    }

    /// A short name for use beside a stored owner; unique to this process.
    pub fn word(&self) -> String {
        format!("{}-{}", self.pid, self.started)
    }

    /// A name that identifies the owner until the next boot; `sequence` distinguishes its resources.
    pub fn name(&self, sequence: u32) -> String {
        let Owner {
            pid_namespace,
            pid,
            started,
            ..
        } = self;
        format!("{PREFIX}-{pid_namespace}-{pid}-{started}-{sequence}")
    }

    /// Parses a name from [`Owner::name`], assuming the current boot; `None` if it is not one.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let ours = parts.next()? == PREFIX;
        let owner = Owner {
            pid_namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
            boot: boot().ok()?,
        };
        let sequence: Result<u32, _> = parts.next()?.parse();
        (ours && sequence.is_ok() && parts.next().is_none()).then_some(owner)
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
    // The second field, the command in parentheses, can contain anything, so count from the last parenthesis: field 3
    // comes next, field 22 is the start time. A zombie counts as dead.
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
    fn a_name_says_whose_it_is_and_another_name_nobodys() -> io::Result<()> {
        let owner = Owner::this_process()?;
        assert_eq!(Owner::of_name(&owner.name(7)), Some(owner));
        for other in [
            "plimsoll-1",
            "plimsoll-1-2-3-x",
            "other-1-2-3-4",
            "plimsoll-1-2-3-4-5",
        ] {
            assert_eq!(Owner::of_name(other), None, "{other}");
        }
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
