//! Damaged modules and artefacts never harm the host: they are rejected with an error, or still
//! valid.
//!
//! The work runs in a child process, so that a crash is an ordinary test failure.

use std::path::{Path, PathBuf};
use std::process::Command;

use keel::{Config, Engine, Error, Fuel, Limits, Linker, Module, Store};
use outcome::digest::Numbers;

/// The environment variable that names the child's part of the work.
const PART: &str = "KEEL_MALFORMED_PART";

/// Runs a part of the work in a child process, which must exit successfully.
fn survives(part: &str) {
    let program = std::env::current_exe().expect("a test has a program");
    let output = Command::new(program)
        .args(["--exact", "the_child", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("came to its end"),
        "{part}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs the part that [`survives`] selected; otherwise passes without work.
#[test]
fn the_child() {
    match std::env::var(PART).as_deref() {
        Ok("modules") => damaged_modules(),
        Ok("truncated") => truncated_artefacts(),
        Ok("flipped") => flipped_artefacts(),
        Ok("crash") => std::process::abort(),
        _ => return,
    }
    println!("came to its end");
}

#[test]
fn damaged_modules_are_refused_or_compile() {
    survives("modules");
}

#[test]
fn truncated_artefacts_are_refused() {
    survives("truncated");
}

#[test]
fn artefacts_with_flipped_bits_are_refused_or_harmless() {
    survives("flipped");
}

#[test]
#[should_panic(expected = "signal: 6")]
fn a_crash_would_be_noticed() {
    survives("crash");
}

/// The modules of the workloads and of the corpus.
fn modules() -> Vec<(PathBuf, Vec<u8>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [here.join("tests/corpus"), here.join("../../workloads/wasm")];
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("the folder is there"))
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    paths.sort();
    assert!(paths.len() > 20, "only {} modules", paths.len());
    let read = |path: PathBuf| {
        let wasm = std::fs::read(&path).expect("it can be read");
        (path, wasm)
    };
    paths.into_iter().map(read).collect()
}

/// Damages a module in one of several ways.
fn damage(wasm: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut damaged = wasm.to_vec();
    let place = |numbers: &mut Numbers| numbers.below(wasm.len() as u64) as usize;
    match numbers.below(6) {
        0 => damaged.truncate(place(numbers)),
        1 => {
            let at = place(numbers);
            damaged.remove(at);
        }
        2 => damaged.insert(place(numbers), numbers.next_number() as u8),
        3 => {
            // Copies a range to another place.
            let (from, to) = (place(numbers), place(numbers));
            let length = numbers.below(64) as usize;
            let piece = wasm[from..(from + length).min(wasm.len())].to_vec();
            damaged.splice(to..to, piece);
        }
        flips => {
            for _ in 0..1 << ((flips - 4) * 3) {
                let at = place(numbers);
                damaged[at] ^= 1 << numbers.below(8);
            }
        }
    }
    damaged
}

fn damaged_modules() {
    let engine = Engine::default();
    let mut numbers = Numbers::new(11);
    let (mut refused, mut compiled) = (0, 0);
    for (path, wasm) in modules() {
        let tries = if wasm.len() > 100 << 10 { 8 } else { 60 };
        for attempt in 0..tries {
            let damaged = damage(&wasm, &mut numbers);
            eprintln!("{} {attempt}", path.display());
            match engine.compile(&damaged) {
                Ok(_) => compiled += 1,
                Err(Error::Invalid { offset, .. }) => {
                    assert!(offset <= damaged.len() as u64);
                    refused += 1;
                }
                Err(Error::Unsupported(_) | Error::Limit(_)) => refused += 1,
                Err(other) => panic!("refused for no reason of its own: {other}"),
            }
        }
    }
    assert!(refused > 100 && compiled > 0, "{refused} and {compiled}");
}

/// Artefacts of a small and a larger module.
fn artefacts(engine: &Engine) -> Vec<Vec<u8>> {
    let modules = modules();
    let mut sizes: Vec<usize> = (0..modules.len()).collect();
    sizes.sort_by_key(|module| modules[*module].1.len());
    [0, sizes.len() / 2, sizes.len() * 3 / 4]
        .map(|place| &modules[sizes[place]].1)
        .map(|wasm| engine.compile(wasm).expect("it compiles"))
        .to_vec()
}

/// Loads an artefact that this test made and may have damaged.
fn load(engine: &Engine, bytes: &[u8]) -> keel::Result<Module> {
    // SAFETY: keel made the code, and checksums detect the random damage of this test.
    unsafe { Module::deserialize(engine, bytes) }
}

fn truncated_artefacts() {
    let engine = Engine::default();
    let mut numbers = Numbers::new(12);
    for whole in artefacts(&engine) {
        let pages = (0..whole.len()).step_by(4096);
        let before = (0..whole.len())
            .step_by(4096)
            .map(|page| page.saturating_sub(1));
        let anywhere: Vec<usize> = (0..200)
            .map(|_| numbers.below(whole.len() as u64) as usize)
            .collect();
        for length in pages.chain(before).chain(anywhere) {
            let error = load(&engine, &whole[..length]).err();
            assert!(
                matches!(error, Some(Error::Artifact(_))),
                "at {length}: {error:?}"
            );
        }
        load(&engine, &whole).expect("whole, it is good");
    }
}

fn flipped_artefacts() {
    let engine = Engine::default();
    let mut numbers = Numbers::new(13);
    let mut refused = 0;
    for whole in artefacts(&engine) {
        let anywhere: Vec<usize> = (0..400)
            .map(|_| numbers.below(whole.len() as u64) as usize)
            .collect();
        for at in (0..512).chain(anywhere) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << numbers.below(8);
            eprintln!("byte {at:#x} of {:#x}", whole.len());
            match load(&engine, &damaged) {
                Err(Error::Artifact(_)) => refused += 1,
                Err(other) => panic!("byte {at:#x}: not the artefact's error: {other}"),
                // The damage is in a part that is verified on first use, and must be harmless then
                // too.
                Ok(module) => use_it(&engine, &module),
            }
        }
    }
    assert!(refused > 1000, "only {refused} refused");
}

/// Calls the exports that need no arguments. They may fail with an error, but not otherwise.
fn use_it(engine: &Engine, module: &Module) {
    let mut store = Store::new(engine, ());
    store.set_limits(Limits {
        memory_bytes: 64 << 20,
        table_elements: 10_000,
        ..Limits::default()
    });
    store
        .set_timeout(Some(std::time::Duration::from_secs(1)))
        .expect("a thread");
    let Ok(instance) = Linker::new(engine).instantiate(&mut store, module) else {
        return;
    };
    let names: Vec<String> = module.exports().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        if let Ok(func) = instance.get_typed_func::<(), ()>(&mut store, &name) {
            let _ = func.call(&mut store, ());
        }
    }
}

#[test]
fn an_artefact_of_another_format_or_metering_is_refused_by_that_name() {
    let engine = Engine::default();
    let whole = engine.compile(b"\0asm\x01\0\0\0").expect("an empty module");
    // The field after the eight bytes that are equal in all versions.
    let mut newer = whole.clone();
    newer[8] = newer[8].wrapping_add(1);
    let message = |engine: &Engine, bytes: &[u8]| match load(engine, bytes) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was accepted"),
    };
    let said = message(&engine, &newer);
    assert!(
        said.contains("artefact of another format version"),
        "{said}"
    );
    let metered = Engine::new(Config::new().fuel(Fuel::Metered));
    let said = message(&metered, &whole);
    assert!(said.contains("artefact of another metering"), "{said}");
}
