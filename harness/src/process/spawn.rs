//! Starts a timed process cheaply and waits for it. All preparation is done before the clock starts.
//!
//! `posix_spawn` shares the parent's memory until the exec (CLONE_VFORK), so the memory size of this program
//! does not affect the measurement. The standard library does the same, but allocates argument and
//! environment blocks inside the call and has no `wait4`.

use std::collections::BTreeMap;
use std::ffi::{CString, NulError, OsStr, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A command line with its pipes, ready to spawn once.
pub struct Spawn {
    program: CString,
    /// Owns the strings of `argv`.
    _arguments: Vec<CString>,
    argv: Vec<*mut c_char>,
    /// Owns the strings of `envp`.
    _environment: Vec<CString>,
    envp: Vec<*mut c_char>,
    actions: Actions,
    attributes: Attributes,
    stdout: OwnedFd,
    stderr: OwnedFd,
    child_ends: [OwnedFd; 2],
}

/// A running process in its own process group.
#[derive(Debug)]
pub struct Spawned {
    pid: Pid,
    /// Becomes readable when the process exits.
    pub exit: OwnedFd,
    /// The read end of its stdout.
    pub stdout: OwnedFd,
    /// The read end of its stderr.
    pub stderr: OwnedFd,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exited {
    /// Exit code.
    Code(i32),
    /// Signal number.
    Signal(i32),
}

/// How a process ended, and its CPU time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// How it ended.
    pub exited: Exited,
    /// User and system time of the process and its waited-for children.
    pub cpu: Duration,
}

impl Spawn {
    /// Prepares everything: argument and environment blocks, pipes, process group, working directory. Stdin
    /// is the file `stdin` or /dev/null; signals have their defaults.
    ///
    /// # Errors
    /// If a string contains a NUL byte, `stdin` cannot be opened, or the system refuses pipes.
    pub fn prepare(
        program: &Path,
        args: &[String],
        env: &BTreeMap<String, String>,
        directory: &Path,
        stdin: Option<&Path>,
    ) -> io::Result<Self> {
        let program = c_string(program.as_os_str())?;
        let mut arguments = vec![program.clone()];
        for arg in args {
            arguments.push(c_string(OsStr::new(arg))?);
        }
        let environment = env
            .iter()
            .map(|(name, value)| c_string(OsStr::new(&format!("{name}={value}"))))
            .collect::<io::Result<Vec<_>>>()?;
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut actions = Actions::new()?;
        let stdin = stdin.unwrap_or(Path::new("/dev/null"));
        // The child opens it again; an error here names the file.
        std::fs::File::open(stdin)?;
        actions.open_as_stdin(&c_string(stdin.as_os_str())?)?;
        actions.duplicate(&child_stdout, libc::STDOUT_FILENO)?;
        actions.duplicate(&child_stderr, libc::STDERR_FILENO)?;
        actions.change_directory(&c_string(directory.as_os_str())?)?;
        Ok(Self {
            program,
            argv: pointers(&arguments),
            _arguments: arguments,
            envp: pointers(&environment),
            _environment: environment,
            actions,
            attributes: Attributes::new()?,
            stdout,
            stderr,
            child_ends: [child_stdout, child_stderr],
        })
    }

    /// Starts the process.
    ///
    /// # Errors
    /// The error of exec: not found, not executable, no memory.
    pub fn spawn(self) -> io::Result<Spawned> {
        let mut pid: libc::pid_t = 0;
        // SAFETY: `program` is NUL-terminated; `argv` and `envp` are NULL-terminated arrays of
        // pointers into strings that `self` owns; actions and attributes are initialised; all of
        // them outlive the call, which copies nothing that it keeps.
        let code = unsafe {
            libc::posix_spawn(
                &mut pid,
                self.program.as_ptr(),
                &self.actions.0,
                &self.attributes.0,
                self.argv.as_ptr(),
                self.envp.as_ptr(),
            )
        };
        if code != 0 {
            return Err(io::Error::from_raw_os_error(code));
        }
        // While this end is open, the pipes have no end of file.
        drop(self.child_ends);
        let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("posix_spawn gave no pid"))?;
        Ok(Spawned {
            pid,
            exit: pidfd_open(pid, PidfdFlags::empty())?,
            stdout: self.stdout,
            stderr: self.stderr,
        })
    }
}

impl Spawned {
    /// Waits for the process and returns its usage.
    ///
    /// # Errors
    /// If there is no such child, which would be a bug here.
    pub fn wait(&self) -> io::Result<Waited> {
        let mut status = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        loop {
            // SAFETY: both pointers are to live, writable values of the right types.
            let pid = unsafe {
                libc::wait4(
                    self.pid.as_raw_nonzero().get(),
                    &mut status,
                    0,
                    usage.as_mut_ptr(),
                )
            };
            if pid > 0 {
                break;
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        // SAFETY: wait4 filled it in, and all-zero is a valid rusage besides.
        let usage = unsafe { usage.assume_init() };
        Ok(Waited {
            exited: if libc::WIFEXITED(status) {
                Exited::Code(libc::WEXITSTATUS(status))
            } else {
                Exited::Signal(libc::WTERMSIG(status))
            },
            cpu: from_timeval(usage.ru_utime) + from_timeval(usage.ru_stime),
        })
    }

    /// Kills the process and the rest of its group.
    pub fn kill(&self) {
        // The group may be gone already.
        let _ = rustix::process::kill_process_group(self.pid, rustix::process::Signal::KILL);
    }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: init writes the whole value or returns an error.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: initialised just above.
        Ok(Self(unsafe { actions.assume_init() }))
    }

    fn open_as_stdin(&mut self, path: &CString) -> io::Result<()> {
        // SAFETY: the actions are initialised; the call copies the string.
        check(unsafe {
            libc::posix_spawn_file_actions_addopen(
                &mut self.0,
                libc::STDIN_FILENO,
                path.as_ptr(),
                libc::O_RDONLY,
                0,
            )
        })
    }

    fn duplicate(&mut self, from: &OwnedFd, to: libc::c_int) -> io::Result<()> {
        // SAFETY: the actions are initialised; descriptors are plain numbers here.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&mut self.0, from.as_raw_fd(), to) })
    }

    fn change_directory(&mut self, directory: &CString) -> io::Result<()> {
        // SAFETY: the actions are initialised; the call copies the string.
        check(unsafe {
            libc::posix_spawn_file_actions_addchdir_np(&mut self.0, directory.as_ptr())
        })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    /// A new process group, no signal blocked, none ignored.
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: init writes the whole value or returns an error.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: initialised just above.
        let mut attributes = Self(unsafe { attributes.assume_init() });
        let flags = libc::POSIX_SPAWN_SETPGROUP
            | libc::POSIX_SPAWN_SETSIGMASK
            | libc::POSIX_SPAWN_SETSIGDEF;
        let mut none = MaybeUninit::<libc::sigset_t>::zeroed();
        let mut ignored_here = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: all pointers are to live values of the right types; sigemptyset initialises the
        // sets before they are read.
        unsafe {
            check(libc::posix_spawnattr_setpgroup(&mut attributes.0, 0))?;
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigemptyset(ignored_here.as_mut_ptr());
            libc::sigaddset(ignored_here.as_mut_ptr(), libc::SIGPIPE);
            check(libc::posix_spawnattr_setsigmask(
                &mut attributes.0,
                none.as_ptr(),
            ))?;
            check(libc::posix_spawnattr_setsigdefault(
                &mut attributes.0,
                ignored_here.as_ptr(),
            ))?;
            check(libc::posix_spawnattr_setflags(
                &mut attributes.0,
                flags as libc::c_short,
            ))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
    }
}

fn check(code: libc::c_int) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|error: NulError| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{text:?}: {error}"))
    })
}

fn pointers(strings: &[CString]) -> Vec<*mut c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr().cast_mut())
        .chain([ptr::null_mut()])
        .collect()
}

fn from_timeval(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let microseconds = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(microseconds)
}
