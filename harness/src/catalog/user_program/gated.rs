//! The user's own program in a gate: an old and a new build of it.

use std::path::{Path, PathBuf};

use super::reference::Printed;
use super::variation::Variation;
use super::{HEAVY, Here, Program};
use crate::catalog::checkout::Checkout;
use crate::catalog::resolve::Gathered;
use crate::catalog::targets::Table;
use crate::catalog::workloads::{DurationClass, Ready, Workloads};
use crate::cli::Gate;
use crate::exit::Usage;
use crate::machine::interrupt::Interrupt;
use crate::run::job::Deadlines;

/// Path of the module in a gate of images alone.
const NO_MODULE: &str = "/dev/null";

/// An old and a new build of one program.
#[derive(Debug, Clone)]
pub struct Sides {
    base: Program,
    head: Program,
}

/// Where one side of a gate finds what it runs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its files.
    pub checkout: &'a Checkout,
    /// Its adapters.
    pub table: &'a Table,
    /// The workloads with names that it must not take.
    pub workloads: &'a Workloads,
}

impl Program {
    /// Whether it has a module; otherwise it has an image only.
    pub(super) fn has_module(&self) -> bool {
        self.wasm != Path::new(NO_MODULE)
    }
}

impl Sides {
    /// The program of a gate that names no workload: modules, images, or both. `None` for any other
    /// gate.
    ///
    /// # Errors
    /// [`Usage`] if one side lacks what the other has.
    pub fn of(args: &Gate) -> Result<Option<Self>, Usage> {
        let module = |path: &Option<PathBuf>| {
            path.clone()
                .filter(|path| path.extension().is_some_and(|end| end == "wasm"))
        };
        let (base, head) = (module(&args.base), module(&args.head));
        let images = (&args.base_image, &args.head_image);
        let given = !args.args.is_empty() || args.input.is_some() || args.base_native.is_some();
        if !args.workloads.is_empty() {
            return match given || images != (&None, &None) {
                true => Err(Usage(
                    "--workload is for a workload of bench; leave it out to gate your own program"
                        .to_owned(),
                )),
                false => Ok(None),
            };
        }
        match (base.is_some(), head.is_some()) {
            (false, false) if images == (&None, &None) => {
                return match given {
                    true => Err(Usage(
                        "arguments, --input and --base-native are for a program of your own: name it with --base \
                         old.wasm and --head new.wasm, or with --base-image and --head-image"
                            .to_owned(),
                    )),
                    false => Ok(None),
                };
            }
            (true, true) | (false, false) => {}
            _ => {
                return Err(Usage(
                    "a gate of your own program needs both sides: --base old.wasm --head new.wasm"
                        .to_owned(),
                ));
            }
        }
        Ok(Some(Self {
            base: side(args, base, args.base_native.as_deref(), images.0.as_ref())?,
            head: side(args, head, args.head_native.as_deref(), images.1.as_ref())?,
        }))
    }

    /// The images of base and head, if there are no modules.
    pub fn images(&self) -> Option<[&str; 2]> {
        let image = |one: &'_ Program| !one.has_module() && one.image.is_some();
        match (image(&self.base), &self.base.image, &self.head.image) {
            (true, Some(base), Some(head)) => Some([base, head]),
            _ => None,
        }
    }

    /// Adds a workload to each side. Head must print what base prints. Targets that need something
    /// not given are skipped on both sides.
    ///
    /// # Errors
    /// [`Usage`] if base exits successfully on no target.
    pub fn ready(
        &self,
        [base, head]: [Place<'_>; 2],
        [of_base, of_head]: [&mut Gathered; 2],
        deadlines: Deadlines,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        self.base
            .ready_at(base, of_base, None, deadlines, interrupt)?;
        let like = of_base.workloads.first();
        self.head
            .ready_at(head, of_head, like, deadlines, interrupt)
    }
}

fn side(
    args: &Gate,
    wasm: Option<PathBuf>,
    native: Option<&Path>,
    image: Option<&String>,
) -> Result<Program, Usage> {
    let at = |path: &Path| {
        path.canonicalize()
            .map_err(|error| Usage(format!("cannot gate {}: {error}", path.display())))
    };
    Ok(Program {
        wasm: match &wasm {
            Some(path) => at(path)?,
            None => PathBuf::from(NO_MODULE),
        },
        native: native.map(at).transpose()?,
        image: image.cloned(),
        input: args.input.as_deref().map(at).transpose()?,
        args: args.args.clone(),
        stdin: None,
        env: Vec::new(),
        prepare: None,
        params: Vec::new(),
        variations: vec![Variation::default()],
        name: Some("program"),
    })
}

impl Program {
    fn ready_at(
        &self,
        place: Place<'_>,
        gathered: &mut Gathered,
        like: Option<&Ready>,
        deadlines: Deadlines,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        self.leave_out(gathered);
        let (checkout, table) = (place.checkout, place.table);
        let here = Here {
            checkout,
            table,
            deadlines,
            interrupt,
        };
        // A gated program has no parameters.
        let variation = &Variation::default();
        let workload = self.varied(place.workloads, variation);
        let limit = deadlines.prepare;
        self.fit_image(checkout, table, &workload, gathered, limit, interrupt)?;
        let Some(like) = like else {
            return self.expect(workload, variation, gathered, &here);
        };
        let printed = Printed {
            stdout: like.expected.clone(),
            cpu: match like.duration {
                DurationClass::Heavy => HEAVY * 2,
                DurationClass::Light | DurationClass::Waiting => HEAVY / 2,
            },
        };
        let ready = self.workload(workload, variation, None, printed)?;
        gathered.workloads.push(ready);
        Ok(())
    }
}
