//! Bounds knowledge from earlier memory accesses.
//!
//! After an access at `y`, code only continues if `y` was within bounds. A memory that is capped at
//! 65,535 pages ends at least 64 KiB below the last 32-bit index, so `y + d` with `d` up to 64 KiB
//! cannot wrap. `d` can then be part of the displacement of an access to `y`.

use std::collections::HashMap;

use cranelift_codegen::ir::{DataFlowGraph, InstructionData, Opcode, Value, ValueDef};

/// The largest distance above a reached index that cannot wrap, bytes.
const REACH: u32 = 1 << 16;
/// The number of additions that are followed to the origin of an index.
const MAX_SUMS: usize = 4;

/// An index as a value plus a constant, modulo 2^32.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    pub(super) value: Value,
    pub(super) constant: u32,
}

/// The indices that were accessed on every path to the current code.
#[derive(Default)]
pub(super) struct Reached {
    /// By memory and value: the constants that were added to the value, and the sums.
    sums: HashMap<(u32, Value), Vec<(u32, Value)>>,
    /// The keys of all entries, oldest first.
    noted: Vec<(u32, Value)>,
}

impl Reached {
    /// A reached index, and the distance of `index` above it, which does not wrap.
    pub(super) fn below(&self, memory: u32, index: Sum) -> Option<(Value, u32)> {
        let sums = self.sums.get(&(memory, index.value))?;
        sums.iter()
            .map(|(constant, sum)| (*sum, index.constant.wrapping_sub(*constant)))
            .find(|(_, above)| *above <= REACH)
    }

    /// Records that the following code only runs if an access at `sum` was within bounds.
    pub(super) fn note(&mut self, memory: u32, index: Sum, sum: Value) {
        let key = (memory, index.value);
        self.sums
            .entry(key)
            .or_default()
            .push((index.constant, sum));
        self.noted.push(key);
    }

    /// A mark for [`Reached::return_to`].
    pub(super) fn mark(&self) -> usize {
        self.noted.len()
    }

    /// Drops entries since the mark, because other paths to the current code do not have them.
    pub(super) fn return_to(&mut self, mark: usize) {
        for key in self.noted.drain(mark..).rev() {
            if let Some(sums) = self.sums.get_mut(&key) {
                sums.pop();
            }
        }
    }
}

/// Splits a 32-bit index into a value and a constant.
pub(super) fn sum_of(dfg: &DataFlowGraph, index: Value) -> Sum {
    let mut sum = Sum {
        value: dfg.resolve_aliases(index),
        constant: 0,
    };
    for _ in 0..MAX_SUMS {
        let Some((value, constant)) = addition(dfg, sum.value) else {
            break;
        };
        sum.value = value;
        sum.constant = sum.constant.wrapping_add(constant);
    }
    sum
}

/// The operands of an addition of a constant.
fn addition(dfg: &DataFlowGraph, sum: Value) -> Option<(Value, u32)> {
    let ValueDef::Result(inst, 0) = dfg.value_def(sum) else {
        return None;
    };
    let InstructionData::Binary { opcode, args } = dfg.insts[inst] else {
        return None;
    };
    let args = args.map(|arg| dfg.resolve_aliases(arg));
    match opcode {
        Opcode::Iadd => match (constant(dfg, args[0]), constant(dfg, args[1])) {
            (_, Some(constant)) => Some((args[0], constant as u32)),
            (Some(constant), None) => Some((args[1], constant as u32)),
            (None, None) => None,
        },
        Opcode::Isub => Some((args[0], (constant(dfg, args[1])? as u32).wrapping_neg())),
        _ => None,
    }
}

/// The value of an integer constant. Bits above the width of its type are unspecified.
pub(super) fn constant(dfg: &DataFlowGraph, value: Value) -> Option<i64> {
    let ValueDef::Result(inst, 0) = dfg.value_def(dfg.resolve_aliases(value)) else {
        return None;
    };
    match dfg.insts[inst] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => Some(imm.bits()),
        _ => None,
    }
}
