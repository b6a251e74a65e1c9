//! Inspection of the code that the compiler generates and of the layout of contexts.

use std::fmt::Write as _;

use crate::artifact::format::{SECTIONS, Section};
use crate::engine::Engine;
use crate::error::Result;
use crate::module::Module;
use crate::module::layout;

/// The intermediate representation and machine code of a function.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Cranelift's intermediate representation before optimisation.
    pub clif: String,
    /// The machine code, disassembled.
    pub assembly: String,
}

impl Engine {
    /// Compiles a module and returns the code of the function with this index.
    ///
    /// # Errors
    /// As [`Module::new`]; [`Error::Limit`](crate::Error::Limit) if the module defines no such
    /// function.
    pub fn inspect_function(&self, wasm: &[u8], function: u32) -> Result<Inspection> {
        let isa = self.isa()?;
        let (clif, assembly) =
            crate::compile::inspect(wasm, &**isa, &self.compile_options(), function)?;
        Ok(Inspection { clif, assembly })
    }
}

impl Module {
    /// Describes the module's artefact and context for people, one part per line.
    pub fn describe(&self) -> String {
        let header = self.artifact().header();
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "artefact: {} bytes, format {}",
            header.file_length, header.format
        );
        for line in String::from_utf8_lossy(self.artifact().section(Section::Fingerprint)).lines() {
            let _ = writeln!(out, "  {line}");
        }
        let _ = writeln!(
            out,
            "  text: {} bytes at {:#x}",
            header.text_length, header.text_start
        );
        let _ = writeln!(
            out,
            "  image: {} bytes at {:#x}, for address {:#x}",
            header.image_length, header.image_start, header.image_address
        );
        for (i, span) in header.sections.iter().enumerate().take(SECTIONS) {
            let _ = writeln!(
                out,
                "  section {i}: {} records at {:#x}",
                span.length, span.start
            );
        }
        let _ = writeln!(
            out,
            "context: {} bytes below memory 0",
            self.layout().size()
        );
        for (name, offset) in [
            ("stack limit", layout::STACK_LIMIT),
            ("memory 0", layout::MEMORY_0),
            ("runtime functions", layout::LIBCALLS),
            ("store", layout::STORE),
            ("instance", layout::INSTANCE),
            ("fuel", layout::FUEL),
        ] {
            let _ = writeln!(out, "  {offset:>6}: {name}");
        }
        let counts = header.counts;
        for i in 0..counts.globals {
            let _ = writeln!(
                out,
                "  {:>6}: global {}",
                self.layout().global(i),
                counts.imported_globals + i
            );
        }
        for i in 0..counts.imported_functions {
            let _ = writeln!(
                out,
                "  {:>6}: imported function {i}",
                self.layout().imported_function(i)
            );
        }
        for i in 0..counts.function_records {
            let _ = writeln!(
                out,
                "  {:>6}: function record {i}",
                self.layout().function_record(i)
            );
        }
        out
    }
}
