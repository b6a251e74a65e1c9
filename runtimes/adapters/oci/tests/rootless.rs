//! Tests a container created by an unprivileged user with the embedded runtime: no root, no cgroups.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use serde_json::json;

/// User and group `nobody` in Debian.
const NOBODY: u32 = 65534;

fn open_to_all(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777))
}

#[test]
fn an_ordinary_user_runs_a_container_and_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user to try it");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bundle = folder.path().join("bundle");
    let root = bundle.join("rootfs");
    for name in ["bin", "dev", "proc", "sys"] {
        fs::create_dir_all(root.join(name)).expect("a folder");
    }
    // The guest must be static, which the runtime is not, so compile a small program.
    let source = folder.path().join("says.c");
    let text = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf(\"%d %d\", getpid(), getuid()); return 7; }";
    fs::write(&source, text).expect("the source");
    let compiled = Command::new("cc")
        .args(["-static", "-o"])
        .args([&root.join("bin/says"), &source])
        .status()
        .expect("a C compiler (apt-get install gcc libc6-dev)");
    assert!(compiled.success());
    let configuration = json!({
        "ociVersion": "1.0.2",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/bin/says"], "env": ["PATH=/bin"], "cwd": "/" },
        "root": { "path": "rootfs", "readonly": true },
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" },
            // The runtime creates device files here.
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"] }],
        "linux": { "namespaces": [
            { "type": "mount" }, { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" }
        ] },
    });
    fs::write(bundle.join("config.json"), configuration.to_string()).expect("the configuration");
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("a folder");
    open_to_all(folder.path()).expect("access for all");
    open_to_all(&state).expect("access for all");
    // Copied because `nobody` may not have access to the build directory.
    let runtime = folder.path().join("oci-embedded");
    fs::copy(env!("CARGO_BIN_EXE_oci-embedded"), &runtime).expect("a copy of the runtime");

    let as_nobody = |arguments: &[&str]| {
        Command::new(&runtime)
            .args(arguments)
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir(folder.path())
            .output()
            .expect("the runtime can be started")
    };
    let check = as_nobody(&["--check"]);
    if !check.status.success() {
        let why = String::from_utf8_lossy(&check.stderr);
        eprintln!("SKIPPED: this kernel lets no ordinary user make a container: {why}");
        return;
    }
    let state_text = state.to_str().expect("UTF-8");
    let bundle_text = bundle.to_str().expect("UTF-8");
    let ran = as_nobody(&["--root", state_text, "run", "--bundle", bundle_text, "one"]);
    assert_eq!(
        (
            String::from_utf8_lossy(&ran.stdout).as_ref(),
            ran.status.code()
        ),
        ("1 0", Some(7)),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let left: Vec<_> = fs::read_dir(&state).expect("the state").collect();
    assert!(left.is_empty(), "{left:?}");
}
