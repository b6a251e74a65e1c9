//! What a guest is given, and what it leaves: the same on every engine.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::protocol::{Access, Grants, Output, Workload};

/// What a guest is given. Its stderr goes nowhere.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Its arguments, the program's name (the workload's id) first.
    pub args: Vec<String>,
    /// The folder preopened as `.`; none if the workload has none.
    pub directory: Option<PathBuf>,
    /// What it may do there (where it may only read, read-only where the engine can), and its
    /// environment.
    pub grants: Grants,
    /// Where its standard streams lead.
    pub stdio: Stdio,
}

/// Where a guest's standard streams lead.
#[derive(Debug, Clone)]
pub enum Stdio {
    /// These bytes in; out into memory, by the engine's own means.
    Memory(Arc<[u8]>),
    /// In from a connection and out to it, as inetd has it.
    Connection(Arc<TcpStream>),
}

impl Default for Stdio {
    /// Stdin is at its end.
    fn default() -> Self {
        Stdio::Memory(Arc::new([]))
    }
}

impl Guest {
    /// The folder, if it may be written.
    pub fn writable(&self) -> Option<&Path> {
        let directory = self.directory.as_deref();
        directory.filter(|_| self.grants.folder == Access::Write)
    }

    /// The folder, if it may only be read.
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

/// Every distinct thing that a trial's runs of a guest produced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs(Vec<Output>);

impl Outputs {
    /// Counts one run of the guest. Of the exit code a process reports the low eight bits, and so does
    /// this: an instance that exits with 256 and the process that ran it say the same.
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

    /// The outputs, in the order of their first appearance.
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
