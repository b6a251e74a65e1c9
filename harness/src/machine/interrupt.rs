//! Ctrl-C and SIGTERM: a flag that every wait in the program looks at.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Exit code after a second signal: 128 and SIGINT, as shells have it.
const AT_ONCE: i32 = 130;

/// Whether the run was asked to end. Every wait polls its descriptor beside its own.
#[derive(Debug, Clone)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    /// Readable once asked; nobody ever reads it, so it stays so.
    readable: Arc<UnixStream>,
}

impl Interrupt {
    /// From now on SIGINT, SIGTERM and SIGHUP set the flag; a second one ends the process at
    /// once, with exit code 130, but not before `before_the_end` has put the machine's settings back.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub fn install(before_the_end: fn()) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let (readable, writable) = UnixStream::pair()?;
        // A handler may not write files; a thread that waits for the second signal may.
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
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
            signal_hook::low_level::pipe::register(signal, every_signal.try_clone()?)?;
            signal_hook::low_level::pipe::register(signal, writable.try_clone()?)?;
        }
        Ok(Self {
            asked,
            readable: Arc::new(readable),
        })
    }

    /// One that is never asked, for waits outside a run.
    ///
    /// # Errors
    /// If no socket pair can be made.
    pub fn never() -> io::Result<Self> {
        let (readable, writable) = UnixStream::pair()?;
        // A closed peer would make it readable.
        std::mem::forget(writable);
        Ok(Self {
            asked: Arc::new(AtomicBool::new(false)),
            readable: Arc::new(readable),
        })
    }

    /// Whether the run was asked to end.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Readable once asked.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}
