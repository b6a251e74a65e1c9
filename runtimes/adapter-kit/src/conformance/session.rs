//! One process of the tested adapter, with a deadline for every reply.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::DEADLINE;
use crate::protocol::{Reply, Request, Sample};

/// The samples and closing reply of one request.
pub(super) struct Exchange {
    pub(super) samples: Vec<Sample>,
    pub(super) closing: Reply,
}

pub(super) struct Session {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Session {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(stdout).split(b'\n') {
                    let Ok(line) = line else { break };
                    if sender
                        .send(String::from_utf8_lossy(&line).into_owned())
                        .is_err()
                    {
                        break;
                    }
                }
            });
        }
        let stderr = child.stderr.take().map(|mut stderr| {
            thread::spawn(move || {
                let mut text = Vec::new();
                // If reading fails, keep what was read so far.
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        Ok(Session {
            child,
            stdin,
            lines,
            stderr,
        })
    }

    pub(super) fn ask(&mut self, request: &Request) -> Result<Exchange, String> {
        let line = serde_json::to_string(request).map_err(|error| error.to_string())?;
        self.ask_line(&line)
    }

    /// Sends a line and collects the replies until the request is closed.
    pub(super) fn ask_line(&mut self, line: &str) -> Result<Exchange, String> {
        let stdin = self.stdin.as_mut().ok_or("the adapter has no stdin")?;
        if let Err(error) = stdin
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| stdin.flush())
        {
            return Err(self.ended(&format!("writing a request failed ({error})")));
        }
        let mut samples = Vec::new();
        loop {
            let line = match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("no reply within {DEADLINE:?}"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.ended("its stdout ended before the reply"));
                }
            };
            match serde_json::from_str(&line) {
                Ok(Reply::Sample(sample)) => samples.push(sample),
                Ok(closing) => return Ok(Exchange { samples, closing }),
                Err(error) => {
                    return Err(format!("{line:?} on its stdout is no reply: {error}"));
                }
            }
        }
    }

    /// Closes the adapter's stdin and waits: it must exit with 0 and print nothing more.
    pub(super) fn end(mut self) -> Result<(), String> {
        drop(self.stdin.take());
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() > DEADLINE => {
                    return Err(format!("still running after {DEADLINE:?}"));
                }
                Ok(None) => thread::sleep(Duration::from_millis(2)),
                Err(error) => return Err(format!("waiting for it: {error}")),
            }
        };
        if let Some(line) = self.lines.iter().next() {
            return Err(format!("{line:?} on its stdout answers no request"));
        }
        if status.success() {
            Ok(())
        } else {
            Err(self.ended(&format!("it ended with {status}")))
        }
    }

    /// Describes how the process ended, with its stderr.
    fn ended(&mut self, what: &str) -> String {
        // It is dead or about to exit; wait briefly for its exit status, which is more informative.
        thread::sleep(Duration::from_millis(50));
        let status = match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            _ => "it still runs".to_owned(),
        };
        let _ = self.child.kill();
        let _ = self.child.wait();
        let stderr = self
            .stderr
            .take()
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default();
        format!("{what}; {status}; its stderr: {}", stderr.trim_end())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Usually it is already reaped, and both calls fail harmlessly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
