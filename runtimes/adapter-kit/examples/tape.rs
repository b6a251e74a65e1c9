//! A complete adapter with a complete engine, small enough to read in one sitting. The engine runs the eight-command
//! tape language, with `-` as decrement. It shows the structure of an adapter, and the kit's tests run against it. It
//! also prints to stdout on purpose, as a badly behaved engine might.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_adapter::guest::Guest;
use plimsoll_adapter::protocol::{
    Availability, Done, Hello, Measure, PROTOCOL, Prepare, Prepared, Sample, Target,
};
use plimsoll_adapter::record::run::TargetKind;
use plimsoll_adapter::record::{Step, TargetId};
use plimsoll_adapter::timed::{self, Engine};
use plimsoll_adapter::{Adapter, Error, adapter_main, artefact};

struct Tape;

/// A program, and the position of each bracket's partner.
struct Module {
    commands: Vec<u8>,
    partner: Vec<usize>,
}

struct Instance {
    commands: Vec<u8>,
    partner: Vec<usize>,
    tape: Vec<u8>,
    stdout: Vec<u8>,
}

impl Engine for Tape {
    type Module = Module;
    type Instance = Instance;

    fn compile(&self, source: &[u8]) -> Result<Module, Error> {
        println!("this must not reach the protocol");
        let commands: Vec<u8> = source
            .iter()
            .copied()
            .filter(|byte| b"+-<>[].,".contains(byte))
            .collect();
        let mut partner = vec![0; commands.len()];
        let mut open = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            match command {
                b'[' => open.push(at),
                b']' => {
                    let start = open.pop().ok_or_else(|| {
                        Error::Failed(format!("command {at} closes a loop that is not open"))
                    })?;
                    partner[at] = start;
                    partner[start] = at;
                }
                _ => {}
            }
        }
        match open.pop() {
            None => Ok(Module { commands, partner }),
            Some(at) => Err(Error::Failed(format!(
                "the loop at command {at} never ends"
            ))),
        }
    }

    fn load(&self, artefact: &Path) -> Result<Module, Error> {
        let commands = std::fs::read(artefact)
            .map_err(|error| Error::failed(format!("loading {}", artefact.display()), error))?;
        self.compile(&commands)
    }

    fn instantiate(&self, module: &Module, _guest: &Guest) -> Result<Instance, Error> {
        Ok(Instance {
            commands: module.commands.clone(),
            partner: module.partner.clone(),
            tape: vec![0; 30_000],
            stdout: Vec::new(),
        })
    }

    fn start(&self, instance: &mut Instance) -> Result<i32, Error> {
        println!("nor this");
        let (mut at, mut cell) = (0, 0);
        while let Some(command) = instance.commands.get(at) {
            let value = instance
                .tape
                .get_mut(cell)
                .ok_or_else(|| Error::Failed(format!("trap: command {at} is off the tape")))?;
            match command {
                b'+' => *value = value.wrapping_add(1),
                b'-' => *value = value.wrapping_sub(1),
                b'>' => cell += 1,
                b'<' => cell = cell.wrapping_sub(1),
                b'[' if *value == 0 => at = instance.partner[at],
                b']' if *value != 0 => at = instance.partner[at],
                b'.' => instance.stdout.push(*value),
                // Stdin is at end of file.
                b',' => *value = 0,
                _ => {}
            }
            at += 1;
        }
        Ok(0)
    }

    fn finish(&self, instance: Instance) -> Vec<u8> {
        instance.stdout
    }
}

impl Adapter for Tape {
    fn hello(&mut self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            adapter: concat!("tape ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: "tape".to_owned(),
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            targets: vec![Target {
                id: TargetId::from("tape"),
                kind: TargetKind::Wasm,
                availability: Availability::Available,
                steps: vec![Step::Instantiate, Step::Load, Step::Compile],
                configuration: BTreeMap::from([("cells".to_owned(), "30000".to_owned())]),
                programs: Vec::new(),
            }],
        }
    }

    fn prepare(&mut self, request: &Prepare) -> Result<Prepared, Error> {
        let source = artefact::read_wasm(&request.workload.wasm)?;
        let module = self.compile(&source)?;
        let made = artefact::write(&path(&request.scratch), "commands", &module.commands)?;
        Ok(Prepared {
            launch: None,
            artefacts: vec![made],
        })
    }

    fn measure(
        &mut self,
        request: &Measure,
        samples: &mut dyn FnMut(Sample),
    ) -> Result<Done, Error> {
        assert!(
            !request.workload.args.iter().any(|arg| arg == "panic"),
            "the guest asked for it"
        );
        timed::measure(self, request, &path(&request.scratch), samples)
    }
}

fn path(scratch: &Path) -> PathBuf {
    scratch.join("program.tape")
}

adapter_main!(Tape);
