//! Ctrl-C and SIGTERM: a flag that every wait checks.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Exit code after a second signal: 128 + SIGINT, as in shells.
const AT_ONCE: i32 = 130;

/// Whether the user interrupted the run. Every wait also polls its descriptor.
#[derive(Debug, Clone)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
    /// Readable after an interruption; never read, so it stays readable.
    readable: Arc<UnixStream>,
}

impl Interrupt {
    /// Makes SIGINT, SIGTERM and SIGHUP set the flag. A second signal ends the process with exit code 130,
    /// after `before_the_end` has restored the machine's settings.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub fn install(before_the_end: fn()) -> io::Result<Self> {
        let requested = Arc::new(AtomicBool::new(false));
        let (readable, writable) = UnixStream::pair()?;
        // A signal handler must not write files, so a thread waits for the second signal.
        let (mut signals, every_signal) = UnixStream::pair()?;
        thread::Builder::new()
            .name("second interrupt".to_owned())
            .spawn(move || {
                if signals.read_exact(&mut [0; 2]).is_ok() {
                    before_the_end();
                    std::process::exit(AT_ONCE);
                }
            })?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&requested))?;
            signal_hook::low_level::pipe::register(signal, every_signal.try_clone()?)?;
            signal_hook::low_level::pipe::register(signal, writable.try_clone()?)?;
        }
        Ok(Self {
            requested,
            readable: Arc::new(readable),
        })
    }

    /// A flag that is never set, for waits outside a run.
    ///
    /// # Errors
    /// If no socket pair can be created.
    pub fn never() -> io::Result<Self> {
        let (readable, writable) = UnixStream::pair()?;
        // A closed peer would make it readable.
        std::mem::forget(writable);
        Ok(Self {
            requested: Arc::new(AtomicBool::new(false)),
            readable: Arc::new(readable),
        })
    }

    /// Whether the user interrupted the run.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Readable after an interruption.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}
