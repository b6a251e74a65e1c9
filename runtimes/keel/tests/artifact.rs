//! An artefact runs like its module, and any damage to it is detected.

use keel::{ArtifactError, Config, Engine, Error, Fuel, Linker, Module, Store, TrapKind};

const WAT: &[u8] = br#"(module (memory (export "memory") 1) (data (i32.const 100) "data")
    (table 2 funcref) (elem (i32.const 0) $five $six)
    (type $t (func (result i32)))
    (func $five (result i32) (i32.const 5)) (func $six (result i32) (i32.const 6))
    (func (export "run") (param i32) (result i32) (call_indirect (type $t) (local.get 0))))"#;

fn artifact(engine: &Engine) -> Vec<u8> {
    Module::new(engine, WAT)
        .expect("a valid module")
        .serialize()
        .expect("it was just made")
        .to_vec()
}

/// Loads an artefact that this test made and may have damaged.
fn load(engine: &Engine, bytes: &[u8]) -> keel::Result<Module> {
    // SAFETY: keel made the code, and checksums detect the random damage of this test.
    unsafe { Module::deserialize(engine, bytes) }
}

fn run(engine: &Engine, module: &Module) -> Result<i32, Error> {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, module)?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
    run.call(&mut store, 1)
}

#[test]
fn a_file_runs_as_the_module_does() {
    let engine = Engine::default();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), artifact(&engine)).expect("writing it");
    // SAFETY: this test wrote the file, and nothing else writes to it.
    let module = unsafe { Module::deserialize_file(&engine, file.path()) };
    let module = module.expect("it is whole");
    assert_eq!(run(&engine, &module).expect("it runs"), 6);
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let engine = Engine::default();
    assert_eq!(artifact(&engine), artifact(&engine));
}

#[test]
fn every_flipped_bit_is_found_out() {
    let engine = Engine::default();
    let whole = artifact(&engine);
    // Every bit of the first page, and one bit of every fifth byte of the rest.
    for at in 0..whole.len() {
        for bit in 0..8 {
            if at > 4096 && (at % 5 != 0 || bit != at % 8) {
                continue;
            }
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            // Bytes between the parts are unused, but the checksums cover them.
            let result = load(&engine, &damaged).and_then(|module| {
                assert!(module.verify().is_err(), "bit {bit} of byte {at:#x}");
                run(&engine, &module)
            });
            let error = result
                .err()
                .unwrap_or_else(|| panic!("bit {bit} of byte {at:#x}"));
            let damage = match &error {
                Error::Artifact(_) => true,
                Error::Trap(trap) => trap.kind == TrapKind::DamagedCode,
                _ => false,
            };
            assert!(damage, "bit {bit} of byte {at:#x}: {error}");
        }
    }
}

#[test]
fn every_truncation_is_found_out() {
    let engine = Engine::default();
    let whole = artifact(&engine);
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let error = load(&engine, &whole[..length]).err();
        assert!(
            matches!(error, Some(Error::Artifact(_))),
            "at {length}: {error:?}"
        );
    }
    let mut longer = whole;
    longer.push(0);
    assert!(load(&engine, &longer).is_err());
}

#[test]
fn an_artefact_of_other_settings_is_refused_by_name() {
    let metered = Engine::new(Config::new().fuel(Fuel::Metered));
    let error = load(&Engine::default(), &artifact(&metered)).err();
    match error {
        Some(Error::Artifact(ArtifactError::Mismatch { what, .. })) => assert_eq!(what, "metering"),
        other => panic!("got {other:?}"),
    }
}

#[test]
fn what_is_no_artefact_is_called_so() {
    let engine = Engine::default();
    let error = load(&engine, &[0; 10_000]).err();
    assert!(
        matches!(
            error,
            Some(Error::Artifact(ArtifactError::NotAnArtifact(_)))
        ),
        "{error:?}"
    );
}

#[test]
fn code_for_a_baseline_cpu_needs_what_that_level_has_and_no_more() {
    let cpu: keel::Cpu = "x86-64-v2".parse().expect("a level");
    let engine = Engine::new(Config::new().cpu(cpu));
    let whole = artifact(&engine);
    let said = String::from_utf8_lossy(&whole);
    let line = said.lines().find_map(|line| line.strip_prefix("cpu="));
    let mut features: Vec<&str> = line
        .expect("a line of features")
        .split_ascii_whitespace()
        .collect();
    features.sort_unstable();
    let level = [
        "has_cmpxchg16b",
        "has_popcnt",
        "has_sse3",
        "has_sse41",
        "has_sse42",
        "has_ssse3",
    ];
    assert_eq!(features, level);
    let engine = Engine::default();
    let module = load(&engine, &whole).expect("every machine has these");
    assert_eq!(run(&engine, &module).expect("it runs"), 6);
}
