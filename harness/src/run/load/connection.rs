//! A connection: sends a request, reads the response, and compares it on arrival.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use super::verdict::{ADDED, Verdict, judge};

/// Time limit for connecting.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection that is idle or has one request in progress.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// The request in progress; `None` if idle.
    pub under_way: Option<UnderWay>,
    /// Response bytes read so far.
    filled: usize,
    /// Request bytes written so far.
    written: usize,
    buffer: Box<[u8]>,
}

/// A request in progress.
#[derive(Debug, Clone, Copy)]
pub struct UnderWay {
    /// Index of its exchange.
    pub exchange: usize,
    /// Its scheduled time.
    pub due: Instant,
    /// When sending started.
    pub sent: Instant,
}

/// The state of a connection after reading or writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Waiting for more of the response.
    Waiting,
    /// The socket's buffer is full; more must be written.
    Blocked,
    /// The response is complete and correct.
    Answered,
    /// The response is wrong; with the difference.
    Wrong(String),
    /// The connection failed or was closed; with the error.
    Broken(String),
}

impl Connection {
    /// Connects. `longest` is the length of the longest expected response.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(address: SocketAddr, longest: usize) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            under_way: None,
            filled: 0,
            written: 0,
            // One more byte than allowed shows that a response is too long.
            buffer: vec![0; longest + ADDED + 1].into_boxed_slice(),
        })
    }

    /// The socket, to wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Starts a request on an idle connection.
    pub fn send(&mut self, under_way: UnderWay, exchanges: &[Exchange]) -> Progress {
        self.under_way = Some(under_way);
        self.filled = 0;
        self.written = 0;
        self.write(exchanges)
    }

    /// Writes until done or the buffer is full.
    pub fn write(&mut self, exchanges: &[Exchange]) -> Progress {
        let Some(under_way) = self.under_way else {
            return Progress::Waiting;
        };
        let request = &exchanges[under_way.exchange].request;
        while self.written < request.len() {
            match self.stream.write(&request[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => return Progress::Blocked,
                    _ => return Progress::Broken(format!("sending a request: {error}")),
                },
            }
        }
        Progress::Waiting
    }

    /// Reads available data.
    pub fn read(&mut self, exchanges: &[Exchange]) -> Progress {
        let read = match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(read) => read,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Progress::Waiting,
                    _ => Progress::Broken(format!("reading a response: {error}")),
                };
            }
        };
        let Some(under_way) = self.under_way else {
            return match read {
                0 => Progress::Broken("the server closed an idle connection".to_owned()),
                _ => Progress::Wrong("bytes that belong to no request".to_owned()),
            };
        };
        let expected = &exchanges[under_way.exchange].response;
        if read == 0 {
            return Progress::Broken(format!(
                "the server closed the connection after {} of {} bytes of a response",
                self.filled,
                expected.len()
            ));
        }
        self.filled += read;
        match judge(&self.buffer[..self.filled], expected) {
            Verdict::Right => Progress::Answered,
            Verdict::Wrong(how) => Progress::Wrong(how),
            Verdict::Partial if self.filled < self.buffer.len() => Progress::Waiting,
            Verdict::Partial => Progress::Wrong(format!(
                "a response of more than {} bytes instead of {}",
                self.filled,
                expected.len()
            )),
        }
    }
}
