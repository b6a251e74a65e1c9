//! A name that becomes an outward link during its resolution never leads outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::guest::{BUFFER, Guest, OUT, PATH};
use keel::wasi::abi::Rights;
use keel::wasi::{Access, WasiCtx, calls};

/// The number of tries per call while the names change.
const TRIES: u32 = 4000;

/// Swaps `swap` between a directory and a link to `outside`, until `stop` is set.
fn swap_until(stop: &AtomicBool, sandbox: &Path) {
    let (name, aside) = (sandbox.join("swap"), sandbox.join("aside"));
    while !stop.load(Ordering::Relaxed) {
        let _ = fs::rename(&name, &aside);
        let _ = symlink("../outside", &name);
        std::thread::yield_now();
        let _ = fs::remove_file(&name);
        let _ = fs::rename(&aside, &name);
        std::thread::yield_now();
    }
}

#[test]
fn no_call_follows_a_name_that_becomes_a_link_out() {
    let folder = tempfile::tempdir().expect("a directory");
    let (sandbox, outside) = (folder.path().join("sandbox"), folder.path().join("outside"));
    fs::create_dir_all(sandbox.join("swap")).expect("directories");
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("secret"), "secret").expect("a file");
    fs::write(sandbox.join("swap/secret"), "inside").expect("a file");
    let ctx = WasiCtx::builder()
        .directory(&sandbox, "/", Access::ReadWrite)
        .build();
    let mut guest = Guest::new(ctx.expect("a context"));
    let stop = AtomicBool::new(false);
    assert!(
        guest.open(3, "swap/secret", 0, Rights::FD_READ).is_ok(),
        "while nothing changes"
    );
    std::thread::scope(|scope| {
        scope.spawn(|| swap_until(&stop, &sandbox));
        for turn in 0..TRIES {
            if let Ok(fd) = guest.open(3, "swap/secret", 0, Rights::FD_READ) {
                assert_eq!(guest.read(fd, 16), Ok(b"inside".to_vec()));
                assert_eq!(calls::fd_close(&mut guest.ctx, &mut [], fd), Ok(()));
            }
            let made = format!("swap/made-{turn}");
            let _ = guest.path(calls::path_create_directory, 3, &made);
            let _ = guest.path(calls::path_remove_directory, 3, &made);
            let _ = guest.symlink("x", 3, &made);
            let _ = guest.path(calls::path_unlink_file, 3, &made);
            let _ = guest.link(0, (3, "swap/secret"), (3, "stolen"));
            if let Ok(fd) = guest.open(3, "stolen", 0, Rights::FD_READ) {
                assert_eq!(guest.read(fd, 16), Ok(b"inside".to_vec()));
                assert_eq!(calls::fd_close(&mut guest.ctx, &mut [], fd), Ok(()));
            }
            let _ = guest.path(calls::path_unlink_file, 3, "stolen");
            let len = guest.put(PATH, b"swap/secret");
            let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
            let _ = calls::path_filestat_set_times(ctx, memory, 3, 1, PATH, len, 1, 1, 5);
            let _ = calls::path_readlink(ctx, memory, 3, PATH, len, BUFFER, 64, OUT);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(
        guest.open(3, "swap/secret", 0, Rights::FD_READ).is_ok(),
        "nor afterwards"
    );
    let left: Vec<_> = fs::read_dir(&outside)
        .expect("the directory outside")
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(
        fs::read_to_string(outside.join("secret")).expect("the file"),
        "secret"
    );
    let meta = fs::metadata(outside.join("secret")).expect("the file");
    assert!(
        meta.modified()
            .expect("a time")
            .elapsed()
            .is_ok_and(|age| age.as_secs() < 3600)
    );
}
