//! Writes the bundle for a runtime (OCI Runtime Specification 1.0.2, "Filesystem Bundle"): a root file system as small
//! as the docker targets' image, and Docker's default configuration except where the ledger says otherwise.

use std::fs;
use std::io;
use std::path::Path;

use plimsoll_adapter::image::{self, INPUT};
use plimsoll_adapter::launch::copy_folder;
use plimsoll_adapter::protocol::{Access, Workload};
use plimsoll_adapter::{Error, native};
use serde_json::{Value, json};

use crate::probing::Limits;
use crate::targets::{Configuration, Guest, Network};

/// PATH in the environment of the guest and of the runtime.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Docker's default capabilities for a container's root (documentation of `docker run`, "Runtime privilege and Linux
/// capabilities").
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// Paths in /proc and /sys that Docker hides or makes read-only, as `docker inspect` shows.
const MASKED: [&str; 9] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// The guest's program path in the container. youki's engine recognises a module by its file extension and resolves it
/// against the working directory.
pub(crate) fn program(guest: Guest, workload: &Workload) -> String {
    match guest {
        Guest::Native => image::program(workload, None),
        Guest::Wasm => format!("/{}.wasm", workload.id),
    }
}

/// Writes a pair's bundle with the guest limited to `limits`; replaces an existing one.
///
/// # Errors
///
/// [`Error::Unsupported`] if the workload cannot run in it; [`Error::Failed`] if something cannot be read or written.
pub(crate) fn write(
    folder: &Path,
    configuration: &Configuration,
    workload: &Workload,
    limits: Option<&Limits>,
) -> Result<(), Error> {
    let file = match configuration.guest {
        Guest::Native => native::require(workload)?,
        Guest::Wasm if workload.input.is_some() => {
            return Err(Error::Unsupported(format!(
                "{} reads its input folder, and the engine in {} grants a guest none",
                workload.id,
                configuration.runtime.name()
            )));
        }
        Guest::Wasm => &workload.wasm,
    };
    let failed = |error: io::Error| Error::failed(format!("writing {}", folder.display()), error);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    let root = folder.join("rootfs");
    let inside = program(configuration.guest, workload);
    let made = ["bin", "dev", "proc", "sys"]
        .iter()
        .try_for_each(|name| fs::create_dir_all(root.join(name)))
        .and_then(|()| fs::copy(file, root.join(inside.trim_start_matches('/'))))
        .and_then(|_| match &workload.input {
            Some(input) if workload.grants.folder == Access::Read => {
                copy_folder(input, &root.join(INPUT))
            }
            _ => fs::create_dir(root.join(INPUT)),
        })
        .and_then(|()| {
            let mut text = of(configuration, workload);
            if let Some(limits) = limits {
                limits.set(&mut text);
            }
            let text = text.to_string();
            fs::write(folder.join("config.json"), text)
        });
    made.map_err(failed)
}

/// Contents of config.json.
fn of(configuration: &Configuration, workload: &Workload) -> Value {
    let mut args = vec![program(configuration.guest, workload)];
    args.extend(workload.args.iter().cloned());
    let mut namespaces = vec!["mount", "pid", "ipc", "uts"];
    if configuration.network == Network::None {
        namespaces.push("network");
    }
    let namespaces: Vec<Value> = namespaces
        .iter()
        .map(|kind| json!({ "type": kind }))
        .collect();
    let (directory, annotations) = match configuration.guest {
        Guest::Native => (format!("/{INPUT}"), json!({})),
        Guest::Wasm => ("/".to_owned(), json!({ "run.oci.handler": "wasm" })),
    };
    let mut env = vec![format!("PATH={PATH}")];
    let granted = workload.grants.env.iter();
    env.extend(granted.map(|(name, value)| format!("{name}={value}")));
    // An unprivileged user namespace has one user and no cgroup.
    let rootless = !rustix::process::geteuid().is_root();
    let mut mounts = mounts();
    if rootless {
        let one_user = |option: &Value| option != "gid=5";
        for mount in &mut mounts {
            let options = mount["options"].as_array_mut();
            options.into_iter().for_each(|all| all.retain(one_user));
        }
        // sysfs belongs to the owner of the network namespace.
        if configuration.network == Network::Host {
            mounts.retain(|mount| mount["type"] != "sysfs");
        }
    }
    // A bind mount of the folder itself, which is new for every trial, while the bundle is not.
    if let (Some(input), Access::Write) = (&workload.input, workload.grants.folder) {
        let source = input.to_string_lossy();
        let at = format!("/{INPUT}");
        mounts.push(mount(&source, &at, "bind", &["rbind", "rw"]));
    }
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": args,
            "env": env,
            "cwd": directory,
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": CAPABILITIES,
                "permitted": CAPABILITIES,
            },
            "noNewPrivileges": false,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "plimsoll",
        "mounts": mounts,
        "annotations": annotations,
        "linux": {
            "namespaces": namespaces,
            "resources": match rootless {
                true => Value::Null,
                false => json!({ "devices": [{ "allow": false, "access": "rwm" }] }),
            },
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    })
}

fn mounts() -> Vec<Value> {
    vec![
        mount("proc", "/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "tmpfs",
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "devpts",
            "/dev/pts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        // In the host's network namespace sysfs cannot be mounted by unprivileged users.
        mount(
            "sysfs",
            "/sys",
            "sysfs",
            &["nosuid", "noexec", "nodev", "ro"],
        ),
        mount(
            "mqueue",
            "/dev/mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"],
        ),
        mount(
            "shm",
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
    ]
}

fn mount(source: &str, at: &str, kind: &str, options: &[&str]) -> Value {
    json!({ "destination": at, "type": kind, "source": source, "options": options })
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::protocol::Grants;

    use super::*;
    use crate::targets::ALL;

    fn workload(input: Option<&Path>) -> Workload {
        Workload {
            id: "reader".into(),
            wasm: "/nowhere/reader.wasm".into(),
            native: None,
            args: vec!["a b\"c".to_owned()],
            input: input.map(Path::to_owned),
            image: None,
            grants: Grants::default(),
            component: None,
        }
    }

    fn kinds(configuration: &Configuration) -> Vec<String> {
        let namespaces = of(configuration, &workload(None))["linux"]["namespaces"].clone();
        let namespaces = namespaces.as_array().expect("a list").clone();
        namespaces
            .iter()
            .map(|one| one["type"].as_str().expect("a word").to_owned())
            .collect()
    }

    #[test]
    fn only_the_network_is_shared_with_the_host_and_only_where_it_is_said() {
        for configuration in &ALL {
            let own = kinds(configuration).contains(&"network".to_owned());
            assert_eq!(
                own,
                configuration.network == Network::None,
                "{}",
                configuration.id
            );
            assert!(kinds(configuration).contains(&"pid".to_owned()));
        }
    }

    #[test]
    fn arguments_reach_the_guest_as_they_are() {
        let config = of(&ALL[0], &workload(None));
        assert_eq!(config["process"]["args"], json!(["/bin/reader", "a b\"c"]));
    }

    #[test]
    fn a_folder_that_may_be_written_is_itself_inside_and_an_environment_what_was_granted() {
        let mut writes = workload(Some(Path::new("/scratch/folder")));
        writes.grants = Grants::of(Access::Write, &["A=b".to_owned()]);
        let config = of(&ALL[0], &writes);
        let mounts = config["mounts"].as_array().expect("a list");
        let own = mounts.iter().find(|one| one["destination"] == "/input");
        assert_eq!(own.expect("its folder")["source"], "/scratch/folder");
        assert_eq!(config["process"]["env"][1], "A=b");
    }

    #[test]
    fn a_workload_without_a_native_binary_is_unsupported_and_says_what_builds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = write(folder.path(), &ALL[0], &workload(None), None);
        assert!(
            matches!(&refused, Err(Error::Unsupported(why)) if why.contains("scripts/build-workloads")),
            "{refused:?}"
        );
    }
}
