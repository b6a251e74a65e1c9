//! Places all units in one text section and resolves their relocations.

use cranelift_codegen::ir::UserExternalName;

use super::translate::namespace;
use super::unit::{CompiledUnit, Unit};
use crate::error::{Error, Result};
use crate::module::info::{ConstOp, ModuleInfo, SegmentMode, TableUsage};

/// A unit's place in the text section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) unit: Unit,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// The code of a module.
pub(crate) struct Linked {
    /// All code, then the static tables.
    pub(crate) text: Vec<u8>,
    /// Sorted by offset.
    pub(crate) units: Vec<Placed>,
    /// Offset, kind, offset in the module; sorted.
    pub(crate) traps: Vec<(u32, u8, u32)>,
    /// Return address, offset in the module; sorted.
    pub(crate) calls: Vec<(u32, u32)>,
    /// Return address, handler, bytes from the frame pointer down to the stack pointer; sorted.
    pub(crate) handlers: Vec<(u32, u32, u32)>,
}

/// Links compiled units.
pub(super) fn link(module: &ModuleInfo<'_>, compiled: Vec<CompiledUnit>) -> Result<Linked> {
    let mut text: Vec<u8> =
        Vec::with_capacity(compiled.iter().map(|unit| unit.code.len() + 32).sum());
    let mut units = Vec::with_capacity(compiled.len());
    let mut functions = vec![None; module.functions.len()];
    let mut traps = Vec::new();
    let mut calls = Vec::new();
    let mut handlers = Vec::new();
    for unit in &compiled {
        // Gaps are filled with int3, so that a stray jump traps at once.
        text.resize(text.len().next_multiple_of(unit.alignment as usize), 0xcc);
        let offset = text.len() as u32;
        text.extend_from_slice(&unit.code);
        if let Unit::Body(index) | Unit::Import(index) = unit.unit {
            functions[index as usize] = Some(offset);
        }
        units.push(Placed {
            unit: unit.unit,
            offset,
            length: unit.code.len() as u32,
        });
        traps.extend(
            unit.traps
                .iter()
                .map(|(at, kind, location)| (offset + at, *kind, *location)),
        );
        calls.extend(
            unit.calls
                .iter()
                .map(|(at, location)| (offset + at, *location)),
        );
        handlers.extend(
            unit.handlers
                .iter()
                .map(|(at, handler, frame)| (offset + at, offset + handler, *frame)),
        );
    }
    calls.sort_unstable();
    handlers.sort_unstable();
    let tables = place_tables(module, &functions, &mut text)?;
    if i32::try_from(text.len()).is_err() {
        return Err(Error::Limit(
            "the module's code would exceed 2 GiB".to_owned(),
        ));
    }
    for (unit, placed) in compiled.iter().zip(&units) {
        for (at, addend, target) in &unit.relocations {
            let to = resolve(target, &functions, &tables).ok_or_else(|| Error::Compile {
                function: format!("{:?}", unit.unit),
                message: format!("the code refers to {target:?}, which does not exist"),
            })?;
            let at = (placed.offset + at) as usize;
            // Relative to the field itself; the addend accounts for its size.
            let value = i64::from(to) + addend - at as i64;
            text[at..at + 4].copy_from_slice(&(value as i32).to_le_bytes());
        }
    }
    traps.sort_unstable();
    Ok(Linked {
        text,
        units,
        traps,
        calls,
        handlers,
    })
}

fn resolve(
    target: &UserExternalName,
    functions: &[Option<u32>],
    tables: &[Option<u32>],
) -> Option<u32> {
    let places = match target.namespace {
        namespace::FUNCTION => functions,
        namespace::TABLE => tables,
        _ => return None,
    };
    places.get(target.index as usize).copied().flatten()
}

/// Appends the static tables. Each element is the offset of its code from the table, and its type.
fn place_tables(
    module: &ModuleInfo<'_>,
    functions: &[Option<u32>],
    text: &mut Vec<u8>,
) -> Result<Vec<Option<u32>>> {
    let mut places = vec![None; module.tables.len()];
    for (index, table) in module.tables.iter().enumerate() {
        if table.usage != TableUsage::Static {
            continue;
        }
        text.resize(text.len().next_multiple_of(64), 0xcc);
        let start = text.len();
        places[index] = Some(start as u32);
        let null = (0u32, u32::MAX);
        let mut elements = vec![null; table.ty.minimum as usize];
        for segment in &module.elements {
            let SegmentMode::Active { index: to, offset } = &segment.mode else {
                continue;
            };
            let Some(at) = offset.known().filter(|_| *to as usize == index) else {
                continue;
            };
            for (element, item) in elements[at as usize..].iter_mut().zip(&segment.items) {
                *element = match item {
                    ConstOp::Func(function) => {
                        let code = functions[*function as usize].ok_or_else(|| {
                            Error::Limit(format!("function {function} has no code"))
                        })?;
                        let ty = module.functions[*function as usize] as usize;
                        (
                            (code as i64 - start as i64) as u32,
                            module.canonical_types[ty],
                        )
                    }
                    _ => null,
                };
            }
        }
        for (code, ty) in elements {
            text.extend_from_slice(&code.to_le_bytes());
            text.extend_from_slice(&ty.to_le_bytes());
        }
    }
    Ok(places)
}
