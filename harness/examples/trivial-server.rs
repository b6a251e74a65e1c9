//! A minimal server: one thread over epoll, one fixed response. `scripts/load-check` measures it with the
//! load generator and with another tool.
//!
//! ```text
//! trivial-server [--delay-us N]
//! ```
//!
//! Prints `listening on ADDRESS`. The option delays every response after its request, for a known latency.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";
const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let delay = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Duration::ZERO,
        ["--delay-us", delay] => Duration::from_micros(delay.parse().context("--delay-us")?),
        _ => bail!("usage: trivial-server [--delay-us N]"),
    };
    let listener = TcpListener::bind("127.0.0.1:0").context("listening on loopback")?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;

    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
    let data = EventData::new_u64(LISTENER);
    epoll::add(&epoll, &listener, data, EventFlags::IN)?;
    let data = EventData::new_u64(TIMER);
    epoll::add(&epoll, &timer, data, EventFlags::IN | EventFlags::ET)?;
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(256);
    // Due times of responses with their connections; in order, because all delays are equal.
    let mut due: VecDeque<(Instant, usize)> = VecDeque::new();
    loop {
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let data = event.data;
            match data.u64() {
                TIMER => {}
                LISTENER => {
                    let (connection, _) = listener.accept()?;
                    connection.set_nodelay(true)?;
                    connection.set_nonblocking(true)?;
                    let data = EventData::new_u64(connections.len() as u64);
                    epoll::add(&epoll, &connection, data, EventFlags::IN)?;
                    connections.push(Some(connection));
                }
                index => {
                    let index = index as usize;
                    match connections[index].as_mut().map(requests) {
                        Some(Ok(read)) => {
                            let at = Instant::now() + delay;
                            due.extend(std::iter::repeat_n((at, index), read));
                        }
                        Some(Err(_)) => connections[index] = None,
                        None => {}
                    }
                }
            }
        }
        let now = Instant::now();
        while let Some(&(at, index)) = due.front() {
            if at > now {
                let left = at - now;
                let once = Itimerspec {
                    it_interval: nanoseconds(0),
                    it_value: nanoseconds(left.subsec_nanos().into()),
                };
                timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
                break;
            }
            due.pop_front();
            if let Some(connection) = &mut connections[index]
                && connection.write_all(RESPONSE).is_err()
            {
                connections[index] = None;
            }
        }
    }
}

fn nanoseconds(nanoseconds: i64) -> Timespec {
    Timespec {
        tv_sec: 0,
        tv_nsec: nanoseconds,
    }
}

/// Number of available requests; they have no body and arrive whole.
fn requests(connection: &mut TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 4096];
    match connection.read(&mut buffer) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(read) => Ok(buffer[..read]
            .windows(4)
            .filter(|four| four == b"\r\n\r\n")
            .count()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
    }
}
