//! One connection: a request out, a response in, compared as it comes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use super::verdict::{ADDED, Verdict, judge};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection that is idle or has one request under way.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What the request under way is, if there is one.
    pub under_way: Option<UnderWay>,
    /// Bytes read of the response so far.
    filled: usize,
    /// Bytes written of the request so far.
    written: usize,
    buffer: Box<[u8]>,
}

/// A request that has been sent, or begun to be.
#[derive(Debug, Clone, Copy)]
pub struct UnderWay {
    /// Which of the exchanges it is.
    pub exchange: usize,
    /// When it was due.
    pub due: Instant,
    /// When it was sent.
    pub sent: Instant,
}

/// What became of a connection after reading or writing what could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// More is to come.
    Waiting,
    /// More is to be written once there is room.
    Blocked,
    /// The response is here, and the expected one.
    Answered,
    /// A response that is not the expected one: how it differs.
    Wrong(String),
    /// The connection failed or was closed: what happened.
    Broken(String),
}

impl Connection {
    /// Connects. `longest` is the length of the longest response that is expected.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(address: SocketAddr, longest: usize) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            under_way: None,
            filled: 0,
            written: 0,
            // One byte more than may come tells a longer response from an equal one.
            buffer: vec![0; longest + ADDED + 1].into_boxed_slice(),
        })
    }

    /// Its descriptor, to wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Begins a request. The connection is idle.
    pub fn send(&mut self, under_way: UnderWay, exchanges: &[Exchange]) -> Progress {
        self.under_way = Some(under_way);
        self.filled = 0;
        self.written = 0;
        self.write(exchanges)
    }

    /// Writes what there is room for.
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

    /// Reads what is there.
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
