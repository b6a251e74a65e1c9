//! The least that can be called a server: one thread over epoll, one fixed response. What the
//! load generator is held against, by itself and beside other tools (`scripts/load-check`).
//!
//! ```text
//! trivial-server [--stall-every-ms N --stall-ms M]
//! ```
//!
//! It prints `listening on ADDRESS`. With a stall it answers nothing for M ms, every N ms.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";
const LISTENER: u64 = u64::MAX;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let stall = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["--stall-every-ms", every, "--stall-ms", stall] => Some((
            Duration::from_millis(every.parse().context("--stall-every-ms")?),
            Duration::from_millis(stall.parse().context("--stall-ms")?),
        )),
        _ => bail!("usage: trivial-server [--stall-every-ms N --stall-ms M]"),
    };
    let listener = TcpListener::bind("127.0.0.1:0").context("listening on loopback")?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;

    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let data = EventData::new_u64(LISTENER);
    epoll::add(&epoll, &listener, data, EventFlags::IN)?;
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(256);
    let mut next_stall = stall.map(|(every, _)| Instant::now() + every);
    loop {
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        if let (Some((every, stall)), Some(due)) = (stall, &mut next_stall)
            && Instant::now() >= *due
        {
            std::thread::sleep(stall);
            *due = Instant::now() + every;
        }
        for event in events.drain(..) {
            let data = event.data;
            match data.u64() {
                LISTENER => {
                    let (connection, _) = listener.accept()?;
                    connection.set_nodelay(true)?;
                    connection.set_nonblocking(true)?;
                    let data = EventData::new_u64(connections.len() as u64);
                    epoll::add(&epoll, &connection, data, EventFlags::IN)?;
                    connections.push(Some(connection));
                }
                index => {
                    let slot = &mut connections[index as usize];
                    if slot.as_mut().is_some_and(|one| answer(one).is_err()) {
                        *slot = None;
                    }
                }
            }
        }
    }
}

/// Answers every request that is there; requests have no body and come whole.
fn answer(connection: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let read = match connection.read(&mut buffer) {
        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error),
    };
    let requests = buffer[..read].windows(4).filter(|four| four == b"\r\n\r\n");
    for _ in requests {
        connection.write_all(RESPONSE)?;
    }
    Ok(())
}
