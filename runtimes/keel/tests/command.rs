//! `keel run` and `keel-run` give the same output and exit code for the same command line.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Prints its arguments after the first, each with a newline.
const ARGUMENTS: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $length))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") (local $i i32) (local $at i32) (local $end i32)
    (drop (call $sizes (i32.const 16) (i32.const 20)))
    (drop (call $get (i32.const 1024) (i32.const 4096)))
    (i32.store8 (i32.const 32) (i32.const 10))
    (local.set $i (i32.const 1))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (i32.load (i32.const 16))))
      (local.set $at (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 4)))))
      (local.set $end (local.get $at))
      (loop $scan
        (if (i32.load8_u (local.get $end))
          (then (local.set $end (i32.add (local.get $end) (i32.const 1))) (br $scan))))
      (call $print (local.get $at) (i32.sub (local.get $end) (local.get $at)))
      (call $print (i32.const 32) (i32.const 1))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))))"#;

/// Copies standard input to standard output; exits with 9 if reading fails.
const CAT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1024))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $exit (i32.const 9))))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8))
        (then
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
          (br $more))))))"#;

/// Exits with 3 if a directory is granted, otherwise with 4.
const GRANTED: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (call $exit (select (i32.const 4) (i32.const 3) (call $stat (i32.const 3) (i32.const 0))))))"#;

/// Traps in a function named with a terminal control sequence.
const TRAP: &str = "(module (memory (export \"memory\") 1)
  (func $\"\\1b[31mred\" (unreachable)) (func (export \"_start\") (call $\"\\1b[31mred\")))";
const RECURSION: &str = r#"(module (func $f (export "_start") (local v128 v128) (call $f)
  (drop (i8x16.add (local.get 0) (local.get 1)))))"#;
const UNKNOWN: &str = r#"(module (import "host" "call" (func $call)) (memory (export "memory") 1)
  (func (export "_start") (call $call)))"#;
const LARGE: &str = r#"(module (memory (export "memory") 2) (func (export "_start")))"#;
const ENDLESS: &str =
    r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#;

/// A reactor with an export that returns the value set by `_initialize`.
const REACTOR: &str = r#"(module (memory (export "memory") 1) (global $set (mut i32) (i32.const 1))
  (func (export "_initialize") (global.set $set (i32.const 42)))
  (func (export "get") (result i32) (global.get $set)) (func (export "fails") (unreachable)))"#;

/// A command under test, with the words before the options.
struct Runner {
    program: PathBuf,
    words: &'static [&'static str],
    extension: &'static str,
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for (name, text) in [
                ("arguments", ARGUMENTS),
                ("cat", CAT),
                ("granted", GRANTED),
                ("trap", TRAP),
                ("recursion", RECURSION),
                ("unknown", UNKNOWN),
                ("large", LARGE),
                ("endless", ENDLESS),
                ("reactor", REACTOR),
            ] {
                let wat = folder.path().join(name).with_extension("wat");
                std::fs::write(&wat, text).expect("writing it");
                let keel = || Command::new(env!("CARGO_BIN_EXE_keel"));
                let done = keel().arg("compile").arg(&wat).status();
                assert!(done.expect("keel starts").success(), "{name}");
                let metered = folder.path().join(format!("{name}-metered.keel"));
                let mut metering = keel();
                metering.args(["compile", "--metered", "-o"]).arg(metered);
                let done = metering.arg(&wat).status();
                assert!(done.expect("keel starts").success(), "{name}");
                let twin = folder.path().join(format!("{name}-metered.wat"));
                std::fs::copy(&wat, twin).expect("copying it");
            }
            folder
        })
        .path()
}

/// Both commands. The loader is in another package, so it is built here if it is missing.
fn runners() -> [Runner; 2] {
    let keel = PathBuf::from(env!("CARGO_BIN_EXE_keel"));
    let loader = keel.with_file_name("keel-run");
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "keel-run"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.expect("cargo starts").success());
    });
    [
        Runner {
            program: keel,
            words: &["run"],
            extension: "wat",
        },
        Runner {
            program: loader,
            words: &[],
            extension: "keel",
        },
    ]
}

impl Runner {
    /// The command with these words. `@NAME` stands for the file of a program.
    fn command(&self, words: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.words).current_dir(folder());
        command.stdin(Stdio::null());
        for word in words {
            match word.as_bytes().strip_prefix(b"@") {
                Some(name) => {
                    let file = Path::new(OsStr::from_bytes(name)).with_extension(self.extension);
                    command.arg(file)
                }
                None => command.arg(word),
            };
        }
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        self.command(&words).output().expect("it starts")
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn words_mean_the_same_to_both() {
    // Words, exit code, expected standard output if it matters, required part of standard error.
    let table: &[(&[&str], i32, &str, &str)] = &[
        (
            &["@arguments", "--dir=/", "--help"],
            0,
            "--dir=/\n--help\n",
            "",
        ),
        (&["@arguments", "--dir", "/"], 0, "--dir\n/\n", ""),
        (&["@arguments", "--fuel", "0"], 0, "--fuel\n0\n", ""),
        (&["@arguments", "--", "--dir=/"], 0, "--\n--dir=/\n", ""),
        (&["@arguments", "-", "", "-x"], 0, "-\n\n-x\n", ""),
        (&["--", "@arguments", "a"], 0, "a\n", ""),
        (&["--timeout", "60", "@arguments", "a"], 0, "a\n", ""),
        (&["--timeout=60", "@arguments"], 0, "", ""),
        (&["@granted"], 4, "", ""),
        (&["@granted", "--dir=/"], 4, "", ""),
        (&["@granted", "--", "--dir=/"], 4, "", ""),
        (&["--dir=.", "@granted"], 3, "", ""),
        (&["--dir", ".::guest::ro", "@granted"], 3, "", ""),
        (&["--fuel=100000", "@granted-metered"], 4, "", ""),
        (
            &["--fuel=1", "@granted-metered"],
            134,
            "",
            "all fuel consumed",
        ),
        (&["@trap"], 134, "", "trap: unreachable"),
        (&["@recursion"], 134, "", "call stack exhausted"),
        (&["--invoke", "get", "@reactor"], 0, "42\n", ""),
        (&["--invoke=fails", "@reactor"], 134, "", "unreachable"),
        (&["--invoke", "absent", "@reactor"], 1, "", "absent"),
        (&["--timeout", "0.05", "@endless"], 134, "", "interrupted"),
        (&["--max-memory", "65536", "@large"], 1, "", "--max-memory"),
        (&["--max-total", "65536", "@large"], 1, "", "--max-total"),
        (&["@unknown"], 1, "", "`host` `call`"),
        (
            &["--unknown-imports-trap", "@unknown"],
            134,
            "",
            "`host` `call`",
        ),
        (&["--dir=missing", "@granted"], 1, "", "missing"),
        (&["@missing"], 1, "", "No such file"),
        // Errors in the command line itself.
        (&[], 2, "", "no program"),
        (&["--"], 2, "", "no program"),
        (&["--frobnicate", "@granted"], 2, "", "--frobnicate"),
        (&["-x", "@granted"], 2, "", "-x"),
        (&["--fuel"], 2, "", "--fuel"),
        (&["--fuel", "many", "@granted"], 2, "", "--fuel many"),
        (&["--fuel=-1", "@granted"], 2, "", "--fuel -1"),
        (&["--timeout", "-1", "@granted"], 2, "", "--timeout -1"),
        (&["--timeout", "nan", "@granted"], 2, "", "--timeout"),
        (&["--max-memory=1GB", "@granted"], 2, "", "--max-memory 1GB"),
        (&["--dir", "a::b::rw", "@granted"], 2, "", "`rw`"),
        (
            &["--env", "KEEL_NO_SUCH_VARIABLE", "@granted"],
            2,
            "",
            "KEEL_NO_SUCH_VARIABLE",
        ),
        (&["--artifact=yes", "@granted"], 2, "", "no value"),
    ];
    for runner in runners() {
        for (words, expected, output, message) in table {
            let ran = runner.run(words);
            let what = format!("{} {words:?}: {}", runner.program.display(), said(&ran));
            assert_eq!(code(&ran), *expected, "{what}");
            if !output.is_empty() {
                assert_eq!(String::from_utf8_lossy(&ran.stdout), *output, "{what}");
            }
            assert!(said(&ran).contains(message), "{what}");
            assert!(said(&ran).matches("os error").count() < 2, "{what}");
        }
    }
}

#[test]
fn help_is_printed_and_names_every_option() {
    for runner in runners() {
        let ran = runner.run(&["--help"]);
        assert_eq!(code(&ran), 0);
        let text = String::from_utf8_lossy(&ran.stdout);
        for option in [
            "--dir",
            "--env",
            "--fuel",
            "--timeout",
            "--max-memory",
            "134",
        ] {
            assert!(text.contains(option), "{option} in {text}");
        }
    }
}

#[test]
fn arguments_need_not_be_text() {
    for runner in runners() {
        let odd = OsString::from_vec(vec![b'a', 0xff, 0xfe, b'z']);
        let words = [OsStr::new("@arguments"), odd.as_os_str()];
        let ran = runner.command(&words).output().expect("it starts");
        assert_eq!(ran.stdout, b"a\xff\xfez\n", "{}", said(&ran));
    }
}

#[test]
fn a_closed_standard_stream_is_not_the_next_file() {
    for runner in runners() {
        for (closed, expected) in [
            ("<&-", b"".as_slice()),
            (">&- </dev/null", b""),
            ("2>&-", b""),
        ] {
            let words: Vec<String> = runner.words.iter().map(|word| (*word).to_owned()).collect();
            let line = format!(
                "'{}' {} cat.{} {closed}",
                runner.program.display(),
                words.join(" "),
                runner.extension
            );
            let mut shell = Command::new("sh");
            shell.args(["-c", &line]).current_dir(folder());
            let ran = shell.stdin(Stdio::null()).output().expect("a shell");
            assert_eq!((code(&ran), ran.stdout.as_slice()), (0, expected), "{line}");
        }
    }
}

#[test]
fn nothing_that_cannot_be_said_changes_the_exit_code() {
    for runner in runners() {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux");
        let words = [OsStr::new("@trap")];
        let ran = runner.command(&words).stderr(full).output();
        assert_eq!(code(&ran.expect("it starts")), 134);
    }
}

#[test]
fn names_cannot_steer_a_terminal() {
    for runner in runners() {
        let ran = runner.run(&["@trap"]);
        assert!(
            !ran.stderr.contains(&0x1b) && said(&ran).contains("red"),
            "{}",
            said(&ran)
        );
    }
}

#[test]
fn endless_recursion_traps_on_small_stacks() {
    for runner in runners() {
        for kilobytes in [256, 512, 1024, 8192] {
            let line = format!(
                "ulimit -s {kilobytes}; exec '{}' {} recursion.{}",
                runner.program.display(),
                runner.words.join(" "),
                runner.extension
            );
            let mut shell = Command::new("sh");
            let ran = shell.args(["-c", &line]).current_dir(folder()).output();
            let ran = ran.expect("a shell");
            let what = format!("{line}: {} {}", ran.status, said(&ran));
            assert_eq!(code(&ran), 134, "{what}");
            assert!(said(&ran).contains("call stack exhausted"), "{what}");
        }
    }
}

/// `keel` with these words.
fn keel(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keel"));
    command
        .args(words)
        .current_dir(folder())
        .stdin(Stdio::null());
    command.output().expect("it starts")
}

#[test]
fn native_code_is_run_by_explicit_request_only() {
    let at = folder().join("disguised.wasm");
    std::fs::copy(folder().join("arguments.keel"), at).expect("copying it");
    for file in ["disguised.wasm", "arguments.keel"] {
        let refused = keel(&["run", file]);
        assert_eq!(code(&refused), 1);
        assert!(said(&refused).contains("--artifact"), "{}", said(&refused));
        let ran = keel(&["run", "--artifact", file, "a"]);
        assert_eq!(ran.stdout, b"a\n", "{}", said(&ran));
    }
    let asm = keel(&["inspect", "--artifact", "--asm", "0", "arguments.keel"]);
    assert!(
        code(&asm) == 1 && said(&asm).contains("give its module"),
        "{}",
        said(&asm)
    );
    let shown = keel(&["inspect", "--artifact", "arguments.keel"]);
    assert!(shown.status.success() && shown.stdout.starts_with(b"import "));
}

#[test]
fn what_is_not_webassembly_is_called_so() {
    for (name, bytes) in [
        ("empty.wasm", b"".as_slice()),
        ("noise.wasm", b"\x00\xff\x17noise"),
        ("script.wasm", b"#!/bin/sh\necho hello\n"),
        ("elf.wasm", b"\x7fELF\x02\x01\x01"),
    ] {
        std::fs::write(folder().join(name), bytes).expect("writing it");
        let ran = keel(&["run", name]);
        assert_eq!(code(&ran), 1, "{name}");
        assert!(
            said(&ran).contains("not WebAssembly"),
            "{name}: {}",
            said(&ran)
        );
    }
    let folder_itself = keel(&["run", "."]);
    assert!(code(&folder_itself) == 1 && said(&folder_itself).contains("directory"));
}

#[test]
fn a_module_may_come_from_standard_input() {
    for name in ["-", "/dev/stdin"] {
        let text = File::open(folder().join("arguments.wat")).expect("it is there");
        let mut command = Command::new(env!("CARGO_BIN_EXE_keel"));
        let ran = command.args(["run", name, "a"]).stdin(text).output();
        assert_eq!(ran.expect("it starts").stdout, b"a\n", "{name}");
    }
    let no_place = keel(&["compile", "-"]);
    assert!(
        code(&no_place) == 1 && said(&no_place).contains("-o"),
        "{}",
        said(&no_place)
    );
}

#[test]
fn an_artefact_is_written_to_where_the_output_leads() {
    let at = folder();
    let device = keel(&["compile", "-o", "/dev/null", "cat.wat"]);
    assert!(device.status.success(), "{}", said(&device));
    let found = std::fs::metadata("/dev/null").expect("it is still there");
    assert!(!found.is_file());
    std::os::unix::fs::symlink("target.keel", at.join("link.keel")).expect("a link");
    for _ in 0..2 {
        let linked = keel(&["compile", "-o", "link.keel", "cat.wat"]);
        assert!(linked.status.success(), "{}", said(&linked));
        let kept = at
            .join("link.keel")
            .symlink_metadata()
            .expect("it is there");
        assert!(kept.is_symlink() && at.join("target.keel").is_file());
    }
    let fifo = at.join("fifo.keel");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::read(fifo).expect("reading it")
    });
    let written = keel(&["compile", "-o", "fifo.keel", "cat.wat"]);
    assert!(written.status.success(), "{}", said(&written));
    let read = reader.join().expect("it ends");
    assert_eq!(
        read,
        std::fs::read(at.join("target.keel")).expect("it is there")
    );
    let full = keel(&["compile", "-o", "/dev/full", "cat.wat"]);
    assert!(
        code(&full) == 1 && said(&full).contains("No space"),
        "{}",
        said(&full)
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let exports: String = (0..20_000)
        .map(|i| format!("(export \"f{i}\" (func 0))"))
        .collect();
    std::fs::write(
        folder().join("many.wat"),
        format!("(module (func) {exports})"),
    )
    .expect("writing it");
    let line = format!(
        "'{}' inspect many.wat | head -1",
        env!("CARGO_BIN_EXE_keel")
    );
    let mut shell = Command::new("sh");
    let ran = shell.args(["-c", &line]).current_dir(folder()).output();
    let ran = ran.expect("a shell");
    assert_eq!(said(&ran), "");
    assert!(ran.stdout.starts_with(b"export f0"));
}

#[test]
fn compiling_stands_under_the_timeout() {
    let adds = "(i32.const 1) (i32.add)".repeat(400_000);
    let text = format!("(module (func (export \"_start\") (i32.const 0) {adds} (drop)))");
    std::fs::write(folder().join("long.wat"), text).expect("writing it");
    let begun = std::time::Instant::now();
    let ran = keel(&["run", "--timeout", "0.05", "long.wat"]);
    assert_eq!(code(&ran), 134, "{}", said(&ran));
    assert!(begun.elapsed().as_secs() < 5);
}
