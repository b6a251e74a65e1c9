//! A guest's inputs and outputs, the same for every engine.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::protocol::{Access, Grants, Output, Workload};

/// A guest's inputs. Its stderr is discarded.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Arguments, starting with the program's name (the workload's id).
    pub args: Vec<String>,
    /// The folder preopened as `.`, if the workload has one.
    pub directory: Option<PathBuf>,
    /// Folder access (read-only is enforced where the engine can) and environment.
    pub grants: Grants,
    /// Destination of its standard streams.
    pub stdio: Stdio,
}

/// Destination of a guest's standard streams.
#[derive(Debug, Clone)]
pub enum Stdio {
    /// Stdin from these bytes; stdout to the engine's own memory buffer.
    Memory(Arc<[u8]>),
    /// Stdin and stdout on one connection, as with inetd.
    Connection(Arc<TcpStream>),
}

impl Default for Stdio {
    /// Stdin is at end of file.
    fn default() -> Self {
        Stdio::Memory(Arc::new([]))
    }
}

impl Guest {
    /// The folder, if it is writable.
    pub fn writable(&self) -> Option<&Path> {
        let directory = self.directory.as_deref();
        directory.filter(|_| self.grants.folder == Access::Write)
    }

    /// The folder, if it is read-only.
    pub fn readable(&self) -> Option<&Path> {
        let directory = self.directory.as_deref();
        directory.filter(|_| self.grants.folder == Access::Read)
    }
}

impl From<&Workload> for Guest {
    fn from(workload: &Workload) -> Self {
        let mut args = Vec::with_capacity(workload.args.len() + 1);
        args.push(workload.id.to_string());
        args.extend(workload.args.iter().cloned());
        Guest {
            args,
            directory: workload.input.clone(),
            grants: workload.grants.clone(),
            stdio: Stdio::default(),
        }
    }
}

/// The distinct outputs of all runs in a trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs(Vec<Output>);

impl Outputs {
    /// Counts one run of the guest. Keeps the low eight bits of the exit code, as a process does, so that an instance
    /// that exits with 256 matches the process that ran it.
    pub fn add(&mut self, exit_code: i32, stdout: &[u8]) {
        let exit_code = exit_code & 0xff;
        let known = self
            .0
            .iter_mut()
            .find(|output| output.exit_code == exit_code && output.stdout.0 == stdout);
        match known {
            Some(output) => output.times += 1,
            None => self.0.push(Output {
                exit_code,
                stdout: stdout.into(),
                times: 1,
            }),
        }
    }

    /// The outputs in order of first appearance.
    pub fn into_vec(self) -> Vec<Output> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_that_differ_in_text_or_exit_code_are_counted_apart() {
        let mut outputs = Outputs::default();
        outputs.add(0, b"a\n");
        outputs.add(0, b"a\n");
        outputs.add(1, b"a\n");
        outputs.add(0, b"b\n");
        let seen: Vec<_> = outputs
            .into_vec()
            .into_iter()
            .map(|o| (o.exit_code, o.stdout, o.times))
            .collect();
        assert_eq!(
            seen,
            [
                (0, "a\n".into(), 2),
                (1, "a\n".into(), 1),
                (0, "b\n".into(), 1)
            ]
        );
    }

    #[test]
    fn outputs_are_the_bytes_and_the_code_that_a_process_reports() {
        let mut outputs = Outputs::default();
        outputs.add(256, b"a\xff");
        outputs.add(0, b"a\xff");
        outputs.add(-1, b"a\xfe");
        let seen = outputs.into_vec().into_iter();
        let seen: Vec<_> = seen.map(|o| (o.exit_code, o.stdout.0, o.times)).collect();
        assert_eq!(
            seen,
            [(0, b"a\xff".to_vec(), 2), (255, b"a\xfe".to_vec(), 1)]
        );
    }
}
