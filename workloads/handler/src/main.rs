//! A small web service: HTTP/1.1 requests in, JSON responses out, over a catalogue in the program.
//!
//! ```text
//! handler                 reads requests from stdin to its end, writes responses to stdout (like inetd)
//! handler FILE            the same, with requests from a file
//! handler --listen ADDR   its own server, with one thread per connection (native only)
//! ```
//!
//! The three differ only in their input and output.

mod catalogue;
mod http;
mod json;
mod message;
mod query;
mod routes;
#[cfg(not(target_family = "wasm"))]
mod server;

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => converse(io::stdin().lock(), io::stdout().lock()),
        #[cfg(not(target_family = "wasm"))]
        ["--listen", address] => server::serve(address),
        [file] => match File::open(file) {
            Ok(file) => converse(file, io::stdout().lock()),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!("opening {file}: {error}"),
            )),
        },
        _ => {
            eprintln!("usage: handler [FILE | --listen ADDR]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handler: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers all requests of a connection, until it ends or must be closed.
fn converse(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut requests = http::Requests::new(input);
    let mut response = Vec::with_capacity(4096);
    loop {
        let received = match requests.next() {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(http::Broken::Io(error)) => return Err(error),
            Err(http::Broken::Request(status, why)) => {
                // The start of the next request is unknown.
                http::refuse(&mut response, status, why);
                output.write_all(&response)?;
                return output.flush();
            }
        };
        response.clear();
        http::respond(&mut response, &routes::answer(&received.request), "");
        let last = received.closes();
        output.write_all(&response)?;
        output.flush()?;
        if last {
            return Ok(());
        }
    }
}
