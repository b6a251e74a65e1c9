//! A program that is none of the project's workloads: the user's own, measured like one of them.
//!
//! Nobody has written down what it must print. So it is run once before the run, on the first
//! target that can, natively if there is a binary; what it prints there is what it must print
//! everywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_adapter::protocol::{self, Prepare, Prepared};
use plimsoll_record::run::{PreflightNote, Severity, Skipped, TargetKind, WorkloadRecord};
use plimsoll_record::{Step, TargetId, WorkloadId};

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::Gathered;
use crate::catalog::targets::Table;
use crate::catalog::workloads::{Category, DurationClass, Native, Ready, Workloads, sha256};
use crate::cli::Run;
use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;
use crate::process::command::ToolError;
use crate::process::spawn::Exited;
use crate::run::adapter::child::{AdapterChild, Fault, Preparation};
use crate::run::trial::process::{self, Ended};
use crate::suites::conformance::uses::uses;
use crate::ui::progress::say;

/// Most that it may print, bytes.
const STDOUT_KEPT: usize = 64 << 20;
/// Processor time beyond which it is one that computes, and is given fewer trials.
const HEAVY: Duration = Duration::from_millis(20);

/// The steps that are about an image itself, or about what is put into it.
const ABOUT_IMAGES: [Step; 4] = [Step::Deploy, Step::Size, Step::Peak, Step::Execute];

/// A program as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    wasm: PathBuf,
    native: Option<PathBuf>,
    image: Option<String>,
    input: Option<PathBuf>,
    args: Vec<String>,
}

impl Program {
    /// What `args` name, with absolute paths; none if they name no program.
    ///
    /// # Errors
    /// [`Usage`] if a file is not there.
    pub fn of(args: &Run) -> Result<Option<Self>, Usage> {
        let Some(wasm) = &args.wasm else {
            return Ok(None);
        };
        let at = |option: &str, path: &Path| {
            fs::canonicalize(path)
                .map_err(|error| Usage(format!("{option} {}: {error}", path.display())))
        };
        let program = Program {
            wasm: at("--wasm", wasm)?,
            native: args
                .native
                .as_deref()
                .map(|path| at("--native", path))
                .transpose()?,
            image: args.image.clone(),
            input: args
                .input
                .as_deref()
                .map(|path| at("--input", path))
                .transpose()?,
            args: args.args.clone(),
        };
        let bytes = fs::read(&program.wasm)
            .map_err(|error| Usage(format!("--wasm {}: {error}", program.wasm.display())))?;
        match bytes.starts_with(b"\0asm\x01\0\0\0") {
            true => Ok(Some(program)),
            false => Err(Usage(format!(
                "--wasm {} is no WebAssembly module; build for wasm32-wasip1",
                program.wasm.display()
            ))),
        }
    }

    /// The words of a command line that name it.
    pub fn words(&self) -> (Vec<String>, Vec<String>) {
        let mut options = vec!["--wasm".to_owned(), text(&self.wasm)];
        let mut option = |name: &str, value: Option<String>| {
            options.extend(value.into_iter().flat_map(|v| [name.to_owned(), v]));
        };
        option("--native", self.native.as_deref().map(text));
        option("--image", self.image.clone());
        option("--input", self.input.as_deref().map(text));
        let after = match self.args.is_empty() {
            true => Vec::new(),
            false => [vec!["--".to_owned()], self.args.clone()].concat(),
        };
        (options, after)
    }

    /// Leaves out the targets that need what was not given.
    pub fn leave_out(&self, gathered: &mut Gathered) {
        let (native, image) = (self.native.is_some(), self.image.is_some());
        let (targets, without): (Vec<_>, Vec<_>) = std::mem::take(&mut gathered.targets)
            .into_iter()
            .partition(|chosen| match chosen.target.kind {
                TargetKind::Wasm => true,
                TargetKind::Native => native,
                TargetKind::Container => native || image,
            });
        gathered.targets = targets;
        gathered.skipped.extend(without.iter().map(|chosen| {
            let why = match chosen.target.kind {
                TargetKind::Container => {
                    "neither --native nor --image says what runs in its container"
                }
                TargetKind::Native | TargetKind::Wasm => "no --native says what it runs",
            };
            Skipped {
                what: chosen.target.id.to_string(),
                why: why.to_owned(),
                remedy: None,
                requested: false,
            }
        }));
    }

    /// Finds out what it prints, and makes a workload of it; with a note that says where. The two
    /// deadlines are those of a trial and of preparing a pair.
    ///
    /// # Errors
    /// [`Usage`] if it ends well on no target; [`ToolError::Interrupted`].
    pub fn gather(
        &self,
        checkout: &Checkout,
        table: &Table,
        workloads: &Workloads,
        gathered: &mut Gathered,
        deadlines: (Duration, Duration),
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let workload = protocol::Workload {
            id: self.id(workloads),
            wasm: self.wasm.clone(),
            component: None,
            native: self.native.clone(),
            image: self.image.clone(),
            args: self.args.clone(),
            input: self.input.clone(),
            grants: protocol::Grants::default(),
        };
        self.fit_image(checkout, table, &workload, gathered, deadlines.1, interrupt)?;
        let mut why = Vec::new();
        for chosen in &gathered.targets {
            let id = &chosen.target.id;
            if chosen.target.kind == TargetKind::Container
                || !chosen.target.steps.contains(&Step::Process)
            {
                continue;
            }
            match printed(checkout, table, id, &workload, deadlines, interrupt)? {
                Ok(printed) => {
                    let note = PreflightNote {
                        subject: "expected output".to_owned(),
                        found: format!(
                            "what {id} printed before the run, {}; nothing else vouches for it",
                            crate::ui::format::count(printed.stdout.len(), "byte")
                        ),
                        severity: Severity::Note,
                    };
                    gathered.workloads.push(self.workload(workload, printed)?);
                    gathered.notes.push(note);
                    return Ok(());
                }
                Err(said) => {
                    say(&format!("{id} cannot say what it prints: {said}"));
                    why.push(format!("{id}: {said}"));
                }
            }
        }
        Err(Usage(format!(
            "{} did not exit successfully on any target that runs it as a process, so there is no \
             reference output{}{}",
            self.wasm.display(),
            if why.is_empty() {
                "; name one with --target"
            } else {
                ": "
            },
            why.join("; ")
        ))
        .into())
    }

    /// Leaves out what cannot be done with an image of the user's own: targets that make what they
    /// run themselves, and on the others the steps that are about the image.
    fn fit_image(
        &self,
        checkout: &Checkout,
        table: &Table,
        workload: &protocol::Workload,
        gathered: &mut Gathered,
        deadline: Duration,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let Some(image) = &self.image else {
            return Ok(());
        };
        let mut started_as_it_is = false;
        for mut chosen in std::mem::take(&mut gathered.targets) {
            let id = chosen.target.id.clone();
            if chosen.target.kind == TargetKind::Container {
                match prepared(checkout, table, &id, workload, deadline, interrupt)? {
                    Ok(Preparation::Ready(Prepared { launch: None, .. })) => {
                        started_as_it_is = true;
                        chosen
                            .target
                            .steps
                            .retain(|step| !ABOUT_IMAGES.contains(step));
                    }
                    Ok(Preparation::Unsupported(why)) => {
                        gathered.skipped.push(Skipped {
                            what: id.to_string(),
                            why,
                            remedy: None,
                            requested: false,
                        });
                        continue;
                    }
                    // What else went wrong, the trials will tell.
                    Ok(_) | Err(_) => {}
                }
            }
            gathered.targets.push(chosen);
        }
        if started_as_it_is {
            gathered.notes.push(PreflightNote {
                subject: "image".to_owned(),
                found: format!(
                    "{image} is the user's own: it is started as it is; it is not loaded (L6) or \
                     weighed, and its program is not followed or timed inside"
                ),
                severity: Severity::Note,
            });
        }
        Ok(())
    }

    fn workload(&self, workload: protocol::Workload, printed: Printed) -> anyhow::Result<Ready> {
        let bytes = fs::read(&self.wasm)?;
        let native = self.native.as_deref().map(fs::read).transpose()?;
        let unknown = "not known: it came built".to_owned();
        Ok(Ready {
            record: WorkloadRecord {
                workload: workload.id.clone(),
                title: format!("a program of the user's own, {}", self.wasm.display()),
                language: "not known".to_owned(),
                // Of the one thing that stands for its source here.
                source_sha256: sha256(&bytes),
                wasm_sha256: sha256(&bytes),
                wasm_bytes: bytes.len() as u64,
                component_sha256: None,
                wasm_toolchain: unknown.clone(),
                native_toolchain: native.as_ref().map(|_| unknown),
                native_sha256: native.as_deref().map(sha256),
                expected_sha256: sha256(&printed.stdout),
                uses: uses(&bytes),
            },
            workload,
            expected: printed.stdout,
            exchanges: Vec::new(),
            duration: match printed.cpu > HEAVY {
                true => DurationClass::Heavy,
                false => DurationClass::Light,
            },
            category: Category::General,
            native: Native::Ready,
        })
    }

    /// Its file's name, unless a workload is called so.
    fn id(&self, workloads: &Workloads) -> WorkloadId {
        let stem = self.wasm.file_stem().unwrap_or_default();
        let plain: String = stem
            .to_string_lossy()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "._-".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        match workloads.ids().contains(&plain.as_str()) {
            true => WorkloadId(format!("own-{plain}")),
            false => WorkloadId(plain),
        }
    }
}

fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_string_lossy().into_owned()
}

/// What it printed, and the processor time that it took.
struct Printed {
    stdout: Vec<u8>,
    cpu: Duration,
}

/// Runs it once on a target, by the command line that the adapter hands out; in words, why that
/// did not end well.
fn printed(
    checkout: &Checkout,
    table: &Table,
    target: &TargetId,
    workload: &protocol::Workload,
    deadlines: (Duration, Duration),
    interrupt: &Interrupt,
) -> anyhow::Result<Result<Printed, String>> {
    let prepared = prepared(checkout, table, target, workload, deadlines.1, interrupt)?;
    let launch = match prepared {
        Ok(Preparation::Ready(prepared)) => match prepared.launch {
            Some(launch) => launch,
            None => return Ok(Err("it is no process".to_owned())),
        },
        Ok(Preparation::Unsupported(reason)) => return Ok(Err(reason)),
        Ok(Preparation::Failed { message, .. }) => return Ok(Err(message)),
        Err(why) => return Ok(Err(why)),
    };
    let ran = process::run(&launch, None, STDOUT_KEPT, deadlines.0, interrupt)?;
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let last = stderr.trim().lines().last().unwrap_or_default().to_owned();
    Ok(match ran.ended {
        Ended::Interrupted => return Err(ToolError::Interrupted.into()),
        Ended::Deadline => Err(format!("it did not end within {} s", deadlines.0.as_secs())),
        Ended::Exited(Exited::Signal(signal)) => Err(format!("signal {signal} ended it: {last}")),
        Ended::Exited(Exited::Code(0)) if ran.stdout_bytes > STDOUT_KEPT => Err(format!(
            "it printed {} bytes, which is too much",
            ran.stdout_bytes
        )),
        Ended::Exited(Exited::Code(0)) => Ok(Printed {
            stdout: ran.stdout,
            cpu: ran.cpu,
        }),
        Ended::Exited(Exited::Code(code)) => Err(format!("it exited with code {code}: {last}")),
    })
}

/// What a target's adapter answers when it is to make the program ready; in words, why it does not
/// answer.
fn prepared(
    checkout: &Checkout,
    table: &Table,
    target: &TargetId,
    workload: &protocol::Workload,
    deadline: Duration,
    interrupt: &Interrupt,
) -> anyhow::Result<Result<Preparation, String>> {
    let Some(row) = table.adapter_of(target) else {
        return Ok(Err("it is in no table".to_owned()));
    };
    // The machine's lock is held: nobody else is in there, and the run empties it.
    let scratch = checkout.scratch().join("expected");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    let request = Prepare {
        target: target.clone(),
        workload: workload.clone(),
        scratch,
        portable: false,
    };
    let program = row.executable(checkout);
    let prepared =
        AdapterChild::start(&program, &checkout.root, interrupt).and_then(|mut child| {
            let prepared = child
                .hello(deadline)
                .and_then(|_| child.prepare(request, deadline));
            if prepared.is_ok() {
                child.goodbye();
            }
            prepared
        });
    match prepared {
        Err(Fault::Interrupted) => Err(ToolError::Interrupted.into()),
        Err(fault) => Ok(Err(fault.to_string())),
        Ok(prepared) => Ok(Ok(prepared)),
    }
}
