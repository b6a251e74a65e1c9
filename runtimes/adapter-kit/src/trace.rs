//! Stops a process just before it exits, while its memory still exists, to read its exact peak.
//!
//! `ru_maxrss` of wait4 does not work: a process inherits it from its parent at fork, so a small program reports its
//! parent's memory. VmHWM belongs to the memory that exec creates and disappears with it; the exit stop (ptrace,
//! `PTRACE_O_TRACEEXIT`) is the last chance to read it. Nothing is timed under ptrace.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use libc::{c_int, c_void, pid_t};

/// Why a traced process stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It has just called exec.
    Exec(u32),
    /// It is about to exit; /proc still shows its memory.
    Exit(u32),
}

/// The waitpid status of the followed process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended(pub c_int);

/// Starts a traced command; the calling thread must then [`follow`] it.
///
/// # Errors
///
/// The error of the standard library, including when ptrace is not permitted.
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

/// Starts tracing a running process and everything that it forks. The calling thread must [`follow`] it.
///
/// # Errors
///
/// If it has exited, is already traced, or this user lacks permission.
pub fn seize(pid: u32) -> io::Result<()> {
    let pid = pid as pid_t;
    // SAFETY: passes only integers.
    let done = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, options(Forks::Followed)) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What to do with processes that a traced process forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forks {
    /// Trace them too.
    Followed,
    /// Let them run untraced.
    Ignored,
}

fn options(forks: Forks) -> *mut c_void {
    // If the tracer is killed, the process must not continue untraced.
    let mut options = libc::PTRACE_O_TRACEEXIT | libc::PTRACE_O_EXITKILL;
    if forks == Forks::Followed {
        options |= libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC;
    }
    options as usize as *mut c_void
}

/// Lets everything that this thread traces run to its end and reports the stops. Returns how `root` ended, or `None` if
/// other code waited for it. `forks` applies to processes from [`spawn`]; a seized process is always followed with its
/// forks.
///
/// # Errors
///
/// If waiting fails, which would be a bug in this program.
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
            // A group stop lasts until something continues it.
            libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => request = libc::PTRACE_LISTEN,
            0 if signal == libc::SIGTRAP && pid as u32 == root && !begun => {
                // The exec of a child that called PTRACE_TRACEME.
                begun = true;
                // SAFETY: passes only integers.
                unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, 0, options(forks)) };
                stopped(Stop::Exec(pid as u32));
            }
            // The first stop of a newly traced fork; no process sent this signal.
            0 if signal == libc::SIGSTOP && new && pid as u32 != root => {}
            0 => deliver = signal,
            _ => {}
        }
        // If it was killed in the meantime, the next wait reports it.
        // SAFETY: passes only integers.
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
        // This process reaches this size; the child does not.
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
