//! Builds contexts. A guest gets only what is granted here.

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

/// The maximum size of the arguments, and of the environment, in bytes. Linux's own limit for both
/// together is 2 MiB.
const MOST_STRING_BYTES: usize = 2 << 20;

/// Collects a guest's grants, then opens and checks them.
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
    /// Adds an argument, which need not be UTF-8. The first one is the program's name.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds several arguments. See [`WasiCtxBuilder::arg`].
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable. A later value replaces an earlier one.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.into()));
        self
    }

    /// Sets the source of standard input.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets the destination of standard output.
    #[must_use]
    pub fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// Sets the destination of standard error.
    #[must_use]
    pub fn stderr(mut self, stderr: Stdout) -> Self {
        self.stderr = stderr;
        self
    }

    /// Connects the guest to the process's three standard streams.
    #[must_use]
    pub fn inherit_stdio(self) -> Self {
        self.stdin(Stdin::Inherit)
            .stdout(Stdout::Inherit)
            .stderr(Stdout::Inherit)
    }

    /// Grants the directory at `host` with the guest's name `guest`. Directories get the
    /// descriptors from 3 on, in this order.
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

    /// Grants an open directory with the guest's name `guest`.
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

    /// Grants a listening or connected socket. Sockets get the descriptors after the directories,
    /// because guests look for directories up to the first descriptor that is not one.
    #[must_use]
    pub fn socket(mut self, socket: OwnedFd) -> Self {
        self.sockets.push(socket);
        self
    }

    /// Opens and checks all grants.
    ///
    /// # Errors
    /// [`WasiError`] for a string with a NUL, too many bytes of strings, an unusable stream or
    /// directory, or a directory on a kernel that cannot confine paths (Linux before 5.6, or a
    /// filter that forbids `openat2`).
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
