//! What the commands that compile have in common.

use std::path::Path;

use anyhow::Context as _;
use keel::{Config, Engine, Fuel, Module};

/// An engine that meters fuel or does not.
pub(crate) fn engine(fuel: Fuel) -> Engine {
    Engine::new(Config::new().fuel(fuel))
}

/// The module in a file: an artefact is mapped, anything else compiled.
pub(crate) fn load(engine: &Engine, path: &Path) -> anyhow::Result<Module> {
    let module = if path
        .extension()
        .is_some_and(|extension| extension == "keel")
    {
        Module::deserialize_file(engine, path)
    } else {
        Module::from_file(engine, path)
    };
    module.with_context(|| path.display().to_string())
}
