//! Calls every export of a module and describes the results as text.

use std::fmt::Write as _;

use crate::digest::{self, Numbers};
use crate::engine::{Engine, Export, ExportKind, Running, Value};
use crate::host;

/// Calls per function, each with different arguments.
const ROUNDS: usize = 2;
/// Values that [`host::FUEL`] takes in turn. Deep recursion and large memory fills need different
/// amounts.
const FUEL: [u32; 3] = [300, 5_000, 100_000];

/// Describes a module's behaviour, in lines: its instantiation, each call in order, then the final
/// state of every global, memory and table.
pub fn describe<E: Engine>(engine: &E, wasm: &[u8]) -> String {
    match engine.compile(wasm) {
        Ok(module) => describe_module(engine, &module),
        Err(_) => "compile: refused\n".to_owned(),
    }
}

/// As [`describe`], for a compiled module.
pub fn describe_module<E: Engine>(engine: &E, module: &E::Module) -> String {
    let mut text = String::new();
    match engine.instantiate(module) {
        Ok(mut running) => {
            text.push_str("instantiate: ok\n");
            run(&mut running, &mut text);
        }
        Err(stop) => {
            let _ = writeln!(text, "instantiate: {stop}");
        }
    }
    text
}

fn run(running: &mut impl Running, text: &mut String) {
    let mut exports = running.exports();
    exports.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let mut numbers = Numbers::new(digest::of_bytes(format!("{exports:?}").as_bytes()));
    let metered = exports.iter().any(|export| export.name == host::FUEL);
    for round in 0..ROUNDS {
        for Export { name, kind } in &exports {
            let ExportKind::Func(params) = kind else {
                continue;
            };
            let arguments: Vec<Value> = params
                .iter()
                .map(|ty| host::value(*ty, &mut numbers))
                .collect();
            if metered {
                let fuel = FUEL[numbers.below(FUEL.len() as u64) as usize];
                running.set_global(host::FUEL, Value::I32(fuel));
            }
            let _ = write!(text, "call {round} {name:?} ({}): ", list(&arguments));
            let _ = match running.call(name, &arguments) {
                Ok(results) => write!(text, "({})", list(&results)),
                Err(stop) => write!(text, "{stop}"),
            };
            let _ = match metered {
                true => writeln!(text, ", fuel {}", running.global(host::FUEL)),
                false => writeln!(text),
            };
        }
    }
    for Export { name, kind } in &exports {
        let _ = match kind {
            ExportKind::Func(_) | ExportKind::Uncallable | ExportKind::Tag => Ok(()),
            ExportKind::Global => writeln!(text, "global {name:?}: {}", running.global(name)),
            ExportKind::Memory => {
                let bytes = running.memory(name);
                let digest = digest::of_bytes(&bytes);
                writeln!(text, "memory {name:?}: {} {digest:016x}", bytes.len())
            }
            ExportKind::Table => {
                let elements = running.table(name);
                let digest = digest::of_bytes(list(&elements).as_bytes());
                writeln!(text, "table {name:?}: {} {digest:016x}", elements.len())
            }
        };
    }
    let _ = writeln!(text, "host: {:016x}", running.host_calls());
}

fn list(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    texts.join(" ")
}
