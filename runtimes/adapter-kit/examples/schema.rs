//! Writes the protocol's JSON Schema to `protocol.schema.json`.

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol.schema.json");
    fs::write(published, plimsoll_adapter::schema::json_schema_text())
}
