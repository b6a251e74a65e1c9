//! Stops a process as it is about to end, with its memory still in place, so that the most it ever
//! had can be read to the byte.
//!
//! `ru_maxrss` of wait4 is no substitute: a process inherits it from whoever forked it, and a small
//! program then reports its parent's memory. VmHWM belongs to the memory that exec made, and is
//! gone with it; the stop at the exit (ptrace, `PTRACE_O_TRACEEXIT`) is the last moment to read it.
//! Nothing is timed under ptrace.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use libc::{c_int, c_void, pid_t};

/// What a traced process is stopped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It has just begun to run another program.
    Exec(u32),
    /// It is about to end; /proc still tells all about its memory.
    Exit(u32),
}

/// How the process that was followed ended: the status that waitpid gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended(pub c_int);

/// Starts a command that the calling thread then has to [`follow`].
///
/// # Errors
///
/// What the standard library says; that ptrace is not permitted is among it.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    // SAFETY: ptrace is async-signal-safe, allocates nothing and touches no memory of ours.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    command.spawn()
}

/// Begins to trace a process that runs, and all that it will fork. The calling thread has to
/// [`follow`] it.
///
/// # Errors
///
/// When it is gone, is traced already, or this user may not.
pub fn seize(pid: u32) -> io::Result<()> {
    let pid = pid as pid_t;
    // SAFETY: of plain numbers only.
    let done = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, options(Forks::Followed)) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What becomes of the processes that a traced one forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forks {
    /// They are traced, too.
    Followed,
    /// They go their way unseen.
    Ignored,
}

fn options(forks: Forks) -> *mut c_void {
    // Whoever follows it may be killed; it must not go on unseen.
    let mut options = libc::PTRACE_O_TRACEEXIT | libc::PTRACE_O_EXITKILL;
    if forks == Forks::Followed {
        options |= libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC;
    }
    options as usize as *mut c_void
}

/// Lets what this thread traces run to its end, and says at which stops it came by. Gives how
/// `root` ended; `None` if that was not seen, because something else waited for it. `forks` is for
/// what [`spawn`] started; what was seized is followed with all that it forks.
///
/// # Errors
///
/// When waiting fails, which would be a mistake in this program.
pub fn follow(root: u32, forks: Forks, mut stopped: impl FnMut(Stop)) -> io::Result<Option<Ended>> {
    let mut of_root = None;
    let mut begun = false;
    let mut seen = BTreeSet::new();
    loop {
        let mut status = 0;
        // SAFETY: the pointer is to a live, writable value.
        let pid = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
        if pid < 0 {
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => continue,
                Some(libc::ECHILD) => return Ok(of_root),
                _ => return Err(error),
            }
        }
        if !libc::WIFSTOPPED(status) {
            if pid as u32 == root {
                of_root = Some(Ended(status));
            }
            continue;
        }
        let signal = libc::WSTOPSIG(status);
        let new = seen.insert(pid);
        let mut deliver = 0;
        let mut request = libc::PTRACE_CONT;
        match status >> 16 {
            libc::PTRACE_EVENT_EXIT => stopped(Stop::Exit(pid as u32)),
            libc::PTRACE_EVENT_EXEC => stopped(Stop::Exec(pid as u32)),
            // A stop of the whole group lasts until something continues it.
            libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => request = libc::PTRACE_LISTEN,
            0 if signal == libc::SIGTRAP && pid as u32 == root && !begun => {
                // The exec of a child that asked to be traced.
                begun = true;
                // SAFETY: of plain numbers only.
                unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, 0, options(forks)) };
                stopped(Stop::Exec(pid as u32));
            }
            // How a forked one begins to be traced; nobody has sent it.
            0 if signal == libc::SIGSTOP && new && pid as u32 != root => {}
            0 => deliver = signal,
            _ => {}
        }
        // One that was killed meanwhile is waited for next.
        // SAFETY: of plain numbers only.
        unsafe { libc::ptrace(request, pid, 0, deliver as usize as *mut c_void) };
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;
    use crate::footprint;

    #[test]
    fn the_most_that_a_process_had_is_its_own_and_not_its_parents() {
        // This process has had this much, and the child will not.
        let ballast = std::hint::black_box(vec![1_u8; 96 << 20]);
        let mut child = spawn(Command::new("true").stdout(Stdio::null())).expect("true starts");
        let mut peaks = Vec::new();
        let ended = follow(child.id(), Forks::Ignored, |stop| {
            if let Stop::Exit(pid) = stop {
                peaks.push(footprint::peak(pid).expect("its memory is still there"));
            }
        });
        drop(ballast);
        let _ = child.wait();
        assert_eq!(ended.expect("it was followed"), Some(Ended(0)));
        let [peak] = peaks[..] else {
            panic!("one process ended: {peaks:?}");
        };
        assert!((100_000..32 << 20).contains(&peak), "{peak}");
    }

    #[test]
    fn what_a_traced_process_forks_and_runs_is_seen_to_its_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "(exec /bin/true); :"]);
        let mut child = spawn(&mut command).expect("sh starts");
        let (mut begun, mut ended) = (0, 0);
        let followed = follow(child.id(), Forks::Followed, |stop| match stop {
            Stop::Exec(_) => begun += 1,
            Stop::Exit(_) => ended += 1,
        });
        let _ = child.wait();
        assert_eq!(followed.expect("it was followed"), Some(Ended(0)));
        assert_eq!((begun, ended), (2, 2), "sh and true");
    }

    #[test]
    fn signals_reach_what_is_traced() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap 'exit 7' USR1; kill -USR1 $$; sleep 60"]);
        let mut child = spawn(&mut command).expect("sh starts");
        let ended = follow(child.id(), Forks::Ignored, |_| {}).expect("it was followed");
        let _ = child.wait();
        let Ended(status) = ended.expect("it was waited for");
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }
}
