//! Prints the JSON Schema of a fleet's `fleet.json`: docs/fleet.schema.json.

use plimsoll::fleet::state::Fleet;

fn main() -> serde_json::Result<()> {
    println!(
        "{}",
        serde_json::to_string_pretty(&schemars::schema_for!(Fleet))?
    );
    Ok(())
}
