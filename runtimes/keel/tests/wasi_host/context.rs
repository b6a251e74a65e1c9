//! The host side of WASI: grants, streams, limits, resets, deadlines, sockets.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use crate::guest::{BUFFER, Guest, OUT, TABLE};
use keel::wasi::abi::Rights;
use keel::wasi::{Access, Capture, Errno, Exit, Stdin, Stdout, WasiCtx, WasiError, calls};

const CREAT: u32 = 1;
const TRUNC: u32 = 8;
const READ: Rights = Rights::FD_READ.union(Rights::FD_SEEK);
const WRITE: Rights = READ.union(Rights::FD_WRITE);

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    fs::create_dir(folder.path().join("dir")).expect("a directory in it");
    fs::write(folder.path().join("file"), "content").expect("a file in it");
    folder
}

#[test]
fn nothing_is_granted_by_default() {
    let mut guest = Guest::new(WasiCtx::builder().build().expect("a context"));
    for fd in 0..2000 {
        let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
        assert_eq!(
            calls::fd_prestat_get(ctx, memory, fd, OUT),
            Err(Errno::Badf)
        );
        assert!(guest.open(fd, "etc", 0, Rights::NONE).is_err());
    }
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(calls::args_sizes_get(ctx, memory, OUT, OUT + 4), Ok(()));
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (0, 0));
    assert_eq!(guest.read(0, 8), Ok(vec![]));
    assert_eq!(guest.write(1, b"dropped"), Ok(7));
    assert_eq!(guest.read(1, 8), Err(Errno::Notcapable));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Notcapable));
}

#[test]
fn a_read_only_grant_answers_rofs_to_whatever_would_change_something() {
    let folder = folder();
    let other = tempfile::tempdir().expect("a directory");
    let ctx = WasiCtx::builder()
        .directory(folder.path(), "/read", Access::ReadOnly)
        .directory(other.path(), "/write", Access::ReadWrite)
        .build()
        .expect("a context");
    let mut guest = Guest::new(ctx);
    let fd = guest
        .open(3, "file", 0, READ)
        .expect("it opens for reading");
    assert_eq!(guest.read(fd, 16), Ok(b"content".to_vec()));
    assert_eq!(guest.open(3, "file", 0, WRITE), Err(Errno::Rofs));
    assert_eq!(guest.open(3, "file", TRUNC, READ), Err(Errno::Rofs));
    assert_eq!(guest.open(3, "new", CREAT, READ), Err(Errno::Rofs));
    assert_eq!(
        guest.open(3, "new", CREAT, WRITE),
        Err(Errno::Noent),
        "as on a read-only disk"
    );
    assert!(
        guest.open(3, "file", CREAT, READ).is_ok(),
        "what exists needs no creating"
    );
    assert_eq!(
        guest.path(calls::path_create_directory, 3, "new"),
        Err(Errno::Rofs)
    );
    assert_eq!(
        guest.path(calls::path_remove_directory, 3, "dir"),
        Err(Errno::Rofs)
    );
    assert_eq!(
        guest.path(calls::path_unlink_file, 3, "file"),
        Err(Errno::Rofs)
    );
    assert_eq!(guest.symlink("file", 3, "link"), Err(Errno::Rofs));
    assert_eq!(guest.rename((3, "file"), (4, "file")), Err(Errno::Rofs));
    assert_eq!(
        guest.link(0, (3, "file"), (4, "file")),
        Err(Errno::Rofs),
        "or it could be changed"
    );
    assert_eq!(guest.link(1, (3, "file"), (4, "file")), Err(Errno::Rofs));
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(
        calls::fd_filestat_set_times(ctx, memory, fd, 0, 0, 2),
        Err(Errno::Notcapable)
    );
    assert_eq!(
        calls::fd_filestat_set_times(ctx, memory, 3, 0, 0, 2),
        Err(Errno::Rofs)
    );
    let dir = guest
        .open(3, "dir", 2, Rights::DIRECTORY)
        .expect("a directory opens");
    assert_eq!(
        guest.path(calls::path_create_directory, dir, "new"),
        Err(Errno::Rofs),
        "deeper too"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("file")).expect("the file"),
        "content"
    );
    assert_eq!(fs::read_dir(other.path()).expect("the other").count(), 0);
}

#[test]
fn a_link_is_followed_for_linking_only_within_the_grant() {
    let folder = folder();
    let secret = tempfile::NamedTempFile::new().expect("a file outside");
    std::os::unix::fs::symlink("file", folder.path().join("inner")).expect("a link");
    std::os::unix::fs::symlink(secret.path(), folder.path().join("outer")).expect("a link");
    let ctx = WasiCtx::builder()
        .directory(folder.path(), "/", Access::ReadWrite)
        .build();
    let mut guest = Guest::new(ctx.expect("a context"));
    assert_eq!(guest.link(1, (3, "inner"), (3, "second")), Ok(()));
    assert_eq!(
        fs::read_to_string(folder.path().join("second")).expect("the file"),
        "content"
    );
    assert!(!folder.path().join("second").is_symlink());
    assert_eq!(guest.link(1, (3, "outer"), (3, "third")), Err(Errno::Perm));
}

#[test]
fn captured_output_stops_at_its_limit() {
    let output = Capture::new(10);
    let stdout = Stdout::Capture(output.clone());
    let mut guest = Guest::new(
        WasiCtx::builder()
            .stdout(stdout)
            .build()
            .expect("a context"),
    );
    assert_eq!(guest.write(1, b"1234567"), Ok(7));
    assert_eq!(guest.write(1, b"1234567"), Ok(3));
    assert_eq!(guest.write(1, b"1"), Err(Errno::Nospc));
    assert_eq!(guest.write(1, b""), Ok(0));
    assert_eq!(output.take(), b"1234567123");
    assert_eq!(guest.write(1, b"again"), Ok(5));
}

#[test]
fn resetting_closes_what_was_opened_and_opens_what_was_closed() {
    let folder = folder();
    let ctx = WasiCtx::builder()
        .stdin(Stdin::Bytes((*b"input").into()))
        .directory(folder.path(), "/", Access::ReadWrite)
        .build()
        .expect("a context");
    let mut guest = Guest::new(ctx);
    let open_before = fs::read_dir("/proc/self/fd").expect("/proc").count();
    for _ in 0..3 {
        assert_eq!(guest.read(0, 3), Ok(b"inp".to_vec()));
        let fd = guest.open(3, "file", 0, READ).expect("it opens");
        assert_eq!(fd, 4);
        assert_eq!(calls::fd_close(&mut guest.ctx, &mut [], 3), Ok(()));
        assert_eq!(guest.open(3, "file", 0, READ), Err(Errno::Badf));
        guest.ctx.reset();
        assert_eq!(guest.read(fd, 1), Err(Errno::Badf));
    }
    let mut other = Guest::new(guest.ctx.fresh());
    assert_eq!(guest.read(0, 9), Ok(b"input".to_vec()));
    assert_eq!(
        other.read(0, 9),
        Ok(b"input".to_vec()),
        "each reads its own input"
    );
    assert!(other.open(3, "file", 0, READ).is_ok());
    drop((other, guest));
    assert!(fs::read_dir("/proc/self/fd").expect("/proc").count() <= open_before + 16);
}

#[test]
fn a_guest_cannot_use_up_the_hosts_descriptors() {
    let folder = folder();
    let ctx = WasiCtx::builder()
        .directory(folder.path(), "/", Access::ReadWrite)
        .build();
    let mut guest = Guest::new(ctx.expect("a context"));
    let mut opened = 0;
    let end = loop {
        match guest.open(3, "file", 0, READ) {
            Ok(_) => opened += 1,
            Err(errno) => break errno,
        }
    };
    assert_eq!((opened, end), (1020, Errno::Mfile));
    assert_eq!(guest.open(3, "new", CREAT, WRITE), Err(Errno::Mfile));
    assert!(
        !folder.path().join("new").exists(),
        "refused before it had an effect"
    );
    assert_eq!(calls::fd_close(&mut guest.ctx, &mut [], 100), Ok(()));
    assert_eq!(
        guest.open(3, "file", 0, READ),
        Ok(100),
        "the lowest free number is next"
    );
}

#[test]
fn waiting_ends_at_the_hosts_deadline() {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let builder = WasiCtx::builder().stdin(Stdin::File(OwnedFd::from(theirs)));
    let mut guest = Guest::new(builder.build().expect("a context"));
    guest
        .ctx
        .set_deadline(Some(Instant::now() + Duration::from_millis(5)));
    assert_eq!(guest.read(0, 8), Err(Errno::Intr));
    // A clock subscription, one hour from now.
    let hour = Duration::from_secs(3600).as_nanos() as u64;
    guest.put(BUFFER, &[0; 48]);
    guest.put(BUFFER + 16, &1u32.to_le_bytes());
    guest.put(BUFFER + 24, &hour.to_le_bytes());
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(
        calls::poll_oneoff(ctx, memory, BUFFER, BUFFER + 64, 1, OUT),
        Err(Errno::Intr)
    );
    drop(ours);
    assert_eq!(
        guest.read(0, 8),
        Ok(vec![]),
        "what is ready is read, deadline or not"
    );
}

#[test]
fn nonblock_on_a_granted_file_is_the_guests_alone() {
    let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let hosts = theirs.try_clone().expect("the same socket");
    let builder = WasiCtx::builder().stdin(Stdin::File(OwnedFd::from(theirs)));
    let mut guest = Guest::new(builder.build().expect("a context"));
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(calls::fd_fdstat_set_flags(ctx, memory, 0, 4), Ok(()));
    assert_eq!(guest.read(0, 8), Err(Errno::Again));
    ours.write_all(b"now").expect("it takes bytes");
    assert_eq!(guest.read(0, 8), Ok(b"now".to_vec()));
    let flags = rustix::fs::fcntl_getfl(&hosts).expect("its flags");
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(
        calls::fd_fdstat_set_flags(ctx, memory, 0, 1),
        Err(Errno::Notsup)
    );
}

#[test]
fn a_granted_socket_accepts_receives_sends_and_shuts_down() {
    let folder = tempfile::tempdir().expect("a directory");
    let at = folder.path().join("socket");
    let listener = UnixListener::bind(&at).expect("a socket to listen on");
    let ctx = WasiCtx::builder()
        .socket(OwnedFd::from(listener))
        .directory(folder.path(), "/", Access::ReadOnly)
        .build();
    let mut guest = Guest::new(ctx.expect("a context"));
    let mut peer = UnixStream::connect(&at).expect("somebody listens");
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(
        calls::fd_prestat_get(ctx, memory, 4, OUT),
        Err(Errno::Badf),
        "after the directory"
    );
    assert_eq!(
        calls::sock_accept(ctx, memory, 4, 1, OUT),
        Err(Errno::Inval)
    );
    assert_eq!(calls::sock_accept(ctx, memory, 4, 4, OUT), Ok(()));
    let fd = guest.u32(OUT);
    guest.buffer(8);
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    let again = calls::sock_recv(ctx, memory, fd, TABLE, 1, 0, OUT, OUT + 4);
    assert_eq!(again, Err(Errno::Again), "it was accepted as not waiting");
    peer.write_all(b"hello").expect("it takes bytes");
    assert_eq!(
        calls::sock_recv(ctx, memory, fd, TABLE, 1, 1, OUT, OUT + 4),
        Ok(()),
        "peeking"
    );
    assert_eq!(
        calls::sock_recv(ctx, memory, fd, TABLE, 1, 0, OUT, OUT + 4),
        Ok(())
    );
    assert_eq!(guest.u32(OUT), 5);
    assert_eq!(&guest.memory[BUFFER as usize..][..5], b"hello");
    guest.put(BUFFER, b"answer");
    guest.buffer(6);
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(
        calls::sock_send(ctx, memory, fd, TABLE, 1, 1, OUT),
        Err(Errno::Inval)
    );
    assert_eq!(calls::sock_send(ctx, memory, fd, TABLE, 1, 0, OUT), Ok(()));
    assert_eq!(calls::sock_shutdown(ctx, memory, fd, 0), Err(Errno::Inval));
    assert_eq!(calls::sock_shutdown(ctx, memory, fd, 2), Ok(()));
    let mut answer = String::new();
    peer.read_to_string(&mut answer).expect("it ends");
    assert_eq!(answer, "answer");
    drop(peer);
    assert_eq!(
        guest.write(fd, b"x"),
        Err(Errno::Pipe),
        "and the host process lives"
    );
    assert_eq!(
        guest.write(4, b"x"),
        Err(Errno::Notconn),
        "a listener takes no bytes"
    );
}

#[test]
fn waiting_for_a_socket_tells_how_much_there_is() {
    let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let ctx = WasiCtx::builder().socket(OwnedFd::from(theirs)).build();
    let mut guest = Guest::new(ctx.expect("a context"));
    ours.write_all(b"seven b").expect("it takes bytes");
    drop(ours);
    guest.put(BUFFER, &[0; 48]);
    guest.put(BUFFER, &77u64.to_le_bytes());
    guest.put(BUFFER + 8, &[1]);
    guest.put(BUFFER + 16, &3u32.to_le_bytes());
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(
        calls::poll_oneoff(ctx, memory, BUFFER, BUFFER + 64, 1, OUT),
        Ok(())
    );
    assert_eq!(guest.u32(OUT), 1);
    assert_eq!((guest.u64(BUFFER + 64), guest.u64(BUFFER + 80)), (77, 7));
    assert_eq!(guest.u32(BUFFER + 88) & 1, 1, "the other side has hung up");
}

#[test]
fn what_cannot_be_given_is_an_error_that_says_so() {
    let nul = WasiCtx::builder().arg("a\0b").build();
    assert!(matches!(nul, Err(WasiError::Text { .. })));
    let name = WasiCtx::builder().env("A=B", "c").build();
    assert!(matches!(name, Err(WasiError::Text { .. })));
    let long = WasiCtx::builder().arg("x".repeat(3 << 20)).build();
    assert!(matches!(long, Err(WasiError::TooLong { .. })));
    let missing = WasiCtx::builder()
        .directory("/no/such/place", "/", Access::ReadOnly)
        .build();
    let message = missing.expect_err("there is no such place").to_string();
    assert!(message.contains("granted as \"/\""), "{message}");
    let file = fs::File::open("/dev/null").expect("/dev/null");
    assert!(matches!(
        WasiCtx::builder().socket(file.into()).build(),
        Err(WasiError::NotASocket)
    ));
    let folder = fs::File::open("/").expect("a directory");
    let stdin = WasiCtx::builder().stdin(Stdin::File(folder.into())).build();
    assert!(matches!(stdin, Err(WasiError::NotAStream { .. })));
}

#[test]
fn the_end_carries_its_number_whole() {
    let mut ctx = WasiCtx::builder().build().expect("a context");
    assert_eq!(
        calls::proc_exit(&mut ctx, &mut [], u32::MAX),
        Exit { code: u32::MAX }
    );
}

#[test]
fn a_listing_does_not_tell_the_serial_number_of_what_is_outside() {
    let folder = folder();
    let ctx = WasiCtx::builder()
        .directory(folder.path(), "/", Access::ReadOnly)
        .build();
    let mut guest = Guest::new(ctx.expect("a context"));
    let (ctx, memory) = (&mut guest.ctx, &mut guest.memory);
    assert_eq!(
        calls::fd_readdir(ctx, memory, 3, BUFFER, 4096, 0, OUT),
        Ok(())
    );
    let (mut at, end) = (BUFFER, BUFFER + guest.u32(OUT));
    let mut names = Vec::new();
    while at < end {
        let len = guest.u32(at + 16);
        let name = guest.memory[at as usize + 24..][..len as usize].to_vec();
        assert_eq!(guest.u64(at + 8) == 0, name == b"..");
        names.push(name);
        at += 24 + len;
    }
    names.sort();
    assert_eq!(names, [&b"."[..], b"..", b"dir", b"file"]);
}
