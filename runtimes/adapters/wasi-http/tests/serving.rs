//! Protocol tests, and the responses of servers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use plimsoll_adapter::conformance::{self, Case};
use plimsoll_adapter::protocol::{Instances, Launch, Prepare, Reply, Request, Serve};

fn adapter() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_adapter-wasi-http"))
}

fn workloads() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../workloads")
}

fn handler() -> Case {
    let cases = conformance::workloads(&workloads()).expect("the table of workloads is readable");
    let mut handlers = cases
        .into_iter()
        .filter(|case| case.workload.id.as_str() == "handler");
    handlers.next().expect("handler is a workload")
}

#[test]
fn the_protocol_is_kept() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    conformance::check(adapter(), &[handler()], scratch.path())
        .unwrap_or_else(|violations| panic!("{violations}"));
}

/// A running adapter and its pipes.
struct Talk {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Talk {
    fn begin() -> Self {
        let mut child = Command::new(adapter())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the adapter starts");
        Talk {
            stdin: child.stdin.take().expect("it is piped"),
            stdout: BufReader::new(child.stdout.take().expect("it is piped")),
            child,
        }
    }

    fn ask(&mut self, request: &Request) -> Reply {
        let line = serde_json::to_string(request).expect("a request is JSON");
        writeln!(self.stdin, "{line}").expect("the adapter reads");
        let mut reply = String::new();
        self.stdout
            .read_line(&mut reply)
            .expect("the adapter answers");
        serde_json::from_str(&reply).unwrap_or_else(|error| panic!("{reply:?}: {error}"))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that is stopped with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(launch: &Launch) -> Self {
        let mut child = Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .current_dir(&launch.directory)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("the server says where it listens");
        let address = line.trim().strip_prefix("listening on ").map(str::to_owned);
        Server {
            address: address.unwrap_or_else(|| panic!("the server said {line:?}")),
            child,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Parses the first message in `bytes`: status code, lower-case header fields, body, and the remaining bytes.
fn message(bytes: &[u8]) -> Option<(String, String, &[u8], &[u8])> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let (first, fields) = text.split_once("\r\n")?;
    let length = fields
        .lines()
        .find_map(|field| field.strip_prefix("content-length:"));
    let length = length.map_or(0, |text| text.trim().parse::<usize>().expect("a number"));
    let body = bytes.get(head + 4..head + 4 + length)?;
    let code = first.split(' ').nth(1).unwrap_or_default().to_owned();
    Some((code, fields.to_owned(), body, &bytes[head + 4 + length..]))
}

#[test]
fn every_request_of_the_workload_gets_the_response_that_the_other_targets_give() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let case = handler();
    let requests = std::fs::read(workloads().join("handler/input/requests.http"))
        .expect("the requests are readable");
    for (target, instances) in [
        ("wasmtime/wasi-http", Instances::Fresh),
        ("wasmtime/wasi-http+jit", Instances::Fresh),
        ("wasmtime/serve", Instances::Fresh),
        ("wasmtime/serve", Instances::Kept),
    ] {
        let mut talk = Talk::begin();
        let prepared = talk.ask(&Request::Prepare(Prepare {
            target: target.into(),
            workload: case.workload.clone(),
            scratch: scratch.path().to_owned(),
            portable: false,
        }));
        assert!(matches!(prepared, Reply::Prepared(_)), "{prepared:?}");
        let reply = talk.ask(&Request::Serve(Serve {
            target: target.into(),
            workload: case.workload.clone(),
            scratch: scratch.path().to_owned(),
            instances,
        }));
        let Reply::Server(launch) = reply else {
            panic!("{target}: {reply:?}");
        };
        let server = Server::start(&launch);
        let mut connection = TcpStream::connect(&server.address).expect("it accepts");
        let (mut asked, mut expected) = (&requests[..], case.stdout.as_bytes());
        let mut answered = 0;
        while let Some((_, _, _, rest)) = message(asked) {
            let request = &asked[..asked.len() - rest.len()];
            asked = rest;
            connection.write_all(request).expect("it reads");
            let (code, fields, body, rest) = message(expected).expect("as many responses");
            expected = rest;
            let mut found = Vec::new();
            while message(&found).is_none() {
                let mut chunk = [0; 4096];
                let read = connection.read(&mut chunk).expect("it answers");
                assert!(read > 0, "{target}: it hung up: {found:?}");
                found.extend_from_slice(&chunk[..read]);
            }
            let (found_code, found_fields, found_body, rest) = message(&found).expect("just read");
            assert_eq!((found_code, rest), (code, &b""[..]), "{target}");
            for field in fields.lines() {
                assert!(
                    found_fields.lines().any(|line| line == field),
                    "{target}: {field}"
                );
            }
            assert_eq!(
                String::from_utf8_lossy(found_body),
                String::from_utf8_lossy(body),
                "{target}"
            );
            answered += 1;
        }
        assert_eq!((answered, expected), (20, &b""[..]));
    }
}
