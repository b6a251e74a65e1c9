//! Modules in `tests/corpus` behave as recorded beside them: on keel in a new slot, in a reused
//! slot, and metered. The records are from Wasmtime; the package `differential`, in Wasmtime's
//! adapter, adds to them.

use std::path::{Path, PathBuf};

use keel::Fuel;

mod machine;

use machine::{Keel, describe_in_every_way};

fn modules() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut modules: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    modules.sort();
    modules
}

/// Runs `work` on a thread with the stack that modules may use.
fn with_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 * outcome::host::STACK_BYTES);
    let thread = thread.spawn(work).expect("a thread starts");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_corpus_does_what_is_recorded() {
    with_stack(|| {
        let (plain, metered) = (Keel::new(Fuel::Off), Keel::new(Fuel::Metered));
        let modules = modules();
        assert!(modules.len() >= 30, "only {} modules", modules.len());
        for path in modules {
            let wasm = std::fs::read(&path).expect("it can be read");
            let recorded = std::fs::read_to_string(path.with_extension("txt")).expect("a record");
            let now = describe_in_every_way(&plain, &metered, &wasm);
            assert_eq!(now, recorded, "{}", path.display());
        }
    });
}

#[test]
fn a_record_that_is_wrong_in_one_place_is_noticed() {
    with_stack(|| {
        let (plain, metered) = (Keel::new(Fuel::Off), Keel::new(Fuel::Metered));
        let path = modules().into_iter().next().expect("there are modules");
        let wasm = std::fs::read(&path).expect("it can be read");
        let now = describe_in_every_way(&plain, &metered, &wasm);
        // Flips one bit of the module, to imitate a wrong compiler.
        let differs = (8..wasm.len()).any(|at| {
            let mut changed = wasm.clone();
            changed[at] ^= 1;
            describe_in_every_way(&plain, &metered, &changed) != now
        });
        assert!(differs);
    });
}
