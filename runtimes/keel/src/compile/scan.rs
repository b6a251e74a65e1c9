//! A first pass over the bodies: validates them and collects the facts that determine the module's
//! layout.

use rayon::prelude::*;
use wasmparser::{BinaryReader, BrTable, FuncValidatorAllocations, Operator, OperatorsReader};

use super::interrupt::CompileInterrupt;
use super::unit::Parallelism;
use crate::artifact::format::ExternKind;
use crate::error::{Error, Result};
use crate::module::info::{Body, ConstOp, ModuleInfo, SegmentMode, TableUsage};
use crate::types::ValType;
use crate::types::def::TypeDef;

/// The maximum elements of a static table per element that a segment sets. A sparser table would be
/// mostly holes, and make the artefact arbitrarily larger than the module.
const MAX_STATIC_SPREAD: u64 = 4;
/// The size up to which a static table may be sparse, elements.
const MIN_STATIC_TABLE: u64 = 4;

/// The number of targets above which a branch table is validated with its distinct targets only.
const MAX_PLAIN_TARGETS: u32 = 64;

/// The facts about one body that concern the whole module.
#[derive(Default)]
struct Findings {
    /// Functions that it takes the address of.
    functions: Vec<u32>,
    /// Tables that it accesses in other ways than `call_indirect`.
    tables: Vec<u32>,
    /// The properties that decide whether it is inlined.
    shape: Shape,
}

/// The size and contents of a body, for inlining.
#[derive(Default)]
struct Shape {
    bytes: u64,
    calls: u32,
    /// Whether it has a loop, or an operator that behaves differently in its caller's frame.
    unfit: bool,
}

/// The maximum size of an inlined body without calls, bytes.
const MAX_LEAF: u64 = 48;
/// The maximum size of an inlined body with one call, bytes.
const MAX_WRAPPER: u64 = 24;

impl Shape {
    fn new(body: &Body<'_>) -> Shape {
        let range = body.body.range();
        Shape {
            bytes: range.end - range.start,
            ..Shape::default()
        }
    }

    fn note(&mut self, op: &Operator<'_>) {
        use Operator as O;
        match op {
            O::Call { .. } | O::CallIndirect { .. } | O::CallRef { .. } => self.calls += 1,
            O::Loop { .. }
            | O::ReturnCall { .. }
            | O::ReturnCallIndirect { .. }
            | O::ReturnCallRef { .. }
            | O::TryTable { .. }
            | O::Throw { .. }
            | O::ThrowRef
            | O::BrTable { .. } => self.unfit = true,
            _ => {}
        }
    }

    fn is_inlined(&self) -> bool {
        let fits = match self.calls {
            0 => self.bytes <= MAX_LEAF,
            1 => self.bytes <= MAX_WRAPPER,
            _ => false,
        };
        fits && !self.unfit
    }
}

/// Validates all bodies; decides which functions have records and which tables are static.
pub(super) fn scan(
    module: &mut ModuleInfo<'_>,
    parallelism: Parallelism,
    interrupt: &CompileInterrupt,
) -> Result<()> {
    let types = &module.types;
    let findings: Vec<Findings> = match parallelism {
        Parallelism::Serial => {
            let mut allocations = FuncValidatorAllocations::default();
            let scan = module.bodies.iter().map(|body| {
                interrupt.check()?;
                scan_body(types, body, &mut allocations)
            });
            scan.collect::<Result<_>>()?
        }
        Parallelism::Threads => {
            let scan = module.bodies.par_iter().map_init(
                FuncValidatorAllocations::default,
                |allocations, body| {
                    interrupt.check()?;
                    scan_body(types, body, allocations)
                },
            );
            // All bodies are validated, so that the error reported is the first in the module's
            // order.
            scan.collect::<Vec<_>>()
                .into_iter()
                .collect::<Result<_>>()?
        }
    };
    module.inlined = findings.iter().map(|f| f.shape.is_inlined()).collect();
    mark_static_tables(module, &findings);
    mark_escaping(module, &findings);
    Ok(())
}

fn scan_body(
    types: &[TypeDef],
    body: &Body<'_>,
    allocations: &mut FuncValidatorAllocations,
) -> Result<Findings> {
    let to_validate = body
        .validator
        .lock()
        .map_or(None, |mut validator| validator.take());
    let Some(to_validate) = to_validate else {
        return Err(Error::Limit("a function body was scanned twice".to_owned()));
    };
    let mut validator = to_validate.into_validator(std::mem::take(allocations));
    let mut findings = Findings {
        shape: Shape::new(body),
        ..Findings::default()
    };
    let mut reader = body.body.get_binary_reader();
    reader.set_features(*validator.features());
    validator.read_locals(&mut reader)?;
    let mut ops = OperatorsReader::new(reader);
    while !ops.eof() {
        let (op, offset) = ops.read_with_offset()?;
        match &op {
            Operator::BrTable { targets } if targets.len() > MAX_PLAIN_TARGETS => {
                let distinct = distinct_targets(targets)?;
                let mut distinct = OperatorsReader::new(BinaryReader::new(&distinct, 0));
                validator.op(offset, &distinct.read()?)?;
            }
            op => validator.op(offset, op)?,
        }
        findings.shape.note(&op);
        match op {
            Operator::RefFunc { function_index } => findings.functions.push(function_index),
            // A number in constant data cannot be checked for subtypes.
            Operator::CallIndirect {
                type_index,
                table_index,
            }
            | Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } if !types[type_index as usize].is_final => findings.tables.push(table_index),
            Operator::TableGet { table }
            | Operator::TableSet { table }
            | Operator::TableGrow { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. } => findings.tables.push(table),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => {
                findings.tables.extend([dst_table, src_table]);
            }
            _ => {}
        }
    }
    ops.finish()?;
    *allocations = validator.into_allocations();
    Ok(findings)
}

/// The operator in binary form with each target once, because the validator checks all of a
/// branch's values for each of its targets.
fn distinct_targets(table: &BrTable<'_>) -> Result<Vec<u8>> {
    let mut targets = table
        .targets()
        .collect::<std::result::Result<Vec<u32>, _>>()?;
    targets.sort_unstable();
    targets.dedup();
    let mut bytes = vec![0x0e];
    let count = targets.len() as u32;
    for mut number in std::iter::once(count)
        .chain(targets)
        .chain([table.default()])
    {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    Ok(bytes)
}

/// Marks tables as constant data: those that only active segments with known addresses write, and
/// only `call_indirect` reads.
fn mark_static_tables(module: &mut ModuleInfo<'_>, findings: &[Findings]) {
    let exported = module
        .exports
        .iter()
        .filter(|e| e.kind == ExternKind::Table)
        .map(|e| e.index);
    let accessed = findings.iter().flat_map(|f| f.tables.iter().copied());
    let mut general: Vec<bool> = module
        .tables
        .iter()
        .map(|table| table.init.is_some() || table.ty.element != ValType::FUNCREF)
        .collect();
    for table in exported.chain(accessed).chain(0..module.imported_tables) {
        general[table as usize] = true;
    }
    for segment in &module.elements {
        let SegmentMode::Active { index, offset } = &segment.mode else {
            continue;
        };
        let minimum = u128::from(module.tables[*index as usize].ty.minimum);
        let fits = offset
            .known()
            .is_some_and(|at| at + segment.items.len() as u128 <= minimum);
        let functions = |op: &ConstOp| matches!(op, ConstOp::Func(_) | ConstOp::Null);
        if !fits || !segment.items.iter().all(functions) {
            general[*index as usize] = true;
        }
    }
    let mut given = vec![0u64; module.tables.len()];
    for segment in &module.elements {
        if let SegmentMode::Active { index, .. } = &segment.mode {
            given[*index as usize] += segment.items.len() as u64;
        }
    }
    for (i, table) in module.tables.iter().enumerate() {
        let most = given[i]
            .saturating_mul(MAX_STATIC_SPREAD)
            .max(MIN_STATIC_TABLE);
        general[i] |= table.ty.minimum > most;
    }
    for (table, general) in module.tables.iter_mut().zip(general) {
        table.usage = if general {
            TableUsage::General
        } else {
            TableUsage::Static
        };
    }
}

fn mark_escaping(module: &mut ModuleInfo<'_>, findings: &[Findings]) {
    let mut escaping = std::mem::take(&mut module.escaping);
    escaping.extend(findings.iter().flat_map(|f| f.functions.iter().copied()));
    for segment in &module.elements {
        let escapes = match segment.mode {
            SegmentMode::Passive => true,
            SegmentMode::Declared => false,
            SegmentMode::Active { index, .. } => {
                module.tables[index as usize].usage == TableUsage::General
            }
        };
        if escapes {
            escaping.extend(segment.steps().filter_map(|op| match op {
                ConstOp::Func(function) => Some(*function),
                _ => None,
            }));
        }
    }
    escaping.sort_unstable();
    escaping.dedup();
    module.escaping = escaping;
}
