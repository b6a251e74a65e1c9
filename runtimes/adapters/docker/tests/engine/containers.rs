//! Tests with a real engine: a guest's output and exit reach `bench` unchanged.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Ground, measure};
use adapter_docker::Containers;
use adapter_docker::targets::{Configuration, MemoryLimit, Network, Under};
use plimsoll_adapter::conformance::{self, Case, Went};
use plimsoll_adapter::protocol::{Availability, Done, Prepare, Sample};
use plimsoll_adapter::record::{Boundary, Step};
use plimsoll_adapter::{Adapter, Error};

/// Without a network namespace, which these tests do not need, they are faster.
const HOST: Configuration = Configuration::new("docker/runc+host-net", Network::Host);

const HELLO: &str = r#"
#include <stdio.h>
int main(void) { puts("hello"); return 0; }
"#;

fn once(
    containers: &mut Containers,
    prepare: &Prepare,
    step: Step,
) -> Result<(Vec<Sample>, Done), Error> {
    let mut samples = Vec::new();
    let done = containers.measure(&measure(prepare, step), &mut |sample| samples.push(sample))?;
    Ok((samples, done))
}

#[test]
fn the_adapter_keeps_the_protocol_and_verifies_hello_on_every_target() {
    let Some(ground) = Ground::find() else { return };
    let hello = ground.program("hello", HELLO);
    let case = Case {
        workload: ground.workload("hello", &hello),
        exit_code: 0,
        stdout: "hello\n".to_owned(),
    };
    let exercised = conformance::check(
        Path::new(env!("CARGO_BIN_EXE_adapter-docker")),
        &[case],
        &ground.folder.path().join("conformance"),
    )
    .unwrap_or_else(|violations| panic!("{violations}"));
    let verified: Vec<&str> = exercised
        .iter()
        .filter(|exercised| matches!(exercised.went, Went::Verified(_)))
        .map(|exercised| exercised.target.as_str())
        .collect();
    // Other runtimes use the same image, so the same size; a missing runtime makes its target unavailable.
    let others = |name: &str| {
        verified
            .iter()
            .filter(|target| target.starts_with(name))
            .count()
    };
    let (crun, youki, debian) = (
        others("docker/crun"),
        others("docker/youki"),
        others("docker/runc+debian"),
    );
    let own: Vec<&&str> = verified
        .iter()
        .filter(|target| target.starts_with("docker/runc") && **target != "docker/runc+debian")
        .collect();
    assert_eq!(
        own.len(),
        3 * 4 + 1,
        "3 targets, 4 steps, and runs on the first: {exercised:?}"
    );
    assert!([0, 3 * 3].contains(&crun), "{exercised:?}");
    assert!([0, 3].contains(&youki), "{exercised:?}");
    assert!([0, 4].contains(&debian), "{exercised:?}");
}

#[test]
fn a_process_step_climbs_the_ladder_and_a_fresh_one_is_its_top() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let hello = ground.program("hello", HELLO);
    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let prepare = ground.prepare(HOST.id, &ground.workload("hello", &hello));
    let prepared = containers.prepare(&prepare)?;
    assert!(
        prepared.launch.is_none(),
        "a container is no process of bench's"
    );
    assert!(prepared.artefacts.iter().all(|artefact| artefact.bytes > 0));

    let (samples, _) = once(&mut containers, &prepare, Step::Process)?;
    let boundaries: Vec<_> = samples.iter().map(|sample| sample.boundary).collect();
    assert_eq!(boundaries, [Boundary::L3, Boundary::L4, Boundary::L5]);
    let values: Vec<_> = samples.iter().map(|sample| sample.value).collect();
    assert!(values[0] > 0 && values[1] < values[2], "{values:?}");

    let (samples, done) = once(&mut containers, &prepare, Step::Deploy)?;
    let boundaries: Vec<_> = samples.iter().map(|sample| sample.boundary).collect();
    assert_eq!(boundaries, [Boundary::L6]);
    assert_eq!(done.outputs[0].stdout, "hello\n");
    Ok(())
}

#[test]
fn a_guest_finds_its_input_and_arguments_as_a_process_would() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let program = ground.program(
        "reader",
        r#"
        #include <stdio.h>
        int main(int argc, char **argv) {
            char line[64] = "";
            FILE *file = fopen(argv[1], "r");
            if (!file) { perror(argv[1]); return 1; }
            fgets(line, sizeof line, file);
            printf("%d %s %s", argc, argv[2], line);
            return 0;
        }
        "#,
    );
    let input = ground.folder.path().join("input");
    std::fs::create_dir_all(input.join("deep")).expect("a writable folder");
    std::fs::write(input.join("deep/file.txt"), "found\n").expect("a writable folder");
    let mut workload = ground.workload("reader", &program);
    workload.input = Some(input);
    workload.args = vec!["deep/file.txt".to_owned(), "a b\"c".to_owned()];

    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let prepare = ground.prepare(HOST.id, &workload);
    containers.prepare(&prepare)?;
    let (_, done) = once(&mut containers, &prepare, Step::Process)?;
    assert_eq!(done.outputs[0].stdout, "3 a b\"c found\n");
    Ok(())
}

/// The distribution is below the program, even if the engine must load it completely.
#[test]
fn a_guest_in_a_distributions_image_finds_the_distribution() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let debian = Configuration {
        under: Under::Debian,
        ..HOST
    };
    let program = ground.program(
        "reader",
        r#"
        #include <stdio.h>
        int main(void) {
            char line[64] = "";
            FILE *file = fopen("/etc/debian_version", "r");
            if (!file) { perror("/etc/debian_version"); return 1; }
            puts(fgets(line, sizeof line, file) ? "found" : "empty");
            return 0;
        }
        "#,
    );
    let mut containers = Containers::on(&ground.socket, vec![debian]);
    if let Availability::Unavailable { reason, remedy } =
        &containers.hello().targets[0].availability
    {
        // `bench setup` installs it on request; CI does not.
        assert_eq!(remedy, "bench setup docker-debian", "{reason}");
        eprintln!("SKIPPED: {reason}; {remedy}");
        return Ok(());
    }
    let prepare = ground.prepare(debian.id, &ground.workload("reader", &program));
    let prepared = containers.prepare(&prepare)?;
    let image = &prepared.artefacts[0];
    assert!(image.bytes > 50_000_000, "{image:?}");
    for step in [Step::Process, Step::Deploy] {
        let (samples, done) = once(&mut containers, &prepare, step)?;
        assert_eq!(done.outputs[0].stdout, "found\n", "{step}");
        assert!(samples.iter().all(|sample| sample.value > 0), "{samples:?}");
    }
    // The completely loaded image is gone; the pair's own stays until the end.
    assert_eq!(ground.left_by(std::process::id()).len(), 1);
    drop(containers);
    assert_eq!(ground.left_by(std::process::id()), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_guest_that_fails_gives_its_exit_code_and_all_it_printed_but_its_errors() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let program = ground.program(
        "fails",
        r#"
        #include <stdio.h>
        int main(void) {
            for (int i = 0; i < 200000; i++) {
                printf("%07d\n", i);
                if (i % 20000 == 0) fprintf(stderr, "not output\n");
            }
            return 7;
        }
        "#,
    );
    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let prepare = ground.prepare(HOST.id, &ground.workload("fails", &program));
    containers.prepare(&prepare)?;
    let (_, done) = once(&mut containers, &prepare, Step::Process)?;
    let output = &done.outputs[0];
    assert_eq!(output.exit_code, 7);
    let expected: String = (0..200_000).map(|i| format!("{i:07}\n")).collect();
    assert!(
        output.stdout == expected,
        "{} bytes of {}",
        output.stdout.0.len(),
        expected.len()
    );
    Ok(())
}

#[test]
fn a_guest_that_prints_nothing_has_no_first_byte() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let program = ground.program("silent", "int main(void) { return 0; }");
    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let prepare = ground.prepare(HOST.id, &ground.workload("silent", &program));
    containers.prepare(&prepare)?;
    let (samples, done) = once(&mut containers, &prepare, Step::Process)?;
    let boundaries: Vec<_> = samples.iter().map(|sample| sample.boundary).collect();
    assert_eq!(boundaries, [Boundary::L4, Boundary::L5]);
    assert_eq!(done.outputs[0].stdout, "");
    Ok(())
}

#[test]
fn a_guest_that_needs_more_memory_than_it_may_have_is_out_of_memory() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    if !ground.limits_memory() {
        return Ok(());
    }
    let program = ground.program(
        "hungry",
        r#"
        #include <stdlib.h>
        #include <string.h>
        int main(void) {
            for (;;) {
                char *page = malloc(1 << 20);
                if (page) memset(page, 1, 1 << 20);
            }
        }
        "#,
    );
    let small = Configuration {
        memory: MemoryLimit::Bytes(16 << 20),
        ..HOST
    };
    let mut containers = Containers::on(&ground.socket, vec![small]);
    let prepare = ground.prepare(small.id, &ground.workload("hungry", &program));
    containers.prepare(&prepare)?;
    let failed = once(&mut containers, &prepare, Step::Process);
    assert!(matches!(failed, Err(Error::OutOfMemory(_))), "{failed:?}");
    Ok(())
}

#[test]
fn a_guest_that_a_signal_ends_fails_with_the_signal_and_its_last_words() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let program = ground.program(
        "aborts",
        r#"
        #include <signal.h>
        #include <stdio.h>
        #include <unistd.h>
        int main(void) {
            fprintf(stderr, "the end is near\n");
            signal(SIGSEGV, SIG_DFL);
            /* The first process of a PID namespace ignores signals that it sends itself. */
            *(volatile int *)0 = 1;
            return 0;
        }
        "#,
    );
    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let prepare = ground.prepare(HOST.id, &ground.workload("aborts", &program));
    containers.prepare(&prepare)?;
    let Err(Error::Failed(message)) = once(&mut containers, &prepare, Step::Process) else {
        panic!("a segmentation fault passed for an exit");
    };
    assert!(message.contains("signal 11"), "{message}");
    assert!(message.contains("the end is near"), "{message}");
    Ok(())
}

#[test]
fn a_program_that_may_not_be_executed_does_not_start_and_leaves_no_container() -> Result<(), Error>
{
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let program = ground.program("closed", HELLO);
    let closed = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&program, closed).expect("a file of our own");
    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let prepare = ground.prepare(HOST.id, &ground.workload("closed", &program));
    containers.prepare(&prepare)?;
    let Err(Error::Failed(message)) = once(&mut containers, &prepare, Step::Process) else {
        panic!("a program that is not executable has run");
    };
    assert!(message.contains("did not start"), "{message}");
    drop(containers);
    assert_eq!(ground.left_by(std::process::id()), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_binary_that_is_not_there_says_what_builds_it() {
    let Some(ground) = Ground::find() else { return };
    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let mut workload = ground.workload("gone", Path::new("/nowhere/gone"));
    let Err(Error::Failed(message)) = containers.prepare(&ground.prepare(HOST.id, &workload))
    else {
        panic!("prepared a binary that is not there");
    };
    assert!(message.contains("/nowhere/gone"), "{message}");
    assert!(
        message.contains("scripts/build-workloads --native"),
        "{message}"
    );

    workload.native = None;
    let Err(Error::Unsupported(reason)) = containers.prepare(&ground.prepare(HOST.id, &workload))
    else {
        panic!("prepared a workload that has no native binary");
    };
    assert!(
        reason.contains("scripts/build-workloads --native"),
        "{reason}"
    );
}

#[test]
fn a_binary_that_needs_a_loader_gets_no_image() {
    let Some(ground) = Ground::find() else { return };
    let mut containers = Containers::on(&ground.socket, vec![HOST]);
    let workload = ground.workload("dynamic", Path::new("/proc/self/exe"));
    let Err(Error::Failed(message)) = containers.prepare(&ground.prepare(HOST.id, &workload))
    else {
        panic!("prepared a binary that needs a loader");
    };
    assert!(message.contains("dynamically linked"), "{message}");
}

#[test]
fn images_of_one_workload_share_no_layer_so_that_a_load_always_reads_one_in() -> Result<(), Error> {
    let Some(ground) = Ground::find() else {
        return Ok(());
    };
    let hello = ground.program("hello", HELLO);
    let other = Configuration::new("docker/runc+no-net", Network::None);
    let mut containers = Containers::on(&ground.socket, vec![HOST, other]);
    for configuration in [HOST, other] {
        let workload = ground.workload("hello", &hello);
        containers.prepare(&ground.prepare(configuration.id, &workload))?;
    }
    let images = ground.left_by(std::process::id());
    let [one, two] = images.as_slice() else {
        panic!("two images: {images:?}");
    };
    assert_ne!(ground.layers(one), ground.layers(two));
    drop(containers);
    assert_eq!(ground.left_by(std::process::id()), Vec::<String>::new());
    Ok(())
}
