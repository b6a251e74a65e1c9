//! WASI preview 1: all 46 calls of `wasi_snapshot_preview1`, on rustix.
//!
//! [`WasiCtx::builder`] grants resources to a guest (none by default). [`calls`] has the calls as
//! plain functions over a context and a slice of guest memory. [`add_to_linker`] defines them in a
//! linker. The kernel confines paths (`resolve`); their text is never inspected for it. On a kernel
//! that cannot confine paths, granting a directory is an error, not a weaker sandbox.
//!
//! # Layout
//! - `builder`, `grant`, `context`: grants, opened once, and the state made from them
//! - `descriptor`, `capture`, `strings`: the objects behind descriptors and strings
//! - `memory`, `abi`, `errno`: the guest's side: addresses, constants, error numbers
//! - `resolve`, `wait`: the host's side: paths and waiting
//! - `calls`: one function per call; `linker`: the calls as imports

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

/// The module name of the calls' imports.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// The exit of a guest that called `proc_exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("exited with code {code}")]
pub struct Exit {
    /// The exit code. A process can only report the low 8 bits.
    pub code: u32,
}

/// The error of the two calls that may not return to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ending {
    /// The guest continues, with this error.
    #[error(transparent)]
    Errno(#[from] Errno),
    /// The guest has exited.
    #[error(transparent)]
    Exit(#[from] Exit),
}

/// The reason that a context could not be built.
#[derive(Debug, thiserror::Error)]
pub enum WasiError {
    /// An invalid argument or environment string.
    #[error("cannot give the guest the {what} {text:?}: it must hold no NUL, and a name no `=`")]
    Text {
        /// The kind of string.
        what: &'static str,
        /// The string.
        text: String,
    },
    /// The arguments or the environment are too large.
    #[error("the {what} take more than {limit_bytes} bytes: pass less, or pass it in a file")]
    TooLong {
        /// Arguments or environment.
        what: &'static str,
        /// The maximum size, bytes.
        limit_bytes: usize,
    },
    /// A granted directory could not be opened.
    #[error(
        "cannot open the directory granted as {name:?}: {errno}; check that it exists and can be read"
    )]
    Open {
        /// The guest's name for the directory.
        name: String,
        /// The host's error.
        errno: rustix::io::Errno,
    },
    /// A granted stream could not be inspected.
    #[error("cannot use {what}: {errno}; check that it is open")]
    Inspect {
        /// The stream's name.
        what: &'static str,
        /// The host's error.
        errno: Errno,
    },
    /// A directory was given as a stream.
    #[error("cannot use a directory as {what}: grant it as a directory instead")]
    NotAStream {
        /// The stream's name.
        what: &'static str,
    },
    /// The descriptor granted as a socket is not one.
    #[error("cannot grant a descriptor as a socket that is none")]
    NotASocket,
    /// The kernel cannot confine path look-ups.
    #[error(
        "cannot confine paths to a directory: openat2 answered {errno}; it needs Linux 5.6 or later \
         and must not be forbidden by a seccomp filter (Docker before 20.10 does); grant no \
         directory to run without"
    )]
    NoConfinement {
        /// The kernel's error.
        errno: rustix::io::Errno,
    },
}
