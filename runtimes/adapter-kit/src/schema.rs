//! The protocol as JSON Schema, for adapters in other languages.
//!
//! `cargo run -p plimsoll-adapter --example schema` writes it to `protocol.schema.json` in this folder; a test checks
//! that the file is current.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::protocol::{PROTOCOL, Reply, Request};

/// The schema of all messages, with requests at `#/$defs/Request` and replies at `#/$defs/Reply`.
pub fn json_schema() -> Value {
    let mut generator = SchemaGenerator::default();
    let request = generator.subschema_for::<Request>();
    let reply = generator.subschema_for::<Reply>();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Plimsoll adapter protocol {PROTOCOL}"),
        "description": "A line of the pipe between bench and an adapter: a request on the \
                        adapter's stdin, a reply on its stdout.",
        "anyOf": [request, reply],
        "$defs": generator.take_definitions(true),
    })
}

/// The schema as pretty-printed JSON with a final newline, exactly as the file stores it.
pub fn json_schema_text() -> String {
    format!("{:#}\n", json_schema())
}
