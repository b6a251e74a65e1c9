//! Generates a module from a seed.

use outcome::digest::Numbers;
use outcome::engine::Type;
use outcome::host::{self, Mutability};
use wasm_smith::{Config, MemoryOffsetChoices, Module};
use wasmparser::{Operator, Parser, Payload};

/// Initial value of the fuel global: enough for start functions.
const FIRST_FUEL: u32 = 2000;
/// Range of random input bytes per module: fewer give small modules, more have no effect.
const FEWEST_BYTES: u64 = 2048;
const MOST_BYTES: u64 = 24 << 10;

/// Generates a valid module that uses only keel's features, always terminates, and produces only canonical NaNs. `None`
/// if the seed gives no module.
pub fn module(seed: u64) -> Option<Vec<u8>> {
    let mut numbers = Numbers::new(seed);
    let config = config(&mut numbers);
    let length = FEWEST_BYTES + numbers.below(MOST_BYTES - FEWEST_BYTES);
    let words = (0..length.div_ceil(8)).flat_map(|_| numbers.next_number().to_le_bytes());
    let bytes: Vec<u8> = words.collect();
    let mut source = arbitrary::Unstructured::new(&bytes);
    let mut module = Module::new(config, &mut source).ok()?;
    let fuel = module.ensure_termination(FIRST_FUEL).ok()?;
    let wasm = export_global(&module.to_bytes(), host::FUEL, fuel);
    (!may_wait(&wasm)).then_some(wasm)
}

/// Whether code can wait on a shared memory: nothing would wake it.
fn may_wait(wasm: &[u8]) -> bool {
    let (mut shared, mut waits) = (false, false);
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        match payload {
            Payload::MemorySection(memories) => {
                shared |= memories.into_iter().flatten().any(|memory| memory.shared);
            }
            Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader().into_iter().flatten().flatten();
                waits |= operators.into_iter().any(|operator| {
                    matches!(
                        operator,
                        Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. }
                    )
                });
            }
            _ => {}
        }
    }
    shared && waits
}

fn config(numbers: &mut Numbers) -> Config {
    let mut often = |of: u64| numbers.below(of) != 0;
    let simd = often(3);
    let floats = often(6);
    let imports = often(2);
    let start = !often(8);
    let bounded_memories = often(2);
    let bounded_tables = often(2);
    let any_offset = !often(4);
    // Each proposal beyond 2.0 is chosen independently, to cover all combinations.
    let gc = often(2);
    let exceptions = often(2);
    let wide_memories = !often(3);
    let small_pages = !often(3);
    let threads = !often(3);
    let wide_arithmetic = often(2);
    let relaxed_simd = simd && often(2);
    let small = often(4);
    let (functions, instructions) = if small { (5, 80) } else { (20, 400) };
    Config {
        available_imports: Some(if imports {
            imports_module()
        } else {
            empty_module()
        }),
        allow_floats: floats,
        allow_start_export: start,
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: small_pages,
        exceptions_enabled: exceptions,
        export_everything: true,
        extended_const_enabled: true,
        gc_enabled: gc,
        max_data_segments: 12,
        max_element_segments: 12,
        max_elements: 30,
        max_funcs: 12 + numbers.below(functions) as usize,
        max_globals: 30,
        max_imports: 40,
        max_instructions: 20 + numbers.below(instructions) as usize,
        max_memories: 5,
        max_memory32_bytes: 4 << 20,
        max_memory64_bytes: 4 << 20,
        max_tags: 6,
        max_table_elements: 2000,
        max_tables: 6,
        min_types: 10,
        max_types: 20,
        max_type_size: 100_000,
        limit_arrays_in_const_exprs: true,
        memory64_enabled: wide_memories,
        memory_max_size_required: bounded_memories,
        memory_offset_choices: if any_offset {
            MemoryOffsetChoices(2, 1, 1)
        } else {
            MemoryOffsetChoices(90, 9, 1)
        },
        min_funcs: 3,
        min_memories: numbers.below(3) as u32,
        min_tables: numbers.below(2) as u32,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: relaxed_simd,
        saturating_float_to_int_enabled: true,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: simd,
        table_max_size_required: bounded_tables,
        tail_call_enabled: true,
        threads_enabled: threads,
        wide_arithmetic_enabled: wide_arithmetic,
        ..Config::default()
    }
}

fn empty_module() -> Vec<u8> {
    b"\0asm\x01\0\0\0".to_vec()
}

/// A module that imports everything that the host exports.
fn imports_module() -> Vec<u8> {
    let name = |ty: &Type| match ty {
        Type::I32 => "i32",
        Type::I64 => "i64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::V128 => "v128",
        Type::FuncRef => "funcref",
        Type::ExternRef => "externref",
        Type::AnyRef | Type::I31Ref => "anyref",
        Type::ExnRef => "exnref",
    };
    let names = |types: &[Type]| types.iter().map(name).collect::<Vec<_>>().join(" ");
    let limits = |minimum: u32, maximum: Option<u32>| match maximum {
        Some(maximum) => format!("{minimum} {maximum}"),
        None => minimum.to_string(),
    };
    let functions = host::FUNCTIONS.iter().map(|(function, params, results)| {
        let (params, results) = (names(params), names(results));
        (
            *function,
            format!("(func (param {params}) (result {results}))"),
        )
    });
    let globals = host::GLOBALS.iter().map(|(global, ty, mutability, _)| {
        let ty = name(ty);
        let ty = match mutability {
            Mutability::Const => format!("(global {ty})"),
            Mutability::Var => format!("(global (mut {ty}))"),
        };
        (*global, ty)
    });
    let memories = host::MEMORIES.iter().map(|(memory, minimum, maximum)| {
        (*memory, format!("(memory {})", limits(*minimum, *maximum)))
    });
    let tables = host::TABLES.iter().map(|(table, ty, minimum, maximum)| {
        let ty = name(ty);
        (
            *table,
            format!("(table {} {ty})", limits(*minimum, *maximum)),
        )
    });
    let all = functions.chain(globals).chain(memories).chain(tables);
    let lines: String = all
        .map(|(item, ty)| format!("(import \"{}\" \"{item}\" {ty})", host::MODULE))
        .collect();
    wat::parse_str(format!("(module {lines})")).expect("the host's types are well formed")
}

/// Id of the export section.
const EXPORT_SECTION: u8 = 7;
/// Export kind of a global.
const GLOBAL: u8 = 3;

/// Adds an export of a global to the module's export section, if it has one. Malformed modules are left unchanged.
fn export_global(wasm: &[u8], name: &str, index: u32) -> Vec<u8> {
    let (mut out, mut rest) = (wasm[..8].to_vec(), &wasm[8..]);
    while let Some((&id, after)) = rest.split_first() {
        let Some((length, body)) = number(after) else {
            break;
        };
        let (body, next) = body.split_at(body.len().min(length as usize));
        match number(body) {
            Some((count, entries)) if id == EXPORT_SECTION => {
                let mut section = Vec::new();
                put_number(&mut section, count + 1);
                section.extend_from_slice(entries);
                put_number(&mut section, name.len() as u32);
                section.extend_from_slice(name.as_bytes());
                section.push(GLOBAL);
                put_number(&mut section, index);
                out.push(id);
                put_number(&mut out, section.len() as u32);
                out.extend_from_slice(&section);
            }
            _ => {
                out.push(id);
                put_number(&mut out, length);
                out.extend_from_slice(body);
            }
        }
        rest = next;
    }
    out
}

/// Parses an unsigned LEB128 number; returns it and the remaining bytes.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        value |= u32::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

fn put_number(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
