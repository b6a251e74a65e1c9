//! HTTP server for in-process engines: a listener and one thread per connection, with a guest behind each.
//!
//! The guest itself speaks HTTP on its standard streams. With [`Instances::Kept`] each connection has one instance,
//! whose streams are the socket. With [`Instances::Fresh`] the server splits the connection into requests ([`framing`])
//! and creates an instance for each; request and response bytes pass through unchanged. All engines share this code,
//! and it uses as many threads as the native server.
//!
//! The server runs in its own process: `bench` starts this adapter's executable with the command line from [`launch`].

mod framing;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use plimsoll_record::TargetId;
use rustix::process::{Signal, set_parent_process_death_signal};

use self::framing::{Framed, Then, framed};
use crate::guest::{Guest, Stdio};
use crate::protocol::{Grants, Instances, Launch, Serve};
use crate::timed::Engine;
use crate::{Error, artefact};

/// Fairness ledger entry for targets that serve this way.
pub const LEDGER: &str = "the kit's front in the engine's process, the adapter's executable: a thread \
     a connection; kept: an instance a connection, its streams the socket; fresh: an instance a \
     request, its streams in memory";

/// First word of a server's command line.
const SERVE: &str = "serve-http";
/// Stack size of a connection's thread in bytes: the main thread's, on which guests run in other steps.
const STACK: usize = 8 << 20;

/// The file that a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code<'a> {
    /// The artefact that `prepare` wrote.
    Artefact(&'a Path),
    /// The `.wasm`, compiled at startup.
    Wasm(&'a Path),
}

/// The parsed command line of a server process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The target to serve.
    pub target: TargetId,
    kind: Kind,
    path: PathBuf,
    instances: Instances,
    /// The guest's name, its only argument.
    name: String,
    address: String,
}

/// Kind of file that a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Artefact,
    Wasm,
}

const USAGE: &str = "usage: ADAPTER serve-http TARGET artefact|wasm FILE kept|fresh NAME ADDRESS";

impl Asked {
    /// Parses this process's command line; `None` if it does not request a server, an error with the usage if it is
    /// invalid.
    pub fn of_this_process() -> Option<Result<Asked, String>> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let (first, rest) = args.split_first()?;
        (first == SERVE).then(|| Asked::of(rest))
    }

    fn of(words: &[String]) -> Result<Asked, String> {
        let [target, kind, path, instances, name, address] = words else {
            let found = words.len();
            return Err(format!(
                "{SERVE} takes 6 words and was given {found}; {USAGE}"
            ));
        };
        Ok(Asked {
            target: TargetId(target.clone()),
            kind: match kind.as_str() {
                "artefact" => Kind::Artefact,
                "wasm" => Kind::Wasm,
                other => return Err(format!("{other:?} is neither artefact nor wasm; {USAGE}")),
            },
            path: path.into(),
            instances: match instances.as_str() {
                "kept" => Instances::Kept,
                "fresh" => Instances::Fresh,
                other => return Err(format!("{other:?} is neither kept nor fresh; {USAGE}")),
            },
            name: name.clone(),
            address: address.clone(),
        })
    }
}

/// The command line that serves `request` on a free loopback port.
///
/// # Errors
///
/// If the path of this executable or of the file is unavailable or not UTF-8.
pub fn launch(request: &Serve, code: Code<'_>) -> Result<Launch, Error> {
    let program = std::env::current_exe()
        .map_err(|error| Error::failed("finding this adapter's executable", error))?;
    let (kind, path) = match code {
        Code::Artefact(path) => ("artefact", path),
        Code::Wasm(path) => ("wasm", path),
    };
    let text = path.to_str().ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            path.display()
        ))
    })?;
    let instances = match request.instances {
        Instances::Kept => "kept",
        Instances::Fresh => "fresh",
    };
    Ok(Launch {
        program,
        args: [
            SERVE,
            request.target.as_str(),
            kind,
            text,
            instances,
            request.workload.id.as_str(),
            "127.0.0.1:0",
        ]
        .map(str::to_owned)
        .into(),
        env: BTreeMap::new(),
        directory: request.scratch.clone(),
        artefact: path.to_owned(),
        container: None,
    })
}

/// Runs a server process: creates the engine, loads or compiles the module, listens, and serves until killed.
pub fn main<E>(
    asked: Result<Asked, String>,
    engine: impl FnOnce(&Asked) -> Result<E, Error>,
) -> ExitCode
where
    E: Engine + Send + Sync + 'static,
    E::Module: Send + Sync,
{
    let asked = match asked {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    // The parent may be killed before it can clean up.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::TERM)) {
        eprintln!("asking to end with the parent: {error}");
    }
    let served = engine(&asked).and_then(|engine| {
        let module = match asked.kind {
            Kind::Artefact => {
                artefact::require(&asked.path)?;
                engine.load(&asked.path)?
            }
            Kind::Wasm => engine.compile(&artefact::read_wasm(&asked.path)?)?,
        };
        let address = &asked.address;
        let listener = TcpListener::bind(address).map_err(|error| {
            Error::failed(
                format!("listening on {address}"),
                format!("{error}; give another address"),
            )
        })?;
        accept(
            &listener,
            Service {
                engine,
                module,
                name: asked.name,
                instances: asked.instances,
            },
        )
        .map_err(|error| Error::failed("accepting connections", error))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// State shared by all connections.
struct Service<E: Engine> {
    engine: E,
    module: E::Module,
    name: String,
    instances: Instances,
}

fn accept<E>(listener: &TcpListener, service: Service<E>) -> io::Result<()>
where
    E: Engine + Send + Sync + 'static,
    E::Module: Send + Sync,
{
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    let service = Arc::new(service);
    loop {
        let connection = match listener.accept() {
            Ok((connection, _)) => connection,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error),
        };
        connection.set_nodelay(true)?;
        let service = Arc::clone(&service);
        let serving = move || {
            let _held = service.engine.enter();
            if let Err(error) = service.connection(connection) {
                eprintln!("{error}");
            }
        };
        thread::Builder::new().stack_size(STACK).spawn(serving)?;
    }
}

impl<E: Engine> Service<E> {
    fn connection(&self, connection: TcpStream) -> Result<(), Error> {
        match self.instances {
            Instances::Kept => {
                let connection = Stdio::Connection(Arc::new(connection));
                self.guest(connection).map(|_| ())
            }
            Instances::Fresh => self
                .each_request(connection)
                // A client may disconnect during a response.
                .unwrap_or(Ok(())),
        }
    }

    /// Runs one instance to its end and returns its output, if it went to memory.
    fn guest(&self, stdio: Stdio) -> Result<Vec<u8>, Error> {
        let guest = Guest {
            args: vec![self.name.clone()],
            directory: None,
            grants: Grants::default(),
            stdio,
        };
        let mut instance = self.engine.instantiate(&self.module, &guest)?;
        let ended = self.engine.start(&mut instance);
        let written = self.engine.finish(instance);
        match ended? {
            0 => Ok(written),
            code => Err(Error::Failed(format!("the guest exited with code {code}"))),
        }
    }

    fn each_request(&self, mut connection: TcpStream) -> io::Result<Result<(), Error>> {
        let mut buffer = vec![0; 16 << 10];
        let mut filled = 0;
        loop {
            let (length, then) = match framed(&buffer[..filled]) {
                Framed::Whole { length, then } => (length, then),
                Framed::Unclear => (filled, Then::Closes),
                Framed::Partial => {
                    if filled == buffer.len() {
                        buffer.resize(buffer.len() * 2, 0);
                    }
                    match connection.read(&mut buffer[filled..])? {
                        // The guest must reject a truncated request.
                        0 if filled > 0 => (filled, Then::Closes),
                        0 => return Ok(Ok(())),
                        read => {
                            filled += read;
                            continue;
                        }
                    }
                }
            };
            let response = match self.guest(Stdio::Memory(buffer[..length].into())) {
                Ok(response) => response,
                Err(error) => {
                    connection.write_all(FAILED)?;
                    return Ok(Err(error));
                }
            };
            connection.write_all(&response)?;
            if then == Then::Closes {
                return Ok(Ok(()));
            }
            buffer.copy_within(length..filled, 0);
            filled -= length;
        }
    }
}

/// Sent to the client if the instance for its request failed.
const FAILED: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Asked::of(&words)
    }

    #[test]
    fn a_command_line_is_read_as_it_is_written() {
        let asked = asked("engine wasm /m.wasm fresh handler 127.0.0.1:0").expect("it is right");
        assert_eq!(
            (asked.kind, asked.instances),
            (Kind::Wasm, Instances::Fresh)
        );
        assert_eq!(
            (asked.name.as_str(), asked.path),
            ("handler", "/m.wasm".into())
        );
    }

    #[test]
    fn an_unknown_word_or_one_too_few_is_refused_with_what_would_be_right() {
        for (line, said) in [
            (
                "engine wasn /m fresh handler 127.0.0.1:0",
                "\"wasn\" is neither",
            ),
            (
                "engine wasm /m frehs handler 127.0.0.1:0",
                "\"frehs\" is neither",
            ),
            ("engine wasm /m fresh handler", "was given 5"),
        ] {
            let refused = asked(line).expect_err(line);
            assert!(
                refused.contains(said) && refused.contains(USAGE),
                "{refused}"
            );
        }
    }
}
