//! `assemble TEXT.wat MODULE.wasm`: assembles a module from text format.

use std::fs;

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [text, module] = &args[..] else {
        bail!("usage: assemble TEXT.wat MODULE.wasm");
    };
    let encoded = wat::parse_file(text).with_context(|| format!("reading {text}"))?;
    fs::write(module, encoded).with_context(|| format!("writing {module}"))
}
