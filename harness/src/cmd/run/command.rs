//! The command line that repeats a run.

use std::time::Duration;

use crate::catalog::user_program::Program;
use crate::cli::Run;

/// The command that repeats this run.
pub(super) fn command(args: &Run, own: Option<&Program>, seed: u64) -> Vec<String> {
    let mut words: Vec<String> = ["bench", "run", "--suite"].map(str::to_owned).into();
    words.push(args.suite.clone().unwrap_or("coldstart".to_owned()));
    let (named, after) = own.map(Program::words).unwrap_or_default();
    words.extend(named);
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    };
    for target in &args.targets {
        option("--target", Some(target.clone()));
    }
    for workload in &args.workloads {
        option("--workload", Some(workload.clone()));
    }
    let spec_dir = args.spec_dir.as_ref();
    option("--spec-dir", spec_dir.map(|dir| dir.display().to_string()));
    let testsuite = args.wasi_testsuite.as_ref();
    option(
        "--wasi-testsuite",
        testsuite.map(|dir| dir.display().to_string()),
    );
    option("--trials", args.trials.map(|n| n.to_string()));
    option("--memory-budget", args.memory_budget.map(|n| n.to_string()));
    option(
        "--deadline",
        args.requested_deadline()
            .map(|deadline: Duration| deadline.as_secs().to_string()),
    );
    option("--seed", Some(seed.to_string()));
    if args.quick {
        words.push("--quick".to_owned());
    }
    if args.denoise {
        words.push("--denoise".to_owned());
    }
    words.extend(after);
    words
}
