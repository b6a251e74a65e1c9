//! An OCI runtime in one program, built on the crate libcontainer; nothing else needs to be installed.
//!
//! It accepts the part of the common command line of runc, crun and youki that `bench` uses:
//!
//! ```text
//! oci-embedded --root STATE run --bundle FOLDER NAME     runs a container in the foreground and removes it
//! oci-embedded --root STATE delete --force NAME          ends and removes a container
//! oci-embedded --check                                   says how containers can be made here
//! oci-embedded --version
//! ```
//!
//! `run` exits with the guest's exit code, or 128 plus the number of the signal that killed it. The runtime's own
//! failures give exit code 1 and one sentence on stderr.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, bail};
use libcontainer::container::Container;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, access, chroot, getegid, geteuid};

/// Mount point of cgroups.
const GROUPS: &str = "/sys/fs/cgroup";
/// Added to the number of the signal that killed a guest, as shells do.
const SIGNALLED: i32 = 128;

fn main() -> ExitCode {
    let arguments: Vec<String> = match env::args_os()
        .skip(1)
        .map(|one| one.into_string())
        .collect()
    {
        Ok(arguments) => arguments,
        Err(argument) => {
            eprintln!("oci-embedded: {} is not UTF-8", argument.display());
            return ExitCode::FAILURE;
        }
    };
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--root", state, "run", "--bundle", bundle, name] => {
            run(Path::new(state), Path::new(bundle), name)
        }
        ["--root", state, "delete", "--force", name] => delete(Path::new(state), name).map(|()| 0),
        ["--check"] => check().map(|()| 0),
        ["--version"] => {
            println!("oci-embedded version {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!(
                "usage: oci-embedded --root STATE run --bundle FOLDER NAME\n       \
                 oci-embedded --root STATE delete --force NAME\n       oci-embedded --check | --version"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("oci-embedded: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a container until its guest exits, removes it and returns the exit code.
fn run(state: &Path, bundle: &Path, name: &str) -> anyhow::Result<u8> {
    let bundle = bundle
        .canonicalize()
        .with_context(|| format!("reading the bundle {}", bundle.display()))?;
    fs::create_dir_all(state).with_context(|| format!("making {}", state.display()))?;
    let state = state
        .canonicalize()
        .with_context(|| format!("reading {}", state.display()))?;
    let mut needed = vec![bundle.clone(), state.clone()];
    needed.extend(bound_folders(&bundle)?);
    enter_namespaces(&needed)?;
    let mut container = ContainerBuilder::new(name.to_owned(), SyscallType::default())
        .with_root_path(state)?
        .as_init(&bundle)
        .with_systemd(false)
        .with_detach(false)
        .build()
        .with_context(|| format!("creating a container of {}", bundle.display()))?;
    let guest = container
        .pid()
        .context("the container that was created has no process")?;
    let ended = container
        .start()
        .with_context(|| format!("starting the container {name}"))
        // The guest is a direct child, so its exit status waits here even if it exits immediately. A SIGCHLD handler
        // installed after the start could miss it.
        .and_then(|()| wait_for(Pid::from_raw(guest.as_raw())));
    let removed = remove(&mut container).with_context(|| format!("removing the container {name}"));
    let code = ended?;
    removed?;
    Ok(code)
}

/// The host folders that a bundle's configuration mounts.
fn bound_folders(bundle: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let path = bundle.join("config.json");
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let configuration: serde_json::Value =
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
    let mounts = configuration["mounts"].as_array();
    Ok(mounts
        .into_iter()
        .flatten()
        .filter(|mount| mount["type"] == "bind")
        .filter_map(|mount| mount["source"].as_str().map(PathBuf::from))
        .collect())
}

/// Waits for the guest to exit. Returns its exit code, or 128 plus the signal's number.
fn wait_for(guest: Pid) -> anyhow::Result<u8> {
    loop {
        let code = match waitpid(guest, None) {
            Ok(WaitStatus::Exited(_, code)) => code,
            Ok(WaitStatus::Signaled(_, signal, _)) => SIGNALLED + signal as i32,
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => return Err(error).context("waiting for the guest"),
        };
        return u8::try_from(code).with_context(|| format!("the guest's exit code is {code}"));
    }
}

/// Kills and removes the container `name`; a missing one is not an error.
fn delete(state: &Path, name: &str) -> anyhow::Result<()> {
    let folder = state.join(name);
    if !folder.exists() {
        return Ok(());
    }
    let folder = folder.canonicalize()?;
    enter_namespaces(&[state.canonicalize()?])?;
    match Container::load(folder.clone()) {
        Ok(mut container) => remove(&mut container),
        // Killed after creating its folder and before writing its state.
        Err(_) => fs::remove_dir_all(&folder).map_err(Into::into),
    }
    .with_context(|| format!("removing the container {name}"))
}

/// Kills a container's processes, and removes its cgroups and state.
fn remove(container: &mut Container) -> anyhow::Result<()> {
    // Killing the first process of a PID namespace kills all others, even without a cgroup that lists them.
    if let Some(first) = container.pid() {
        match kill(Pid::from_raw(first.as_raw()), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error).context("ending its first process"),
        }
        if let Ok(status) = waitpid(Pid::from_raw(first.as_raw()), None) {
            debug_assert!(!matches!(status, WaitStatus::StillAlive));
        }
    }
    container.delete(true)?;
    Ok(())
}

/// Enters the namespaces that creating a container needs: a user namespace if not root, and a root folder without
/// cgroups if they are not writable, or if this process's root is a plain folder. The folders `needed` keep their paths.
///
/// Returns whether containers get cgroups.
fn enter_namespaces(needed: &[PathBuf]) -> anyhow::Result<bool> {
    let plain = root_is_changed();
    let grouped = groups_are_writable() && !plain;
    if !geteuid().is_root() {
        enter_user_namespace()?;
    }
    if !grouped {
        leave_groups(needed).with_context(|| match plain {
            // libcontainer sets how mounts of the root spread, which a root that is no mount point refuses.
            true => "leaving a root that is no mount point (enter it by pivot_root, or bind it to itself before chroot)",
            false => "leaving the control groups, which this user may not change",
        })?;
    }
    Ok(grouped)
}

/// Becomes root in a new user namespace in which only this user is mapped.
fn enter_user_namespace() -> anyhow::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).with_context(|| {
        "this kernel lets no ordinary user make a user namespace (see kernel.unprivileged_userns_clone, \
         user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns): run bench as root"
    })?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ] {
        let path = Path::new("/proc/self").join(file);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Changes to a private root folder without cgroups, so that libcontainer creates none. Only `needed`, /proc and /dev
/// are visible in it.
///
/// Mounting something over the cgroups is not enough: the kernel's mount list still shows the lower mount, and an
/// unprivileged user may not unmount it.
fn leave_groups(needed: &[PathBuf]) -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let nothing = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    match mount(nothing, "/", nothing, private, nothing) {
        // The mount of a root that is a plain folder cannot be named; only the one below `GROUPS` matters.
        Err(Errno::EINVAL) if root_is_changed() => {
            mount(nothing, GROUPS, nothing, private, nothing)
                .with_context(|| format!("making the mount {GROUPS} private"))?
        }
        done => done.context("making mounts private")?,
    }
    let root = Path::new(GROUPS);
    let options = Some("size=1m,mode=755");
    mount(
        Some("tmpfs"),
        root,
        Some("tmpfs"),
        MsFlags::empty(),
        options,
    )
    .with_context(|| format!("mounting a root at {}", root.display()))?;
    let system = [Path::new("/proc"), Path::new("/dev")];
    let bound = system
        .into_iter()
        .chain(needed.iter().map(PathBuf::as_path));
    for path in bound {
        let inside = root.join(path.strip_prefix("/")?);
        fs::create_dir_all(&inside).with_context(|| format!("making {}", inside.display()))?;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(path), &inside, nothing, flags, nothing)
            .with_context(|| format!("mounting {} in a root of its own", path.display()))?;
    }
    fs::create_dir_all(root.join("sys/fs/cgroup"))?;
    chroot(root)?;
    env::set_current_dir("/")?;
    Ok(())
}

/// Whether this process may create cgroups: in the root of version 2, or in the memory hierarchy of version 1.
fn groups_are_writable() -> bool {
    use nix::unistd::AccessFlags;
    let of_version_1 = statfs(GROUPS).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC);
    let folder = match of_version_1 {
        true => PathBuf::from(GROUPS).join("memory"),
        false => PathBuf::from(GROUPS),
    };
    let mounted = of_version_1 || folder.join("cgroup.procs").exists();
    mounted && access(&folder, AccessFlags::W_OK).is_ok()
}

/// Whether this process's root is a plain folder after `chroot`: the kernel can neither pivot such a root nor set how its
/// mounts spread.
fn root_is_changed() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    !mounts
        .lines()
        .any(|line| line.split(' ').nth(4) == Some("/"))
}

/// Reports in one line how containers are created here.
///
/// # Errors
///
/// If none can be created, with the reason.
fn check() -> anyhow::Result<()> {
    let root = geteuid().is_root();
    let grouped = enter_namespaces(&[])?;
    if let Err(error) = unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS,
    ) {
        bail!("making namespaces: {error}: root of this machine or container may not");
    }
    // The first thing that libcontainer does in the new namespaces.
    let nothing = None::<&str>;
    let spread = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(nothing, "/", nothing, spread, nothing)
        .context("keeping the mounts of a container apart")?;
    println!(
        "{}, {}",
        match root {
            true => "as root",
            false => "in a user namespace",
        },
        match grouped {
            true => "with control groups",
            false => "without control groups",
        }
    );
    Ok(())
}
