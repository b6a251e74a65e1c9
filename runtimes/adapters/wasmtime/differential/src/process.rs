//! Runs an engine in its own process, so that a crash is a finding and does not end the search.

use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use outcome::serve::{receive, send};

/// Time limit per module. Modules terminate in a fraction of it unless the engine is faulty.
const DEADLINE: Duration = Duration::from_secs(60);

/// Start of the description of a module that took too long.
const UNANSWERED: &str = "no answer within";

/// Whether a description says that the engine took too long. On a busy machine that is no behaviour of the module's:
/// of the reference it compares with nothing.
pub fn is_unanswered(description: &str) -> bool {
    description.starts_with(UNANSWERED)
}

/// The compared engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The engine under test.
    Keel,
    /// The reference.
    Wasmtime,
}

impl Engine {
    /// The program that describes modules on this engine: from the environment (`OUTCOME_KEEL`, `OUTCOME_WASMTIME`), or
    /// its package's example, built now.
    ///
    /// # Errors
    /// If cargo cannot build it.
    pub fn program(self) -> Result<PathBuf> {
        let (variable, manifest, package, example) = match self {
            Engine::Keel => (
                "OUTCOME_KEEL",
                "../../../../Cargo.toml",
                "keel",
                "outcome-keel",
            ),
            Engine::Wasmtime => (
                "OUTCOME_WASMTIME",
                "../Cargo.toml",
                "adapter-wasmtime",
                "outcome-wasmtime",
            ),
        };
        if let Some(program) = std::env::var_os(variable) {
            return Ok(program.into());
        }
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(&manifest)
            .args(["--package", package, "--example", example])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .context("starting cargo")?;
        if !output.status.success() {
            bail!(
                "building {example} of {}: {}",
                manifest.display(),
                output.status
            );
        }
        let messages = String::from_utf8_lossy(&output.stdout);
        let executable = messages.lines().rev().find_map(|line| {
            let (_, path) = line.split_once("\"executable\":\"")?;
            path.split_once('"').map(|(path, _)| path)
        });
        let executable =
            executable.with_context(|| format!("cargo does not say where {example} is"))?;
        Ok(PathBuf::from(executable))
    }
}

/// An engine process, restarted when it has died.
pub struct Process {
    program: PathBuf,
    running: Option<Connection>,
}

struct Connection {
    child: Child,
    input: BufWriter<ChildStdin>,
    answers: Receiver<std::io::Result<Option<Vec<u8>>>>,
}

impl Process {
    /// An engine process for this program, from [`Engine::program`].
    pub fn new(program: PathBuf) -> Process {
        Process {
            program,
            running: None,
        }
    }

    /// A module's behaviour on this engine. A crash or hang of the process also counts as behaviour.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn describe(&mut self, wasm: &[u8]) -> Result<String> {
        let mut connection = match self.running.take() {
            Some(connection) => connection,
            None => connect(&self.program)?,
        };
        if send(&mut connection.input, wasm).is_err() {
            return Ok(died(connection));
        }
        match connection.answers.recv_timeout(DEADLINE) {
            Ok(Ok(Some(text))) => {
                self.running = Some(connection);
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
            Err(RecvTimeoutError::Timeout) => {
                kill(&mut connection.child);
                Ok(format!("{UNANSWERED} {DEADLINE:?}\n"))
            }
            _ => Ok(died(connection)),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut connection) = self.running.take() {
            kill(&mut connection.child);
        }
    }
}

fn connect(program: &Path) -> Result<Connection> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let input = child.stdin.take().context("no standard input")?;
    let mut output = BufReader::new(child.stdout.take().context("no standard output")?);
    let (sender, answers) = channel();
    std::thread::spawn(move || {
        loop {
            let answer = receive(&mut output);
            let last = !matches!(answer, Ok(Some(_)));
            if sender.send(answer).is_err() || last {
                return;
            }
        }
    });
    Ok(Connection {
        child,
        input: BufWriter::new(input),
        answers,
    })
}

fn died(mut connection: Connection) -> String {
    drop(connection.input);
    match connection.child.wait() {
        Ok(status) => format!("the process died: {status}\n"),
        Err(error) => format!("the process died: {error}\n"),
    }
}

/// Kills a child, which may already have exited.
fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
