//! The fairness ledger, from information that the engine reports.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::targets::{Configuration, Under};

/// All relevant settings of one target, by name.
pub(crate) fn of(
    configuration: &Configuration,
    engine: Option<&Engine>,
) -> BTreeMap<String, String> {
    let mut ledger = BTreeMap::new();
    let mut say = |name: &str, value: String| ledger.insert(name.to_owned(), value);

    say("network", configuration.network.meaning().to_owned());
    let runtime = configuration.runtime;
    say(
        "oci runtime",
        match engine.and_then(|engine| engine.runtime_version(runtime)) {
            Some(version) => format!("{}: {version}", runtime.name()),
            None => runtime.name().to_owned(),
        },
    );
    say(
        "image",
        match configuration.under {
            Under::Nothing => {
                "FROM scratch: the static native binary, the input folder, one layer; its size is \
                 recorded when it is prepared"
            }
            Under::Debian => {
                "Debian's smallest installation (debootstrap, variant minbase, without package lists \
                 and caches) under the static native binary and the input folder; at L6 both layers \
                 are loaded, at the other boundaries the engine has the first"
            }
        }
        .to_owned(),
    );
    say(
        "working directory",
        "a copy of the input folder, in the image".to_owned(),
    );
    say(
        "environment",
        "PATH and HOSTNAME, as Docker sets them".to_owned(),
    );
    say("terminal, init, auto-remove", "none".to_owned());
    say(
        "memory and cpu limits",
        "none, as docker run; under bench run --denoise the processor that it measures on"
            .to_owned(),
    );
    say(
        "run",
        "the stopwatch that times native code, put into the created container beside the program; \
         one container a trial, a process a run, with an empty environment"
            .to_owned(),
    );
    say(
        "clock",
        "L3: start request to first byte on the attached stream; L4: create request to the \
         answer of the wait; L5: to the answer of the remove"
            .to_owned(),
    );
    say(
        "http",
        "the program's own server, a thread a connection; its port published on loopback, or the \
         host's network"
            .to_owned(),
    );
    say(
        "image at L6",
        "removed outside the clock; its archive is in the page cache, as other targets' \
         artefacts are"
            .to_owned(),
    );
    let Some(engine) = engine else {
        return ledger;
    };

    say("engine socket", engine.socket.display().to_string());
    let client = engine.docker.client_version();
    let newest = engine.version.api_version.as_deref().unwrap_or("unknown");
    say(
        "api",
        format!(
            "{}.{} used, engine's newest {newest}",
            client.major_version, client.minor_version
        ),
    );
    for component in engine.version.components.iter().flatten() {
        // "Engine" is the engine's own version, which is reported separately.
        if component.name != "Engine" {
            say(&component.name, component.version.clone());
        }
    }

    let info = &engine.info;
    let known = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    say("default runtime", known(info.default_runtime.clone()));
    say("storage driver", known(info.driver.clone()));
    say(
        "cgroup",
        format!(
            "driver {}, version {}",
            known(info.cgroup_driver.map(|driver| driver.to_string())),
            known(info.cgroup_version.map(|version| version.to_string()))
        ),
    );
    say("log driver", known(info.logging_driver.clone()));
    say(
        "security options",
        match &info.security_options {
            Some(options) if !options.is_empty() => options.join("; "),
            Some(_) => "none".to_owned(),
            None => "unknown".to_owned(),
        },
    );
    ledger
}
