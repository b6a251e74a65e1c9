//! Engines and modules for the commands that compile.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context as _, bail};
use keel::{CodeCache, Config, Cpu, Engine, Fuel, Module};

/// An engine with or without fuel metering.
pub(crate) fn engine(fuel: Fuel) -> Engine {
    Engine::new(Config::new().fuel(fuel))
}

/// The maximum size of a compilation cache folder, bytes.
const CACHE_BYTES: u64 = 1 << 30;

/// An engine with a compilation cache in `folder`, if there is one.
pub(crate) fn caching(fuel: Fuel, folder: Option<&Path>) -> anyhow::Result<Engine> {
    let config = Config::new().fuel(fuel);
    Ok(Engine::new(match folder {
        Some(folder) => config.cache(CodeCache::open(folder, CACHE_BYTES)?),
        None => config,
    }))
}

/// An engine that compiles for `cpu`.
pub(crate) fn engine_for(fuel: Fuel, cpu: Cpu) -> Engine {
    Engine::new(Config::new().fuel(fuel).cpu(cpu))
}

/// The module in a file or, for `-`, from standard input. Text format is assembled.
pub(crate) fn wasm(file: &OsStr) -> anyhow::Result<Vec<u8>> {
    let shown = file.to_string_lossy();
    let bytes = keel::command::read(file).with_context(|| format!("reading {shown}"))?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    if keel::is_artifact(&bytes) {
        bail!(
            "{shown} is an artefact, native code: `keel run --artifact` and `keel inspect --artifact` \
             take one that you trust"
        );
    }
    let text = std::str::from_utf8(&bytes).ok();
    let text = text.filter(|text| is_text(text));
    let Some(text) = text else {
        bail!(
            "{shown} is not WebAssembly: neither a module (it does not start with \\0asm) nor its text"
        );
    };
    let parsed = wat::parse_str(text).map_err(|mut error| {
        error.set_path(Path::new(file));
        error
    });
    Ok(parsed?)
}

/// Whether the text starts like a module, after space and comments.
fn is_text(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix(";;") {
        let end = comment.find('\n').unwrap_or(comment.len());
        rest = comment[end..].trim_start();
    }
    rest.starts_with('(')
}

/// Loads an artefact that the user trusts, from a file or standard input.
pub(crate) fn artifact(engine: &Engine, file: &OsStr) -> anyhow::Result<Module> {
    let module = match file == "-" {
        true => {
            let bytes = keel::command::read(file).context("reading standard input")?;
            // SAFETY: with `--artifact`, the user states that the code can be trusted.
            unsafe { Module::deserialize(engine, &bytes) }
        }
        // SAFETY: as above.
        false => unsafe { Module::deserialize_file(engine, file) },
    };
    module.with_context(|| file.to_string_lossy().into_owned())
}

/// Prints to standard output, and succeeds silently if the reader has closed it.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}
