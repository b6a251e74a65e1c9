//! One process between its two stops: after exec, before its first instruction; and at its exit call, before the kernel
//! frees anything.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::ptr;
use std::time::Duration;

use crate::{Instructions, WatchError};

/// A traced child. Dropping it kills it.
pub(crate) struct Traced {
    child: Child,
    clock: libc::clockid_t,
    instructions: Option<Instructions>,
}

/// Result of a wait.
enum Seen {
    ExitCall,
    Signal(i32),
    Gone(i32),
}

/// Makes the child of `command` stop, traced by its parent, after a successful exec.
pub(crate) fn asks_to_be_traced(command: &mut Command) {
    // SAFETY: between fork and exec the closure makes two system calls and nothing else: no allocation, no lock.
    unsafe {
        command.pre_exec(|| {
            // Otherwise a stopped child would outlive a parent that is killed before it sets the options.
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            let none = ptr::null_mut::<libc::c_void>();
            if libc::ptrace(libc::PTRACE_TRACEME, 0, none, none) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

impl Traced {
    /// Waits for the stop after exec.
    pub(crate) fn stopped_at_exec(child: Child) -> Result<Self, WatchError> {
        let mut traced = Self {
            child,
            clock: 0,
            instructions: None,
        };
        let doing = "waiting for the program's exec";
        match traced.wait(doing)? {
            Seen::Signal(libc::SIGTRAP) => {}
            Seen::Signal(signal) => return Err(WatchError::Killed { signal }),
            Seen::ExitCall | Seen::Gone(_) => {
                let source = io::Error::other("it ended before it was stopped");
                return Err(WatchError::Trace { doing, source });
            }
        }
        let options = libc::PTRACE_O_TRACEEXIT | libc::PTRACE_O_EXITKILL;
        traced.ptrace(
            libc::PTRACE_SETOPTIONS,
            options as usize,
            "tracing the program",
        )?;
        // SAFETY: the pointer is to a live, writable clock id.
        let code = unsafe { libc::clock_getcpuclockid(traced.pid(), &mut traced.clock) };
        match code {
            0 => Ok(traced),
            code => Err(WatchError::Trace {
                doing: "finding the program's clock",
                source: io::Error::from_raw_os_error(code),
            }),
        }
    }

    /// User and system time of the process so far.
    pub(crate) fn processor_time(&self) -> Result<Duration, WatchError> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a live, writable timespec.
        let code = unsafe { libc::clock_gettime(self.clock, &mut time) };
        if code != 0 {
            return Err(WatchError::Trace {
                doing: "reading the program's clock",
                source: io::Error::last_os_error(),
            });
        }
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Ok(Duration::from_secs(seconds)
            + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0)))
    }

    /// Starts counting instructions, if the machine can.
    pub(crate) fn count_instructions(&mut self) {
        self.instructions = Instructions::of_process(self.pid()).ok();
    }

    /// Instructions so far, if counted.
    pub(crate) fn instructions(&self) -> Option<u64> {
        self.instructions.as_ref()?.so_far()
    }

    /// Continues the process after a stop.
    pub(crate) fn resume(&self) -> Result<(), WatchError> {
        self.ptrace(libc::PTRACE_CONT, 0, "letting the program run")
    }

    /// Waits until it calls exit, forwarding signals to it.
    pub(crate) fn wait_for_exit_call(&self) -> Result<(), WatchError> {
        let doing = "waiting for the program's end";
        loop {
            match self.wait(doing)? {
                Seen::ExitCall => return Ok(()),
                Seen::Signal(signal) => {
                    self.ptrace(libc::PTRACE_CONT, signal as usize, doing)?;
                }
                // SIGKILL causes no exit stop.
                Seen::Gone(status) => return Err(killed(status)),
            }
        }
    }

    /// Lets it exit and returns its exit code.
    pub(crate) fn finish(&self) -> Result<i32, WatchError> {
        self.ptrace(libc::PTRACE_CONT, 0, "letting the program end")?;
        loop {
            match self.wait("waiting for the program's exit")? {
                Seen::Gone(status) if libc::WIFEXITED(status) => {
                    return Ok(libc::WEXITSTATUS(status));
                }
                Seen::Gone(status) => return Err(killed(status)),
                Seen::ExitCall | Seen::Signal(_) => {
                    self.ptrace(libc::PTRACE_CONT, 0, "letting the program end")?;
                }
            }
        }
    }

    fn pid(&self) -> libc::pid_t {
        self.child.id() as libc::pid_t
    }

    fn wait(&self, doing: &'static str) -> Result<Seen, WatchError> {
        let mut status = 0;
        loop {
            // SAFETY: the pointer is to a live, writable integer.
            let pid = unsafe { libc::waitpid(self.pid(), &mut status, 0) };
            if pid > 0 {
                break;
            }
            let source = io::Error::last_os_error();
            if source.kind() != io::ErrorKind::Interrupted {
                return Err(WatchError::Trace { doing, source });
            }
        }
        Ok(if !libc::WIFSTOPPED(status) {
            Seen::Gone(status)
        } else if status >> 8 == libc::SIGTRAP | (libc::PTRACE_EVENT_EXIT << 8) {
            Seen::ExitCall
        } else {
            Seen::Signal(libc::WSTOPSIG(status))
        })
    }

    fn ptrace(
        &self,
        request: libc::c_uint,
        data: usize,
        doing: &'static str,
    ) -> Result<(), WatchError> {
        // SAFETY: none of the requests made here reads or writes this process's memory; the data is an integer passed
        // as a pointer, as in ptrace(2).
        let code = unsafe {
            libc::ptrace(
                request,
                self.pid(),
                ptr::null_mut::<libc::c_void>(),
                ptr::without_provenance_mut::<libc::c_void>(data),
            )
        };
        match code {
            -1 => Err(WatchError::Trace {
                doing,
                source: io::Error::last_os_error(),
            }),
            _ => Ok(()),
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // If the exit was already seen there is nothing to kill, but std does not know of waits that it did not make.
        // So check with the kernel whether the child still exists.
        let mut status = 0;
        // SAFETY: the pointer is to a live, writable integer.
        let pid = unsafe { libc::waitpid(self.pid(), &mut status, libc::WNOHANG) };
        if pid >= 0 && (pid == 0 || libc::WIFSTOPPED(status)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn killed(status: libc::c_int) -> WatchError {
    WatchError::Killed {
        signal: libc::WTERMSIG(status),
    }
}
