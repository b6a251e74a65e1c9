//! The native program's own server, with one thread per connection, like the server in front of a
//! Wasm engine.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Serves until the process is killed. Prints `listening on ADDRESS` once it accepts connections.
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
                    // A client may hang up during a response; that affects no other connection.
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

/// Makes the kernel end this process when its parent dies, because the parent may be killed before
/// it can clean up.
fn end_with_parent() {
    const PR_SET_PDEATHSIG: i32 = 1;
    const SIGTERM: u64 = 15;
    unsafe extern "C" {
        fn prctl(option: i32, ...) -> i32;
    }
    // SAFETY: prctl(2) is in the C library that std links. This option takes a number and accesses
    // no memory of this process.
    unsafe { prctl(PR_SET_PDEATHSIG, SIGTERM) };
}
