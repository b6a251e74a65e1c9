//! Runs each case on one target: prepares it in one process and runs each claimed step in a new one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use plimsoll_record::{Metric, Nanoseconds, Step};

use super::session::Exchange;
use super::{Case, Checking, Exercised, ITERATIONS, Went, measure, prepare};
use crate::launch::copy_folder;
use crate::protocol::{Launch, Reply, Target};

impl Checking<'_> {
    pub(super) fn case(&mut self, target: &Target, case: &Case) {
        let pair = format!("{} on {}", case.workload.id, target.id);
        let scratch = self.directory();
        let Some(mut session) = self.session() else {
            return;
        };
        let request = prepare(&target.id, &case.workload, &scratch);
        let Some(reply) = self.ask(&mut session, &format!("{pair}: prepare"), &request) else {
            return;
        };
        let launch = match reply {
            Reply::Prepared(prepared) => prepared.launch,
            Reply::Unsupported { reason } => {
                self.exercise(target, case, None, Went::Unsupported(reason));
                return;
            }
            other => {
                self.violation(format!("{pair}: prepare was closed by {other:?}"));
                return;
            }
        };
        drop(session);
        for &step in &target.steps {
            if matches!(step, Step::Processes | Step::Idle) && !case.stdout.starts_with("ready\n") {
                // These steps need a guest that prints `ready` and waits.
                continue;
            }
            let what = format!("{pair}: {step}");
            let went = match (step, &launch) {
                (Step::Process, Some(launch)) => run(launch, case).map(|()| Went::Verified(None)),
                (Step::Deploy, Some(launch)) => {
                    run_copy(launch, case, &scratch).map(|()| Went::Verified(None))
                }
                // Cases are programs that exit, so the serving steps do not apply. `bench` runs `count` itself, under
                // valgrind.
                (
                    Step::Count
                    | Step::Beside
                    | Step::BesideLimited
                    | Step::Serve
                    | Step::ServeFresh
                    | Step::FirstResponse
                    | Step::Conformance
                    | Step::Sandbox,
                    _,
                ) => continue,
                _ => self.measured(target, case, &scratch, step),
            };
            match went {
                Ok(went) => self.exercise(target, case, Some(step), went),
                Err(error) => self.violation(format!("{what}: {error}")),
            }
        }
    }

    fn exercise(&mut self, target: &Target, case: &Case, step: Option<Step>, went: Went) {
        self.exercised.push(Exercised {
            target: target.id.clone(),
            workload: case.workload.id.clone(),
            step,
            went,
        });
    }

    fn measured(
        &mut self,
        target: &Target,
        case: &Case,
        scratch: &Path,
        step: Step,
    ) -> Result<Went, String> {
        let mut session = self.session().ok_or("the adapter did not start")?;
        let request = measure(&target.id, &case.workload, scratch, step);
        let Exchange { samples, closing } = session.ask(&request)?;
        let done = match closing {
            Reply::Done(done) => done,
            Reply::Unsupported { reason } => return Ok(Went::Unsupported(reason)),
            other => return Err(format!("closed by {other:?}")),
        };
        session.end()?;
        if done.outputs.is_empty() {
            return Err("no output to verify".to_owned());
        }
        for output in &done.outputs {
            verify(case, Some(output.exit_code), &output.stdout.0)?;
        }
        for sample in &samples {
            if !step.spec().yields.contains(&sample.boundary) {
                return Err(format!("a sample at {}", sample.boundary));
            }
            if sample.iteration >= ITERATIONS {
                return Err(format!(
                    "a sample of iteration {} of {ITERATIONS}",
                    sample.iteration
                ));
            }
        }
        let first = samples
            .iter()
            .find(|sample| sample.metric == Metric::WallTime);
        if samples.is_empty() {
            return Err("no sample".to_owned());
        }
        if first.is_none() && !weighs(step) {
            return Err("no sample of wall time".to_owned());
        }
        Ok(Went::Verified(
            first.map(|sample| Nanoseconds(sample.value)),
        ))
    }
}

/// Whether a step measures something other than time.
fn weighs(step: Step) -> bool {
    step.spec().first_metric != Some(Metric::WallTime)
}

fn run(launch: &Launch, case: &Case) -> Result<(), String> {
    for (name, path) in [
        ("program", &launch.program),
        ("directory", &launch.directory),
        ("artefact", &launch.artefact),
    ] {
        if !path.is_absolute() {
            return Err(format!(
                "the launch's {name} {} is not absolute",
                path.display()
            ));
        }
    }
    let launch = launch
        .named()
        .map_err(|error| format!("naming a container: {error}"))?;
    let output = Command::new(&launch.program)
        .args(&launch.args)
        .env_clear()
        .envs(&launch.env)
        .current_dir(&launch.directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("launching {}: {error}", launch.program.display()))?;
    verify(case, output.status.code(), &output.stdout).map_err(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        format!("{error} ({}); its stderr: {stderr}", output.status)
    })
}

/// Runs the launch with a copy of its artefact, as boundary L6 does.
fn run_copy(launch: &Launch, case: &Case, scratch: &Path) -> Result<(), String> {
    let copy = scratch.join("copied-for-fresh");
    let copying = match launch.artefact.is_dir() {
        true => copy_folder(&launch.artefact, &copy),
        false => fs::copy(&launch.artefact, &copy).map(drop),
    };
    copying.map_err(|error| format!("copying {}: {error}", launch.artefact.display()))?;
    let copied = launch.relocated(&copy);
    if copied.program == launch.program && copied.args == launch.args {
        return Err(format!(
            "the launch's artefact {} is neither its program nor one of its arguments",
            launch.artefact.display()
        ));
    }
    run(&copied, case)
}

fn verify(case: &Case, exit_code: Option<i32>, stdout: &[u8]) -> Result<(), String> {
    if exit_code == Some(case.exit_code) && stdout == case.stdout.as_bytes() {
        return Ok(());
    }
    Err(format!(
        "wrong output: exit code {exit_code:?} and {:?}, expected {} and {:?}",
        String::from_utf8_lossy(stdout),
        case.exit_code,
        case.stdout
    ))
}
