//! Saying what a guest gets. Nothing is granted that is not said here.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::WasiError;
use super::context::{Shared, WasiCtx};
use super::descriptor::Stream;
use super::grant::{Access, Grant, Source, Stdin, Stdout};
use super::strings::Strings;

/// The most bytes of arguments, and of environment: Linux's own limit for both together is 2 MiB.
const MOST_STRING_BYTES: usize = 2 << 20;

/// Collects what a guest is given, then opens and checks it.
#[derive(Debug, Default)]
pub struct WasiCtxBuilder {
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    stdin: Stdin,
    stdout: Stdout,
    stderr: Stdout,
    directories: Vec<(Source, OsString, Access)>,
    sockets: Vec<OwnedFd>,
}

impl WasiCtxBuilder {
    /// Adds an argument, which need not be UTF-8. The first is the program's name.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable; of two with one name the later holds.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.into()));
        self
    }

    /// Sets where standard input comes from.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets where standard output goes.
    #[must_use]
    pub fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// Sets where standard error goes.
    #[must_use]
    pub fn stderr(mut self, stderr: Stdout) -> Self {
        self.stderr = stderr;
        self
    }

    /// Gives the guest the host's three standard streams.
    #[must_use]
    pub fn inherit_stdio(self) -> Self {
        self.stdin(Stdin::Inherit)
            .stdout(Stdout::Inherit)
            .stderr(Stdout::Inherit)
    }

    /// Grants the directory at `host`, under the name `guest`. Directories get the descriptors
    /// from 3 on, in the order of the grants.
    #[must_use]
    pub fn directory(
        mut self,
        host: impl Into<PathBuf>,
        guest: impl Into<OsString>,
        access: Access,
    ) -> Self {
        self.directories
            .push((Source::Path(host.into()), guest.into(), access));
        self
    }

    /// Grants a directory that is already open.
    #[must_use]
    pub fn directory_fd(
        mut self,
        host: OwnedFd,
        guest: impl Into<OsString>,
        access: Access,
    ) -> Self {
        self.directories
            .push((Source::File(host), guest.into(), access));
        self
    }

    /// Grants a socket, listening or connected. Sockets get the descriptors after the directories,
    /// because guests look for directories until the first descriptor that is none.
    #[must_use]
    pub fn socket(mut self, socket: OwnedFd) -> Self {
        self.sockets.push(socket);
        self
    }

    /// Opens and checks everything.
    ///
    /// # Errors
    /// A string with a NUL or too many of them, a stream or directory that cannot be used, or a
    /// kernel that cannot confine paths to a directory (Linux before 5.6, or a filter that forbids
    /// `openat2`) while a directory is granted.
    pub fn build(self) -> Result<WasiCtx, WasiError> {
        let mut arguments = Strings::default();
        for argument in &self.arguments {
            check("argument", argument, b"")?;
            arguments.push(&[argument.as_bytes()]);
        }
        let mut environment = Strings::default();
        for (name, value) in &self.environment {
            check("environment variable name", name, b"=")?;
            check("environment variable value", value, b"")?;
            environment.push(&[name.as_bytes(), b"=", value.as_bytes()]);
        }
        for (what, strings) in [("arguments", &arguments), ("environment", &environment)] {
            if strings.joined().len() > MOST_STRING_BYTES {
                return Err(WasiError::TooLong {
                    what,
                    limit_bytes: MOST_STRING_BYTES,
                });
            }
        }
        let mut grants = Vec::with_capacity(3 + self.directories.len() + self.sockets.len());
        grants.push(Grant::stdin(self.stdin)?);
        grants.push(Grant::stdout(self.stdout, Stream::Output)?);
        grants.push(Grant::stdout(self.stderr, Stream::Error)?);
        for (source, name, access) in self.directories {
            check("directory name", &name, b"")?;
            grants.push(Grant::directory(source, name, access)?);
        }
        for socket in self.sockets {
            grants.push(Grant::socket(socket)?);
        }
        Ok(WasiCtx::from_shared(Arc::new(Shared {
            arguments,
            environment,
            grants,
        })))
    }
}

fn check(what: &'static str, text: &OsStr, forbidden: &[u8]) -> Result<(), WasiError> {
    let wrong = |byte: &u8| *byte == 0 || forbidden.contains(byte);
    if text.as_bytes().iter().any(wrong) {
        return Err(WasiError::Text {
            what,
            text: text.to_string_lossy().into_owned(),
        });
    }
    Ok(())
}
