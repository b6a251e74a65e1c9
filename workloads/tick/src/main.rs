//! The loop of a game server: a fixed number of ticks of one arena, each timed by the program itself.
//!
//! ```text
//! tick TICKS
//! ```
//!
//! Standard output is the same everywhere. What each tick took goes to standard error, in one line
//! that begins with `plimsoll-ticks` and holds nanoseconds.

mod arena;
mod grid;
mod snapshot;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use arena::Arena;
use snapshot::Snapshots;

fn main() -> ExitCode {
    let ticks = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let Some(ticks) = ticks.filter(|&ticks: &u32| ticks > 0) else {
        eprintln!("usage: tick TICKS");
        return ExitCode::from(2);
    };
    match run(ticks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tick: printing: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(ticks: u32) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut arena = Arena::new();
    let mut snapshots = Snapshots::new(arena.players.len());
    let mut took = Vec::with_capacity(ticks as usize);
    writeln!(out, "{} players, {ticks} ticks", arena.players.len())?;
    out.flush()?;

    for tick in 1..=ticks {
        let begun = Instant::now();
        arena.step();
        snapshots.take(&arena);
        took.push(begun.elapsed().as_nanos());
        if tick % (ticks / 4).max(1) == 0 {
            writeln!(
                out,
                "tick {tick}: {} shots, digest {:016x}",
                arena.shots.len(),
                snapshots.digest
            )?;
        }
    }
    writeln!(
        out,
        "{} hits, {} collisions, {} bytes sent",
        arena.hits, arena.collisions, snapshots.bytes
    )?;
    out.flush()?;

    took.sort_unstable();
    // The nearest rank: the least time that so many percent of the ticks kept to.
    let percentile = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
    let line = format!(
        "plimsoll-ticks count={ticks} p50={} p90={} p99={} worst={}\n",
        percentile(50),
        percentile(90),
        percentile(99),
        percentile(100)
    );
    // Where standard error leads nowhere nobody wants to know.
    let _ = io::stderr().write_all(line.as_bytes());
    Ok(())
}
