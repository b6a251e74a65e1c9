//! Describes modules on keel for the differential test. It runs as a separate process, so that a
//! crash of the engine is an ordinary finding.

use keel::Fuel;

#[path = "../tests/machine/mod.rs"]
mod machine;

use machine::{Keel, describe_in_every_way};

fn main() -> std::io::Result<()> {
    let (plain, metered) = (Keel::new(Fuel::Off), Keel::new(Fuel::Metered));
    outcome::serve::serve_with(move |wasm| describe_in_every_way(&plain, &metered, wasm))
}
