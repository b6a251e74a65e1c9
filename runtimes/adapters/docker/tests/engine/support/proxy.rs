//! A proxy between adapter and engine that misbehaves on command.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Forwarded to the engine.
    Passes,
    /// Forwarded to the engine, except requests to wait for a container, which are never answered.
    SwallowsWaits,
    /// Closed, including those already open.
    Dead,
    /// Accepted and never answered.
    Hangs,
    /// Answered with this text.
    Answers(&'static str),
}

/// A socket that forwards to the engine.
pub(crate) struct Proxy {
    pub(crate) socket: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    behaviour: Behaviour,
    open: Vec<UnixStream>,
}

impl Proxy {
    /// Listens in this folder and forwards to this engine.
    pub(crate) fn before(engine: &Path, folder: &Path, behaviour: Behaviour) -> io::Result<Self> {
        let socket = folder.join("proxy.sock");
        let listener = UnixListener::bind(&socket)?;
        let shared = Arc::new(Mutex::new(Shared {
            behaviour,
            open: Vec::new(),
        }));
        let (engine, common) = (engine.to_owned(), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (engine, shared) = (engine.clone(), Arc::clone(&common));
                thread::spawn(move || {
                    // Broken connections are the purpose of these tests.
                    let _ = lead(client, &engine, &shared);
                });
            }
        });
        Ok(Proxy { socket, shared })
    }

    /// Switches to this behaviour.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        let mut shared = self.shared.lock().expect("no thread has panicked");
        shared.behaviour = behaviour;
        if behaviour == Behaviour::Dead {
            for stream in shared.open.drain(..) {
                // It may already be closed.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn lead(mut client: UnixStream, engine: &Path, shared: &Mutex<Shared>) -> io::Result<()> {
    let behaviour = {
        let mut shared = shared.lock().expect("no thread has panicked");
        if shared.behaviour != Behaviour::Dead {
            shared.open.push(client.try_clone()?);
        }
        shared.behaviour
    };
    if behaviour == Behaviour::Dead {
        return Ok(());
    }
    let mut first = vec![0; 64 << 10];
    let length = client.read(&mut first)?;
    first.truncate(length);
    let is_wait = first
        .split(|byte| *byte == b'\n')
        .next()
        .is_some_and(|line| line.windows(5).any(|part| part == b"/wait"));
    match behaviour {
        Behaviour::Answers(text) => return client.write_all(text.as_bytes()),
        Behaviour::Hangs => return hold(client),
        Behaviour::SwallowsWaits if is_wait => return hold(client),
        _ => {}
    }
    let mut server = UnixStream::connect(engine)?;
    shared
        .lock()
        .expect("no thread has panicked")
        .open
        .push(server.try_clone()?);
    server.write_all(&first)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let copied = io::copy(&mut from_server, &mut to_client);
        // The client may have closed first.
        let _ = to_client.shutdown(Shutdown::Write);
        copied
    });
    io::copy(&mut client, &mut server)?;
    server.shutdown(Shutdown::Write)?;
    back.join().expect("copying does not panic").map(drop)
}

/// Keeps a connection open until its client closes it.
fn hold(mut client: UnixStream) -> io::Result<()> {
    io::copy(&mut client, &mut io::sink()).map(drop)
}
