//! A stream job: rows of CSV in, cleaned, joined and aggregated.
//!
//! ```text
//! etl MEBIBYTES
//! ```
//!
//! The source makes its rows itself, from a fixed seed, a chunk at a time, as a socket would hand
//! them over; what follows knows nothing of that. Money is in whole hundredths and every estimate
//! in whole numbers: the same everywhere.

mod aggregate;
mod csv;
mod row;
mod source;

use std::io::{self, Write};
use std::process::ExitCode;

use aggregate::Aggregates;
use csv::Rows;
use source::Source;

/// What the source hands over at once, bytes.
const CHUNK: usize = 64 << 10;

fn main() -> ExitCode {
    let mebibytes = std::env::args()
        .nth(1)
        .and_then(|text| text.parse::<usize>().ok());
    let Some(mebibytes) = mebibytes else {
        eprintln!("usage: etl MEBIBYTES");
        return ExitCode::from(2);
    };
    match run(mebibytes << 20) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("etl: printing: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(bytes: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "reading {bytes} bytes")?;
    out.flush()?;

    let mut source = Source::new(bytes);
    let mut rows = Rows::new(CHUNK);
    let mut aggregates = Aggregates::new();
    loop {
        let room = rows.room(CHUNK);
        let filled = source.fill(room);
        rows.filled(filled);
        while let Some(fields) = rows.next() {
            aggregates.take(&fields);
        }
        if filled == 0 {
            break;
        }
    }
    // What is left is a row without its end.
    if let Some(fields) = rows.last() {
        aggregates.take(&fields);
    }
    aggregates.finish();
    aggregates.print(&mut out)?;
    out.flush()
}
