//! Detects when a guest's first byte of output arrives at a reader in the same process.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::Error;

/// Arrival time of the first byte, if any, and all bytes.
type Arrived = io::Result<(Option<Instant>, Vec<u8>)>;

/// A connection with a thread reading the other end. The guest's standard streams use it as they do when serving,
/// because every engine supports that; its stdin is at end of file.
pub(super) struct FirstByte {
    pub(super) guests_end: Arc<TcpStream>,
    reader: JoinHandle<Arrived>,
}

impl FirstByte {
    /// Connects, and starts the reader thread.
    pub(super) fn listen() -> Result<Self, Error> {
        let failed =
            |error: io::Error| Error::failed("connecting the guest's output on loopback", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let guests_end = TcpStream::connect(address).map_err(failed)?;
        guests_end.set_nodelay(true).map_err(failed)?;
        let (host, _) = listener.accept().map_err(failed)?;
        host.shutdown(Shutdown::Write).map_err(failed)?;
        let (ready, waits) = mpsc::channel();
        let reader = thread::spawn(move || {
            let _ = ready.send(());
            read(host)
        });
        let _ = waits.recv();
        Ok(Self {
            guests_end: Arc::new(guests_end),
            reader,
        })
    }

    /// Ends the connection; returns when the first byte came, if any, and all bytes.
    pub(super) fn end(self) -> Result<(Option<Instant>, Vec<u8>), Error> {
        // The engine may hold a duplicate of the guest's end; a shutdown ends all of them.
        let _ = self.guests_end.shutdown(Shutdown::Write);
        match self.reader.join() {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => Err(Error::failed("reading the guest's output", error)),
            Err(_) => Err(Error::failed(
                "reading the guest's output",
                "the reader panicked",
            )),
        }
    }
}

fn read(mut host: TcpStream) -> Arrived {
    let (mut first, mut bytes) = (None, Vec::new());
    let mut piece = [0; 16 * 1024];
    loop {
        match host.read(&mut piece)? {
            0 => return Ok((first, bytes)),
            read => {
                first.get_or_insert_with(Instant::now);
                bytes.extend_from_slice(&piece[..read]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_clock_stops_at_the_first_byte_and_all_bytes_are_kept() {
        let reader = FirstByte::listen().expect("a connection");
        let mut out = reader.guests_end.as_ref();
        out.write_all(b"a").expect("written");
        thread::sleep(Duration::from_millis(60));
        let later = Instant::now();
        out.write_all(b"b").expect("written");
        let (first, bytes) = reader.end().expect("read");
        assert_eq!(bytes, b"ab");
        assert!(first.is_some_and(|first| first + Duration::from_millis(30) < later));
    }

    #[test]
    fn a_guest_that_writes_nothing_has_no_first_byte() {
        let reader = FirstByte::listen().expect("a connection");
        assert_eq!(reader.end().expect("read"), (None, Vec::new()));
    }
}
