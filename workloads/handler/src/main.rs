//! A small web service: HTTP/1.1 requests in, JSON out, over a catalogue that is part of the program.
//!
//! ```text
//! handler                 requests from stdin until its end, responses to stdout (as inetd has it)
//! handler FILE            the same, requests from a file
//! handler --listen ADDR   a server of its own: a thread a connection (native only)
//! ```
//!
//! The three differ in nothing but where bytes come from and go to.

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

/// Answers every request of one connection, until it ends or must be closed.
fn converse(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut requests = http::Requests::new(input);
    let mut response = Vec::with_capacity(4096);
    loop {
        let received = match requests.next() {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(http::Broken::Io(error)) => return Err(error),
            Err(http::Broken::Request(status, why)) => {
                // Where the next request would begin is not known any more.
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
