//! Fault tests with a real engine: it dies or hangs, or the adapter is killed. Each case must give a clear message and
//! leave nothing in the engine.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use crate::support::proxy::{Behaviour, Proxy};
use crate::support::{Ground, eventually, measure, said};
use adapter_docker::Containers;
use adapter_docker::engine::{Engine, Unusable};
use adapter_docker::targets::{Configuration, Network};
use plimsoll_adapter::protocol::{Availability, Reply, Request};
use plimsoll_adapter::record::Step;
use plimsoll_adapter::{Adapter, Error};

const HOST: Configuration = Configuration::new("docker/runc+host-net", Network::Host);

/// A guest that reports that it runs and then stays.
const STAYS: &str = r#"
#include <stdio.h>
#include <unistd.h>
int main(void) {
    puts("here");
    fflush(stdout);
    for (;;) sleep(60);
}
"#;

/// An adapter process, started as `bench` does.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    replies: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(environment: &[(&str, &Path)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_adapter-docker"))
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the adapter is built");
        let replies = BufReader::new(child.stdout.take().expect("a pipe"));
        Program {
            stdin: child.stdin.take(),
            child,
            replies,
        }
    }

    fn send(&mut self, request: &Request) {
        let line = serde_json::to_string(request).expect("a request is JSON");
        let stdin = self.stdin.as_mut().expect("stdin is open");
        writeln!(stdin, "{line}").expect("the adapter reads");
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.replies
            .read_line(&mut line)
            .expect("the adapter writes");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ask(&mut self, request: &Request) -> Reply {
        self.send(request);
        self.reply()
    }

    /// Starts a container that stays, and waits until the engine lists it.
    fn with_a_container_that_stays(ground: &Ground, name: &str) -> Self {
        let guest = ground.program(name, STAYS);
        let prepare = ground.prepare(HOST.id, &ground.workload(name, &guest));
        let mut program = Program::start(&[]);
        let prepared = program.ask(&Request::Prepare(prepare.clone()));
        assert!(matches!(prepared, Reply::Prepared(_)), "{prepared:?}");
        program.send(&Request::Measure(measure(&prepare, Step::Process)));
        let pid = program.child.id();
        // The image already exists; the container makes two.
        eventually("the container", || ground.left_by(pid).len() == 2);
        program
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill(1)");
        assert!(sent.success(), "kill -s {name}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // For failed tests; otherwise the process has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_killed_adapters_strays_are_removed_at_the_next_start_and_a_live_ones_are_not() {
    let Some(ground) = Ground::find() else { return };
    let mut killed = Program::with_a_container_that_stays(&ground, "stray");
    let mut live = Program::with_a_container_that_stays(&ground, "live");
    let (killed_id, live_id) = (killed.child.id(), live.child.id());
    killed.signal("KILL");
    killed.child.wait().expect("it was started here");
    assert_eq!(
        ground.left_by(killed_id).len(),
        2,
        "nobody tidied up for it"
    );

    let mut next = Program::start(&[]);
    assert!(matches!(next.ask(&Request::Hello), Reply::Hello(_)));
    assert_eq!(ground.left_by(killed_id), Vec::<String>::new());
    assert_eq!(
        ground.left_by(live_id).len(),
        2,
        "the live one's are its own"
    );
    drop(next.stdin.take());
    assert!(next.child.wait().expect("it was started here").success());

    live.signal("TERM");
    let status = live.child.wait().expect("it was started here");
    assert_eq!(status.code(), Some(128 + 15));
    assert_eq!(ground.left_by(live_id), Vec::<String>::new());
}

#[test]
fn the_end_of_input_leaves_nothing_on_the_engine() {
    let Some(ground) = Ground::find() else { return };
    let guest = ground.program(
        "brief",
        "#include <stdio.h>\nint main(void) { puts(\"x\"); }",
    );
    let prepare = ground.prepare(HOST.id, &ground.workload("brief", &guest));
    let mut program = Program::start(&[]);
    let id = program.child.id();
    let prepared = program.ask(&Request::Prepare(prepare.clone()));
    assert!(matches!(prepared, Reply::Prepared(_)), "{prepared:?}");
    assert_eq!(ground.left_by(id).len(), 1, "the image");
    drop(program.stdin.take());
    assert!(program.child.wait().expect("it was started here").success());
    assert_eq!(ground.left_by(id), Vec::<String>::new());
    let left: Vec<_> = std::fs::read_dir(&prepare.scratch)
        .expect("the pair's folder")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_engine_that_dies_in_the_middle_of_a_run_fails_that_trial_and_the_next_one_can_run() {
    let Some(ground) = Ground::find() else { return };
    let proxy = Proxy::before(&ground.socket, ground.folder.path(), Behaviour::Passes)
        .expect("a socket in a new folder");
    let guest = ground.program("stays", STAYS);
    let stays = ground.prepare(HOST.id, &ground.workload("stays", &guest));
    let guest = ground.program(
        "brief",
        "#include <stdio.h>\nint main(void) { puts(\"x\"); }",
    );
    let brief = ground.prepare(HOST.id, &ground.workload("brief", &guest));

    let mut containers = Containers::on(&proxy.socket, vec![HOST]);
    for prepare in [&stays, &brief] {
        containers.prepare(prepare).expect("the engine lives");
    }
    let failed = thread::scope(|scope| {
        let run = scope.spawn(|| {
            containers.measure(&measure(&stays, Step::Process), &mut |_| {
                panic!("a sample of a container that never ended")
            })
        });
        // Two images and a running container.
        eventually("the container", || {
            ground.left_by(std::process::id()).len() == 3
        });
        proxy.behave(Behaviour::Dead);
        run.join().expect("a dead engine is no panic")
    });
    let Err(Error::Failed(message)) = failed else {
        panic!("a dead engine was not noticed: {failed:?}");
    };
    assert!(
        message.contains("the Docker engine stopped answering"),
        "{message}"
    );
    assert!(message.contains("scripts/docker-engine"), "{message}");

    let failed = containers.measure(&measure(&brief, Step::Process), &mut |_| {});
    assert!(matches!(failed, Err(Error::Failed(_))), "{failed:?}");

    proxy.behave(Behaviour::Passes);
    let done = containers
        .measure(&measure(&brief, Step::Process), &mut |_| {})
        .expect("the engine lives again");
    assert_eq!(done.outputs[0].stdout, "x\n");
    drop(containers);
    assert_eq!(ground.left_by(std::process::id()), Vec::<String>::new());
}

#[test]
fn an_exit_that_the_engine_does_not_tell_is_noticed_and_measures_nothing() {
    let Some(ground) = Ground::find() else { return };
    let proxy = Proxy::before(
        &ground.socket,
        ground.folder.path(),
        Behaviour::SwallowsWaits,
    )
    .expect("a socket in a new folder");
    let guest = ground.program(
        "brief",
        "#include <stdio.h>\nint main(void) { puts(\"x\"); }",
    );
    let prepare = ground.prepare(HOST.id, &ground.workload("brief", &guest));
    let mut containers = Containers::on(&proxy.socket, vec![HOST]);
    containers.prepare(&prepare).expect("the engine lives");
    let mut samples = 0;
    let failed = containers.measure(&measure(&prepare, Step::Process), &mut |_| samples += 1);
    let Err(Error::Failed(message)) = failed else {
        panic!("an exit that nobody told was seen: {failed:?}");
    };
    assert!(message.contains("ended before the wait"), "{message}");
    assert_eq!(samples, 0);
    drop(containers);
    assert_eq!(ground.left_by(std::process::id()), Vec::<String>::new());
}

/// Why the engine behind this proxy is unusable.
fn unusable(proxy: &Proxy) -> Unusable {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an event loop")
        .block_on(Engine::at(&proxy.socket))
        .expect_err("an engine that misbehaves was taken")
}

#[test]
fn an_engine_that_hangs_and_one_that_answers_with_an_error_are_told_apart() {
    // These need no engine: the socket leads nowhere.
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let nowhere = folder.path().join("nowhere.sock");
    let proxy = Proxy::before(&nowhere, folder.path(), Behaviour::Hangs).expect("a new socket");
    let hangs = unusable(&proxy);
    assert!(matches!(hangs, Unusable::Silent { .. }), "{}", said(&hangs));

    proxy.behave(Behaviour::Answers(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
         Content-Length: 28\r\nConnection: close\r\n\r\n{\"message\":\"shutting down\"}\n",
    ));
    let error = unusable(&proxy);
    assert!(
        matches!(error, Unusable::Error { status: 503, .. }),
        "{}",
        said(&error)
    );
    assert!(said(&error).contains("shutting down"), "{}", said(&error));

    proxy.behave(Behaviour::Answers(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\
         Connection: close\r\n\r\n<htm>",
    ));
    let other = unusable(&proxy);
    assert!(said(&other).contains("cannot be read"), "{}", said(&other));
}

#[test]
fn without_an_engine_the_adapter_says_why_and_what_to_do() {
    let mut program = Program::start(&[("DOCKER_HOST", Path::new("unix:///nowhere/docker.sock"))]);
    let Reply::Hello(hello) = program.ask(&Request::Hello) else {
        panic!("no hello");
    };
    assert_eq!(hello.targets.len(), 8);
    for target in &hello.targets {
        let Availability::Unavailable { reason, remedy } = &target.availability else {
            panic!("{} is available without an engine", target.id);
        };
        assert!(reason.contains("/nowhere/docker.sock"), "{reason}");
        assert_eq!(remedy, "scripts/docker-engine start");
    }
    drop(program.stdin.take());
    assert!(program.child.wait().expect("it was started here").success());
}
