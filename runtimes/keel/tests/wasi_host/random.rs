//! For any arguments, no call panics, waits forever, or touches what is not granted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use keel::wasi::{Access, Capture, Stdin, Stdout, WasiCtx, calls};
use proptest::prelude::*;

type Call = fn(&mut WasiCtx, &mut [u8], &[u64; 9]);

macro_rules! calls {
    ($($name:ident($($argument:literal)*);)*) => {
        [$((
            stringify!($name),
            (|ctx, memory, arguments| {
                let _ = (calls::$name(ctx, memory $(, arguments[$argument] as _)*), arguments);
            }) as Call,
        )),*]
    };
}

const CALLS: [(&str, Call); 46] = calls! {
    args_get(0 1);
    args_sizes_get(0 1);
    environ_get(0 1);
    environ_sizes_get(0 1);
    clock_res_get(0 1);
    clock_time_get(0 1 2);
    fd_advise(0 1 2 3);
    fd_allocate(0 1 2);
    fd_close(0);
    fd_datasync(0);
    fd_fdstat_get(0 1);
    fd_fdstat_set_flags(0 1);
    fd_fdstat_set_rights(0 1 2);
    fd_filestat_get(0 1);
    fd_filestat_set_size(0 1);
    fd_filestat_set_times(0 1 2 3);
    fd_pread(0 1 2 3 4);
    fd_prestat_get(0 1);
    fd_prestat_dir_name(0 1 2);
    fd_pwrite(0 1 2 3 4);
    fd_read(0 1 2 3);
    fd_readdir(0 1 2 3 4);
    fd_renumber(0 1);
    fd_seek(0 1 2 3);
    fd_sync(0);
    fd_tell(0 1);
    fd_write(0 1 2 3);
    path_create_directory(0 1 2);
    path_filestat_get(0 3 1 2 4);
    path_filestat_set_times(0 3 1 2 4 5 6);
    path_link(0 3 1 2 4 5 6);
    path_open(0 3 1 2 4 5 6 7 8);
    path_readlink(0 1 2 3 4 5);
    path_remove_directory(0 1 2);
    path_rename(0 1 2 3 4 5);
    path_symlink(1 2 0 4 5);
    path_unlink_file(0 1 2);
    poll_oneoff(1 2 3 4);
    proc_exit(0);
    proc_raise(0);
    sched_yield();
    random_get(1 2);
    sock_accept(0 1 2);
    sock_recv(0 1 2 3 4 5);
    sock_send(0 1 2 3 4);
    sock_shutdown(0 1);
};

/// Paths that a hostile guest would try, consecutive from the start of memory, 32 bytes each.
const PATHS: [&str; 16] = [
    "file",
    "dir",
    "dir/inner",
    "new",
    "link",
    "..",
    "../outside",
    "../outside/secret",
    "up/outside/secret",
    "escape",
    "/etc/passwd",
    "dir/../../outside/secret",
    ".",
    "dir/",
    "loop/x",
    "escape/new",
];

const PATH_BYTES: usize = 32;
const MEMORY_BYTES: usize = 8192;

/// Numbers that are meaningful to some call, and arbitrary ones. Excludes sizes between a small
/// file and the largest possible file, because a file system might allocate them.
fn number() -> impl Strategy<Value = u64> {
    let path = (0..PATHS.len()).prop_map(|i| (i * PATH_BYTES) as u64);
    let path_length = proptest::sample::select(&PATHS[..]).prop_map(|path| path.len() as u64);
    prop_oneof![
        4 => 0..8u64,
        3 => path,
        3 => path_length,
        2 => 0..MEMORY_BYTES as u64 + 64,
        1 => prop_oneof![0..17u32, 62..64u32].prop_map(|bit| 1 << bit),
        1 => Just(u64::from(u32::MAX)),
        1 => u64::MAX - 64..=u64::MAX,
        1 => Just(i64::MAX as u64),
    ]
}

fn arguments() -> impl Strategy<Value = [u64; 9]> {
    proptest::array::uniform9(number())
}

fn memory() -> impl Strategy<Value = Vec<u8>> {
    let noise = proptest::collection::vec(any::<u8>(), MEMORY_BYTES);
    // Small words make nearly valid buffers, subscriptions and lengths.
    let words = proptest::collection::vec(number(), MEMORY_BYTES / 4).prop_map(|words| {
        words
            .iter()
            .flat_map(|word| (*word as u32).to_le_bytes())
            .collect()
    });
    let size = prop_oneof![8 => Just(MEMORY_BYTES), 1 => 0..64usize];
    (prop_oneof![1 => noise, 2 => words], size).prop_map(|(mut memory, size): (Vec<u8>, usize)| {
        for (place, path) in memory.chunks_exact_mut(PATH_BYTES).zip(PATHS) {
            place[..path.len()].copy_from_slice(path.as_bytes());
        }
        memory.truncate(size);
        memory
    })
}

struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        let folder = tempfile::tempdir().expect("a directory");
        let sandbox = folder.path().join("sandbox");
        fs::create_dir_all(sandbox.join("dir")).expect("directories");
        fs::create_dir(folder.path().join("outside")).expect("a directory");
        fs::write(folder.path().join("outside/secret"), "secret").expect("a file");
        fs::write(sandbox.join("file"), "content").expect("a file");
        fs::write(sandbox.join("dir/inner"), "inner").expect("a file");
        for (text, name) in [
            ("file", "link"),
            ("..", "up"),
            ("../outside", "escape"),
            ("loop", "loop"),
        ] {
            symlink(text, sandbox.join(name)).expect("a link");
        }
        Fixture { folder }
    }

    fn context(&self, access: Access) -> WasiCtx {
        WasiCtx::builder()
            .args(["program", "one"])
            .env("NAME", "value")
            .stdin(Stdin::Bytes((*b"some input").into()))
            .stdout(Stdout::Capture(Capture::new(4096)))
            .directory(self.folder.path().join("sandbox"), "/", access)
            .build()
            .expect("a context")
    }

    /// The names, contents and times of a folder, which must not change.
    fn state(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>, Option<SystemTime>)> {
        let mut found = Vec::new();
        collect(&self.folder.path().join(folder), &mut found);
        found.sort();
        found
    }

    fn names(&self) -> usize {
        fs::read_dir(self.folder.path())
            .expect("the fixture")
            .count()
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>, Option<SystemTime>)>) {
    for entry in fs::read_dir(folder).expect("a directory") {
        let path = entry.expect("an entry").path();
        let meta = path.symlink_metadata().expect("metadata");
        let text = if meta.is_file() {
            fs::read(&path).expect("a file")
        } else {
            Vec::new()
        };
        if meta.is_dir() {
            collect(&path, found);
        }
        found.push((path, text, meta.modified().ok()));
    }
}

fn run(ctx: &mut WasiCtx, memory: &mut [u8], sequence: &[(usize, [u64; 9])]) {
    for (call, arguments) in sequence {
        ctx.set_deadline(Some(Instant::now() + Duration::from_millis(1)));
        let (_, call) = CALLS[*call];
        call(ctx, memory, arguments);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls_returns_and_leaves_alone_what_is_outside(
        sequence in proptest::collection::vec((0..CALLS.len(), arguments()), 1..60),
        mut memory in memory(),
    ) {
        let fixture = Fixture::new();
        let before = fixture.state("outside");
        let mut ctx = fixture.context(Access::ReadWrite);
        run(&mut ctx, &mut memory, &sequence);
        prop_assert_eq!(fixture.state("outside"), before);
        prop_assert_eq!(fixture.names(), 2);
    }

    #[test]
    fn any_sequence_of_calls_leaves_a_read_only_grant_alone(
        sequence in proptest::collection::vec((0..CALLS.len(), arguments()), 1..60),
        mut memory in memory(),
    ) {
        let fixture = Fixture::new();
        let before = (fixture.state("outside"), fixture.state("sandbox"));
        let mut ctx = fixture.context(Access::ReadOnly);
        run(&mut ctx, &mut memory, &sequence);
        prop_assert_eq!((fixture.state("outside"), fixture.state("sandbox")), before);
    }

    #[test]
    fn each_call_survives_any_numbers_at_all(
        call in 0..CALLS.len(),
        arguments in proptest::array::uniform9(any::<u64>()),
        mut memory in memory(),
    ) {
        // No file is granted, so that no size can take effect.
        let mut ctx = WasiCtx::builder().arg("program").build().expect("a context");
        run(&mut ctx, &mut memory, &[(call, arguments)]);
    }
}

#[test]
fn every_call_is_tried() {
    let tried: Vec<_> = CALLS.iter().map(|(name, _)| *name).collect();
    assert_eq!(tried, calls::NAMES);
}
