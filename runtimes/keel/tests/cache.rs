//! The compilation cache: hits, sharing, eviction, damage and foreign files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use keel::{CodeCache, Config, Engine, Fuel, Linker, Module, Store};

fn engine(cache: &CodeCache) -> Engine {
    Engine::new(Config::new().cache(cache.clone()))
}

fn open(folder: &Path) -> CodeCache {
    CodeCache::open(folder, 1 << 20).expect("a cache")
}

/// A module with a function that returns `number`.
fn answering(number: i32) -> Vec<u8> {
    let text = format!("(module (func (export \"f\") (result i32) (i32.const {number})))");
    wat::parse_str(text).expect("the text is right")
}

fn answer(engine: &Engine, wasm: &[u8]) -> i32 {
    let module = Module::new(engine, wasm).expect("a module");
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, &module);
    let instance = instance.expect("an instance");
    let f = instance.get_typed_func::<(), i32>(&mut store, "f");
    f.expect("it is exported")
        .call(&mut store, ())
        .expect("it runs")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    files.sort();
    files
}

fn counts(cache: &CodeCache) -> (u64, u64) {
    (cache.hits(), cache.misses())
}

#[test]
fn what_was_compiled_once_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    assert_eq!(answer(&engine(&first), &answering(7)), 7);
    let again = open(folder.path());
    assert_eq!(answer(&engine(&again), &answering(7)), 7);
    assert_eq!((counts(&first), counts(&again)), ((0, 1), (1, 0)));
}

#[test]
fn another_module_or_another_setting_is_another_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path());
    assert_eq!(answer(&engine(&cache), &answering(7)), 7);
    assert_eq!(answer(&engine(&cache), &answering(8)), 8);
    let metered = Engine::new(Config::new().fuel(Fuel::Metered).cache(cache.clone()));
    Module::new(&metered, &answering(7)).expect("a module");
    assert_eq!((counts(&cache), entries(folder.path()).len()), ((0, 3), 3));
}

/// Damages every byte of an entry in turn, and truncates the entry after it. The result must stay
/// correct.
#[test]
fn a_damaged_entry_is_compiled_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let wasm = answering(7);
    answer(&engine(&open(folder.path())), &wasm);
    let [entry] = &entries(folder.path())[..] else {
        panic!("one entry was made");
    };
    let whole = fs::read(entry).expect("the entry");
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        for bytes in [&damaged[..], &whole[..at]] {
            fs::write(entry, bytes).expect("a writable entry");
            let cache = open(folder.path());
            assert_eq!(answer(&engine(&cache), &wasm), 7, "byte {at}");
            assert_eq!(counts(&cache), (0, 1), "byte {at} of {}", bytes.len());
            assert_eq!(fs::read(entry).expect("the entry"), whole, "byte {at}");
        }
    }
}

#[test]
fn an_entry_under_another_ones_name_is_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    answer(&engine(&open(folder.path())), &answering(7));
    let seven = entries(folder.path()).remove(0);
    answer(&engine(&open(folder.path())), &answering(8));
    let eight = entries(folder.path())
        .into_iter()
        .find(|file| *file != seven);
    fs::copy(eight.expect("a second entry"), &seven).expect("a copy");
    assert_eq!(answer(&engine(&open(folder.path())), &answering(7)), 7);
}

#[test]
fn an_entry_that_others_can_write_or_that_is_elsewhere_is_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let wasm = answering(7);
    answer(&engine(&open(folder.path())), &wasm);
    let entry = entries(folder.path()).remove(0);
    fs::set_permissions(&entry, Permissions::from_mode(0o666)).expect("our own file");
    let cache = open(folder.path());
    assert_eq!(
        (answer(&engine(&cache), &wasm), counts(&cache)),
        (7, (0, 1))
    );
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&entry, &elsewhere).expect("our own file");
    symlink(&elsewhere, &entry).expect("a link");
    let cache = open(folder.path());
    assert_eq!(
        (answer(&engine(&cache), &wasm), counts(&cache)),
        (7, (0, 1))
    );
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("our own folder");
    let refused = CodeCache::open(folder.path(), 1 << 20).expect_err("anybody can write it");
    let said = keel::command::explain(&refused);
    assert!(said.contains("0700"), "{said}");
}

#[test]
fn the_folder_stays_within_its_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    answer(&engine(&open(folder.path())), &answering(0));
    let one = entries(folder.path())[0].metadata().expect("a file").len();
    let most = 5 * one;
    for number in 1..20 {
        let cache = CodeCache::open(folder.path(), most).expect("a cache");
        assert_eq!(answer(&engine(&cache), &answering(number)), number);
        let entries = entries(folder.path());
        let lengths = entries
            .iter()
            .map(|file| file.metadata().expect("a file").len());
        assert!(lengths.sum::<u64>() <= most, "after {number}");
        // The entry just written must be among the remaining ones.
        assert_eq!(answer(&engine(&cache), &answering(number)), number);
        assert_eq!(counts(&cache), (1, 1));
    }
    let tiny = CodeCache::open(folder.path(), 1).expect("a cache");
    assert_eq!(answer(&engine(&tiny), &answering(99)), 99);
}

#[test]
fn a_vanished_folder_or_a_name_that_is_taken_only_costs_the_compiling() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = open(folder.path());
    let wasm = answering(7);
    answer(&engine(&cache), &wasm);
    let entry = entries(folder.path()).remove(0);
    fs::remove_dir_all(folder.path()).expect("our own folder");
    assert_eq!(answer(&engine(&cache), &wasm), 7);
    fs::create_dir(folder.path()).expect("a folder again");
    fs::create_dir(&entry).expect("a folder where the entry goes");
    assert_eq!(answer(&engine(&cache), &wasm), 7);
    assert_eq!(
        entries(folder.path()),
        [entry],
        "nothing half-written is left"
    );
}

/// A file size limit makes a write fail like a full disk.
#[test]
fn a_full_disk_only_costs_the_compiling() {
    let folder = tempfile::tempdir().expect("a folder");
    let module = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../workloads/wasm/hello.wasm"
    );
    let run = |limit: &str| {
        let script =
            format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" run --cache \"$1\" \"$2\"");
        let ran = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_keel")])
            .arg(folder.path())
            .arg(module)
            .output()
            .expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "hello, world\n");
        entries(folder.path()).len()
    };
    assert_eq!(run("1"), 0);
    assert_eq!(run("unlimited"), 1);
    assert_eq!(run("1"), 1);
}

#[test]
fn many_threads_and_caches_share_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let folder = folder.path();
            scope.spawn(move || {
                for round in 0..40 {
                    let number = (thread * 7 + round) % 5;
                    let cache = CodeCache::open(folder, 6 << 10).expect("a cache");
                    assert_eq!(answer(&engine(&cache), &answering(number)), number);
                }
            });
        }
    });
    let left = entries(folder.path());
    assert!(
        left.iter()
            .all(|file| file.extension().is_some_and(|end| end == "keel")),
        "{left:?}"
    );
}
