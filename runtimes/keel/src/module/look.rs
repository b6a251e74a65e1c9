//! Information about modules that needs no instance.

use super::Module;
use crate::artifact::format::{self, NONE, Section};
#[cfg(feature = "compiler")]
use crate::engine::Engine;
#[cfg(feature = "compiler")]
use crate::error::Result;

impl Module {
    /// Checks that bytes are a valid module with the engine's features, without compiling it.
    ///
    /// # Errors
    /// As [`Module::new`].
    #[cfg(feature = "compiler")]
    pub fn validate(engine: &Engine, wasm: &[u8]) -> Result<()> {
        crate::compile::validate(wasm, &engine.compile_options())
    }

    /// The name and contents of each custom section, in order. Artefacts do not contain them.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if the bytes are not a module.
    #[cfg(feature = "compiler")]
    pub fn custom_sections(wasm: &[u8]) -> Result<Vec<(&str, &[u8])>> {
        let mut found = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(wasm) {
            if let wasmparser::Payload::CustomSection(section) = payload? {
                found.push((section.name(), section.data()));
            }
        }
        Ok(found)
    }

    /// The module's name from its name section.
    pub fn name(&self) -> Option<&str> {
        if !self.artifact().has_sections_for_traps() {
            return None;
        }
        let names: &[format::Name] = self.artifact().section(Section::Names);
        let own = names.last().filter(|name| name.function == NONE)?;
        Some(self.artifact().string(Section::NameStrings, own.name))
    }
}
