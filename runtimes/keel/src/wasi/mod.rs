//! WASI preview 1: all 46 calls of `wasi_snapshot_preview1`, on rustix.
//!
//! [`WasiCtx::builder`] says what a guest gets (nothing by default), [`calls`] are the calls as plain
//! functions over a context and a slice of guest memory, and [`add_to_linker`] hands them to the
//! engine. Paths are confined by the kernel (`resolve`), never by looking at their text: a kernel
//! that cannot do that is an error when a directory is granted, not a weaker sandbox.
//!
//! # Layout
//! - `builder`, `grant`, `context`: what a guest gets, opened once, and the state made from it
//! - `descriptor`, `capture`, `strings`: what stands behind a number
//! - `memory`, `abi`, `errno`: the guest's side: places, words, error numbers
//! - `resolve`, `wait`: the host's side: paths and waiting
//! - `calls`: one function a call; `linker`: the calls as imports

pub mod abi;
mod builder;
pub mod calls;
mod capture;
mod context;
mod descriptor;
mod errno;
mod grant;
mod linker;
mod memory;
mod resolve;
mod strings;
mod wait;

pub use builder::WasiCtxBuilder;
pub use capture::Capture;
pub use context::WasiCtx;
pub use errno::Errno;
pub use grant::{Access, Stdin, Stdout};
pub use linker::add_to_linker;

/// The module name that guests import the calls from.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// How a guest that called `proc_exit` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("exited with code {code}")]
pub struct Exit {
    /// The code it gave; a process has room for the low 8 bits only.
    pub code: u32,
}

/// The answer of the two calls that may not return to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ending {
    /// The guest goes on, with this error.
    #[error(transparent)]
    Errno(#[from] Errno),
    /// The guest is over.
    #[error(transparent)]
    Exit(#[from] Exit),
}

/// Why a context could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WasiError {
    /// A string that a guest could not be given.
    #[error("cannot give the guest the {what} {text:?}: it must hold no NUL, and a name no `=`")]
    Text {
        /// Which kind of string.
        what: &'static str,
        /// The string.
        text: String,
    },
    /// Too many bytes of strings.
    #[error("the {what} take more than {limit_bytes} bytes: pass less, or pass it in a file")]
    TooLong {
        /// Arguments or environment.
        what: &'static str,
        /// The most bytes there can be.
        limit_bytes: usize,
    },
    /// A granted directory could not be opened.
    #[error(
        "cannot open the directory granted as {name:?}: {errno}; check that it exists and can be read"
    )]
    Open {
        /// The guest's name for it.
        name: String,
        /// What the host said.
        errno: rustix::io::Errno,
    },
    /// A granted stream could not be asked what it is.
    #[error("cannot use {what}: {errno}; check that it is open")]
    Inspect {
        /// Which stream.
        what: &'static str,
        /// What the host said.
        errno: Errno,
    },
    /// A directory where a stream belongs.
    #[error("cannot use a directory as {what}: grant it as a directory instead")]
    NotAStream {
        /// Which stream.
        what: &'static str,
    },
    /// Something else where a socket belongs.
    #[error("cannot grant a descriptor as a socket that is none")]
    NotASocket,
    /// The kernel cannot confine path lookups.
    #[error(
        "cannot confine paths to a directory: openat2 answered {errno}; it needs Linux 5.6 or later \
         and must not be forbidden by a seccomp filter (Docker before 20.10 does); grant no \
         directory to run without"
    )]
    NoConfinement {
        /// What the kernel said.
        errno: rustix::io::Errno,
    },
}
