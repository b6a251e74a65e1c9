//! What the commands that compile have in common.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use keel::{Config, Cpu, Engine, Fuel, Module};

/// An engine that meters fuel or does not.
pub(crate) fn engine(fuel: Fuel) -> Engine {
    Engine::new(Config::new().fuel(fuel))
}

/// An engine that compiles for a CPU.
pub(crate) fn engine_for(fuel: Fuel, cpu: Cpu) -> Engine {
    Engine::new(Config::new().fuel(fuel).cpu(cpu))
}

/// The bytes of the module in a file, text taken for what it says.
pub(crate) fn wasm(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let wasm = wat::parse_bytes(&bytes).with_context(|| path.display().to_string())?;
    Ok(wasm.into_owned())
}

/// The module in a file: an artefact, by its name or its first bytes, is mapped, anything else compiled.
pub(crate) fn load(engine: &Engine, path: &Path) -> anyhow::Result<Module> {
    let named = path.extension().is_some_and(|name| name == "keel");
    let module = if named || starts_as_artifact(path) {
        Module::deserialize_file(engine, path)
    } else {
        Module::from_file(engine, path)
    };
    module.with_context(|| path.display().to_string())
}

/// Whether a file can be read and starts as an artefact does.
fn starts_as_artifact(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && keel::is_artifact(&start)
}
