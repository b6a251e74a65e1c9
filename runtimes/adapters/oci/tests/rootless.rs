//! Tests containers of the embedded runtime in the places where most is missing: an unprivileged user's, without cgroups,
//! and a root folder entered by chroot, which cannot be pivoted.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::{fs, io};

use serde_json::json;
use tempfile::TempDir;

/// User and group `nobody` in Debian.
const NOBODY: u32 = 65534;

fn open_to_all(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777))
}

/// A folder with the runtime and a bundle, `bundle`; its guest prints its process and user id and exits with 7.
fn folder_with_bundle() -> TempDir {
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
    // Copied because `nobody` may not have access to the build directory.
    let runtime = folder.path().join("oci-embedded");
    fs::copy(env!("CARGO_BIN_EXE_oci-embedded"), &runtime).expect("a copy of the runtime");
    folder
}

fn ended(ran: &Output) -> (String, Option<i32>) {
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        ran.status.code().is_some_and(|code| code != 1),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    (told, ran.status.code())
}

#[test]
fn an_ordinary_user_runs_a_container_and_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user to try it");
        return;
    }
    let folder = folder_with_bundle();
    let bundle = folder.path().join("bundle");
    let runtime = folder.path().join("oci-embedded");
    let state = folder.path().join("state");
    fs::create_dir(&state).expect("a folder");
    open_to_all(folder.path()).expect("access for all");
    open_to_all(&state).expect("access for all");

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
    assert_eq!(ended(&ran), ("1 0".to_owned(), Some(7)));
    let left: Vec<_> = fs::read_dir(&state).expect("the state").collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Enters the folder $1 by chroot, with this machine's programs and devices, and runs the rest of the command line there.
const CHROOT: &str = r#"set -e
root=$1; shift
for name in usr bin lib lib64 etc dev proc sys; do
  if [ -L /$name ]; then ln -s "$(readlink /$name)" "$root/$name"
  else mkdir "$root/$name"; mount --rbind /$name "$root/$name"; fi
done
exec chroot "$root" "$@""#;

#[test]
fn in_a_root_that_is_a_plain_folder_a_container_runs_without_control_groups() {
    let allowed = Command::new("unshare").args(["--mount", "true"]).status();
    if !rustix::process::geteuid().is_root() || !allowed.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: only root with mount namespaces can enter another root");
        return;
    }
    let folder = folder_with_bundle();
    let changed = |arguments: &[&str]| {
        Command::new("unshare")
            .args(["--mount", "sh", "-c", CHROOT, "sh"])
            .arg(folder.path())
            .arg("/oci-embedded")
            .args(arguments)
            .output()
            .expect("unshare can be started")
    };
    let tidy = || {
        for name in ["usr", "bin", "lib", "lib64", "etc", "dev", "proc", "sys"] {
            let path = folder.path().join(name);
            if path
                .symlink_metadata()
                .is_ok_and(|found| found.is_symlink())
            {
                fs::remove_file(path).expect("removed");
            } else if path.exists() {
                fs::remove_dir(path).expect("an empty mount point");
            }
        }
    };
    let (said, code) = ended(&changed(&["--check"]));
    assert_eq!(
        (said.as_str(), code),
        ("as root, without control groups\n", Some(0))
    );
    tidy();
    let ran = changed(&["--root", "/state", "run", "--bundle", "/bundle", "one"]);
    assert_eq!(ended(&ran), ("1 0".to_owned(), Some(7)));
    assert_eq!(
        fs::read_dir(folder.path().join("state"))
            .expect("the state")
            .count(),
        0
    );
    tidy();
}
