//! Servers under load: the real `bench`, the native server and keel's, and faults.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use e2e::census::{Census, containers, init_of};
use e2e::{
    ANOTHER_RUN, Bench, PATIENCE, both_streams, built, container_engine_answers, lines, root, row,
    row_at, signal, within, words,
};
use rustix::process::{Pid, Signal};

#[test]
fn native_code_and_keel_carry_a_load_with_every_response_verified() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let path = out.to_str().expect("temporary paths are UTF-8");
    let table = bench.exits(
        0,
        &[
            "run", "--suite", "serve", "--quick", "--trials", "2", "--target", "native",
            "--target", "keel", "--seed", "7", "--out", path,
        ],
    );
    for named in ["native shared", "keel reused", "keel reset"] {
        assert!(table.contains(named), "{table}");
    }
    let unwrapped = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for isolation in [
        "put back to its start",
        "what earlier ones left",
        "side by side",
    ] {
        assert!(unwrapped.contains(isolation), "{table}");
    }
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );
    let rows = bench.rows(&out);
    let at = |target: &str, boundary: &str, metric: &str, at: Option<u64>| {
        let row = row_at(&rows, target, (boundary, metric), at)
            .unwrap_or_else(|| panic!("no {metric} of {target} at {boundary} {at:?}"));
        assert_eq!(
            (row["status"].as_str(), row["trials"].as_u64()),
            (Some("ok"), Some(2)),
            "{row}"
        );
        row["median"].as_f64().expect("an ok row has a median")
    };
    for (target, boundary) in [
        ("native", "request"),
        ("keel", "request"),
        ("keel", "fresh-request"),
    ] {
        assert!(at(target, boundary, "p50", Some(500)) > 0.0);
        assert_eq!(at(target, boundary, "errors", Some(500)), 0.0);
        assert!(at(target, boundary, "achieved_rate", None) > 0.0);
    }
    for target in ["native", "keel"] {
        assert!(
            row(&rows, "handler", target, "first-response", "wall_time")
                .is_some_and(|r| r["status"] == "ok")
        );
    }
    let histograms = lines(&out);
    let histograms = histograms.iter().filter(|line| line["type"] == "histogram");
    assert!(histograms.count() >= 3 * 2 * 2);
    let html = bench.folder().join("report.html");
    bench.exits(
        0,
        &["report", path, "--html", html.to_str().expect("UTF-8")],
    );
    let html = fs::read_to_string(html).expect("the report was written");
    assert!(html.contains("Latency by rate") && html.contains(".hlog"));
    assert!(html.contains("keel, reset") && html.contains("put back to its start"));
    let markdown = bench.exits(0, &["report", path, "--markdown"]);
    assert!(markdown.contains("keel, reused") && markdown.contains("- reused: "));
}

/// The servers that a `bench` started itself: its listening children.
fn servers_of(bench: u32) -> Vec<u32> {
    let children = |pid: &str| -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let listens = command.contains("--listen") || command.contains("serve-http");
        (parent.trim().parse() == Ok(bench) && listens).then_some(())?;
        pid.parse().ok()
    };
    fs::read_dir("/proc")
        .expect("/proc can be read")
        .flatten()
        .filter_map(|entry| children(entry.file_name().to_str()?))
        .collect()
}

/// A `bench` that is killed at the end of the test, even on failure.
struct Running(Child);

impl Running {
    fn output(&mut self) -> Output {
        let mut output = Output {
            status: self.0.wait().expect("bench ends"),
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        let streams: [(Option<&mut dyn Read>, &mut Vec<u8>); 2] = [
            (
                self.0.stdout.as_mut().map(|pipe| pipe as &mut dyn Read),
                &mut output.stdout,
            ),
            (
                self.0.stderr.as_mut().map(|pipe| pipe as &mut dyn Read),
                &mut output.stderr,
            ),
        ];
        for (pipe, text) in streams {
            pipe.expect("it is piped")
                .read_to_end(text)
                .expect("it can be read");
        }
        output
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run on the native target, with its server under load.
fn under_load(bench: &Bench) -> (Running, PathBuf, u32) {
    let child = bench
        .command(&[
            "run", "--suite", "serve", "--quick", "--trials", "1", "--target", "native", "--out",
            "run", "--wait",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bench can be started");
    let mut child = Running(child);
    // The server of the step `first-response` exits after one request.
    let server = within(ANOTHER_RUN, "a server under load", || {
        assert!(
            child.0.try_wait().is_ok_and(|ended| ended.is_none()),
            "bench ended"
        );
        let before = servers_of(child.0.id());
        std::thread::sleep(Duration::from_millis(400));
        let after = servers_of(child.0.id());
        before.into_iter().find(|server| after.contains(server))
    });
    (child, bench.folder().join("run"), server)
}

#[test]
fn a_server_that_is_killed_under_load_is_recorded_with_what_was_measured_until_then() {
    let bench = Bench::new();
    let mut census = Census::begin();
    let (mut child, run, server) = under_load(&bench);
    census.look();
    signal(server, Signal::KILL);
    let output = child.output();
    assert_eq!(output.status.code(), Some(3), "{}", both_streams(&output));
    let lines = lines(&run);
    let failed = lines.iter().find(|line| line["status"] == "failed");
    let failed = failed.unwrap_or_else(|| panic!("no trial failed: {}", both_streams(&output)));
    let message = failed["message"].as_str().expect("a failure has a message");
    assert!(message.contains("went away under"), "{message}");
    assert!(message.contains("signal 9 (SIGKILL)"), "{message}");
    assert!(
        lines
            .iter()
            .any(|line| line["trial"] == failed["trial"] && line["type"] == "sample")
    );
    assert!(
        lines.iter().any(|line| line["status"] == "ok"),
        "the other trial was lost"
    );
    census.nothing_is_left();
}

/// Packets that a container has received after the first rate: at most three for each of the 250 requests of
/// the warm-up and the 500 of the rate.
const FIRST_RATE: u64 = 2300;

/// Packets received by a process's network namespace from outside; 0 if the process is gone.
fn received(pid: u32) -> u64 {
    let devices = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    let rows = devices.lines().filter_map(|line| line.split_once(':'));
    rows.filter(|(name, _)| name.trim() != "lo")
        .filter_map(|(_, counts)| counts.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}

#[test]
fn a_container_that_is_killed_under_load_is_recorded_with_what_was_measured_until_then() {
    if !container_engine_answers() {
        return;
    }
    let bench = Bench::new();
    let run = bench.folder().join("run");
    let mut census = Census::begin();
    let child = bench
        .command(&words(
            "run --suite serve --trials 3 --target docker/runc --out run --wait",
        ))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bench can be started");
    let mut child = Running(child);
    let alive = |child: &mut Running| {
        let running = child.0.try_wait().is_ok_and(|ended| ended.is_none());
        assert!(running, "bench ended: {}", both_streams(&child.output()));
    };
    // Without a plan, containers cannot be of this run.
    within(ANOTHER_RUN, "the run to begin", || {
        alive(&mut child);
        run.join("run.json").exists().then_some(())
    });
    within(ANOTHER_RUN, "a container under load to be killed", || {
        alive(&mut child);
        census.look();
        let inits: Vec<u32> = containers().iter().filter_map(|id| init_of(id)).collect();
        let loaded = inits
            .into_iter()
            .find(|init| received(*init) > FIRST_RATE)?;
        // Kill it directly, without the engine's client: the load ends if the server cannot sustain it.
        rustix::process::kill_process(Pid::from_raw(loaded.cast_signed())?, Signal::KILL).ok()
    });
    let output = child.output();
    assert_eq!(output.status.code(), Some(3), "{}", both_streams(&output));
    let lines = lines(&run);
    let failed = lines.iter().find(|line| line["status"] == "failed");
    let failed = failed.unwrap_or_else(|| panic!("no trial failed: {}", both_streams(&output)));
    let message = failed["message"].as_str().expect("a failure has a message");
    assert!(message.contains("went away under"), "{message}");
    let of_it = lines.iter().filter(|line| line["trial"] == failed["trial"]);
    let kinds: Vec<_> = of_it.filter_map(|line| line["type"].as_str()).collect();
    assert!(
        kinds.contains(&"sample") && kinds.contains(&"histogram"),
        "{kinds:?}"
    );
    assert!(
        lines.iter().any(|line| line["status"] == "ok"),
        "the other trial was lost"
    );
    census.nothing_is_left();
}

/// A server started by the test, with its address; killed when dropped.
struct Server(Child, SocketAddr);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The two server programs with the arguments that `bench` gives them, listening on `address`.
fn commands(address: &str) -> Vec<Command> {
    let mut native = Command::new(root().join("target/workloads/native/handler"));
    native.args(["--listen", address]);
    let wasm = root().join("workloads/wasm/handler.wasm");
    let front = |instances: &str| {
        let mut command = Command::new(built("adapter-keel"));
        command.args(["serve-http", "keel", "wasm"]).arg(&wasm);
        command.args([instances, "handler", address]);
        command
    };
    vec![native, front("kept"), front("fresh")]
}

fn start(mut command: Command) -> Server {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it is built");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it says where it listens");
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .expect("it listens");
    let address = address.parse().expect("an address");
    Server(child, address)
}

#[test]
fn an_address_that_is_taken_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has an address").to_string();
    for mut command in commands(&address) {
        let output = command.output().expect("it is built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(&format!("listening on {address}")), "{said}");
        assert!(
            said.contains("in use") && said.contains("give another address"),
            "{said}"
        );
    }
}

#[test]
fn bad_requests_get_the_same_answer_natively_and_from_an_instance() {
    let requests: [(&[u8], &str); 7] = [
        (b"nonsense\r\n\r\n", "400"),
        (b"GET /health HTTP/1.1\r\n\r\n", "400"),
        (b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
        (
            b"POST /aggregate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "411",
        ),
        (
            b"POST /aggregate HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n",
            "413",
        ),
        (
            b"POST /aggregate HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
            "400",
        ),
        (
            b"GET /items?page=-1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "400",
        ),
    ];
    let servers: Vec<Server> = commands("127.0.0.1:0").into_iter().map(start).collect();
    for (request, status) in requests {
        let answers: Vec<String> = servers
            .iter()
            .map(|Server(_, address)| {
                let mut connection = TcpStream::connect(address).expect("it accepts");
                connection
                    .set_read_timeout(Some(PATIENCE))
                    .expect("a timeout can be set");
                connection.write_all(request).expect("it reads");
                // A missing body must not make the server wait.
                connection
                    .shutdown(std::net::Shutdown::Write)
                    .expect("half is closed");
                let mut answer = String::new();
                connection
                    .read_to_string(&mut answer)
                    .expect("it answers and closes");
                answer
            })
            .collect();
        let asked = String::from_utf8_lossy(request);
        assert!(
            answers[0].starts_with(&format!("HTTP/1.1 {status} ")),
            "{asked}: {}",
            answers[0]
        );
        assert_eq!(answers[0], answers[1], "{asked}: an instance a connection");
        assert_eq!(answers[0], answers[2], "{asked}: an instance a request");
    }
}
