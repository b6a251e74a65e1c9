//! Whose namespace is this, and does its owner live?
//!
//! Everything that is made on containerd is made in a namespace that is named after the process
//! that makes it. A process that was killed cannot tidy up; the next one finds what it left by that
//! name, and leaves alone what belongs to a process that is still there.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// What the name of every namespace of ours begins with.
const PREFIX: &str = "plimsoll";

/// A process, named so that no other process of this boot ever has the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Inode of the PID namespace that `pid` is meant in.
    pid_namespace: u64,
    pid: u32,
    /// When it started, in clock ticks after boot (proc(5), stat field 22): ids are reused.
    started: u64,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub(crate) fn this_process() -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Owner {
            pid_namespace: pid_namespace()?,
            pid,
            started: started(pid)?,
        })
    }

    /// The name of its namespace.
    pub(crate) fn namespace(&self) -> String {
        let Owner {
            pid_namespace,
            pid,
            started,
        } = self;
        format!("{PREFIX}-{pid_namespace}-{pid}-{started}")
    }

    /// Whose namespace this is; none if it is none of ours.
    pub(crate) fn of(namespace: &str) -> Option<Self> {
        let mut parts = namespace
            .strip_prefix(PREFIX)?
            .strip_prefix('-')?
            .split('-');
        let owner = Owner {
            pid_namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(owner)
    }

    /// Whether it is certain that it is gone. One of another PID namespace cannot be seen.
    pub(crate) fn is_gone(&self) -> bool {
        let seen_from_here = pid_namespace().is_ok_and(|own| own == self.pid_namespace);
        seen_from_here
            && match started(self.pid) {
                Ok(started) => started != self.started,
                // ESRCH: read while the process went away.
                Err(error) => {
                    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3)
                }
            }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_reads_back_from_the_name_and_nobody_else_does() -> io::Result<()> {
        let owner = Owner::this_process()?;
        assert_eq!(Owner::of(&owner.namespace()), Some(owner));
        for other in [
            "default",
            "moby",
            "plimsoll",
            "plimsoll-1-2",
            "plimsoll-1-2-3-4",
            "plimsoll-a-2-3",
        ] {
            assert_eq!(Owner::of(other), None, "{other}");
        }
        Ok(())
    }

    #[test]
    fn this_process_is_there_its_number_reused_is_gone_and_elsewhere_is_unknown() -> io::Result<()>
    {
        let owner = Owner::this_process()?;
        assert!(!owner.is_gone());
        let reused = Owner {
            started: owner.started + 1,
            ..owner
        };
        assert!(reused.is_gone());
        let elsewhere = Owner {
            pid_namespace: owner.pid_namespace + 1,
            ..reused
        };
        assert!(!elsewhere.is_gone());
        Ok(())
    }
}
