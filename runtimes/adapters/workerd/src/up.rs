//! Runs `workerd serve` as a server that `bench` can start and end: one process group, which first prints `listening on
//! ADDRESS` and exits with its parent.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use rustix::process::{
    Signal, getpgrp, getpid, kill_process_group, set_parent_process_death_signal,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// First word of the command line.
const UP: &str = "serve-worker";
const USAGE: &str = "usage: adapter-workerd serve-worker WORKERD CONFIGURATION";

/// Runs a server process if the command line requests one.
pub(crate) fn of_this_process() -> Option<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (first, rest) = words.split_first()?;
    (first == UP).then(|| match rest {
        [workerd, configuration] => run(workerd, configuration),
        _ => {
            eprintln!("{UP} takes 2 words, not {}; {USAGE}", rest.len());
            ExitCode::from(2)
        }
    })
}

/// The arguments that request a server.
pub(crate) fn arguments(workerd: &str, configuration: &str) -> Vec<String> {
    [UP, workerd, configuration].map(str::to_owned).into()
}

fn run(workerd: &str, configuration: &str) -> ExitCode {
    let ended = end_together()
        .and_then(|()| start(workerd, configuration))
        .and_then(|mut child| {
            announce(&mut child)?;
            child.wait()
        });
    match ended {
        Ok(status) => eprintln!("workerd ended with {status}"),
        Err(error) => eprintln!("running {workerd} serve {configuration}: {error}"),
    }
    end_group();
    ExitCode::FAILURE
}

fn start(workerd: &str, configuration: &str) -> io::Result<Child> {
    Command::new(workerd)
        .args(["serve", configuration, "--control-fd=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
}

/// Kills the whole group on a signal or when the parent dies: workerd alone would go on.
fn end_together() -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    set_parent_process_death_signal(Some(Signal::TERM))?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            end_group();
            std::process::exit(1);
        }
    });
    Ok(())
}

/// Kills this process's group, if it is the leader; otherwise the group contains unrelated processes.
fn end_group() {
    if getpgrp() == getpid() {
        // Processes that already exited are fine.
        let _ = kill_process_group(getpid(), Signal::KILL);
    }
}

/// Reads workerd's output to its end, and prints its address in the format that `bench` expects.
fn announce(child: &mut Child) -> io::Result<()> {
    let Some(stdout) = child.stdout.take() else {
        return Ok(());
    };
    for line in BufReader::new(stdout).lines() {
        if let Some(port) = port(&line?) {
            println!("listening on 127.0.0.1:{port}");
            io::stdout().flush()?;
        }
    }
    Ok(())
}

/// Parses `{"event":"listen","socket":"http","port":4001}`.
fn port(line: &str) -> Option<u16> {
    let rest = line.strip_prefix(r#"{"event":"listen","#)?;
    let (_, port) = rest.split_once(r#""port":"#)?;
    port.strip_suffix('}')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_event_and_from_nothing_else() {
        let event = r#"{"event":"listen","socket":"http","port":4001}"#;
        assert_eq!(port(event), Some(4001));
        for other in ["", r#"{"event":"listen-inspector","port":1}"#, "port 80"] {
            assert_eq!(port(other), None, "{other}");
        }
    }
}
