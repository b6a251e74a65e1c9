//! The user's own program, measured like a workload.
//!
//! Its expected output is unknown. So `bench` runs it once before the run, on the first target that
//! can (natively if there is a binary). Every target must then produce the same output.

mod gated;
mod reference;
mod variation;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_adapter::protocol::{self, Prepared};
use plimsoll_record::run::{PreflightNote, Severity, Skipped, TargetKind, WorkloadRecord};
use plimsoll_record::text::plain;
use plimsoll_record::{Step, WorkloadId};

use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::Gathered;
use crate::catalog::targets::Table;
use crate::catalog::workloads::{Category, DurationClass, Native, Ready, Workloads, sha256};
use crate::cli::Run;
use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;
use crate::process::command;
use crate::run::adapter::child::Preparation;
use crate::run::job::Deadlines;
use crate::run::scratch::Scratch;
use crate::suites::conformance::uses::uses;
use crate::ui::progress::say;
pub use gated::{Place, Sides};
pub use reference::shell;
use reference::{Here, Printed, ended_unless_interrupted, prepared, printed, printed_by_image};
use variation::{Param, Variation};

/// CPU time above which a program counts as heavy and gets fewer trials.
const HEAVY: Duration = Duration::from_millis(20);

/// Steps with a process that `bench` itself starts, and can therefore give standard input.
const STARTED_HERE: [Step; 4] = [Step::Process, Step::Deploy, Step::Peak, Step::Size];

/// Steps that measure an image itself, or need a program put into it.
const ABOUT_IMAGES: [Step; 4] = [Step::Deploy, Step::Size, Step::Peak, Step::Execute];

/// A program as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    wasm: PathBuf,
    native: Option<PathBuf>,
    image: Option<String>,
    input: Option<PathBuf>,
    args: Vec<String>,
    stdin: Option<PathBuf>,
    env: Vec<String>,
    prepare: Option<String>,
    params: Vec<String>,
    variations: Vec<Variation>,
    /// Replaces the name from its file: both sides of a gate share one.
    name: Option<&'static str>,
}

impl Program {
    /// The program in `args`, with absolute paths; `None` if they name none.
    ///
    /// # Errors
    /// [`Usage`] if a file is not there.
    pub fn of(args: &Run) -> Result<Option<Self>, Usage> {
        let Some(wasm) = &args.wasm else {
            return Ok(None);
        };
        let at = |option: &str, path: &Path| {
            let path = fs::canonicalize(path)
                .map_err(|error| Usage(format!("{option} {}: {error}", path.display())))?;
            match path.to_str() {
                Some(_) => Ok(path),
                // Adapters and run.json need it as text.
                None => Err(Usage(format!(
                    "{option} {}: the path is not UTF-8; rename it or link to it",
                    path.display()
                ))),
            }
        };
        if let Some(wrong) = args.env.iter().find(|one| !one.contains('=')) {
            return Err(Usage(format!("--env {wrong}: give NAME=VALUE")));
        }
        let params = args.params.iter().map(|text| Param::of(text));
        let params = params.collect::<Result<Vec<_>, _>>()?;
        let templates = args.args.iter().chain(&args.env).chain(&args.prepare);
        let templates: Vec<&str> = templates.map(String::as_str).collect();
        let program = Program {
            stdin: args
                .stdin
                .as_deref()
                .map(|path| at("--stdin", path))
                .transpose()?,
            env: args.env.clone(),
            prepare: args.prepare.clone(),
            params: args.params.clone(),
            variations: Variation::all(&params, &templates)?,
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
            name: None,
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

    /// The command-line options that specify it, and the arguments after them.
    pub fn words(&self) -> (Vec<String>, Vec<String>) {
        let mut options = vec!["--wasm".to_owned(), text(&self.wasm)];
        let mut option = |name: &str, value: Option<String>| {
            options.extend(value.into_iter().flat_map(|v| [name.to_owned(), v]));
        };
        option("--native", self.native.as_deref().map(text));
        option("--image", self.image.clone());
        option("--input", self.input.as_deref().map(text));
        option("--stdin", self.stdin.as_deref().map(text));
        option("--prepare", self.prepare.clone());
        for variable in &self.env {
            option("--env", Some(variable.clone()));
        }
        for param in &self.params {
            option("--param", Some(param.clone()));
        }
        let after = match self.args.is_empty() {
            true => Vec::new(),
            false => [vec!["--".to_owned()], self.args.clone()].concat(),
        };
        (options, after)
    }

    /// Skips targets that need a module, binary or image that was not given.
    pub fn leave_out(&self, gathered: &mut Gathered) {
        let (native, image) = (self.native.is_some(), self.image.is_some());
        let (targets, without): (Vec<_>, Vec<_>) = std::mem::take(&mut gathered.targets)
            .into_iter()
            .partition(|chosen| match chosen.target.kind {
                TargetKind::Wasm => self.has_module(),
                TargetKind::Native => native,
                TargetKind::Container => native || image,
            });
        gathered.targets = targets;
        gathered.skipped.extend(without.iter().map(|chosen| {
            let why = match chosen.target.kind {
                TargetKind::Container => {
                    "neither --native nor --image says what runs in its container"
                }
                TargetKind::Native => "no native binary was given (--native FILE)",
                TargetKind::Wasm => "no module is given",
            };
            Skipped {
                what: chosen.target.id.to_string(),
                why: why.to_owned(),
                remedy: None,
                requested: false,
            }
        }));
    }

    /// Runs it once per combination of parameters, and makes a workload of each; a note records the
    /// target.
    ///
    /// # Errors
    /// [`Usage`] if it exits successfully on no target; [`ToolError::Interrupted`].
    pub fn gather(
        &self,
        checkout: &Checkout,
        table: &Table,
        workloads: &Workloads,
        gathered: &mut Gathered,
        deadlines: Deadlines,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        self.keep_what_has_stdin(gathered);
        let here = Here {
            checkout,
            table,
            deadlines,
            interrupt,
        };
        for (nth, variation) in self.variations.iter().enumerate() {
            let workload = self.varied(workloads, variation);
            if nth == 0 {
                let limit = deadlines.prepare;
                self.fit_image(checkout, table, &workload, gathered, limit, interrupt)?;
            }
            self.expect(workload, variation, gathered, &here)?;
        }
        Ok(())
    }

    fn varied(&self, workloads: &Workloads, variation: &Variation) -> protocol::Workload {
        let fill = |texts: &[String]| texts.iter().map(|text| variation.fill(text)).collect();
        let env: Vec<String> = fill(&self.env);
        let id = format!("{}{}", self.id(workloads), variation.suffix());
        protocol::Workload {
            id: WorkloadId::from(id.as_str()),
            wasm: self.wasm.clone(),
            component: None,
            native: self.native.clone(),
            image: self.image.clone(),
            args: fill(&self.args),
            input: self.input.clone(),
            grants: protocol::Grants::of(protocol::Access::default(), &env),
        }
    }

    /// With a standard input, skips what `bench` does not start itself.
    fn keep_what_has_stdin(&self, gathered: &mut Gathered) {
        if self.stdin.is_none() {
            return;
        }
        for mut chosen in std::mem::take(&mut gathered.targets) {
            let is_process = chosen.target.kind != TargetKind::Container
                && chosen.target.steps.contains(&Step::Process);
            if is_process {
                let steps = &mut chosen.target.steps;
                steps.retain(|step| STARTED_HERE.contains(step));
                gathered.targets.push(chosen);
                continue;
            }
            gathered.skipped.push(Skipped {
                what: chosen.target.id.to_string(),
                why: "--stdin is for processes that bench starts itself".to_owned(),
                remedy: None,
                requested: false,
            });
        }
    }

    /// Makes a workload with the output on the first target that runs `workload` as a process.
    fn expect(
        &self,
        workload: protocol::Workload,
        variation: &Variation,
        gathered: &mut Gathered,
        here: &Here<'_>,
    ) -> anyhow::Result<()> {
        let prepare = self.prepare.as_ref().map(|line| variation.fill(line));
        if let (false, Some(image)) = (self.has_module(), &self.image) {
            let printed = printed_by_image(image, &workload.args, here.interrupt)?;
            let ready = self.workload(workload, variation, prepare, printed)?;
            gathered.workloads.push(ready);
            return Ok(());
        }
        let mut why = Vec::new();
        for chosen in &gathered.targets {
            let id = &chosen.target.id;
            if chosen.target.kind == TargetKind::Container
                || !chosen.target.steps.contains(&Step::Process)
            {
                continue;
            }
            if let Some(line) = &prepare {
                let mut shell = shell(line, self.input.as_deref());
                command::run(&mut shell, here.interrupt)
                    .map_err(|error| ended_unless_interrupted(error, "--prepare"))?;
            }
            match printed(id, &workload, self.stdin.as_deref(), here)? {
                Ok(printed) => {
                    let note = PreflightNote {
                        subject: "expected output".to_owned(),
                        found: format!(
                            "what {id} printed before the run, {}; nothing else vouches for it",
                            crate::ui::format::count(printed.stdout.len(), "byte")
                        ),
                        severity: Severity::Note,
                    };
                    let ready = self.workload(workload, variation, prepare, printed)?;
                    gathered.workloads.push(ready);
                    gathered.notes.push(note);
                    return Ok(());
                }
                Err(said) => {
                    let said = plain(&said).into_owned();
                    say(&format!("{id} gives no reference output: {said}"));
                    why.push(format!("{id}: {said}"));
                }
            }
        }
        Err(Usage(format!(
            "{} did not exit successfully on any target that runs it as a process, so there is no \
             reference output{}{}",
            self.wasm.display(),
            if why.is_empty() {
                "; name a target that is a process with --target"
            } else {
                ": "
            },
            why.join("; ")
        ))
        .into())
    }

    /// Skips what the user's own image cannot support: targets that build their own images, and on
    /// the others the steps that measure the image.
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
                let scratch = Scratch::make(&checkout.scratch(), "image")?;
                let limit = deadline;
                match prepared(checkout, table, &id, workload, limit, &scratch, interrupt)? {
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
                    // Trials report any other failure.
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

    fn workload(
        &self,
        workload: protocol::Workload,
        variation: &Variation,
        prepare: Option<String>,
        printed: Printed,
    ) -> anyhow::Result<Ready> {
        let mut given: BTreeMap<String, String> = variation
            .pairs()
            .iter()
            .map(|(name, value)| (format!("--param {name}"), value.clone()))
            .collect();
        if let Some(stdin) = &self.stdin {
            given.insert("--stdin, SHA-256".to_owned(), sha256(&fs::read(stdin)?));
        }
        for (name, value) in &workload.grants.env {
            given.insert(format!("--env {name}"), value.clone());
        }
        given.extend(prepare.clone().map(|line| ("--prepare".to_owned(), line)));
        let bytes = fs::read(&self.wasm)?;
        let native = self.native.as_deref().map(fs::read).transpose()?;
        let unknown = "not known: it came built".to_owned();
        Ok(Ready {
            record: WorkloadRecord {
                workload: workload.id.clone(),
                title: match (self.has_module(), &self.image) {
                    (false, Some(image)) => format!("the user's own image {image}"),
                    _ => format!("a program of the user's own, {}", self.wasm.display()),
                },
                language: "not known".to_owned(),
                // The `.wasm` stands in for its unknown source.
                source_sha256: sha256(&bytes),
                wasm_sha256: sha256(&bytes),
                wasm_bytes: bytes.len() as u64,
                component_sha256: None,
                wasm_toolchain: unknown.clone(),
                native_toolchain: native.as_ref().map(|_| unknown),
                native_sha256: native.as_deref().map(sha256),
                expected_sha256: sha256(&printed.stdout),
                uses: uses(&bytes),
                given,
            },
            workload,
            stdin: self.stdin.clone(),
            prepare,
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

    /// Its file's name, unless a workload has that name.
    fn id(&self, workloads: &Workloads) -> WorkloadId {
        let stem = match self.name {
            Some(name) => OsStr::new(name),
            None => self.wasm.file_stem().unwrap_or_default(),
        };
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
