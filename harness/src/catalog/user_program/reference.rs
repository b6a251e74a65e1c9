//! The reference output of the user's own program, from one run before the run.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use plimsoll_adapter::protocol::{self, Prepare};
use plimsoll_record::TargetId;

use crate::catalog::checkout::Checkout;
use crate::catalog::targets::Table;
use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;
use crate::process::command::ToolError;
use crate::process::spawn::Exited;
use crate::process::status::describe;
use crate::run::adapter::child::{AdapterChild, Fault, Preparation};
use crate::run::job::Deadlines;
use crate::run::scratch::Scratch;
use crate::run::trial::process::{self, Ended, Given};

/// Maximum output, bytes.
const STDOUT_KEPT: usize = 64 << 20;

/// Its output and the CPU time that it used.
pub(super) struct Printed {
    pub(super) stdout: Vec<u8>,
    pub(super) cpu: Duration,
}

/// The context of a run for the reference output.
pub(super) struct Here<'a> {
    pub(super) checkout: &'a Checkout,
    pub(super) table: &'a Table,
    pub(super) deadlines: Deadlines,
    pub(super) interrupt: &'a Interrupt,
}

/// The shell command `line`, in `folder` or the current directory.
pub fn shell(line: &str, folder: Option<&Path>) -> std::process::Command {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", line]);
    if let Some(folder) = folder {
        shell.current_dir(folder);
    }
    shell
}

pub(super) fn ended_unless_interrupted(error: ToolError, what: &str) -> anyhow::Error {
    match error {
        ToolError::Interrupted => error.into(),
        error => Usage(format!("{what}: {error}")).into(),
    }
}

/// Runs it once on a target with the adapter's command line. The inner error says why there is no
/// output.
pub(super) fn printed(
    target: &TargetId,
    workload: &protocol::Workload,
    stdin: Option<&Path>,
    here: &Here<'_>,
) -> anyhow::Result<Result<Printed, String>> {
    let (checkout, deadlines, interrupt) = (here.checkout, here.deadlines, here.interrupt);
    let scratch = Scratch::make(&checkout.scratch(), "expected")?;
    let limit = deadlines.prepare;
    let prepared = prepared(
        checkout, here.table, target, workload, limit, &scratch, interrupt,
    )?;
    let launch = match prepared {
        Ok(Preparation::Ready(prepared)) => match prepared.launch {
            Some(launch) => launch,
            None => return Ok(Err("it is no process".to_owned())),
        },
        Ok(Preparation::Unsupported(reason)) => return Ok(Err(reason)),
        Ok(Preparation::Failed { message, .. }) => return Ok(Err(message)),
        Err(why) => return Ok(Err(why)),
    };
    let given = Given { copy: None, stdin };
    let ran = process::run_with(&launch, given, STDOUT_KEPT, deadlines.trial, interrupt)?;
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let last = stderr.trim().lines().last().unwrap_or_default().to_owned();
    Ok(match ran.ended {
        Ended::Interrupted => return Err(ToolError::Interrupted.into()),
        Ended::Deadline => Err(format!(
            "it did not end within {} s",
            deadlines.trial.as_secs()
        )),
        Ended::Exited(Exited::Signal(signal)) => Err(format!("signal {signal} ended it: {last}")),
        Ended::Exited(Exited::Code(0)) if ran.stdout_bytes > STDOUT_KEPT => Err(format!(
            "it printed {} bytes; at most {STDOUT_KEPT} are compared",
            ran.stdout_bytes
        )),
        Ended::Exited(Exited::Code(0)) => Ok(Printed {
            stdout: ran.stdout,
            cpu: ran.cpu,
        }),
        Ended::Exited(Exited::Code(code)) => Err(format!("it exited with code {code}: {last}")),
    })
}

/// Runs an image once with the docker client, because no target runs it as a process of `bench`.
pub(super) fn printed_by_image(
    image: &str,
    args: &[String],
    interrupt: &Interrupt,
) -> anyhow::Result<Printed> {
    let mut client = std::process::Command::new("docker");
    client
        .args(["run", "--rm", "--network=none", "--pull=never", image])
        .args(args)
        .stdin(Stdio::null());
    let ran = client.output().map_err(|error| {
        Usage(format!(
            "cannot run docker, which tells what {image} prints: {error}; install the client (docker.io)"
        ))
    })?;
    if interrupt.requested() {
        return Err(ToolError::Interrupted.into());
    }
    if !ran.status.success() {
        let stderr = String::from_utf8_lossy(&ran.stderr);
        // The lines after it are the client's usage.
        let first = stderr.trim().lines().next().unwrap_or_default().to_owned();
        return Err(Usage(format!(
            "{image} did not exit successfully ({}): {first}; load it into the engine, and check its arguments",
            describe(ran.status)
        ))
        .into());
    }
    Ok(Printed {
        stdout: ran.stdout,
        // CPU time is not measured here.
        cpu: Duration::ZERO,
    })
}

/// The adapter's reply to a request to prepare the program, or the reason why there is none.
pub(super) fn prepared(
    checkout: &Checkout,
    table: &Table,
    target: &TargetId,
    workload: &protocol::Workload,
    deadline: Duration,
    scratch: &Scratch,
    interrupt: &Interrupt,
) -> anyhow::Result<Result<Preparation, String>> {
    let Some(row) = table.adapter_of(target) else {
        return Ok(Err("it is in no table".to_owned()));
    };
    let request = Prepare {
        target: target.clone(),
        workload: workload.clone(),
        scratch: scratch.path().to_owned(),
        portable: false,
    };
    let program = row.executable(checkout);
    let at = (program.as_path(), checkout.root.as_path());
    let prepared = AdapterChild::once(at, deadline, interrupt, |adapter, _| {
        adapter.prepare(request, deadline)
    });
    match prepared {
        Err((Fault::Interrupted, _)) => Err(ToolError::Interrupted.into()),
        Err((fault, _)) => Ok(Err(fault.to_string())),
        Ok((prepared, _)) => Ok(Ok(prepared)),
    }
}
