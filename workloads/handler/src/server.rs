//! The native program's own server: a thread a connection, which is what the front before a Wasm
//! engine has, too.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Serves until the process is ended. Prints `listening on ADDRESS` once it accepts.
pub fn serve(address: &str) -> io::Result<()> {
    end_with_parent();
    let listener = TcpListener::bind(address).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("listening on {address}: {error}; give another address"),
        )
    })?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;
    loop {
        match listener.accept() {
            Ok((connection, _)) => {
                thread::spawn(move || {
                    // Whoever hangs up in the middle of a response has his reasons.
                    let _ = one(&connection);
                });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

fn one(connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    crate::converse(connection, connection)
}

/// Asks the kernel to end this process when its parent dies: whoever started it may be killed
/// before it can clean up.
fn end_with_parent() {
    const PR_SET_PDEATHSIG: i32 = 1;
    const SIGTERM: u64 = 15;
    unsafe extern "C" {
        fn prctl(option: i32, ...) -> i32;
    }
    // SAFETY: prctl(2) is in the C library that std links, and this option takes one number and
    // touches no memory.
    unsafe { prctl(PR_SET_PDEATHSIG, SIGTERM) };
}
