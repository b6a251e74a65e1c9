//! Runs `spin up` as a server that `bench` can start and end: one process group, which first prints `listening on
//! ADDRESS` and exits with its parent.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use rustix::process::{
    Pid, Signal, getpgrp, getpid, kill_process_group, set_parent_process_death_signal,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// First word of the command line.
const UP: &str = "spin-up";
const USAGE: &str = "usage: adapter-spin spin-up SPIN MANIFEST";
/// Any free loopback port.
const ADDRESS: &str = "127.0.0.1:0";

/// The parsed command line of a server process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    spin: String,
    manifest: String,
}

impl Asked {
    /// Parses this process's command line; `None` if it does not request a server, an error if it is invalid.
    pub(crate) fn of_this_process() -> Option<Result<Asked, String>> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let (first, rest) = args.split_first()?;
        (first == UP).then(|| match rest {
            [spin, manifest] => Ok(Asked {
                spin: spin.clone(),
                manifest: manifest.clone(),
            }),
            _ => Err(format!("{UP} takes 2 words, not {}; {USAGE}", rest.len())),
        })
    }
}

/// The arguments that request a server.
pub(crate) fn arguments(spin: &str, manifest: &str) -> Vec<String> {
    [UP, spin, manifest].map(str::to_owned).into()
}

/// Runs a server process.
pub(crate) fn main(asked: Result<Asked, String>) -> ExitCode {
    let asked = match asked {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    let served = end_together().and_then(|()| start(&asked));
    let why = served.and_then(|mut child| {
        let said = announce(&mut child)?;
        let status = child.wait()?;
        Ok(format!("spin up ended with {status}{said}"))
    });
    match why {
        Ok(why) => eprintln!("{why}"),
        Err(error) => eprintln!("running {} up: {error}", asked.spin),
    }
    // Spin's trigger process may have outlived it.
    end_group();
    ExitCode::FAILURE
}

fn start(asked: &Asked) -> io::Result<Child> {
    Command::new(&asked.spin)
        .args(["up", "--from", &asked.manifest, "--listen", ADDRESS])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
}

/// Kills the whole group on a signal or when the parent dies, because a killed Spin leaves its trigger process running.
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
    let own: Pid = getpid();
    if getpgrp() == own {
        // Processes that already exited are fine.
        let _ = kill_process_group(own, Signal::KILL);
    }
}

/// Reads Spin's output to its end, and prints its address in the format that `bench` expects. Returns the output up to
/// that point.
fn announce(child: &mut Child) -> io::Result<String> {
    let Some(stdout) = child.stdout.take() else {
        return Ok(String::new());
    };
    let mut said = String::new();
    let mut announced = false;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if announced {
            continue;
        }
        if let Some(address) = address(&line) {
            println!("listening on {address}");
            io::stdout().flush()?;
            announced = true;
        } else if !line.trim().is_empty() && said.len() < 1024 {
            said.push_str("; it said: ");
            said.push_str(line.trim());
        }
    }
    Ok(said)
}

/// Parses `Serving http://127.0.0.1:3000`.
fn address(line: &str) -> Option<SocketAddr> {
    let url = line.trim().strip_prefix("Serving")?.trim();
    url.strip_prefix("http://")?
        .trim_end_matches('/')
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_spin_serves_is_understood_and_nothing_else_is() {
        let found = address("Serving http://127.0.0.1:3000");
        assert_eq!(found, Some(SocketAddr::from(([127, 0, 0, 1], 3000))));
        for other in [
            "",
            "Available Routes:",
            "  handler: http://127.0.0.1:3000/...",
            "Serving https://127.0.0.1:3000",
            "Serving http://localhost",
        ] {
            assert_eq!(address(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_written_on_the_command_line_is_two_words_after_the_first() {
        let words = arguments("/opt/spin", "/s/spin.toml");
        assert_eq!(words, [UP, "/opt/spin", "/s/spin.toml"]);
    }
}
