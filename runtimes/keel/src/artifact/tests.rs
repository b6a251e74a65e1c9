//! Intact artefacts that were made by or for something else are rejected with the name of the
//! difference.

use super::format::{self, Header, Section};
use super::{Artifact, ArtifactError, fingerprint};
use crate::engine::Engine;
use crate::error::Error;
use crate::module::Module;

/// A real artefact, with one word of its fingerprint replaced by one of the same length.
fn with_word(from: &str, to: &str) -> Vec<u8> {
    let engine = Engine::default();
    let mut bytes = engine
        .compile(b"\0asm\x01\0\0\0")
        .expect("an empty module compiles");
    let artifact = Artifact::from_bytes(&bytes, engine.metering()).expect("it is whole");
    let mut header = *artifact.header();
    let span = header.sections[Section::Fingerprint as usize];
    let fingerprint = &mut bytes[span.start as usize..][..span.length as usize];
    let text = String::from_utf8(fingerprint.to_vec()).expect("it is text");
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
    fingerprint.copy_from_slice(text.replacen(from, to, 1).as_bytes());
    let description = &bytes[..header.lazy_start as usize];
    header.checksum = format::description_checksum(&header, description);
    bytes[..size_of::<Header>()].copy_from_slice(format::bytes_of(&[header]));
    bytes
}

/// Loads an artefact that this test made and may have altered.
fn load(engine: &Engine, bytes: &[u8]) -> crate::error::Result<Module> {
    // SAFETY: keel made the code, and no test runs code of an altered artefact.
    unsafe { Module::deserialize(engine, bytes) }
}

/// The three parts of the error: what differs, what was found, what was expected.
fn refusal(bytes: &[u8]) -> (String, String, String) {
    match load(&Engine::default(), bytes).err() {
        Some(Error::Artifact(ArtifactError::Mismatch {
            what,
            found,
            expected,
        })) => (what, found, expected),
        other => panic!("it was not refused for what it was made by: {other:?}"),
    }
}

fn says(refusal: (String, String, String), what: &str, found: &str, expected: &str) {
    let told = (refusal.0.as_str(), refusal.1.as_str(), refusal.2.as_str());
    assert_eq!(told, (what, found, expected));
}

#[test]
fn the_same_word_is_no_difference() {
    let bytes = with_word("opt_level=speed", "opt_level=speed");
    load(&Engine::default(), &bytes).expect("nothing differs");
}

#[test]
fn an_artefact_of_another_keel_is_refused_by_its_version() {
    let version = env!("CARGO_PKG_VERSION");
    let older = "9".repeat(version.len());
    let bytes = with_word(&format!("keel={version}\n"), &format!("keel={older}\n"));
    says(
        refusal(&bytes),
        "keel",
        &format!("`{older}`"),
        &format!("`{version}`"),
    );
}

#[test]
fn an_artefact_of_another_code_generator_is_refused_by_its_version() {
    let version = cranelift_codegen::VERSION;
    let older = "0".repeat(version.len());
    let from = format!("compiler={version}\n");
    let bytes = with_word(&from, &format!("compiler={older}\n"));
    says(
        refusal(&bytes),
        "compiler",
        &format!("`{older}`"),
        &format!("`{version}`"),
    );
}

#[test]
fn an_artefact_of_other_settings_is_refused_by_the_setting() {
    let bytes = with_word("opt_level=speed", "opt_level=other");
    says(refusal(&bytes), "setting `opt_level`", "`other`", "`speed`");

    // Sandboxing relies on this setting.
    let (from, to) = ("enable_probestack=true", "enable_probestack=nope");
    says(
        refusal(&with_word(from, to)),
        "setting `enable_probestack`",
        "`nope`",
        "`true`",
    );
}

#[test]
fn an_artefact_with_a_setting_too_few_or_too_many_is_refused_by_it() {
    let bytes = with_word("is_pic=false", "as_pic=false");
    says(refusal(&bytes), "setting `is_pic`", "nothing", "`false`");

    let engine = Engine::default();
    let bytes = engine.compile(b"\0asm\x01\0\0\0").expect("it compiles");
    let artifact = Artifact::from_bytes(&bytes, engine.metering()).expect("it is whole");
    let text = artifact.section::<u8>(Section::Fingerprint);
    let text = std::str::from_utf8(text).expect("it is text");
    let more = text.replace("is_pic=false", "is_pic=false enable_pinned_reg=true");
    let said = fingerprint::check(&more, engine.metering()).expect_err("one too many");
    assert!(
        said.to_string()
            .contains("setting `enable_pinned_reg`: found `true`, need nothing"),
        "{said}"
    );
    let twice = text.replace("is_pic=false", "is_pic=false is_pic=false");
    assert!(fingerprint::check(&twice, engine.metering()).is_err());
}

#[test]
fn an_artefact_for_another_cpu_is_refused_by_the_feature() {
    // Every supported x86-64 CPU has SSE3, so it is always in the list.
    let bytes = with_word("has_sse3", "has_sse9");
    says(
        refusal(&bytes),
        "CPU",
        "code that needs `has_sse9`",
        "code for this CPU, which lacks it",
    );
}

/// Artefacts with an altered description and corrected checksums.
const CHANGED: u32 = 10_000;

/// A module with at least one record of each kind.
const EVERYTHING: &[u8] = br#"(module $all
    (type $long (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result f64)))
    (type $short (func (param i32) (result i32)))
    (import "a" "f" (func (type $short))) (import "a" "g" (global i32))
    (import "a" "t" (table 1 funcref)) (import "a" "m" (memory 1))
    (memory (export "memory") 1 2) (data (i32.const 8) "abc") (data $d "passive") (data (memory 1) (global.get 0) "x")
    (table (export "t") 4 8 funcref) (table 2 funcref) (elem (table 2) (i32.const 0) func 0 1)
    (elem (table 1) (global.get 0) func 1) (elem $e func 0 1) (elem declare func 2)
    (global (export "g") (mut i64) (i64.const 5)) (global i32 (i32.add (global.get 0) (i32.const 1)))
    (global funcref (ref.func 1))
    (func (export "one") (type $short) (call_indirect 2 (type $short) (local.get 0) (i32.const 0)))
    (func (type $long) (unreachable)) (func $start (memory.init 1 $d (i32.const 0) (i32.const 0) (i32.const 1)))
    (start $start))"#;

#[test]
fn what_was_written_wrong_is_refused_or_read_without_harm() {
    let engine = Engine::default();
    let wasm = wat::parse_bytes(EVERYTHING).expect("text");
    let whole = engine.compile(&wasm).expect("it compiles");
    load(&engine, &whole).expect("whole, it is good");
    let lazy_start = {
        let artifact = Artifact::from_bytes(&whole, engine.metering()).expect("it is whole");
        artifact.header().lazy_start as usize
    };
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut number = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut refused, mut read) = (0, 0);
    for _ in 0..CHANGED {
        let mut changed = whole.clone();
        for _ in 0..=number(3) {
            let at = number(lazy_start);
            changed[at] = match number(4) {
                0 => 0xff,
                1 => 0,
                2 => changed[at].wrapping_add(1),
                _ => number(256) as u8,
            };
        }
        sign(&mut changed);
        match load(&engine, &changed) {
            Err(Error::Artifact(_) | Error::Limit(_)) => refused += 1,
            Err(other) => panic!("not the artefact's error: {other}"),
            Ok(module) => {
                let names = module.imports().len()
                    + module.exports().map(|(name, _)| name.len()).sum::<usize>();
                assert!(names + module.describe().len() > 0);
                let _ = (module.name(), module.verify());
                read += 1;
            }
        }
    }
    assert!(
        refused > CHANGED / 10 && read > CHANGED / 100,
        "{refused} refused, {read} read"
    );
}

/// Recomputes an artefact's checksums, as far as its header locates them.
fn sign(bytes: &mut [u8]) {
    // SAFETY: an artefact starts with a header, and any bytes are a valid header.
    let mut header = unsafe { bytes.as_ptr().cast::<Header>().read_unaligned() };
    let lazy_start = header.lazy_start as usize;
    let description = bytes
        .get(size_of::<Header>()..lazy_start)
        .map(|_| &bytes[..lazy_start]);
    if let Some(description) = description {
        header.checksum = format::description_checksum(&header, description);
        bytes[..size_of::<Header>()].copy_from_slice(format::bytes_of(&[header]));
    }
}
