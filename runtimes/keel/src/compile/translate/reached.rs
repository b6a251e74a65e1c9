//! What accesses to memories have shown of their indices.
//!
//! Code that has accessed memory at `y` goes on only if `y` was within bounds. A memory whose length is capped at
//! 65,535 pages ends at least 64 KiB below the last 32-bit index: `y + d` with a `d` up to that cannot wrap, and
//! `d` becomes part of the displacement of an access to `y`.

use std::collections::HashMap;

use cranelift_codegen::ir::{DataFlowGraph, InstructionData, Opcode, Value, ValueDef};

/// How far above a reached index another may be that is known not to wrap.
const REACH: u32 = 1 << 16;
/// Sums that are followed to where an index comes from.
const MAX_SUMS: usize = 4;

/// An index as a sum modulo 2^32 of a value and a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    pub(super) value: Value,
    pub(super) constant: u32,
}

/// The indices that have been reached on every way to where code is translated.
#[derive(Default)]
pub(super) struct Reached {
    /// For each memory and value: constants to which the value was added, and the sums.
    sums: HashMap<(u32, Value), Vec<(u32, Value)>>,
    /// What was noted, the latest last.
    noted: Vec<(u32, Value)>,
}

impl Reached {
    /// A reached index, and how far above it `index` is without wrapping.
    pub(super) fn below(&self, memory: u32, index: Sum) -> Option<(Value, u32)> {
        let sums = self.sums.get(&(memory, index.value))?;
        sums.iter()
            .map(|(constant, sum)| (*sum, index.constant.wrapping_sub(*constant)))
            .find(|(_, above)| *above <= REACH)
    }

    /// Notes that the code behind here runs only if an access to `sum` was within bounds.
    pub(super) fn note(&mut self, memory: u32, index: Sum, sum: Value) {
        let key = (memory, index.value);
        self.sums
            .entry(key)
            .or_default()
            .push((index.constant, sum));
        self.noted.push(key);
    }

    /// A mark to return to.
    pub(super) fn mark(&self) -> usize {
        self.noted.len()
    }

    /// Forgets what was noted since the mark, which other ways to here do not pass.
    pub(super) fn return_to(&mut self, mark: usize) {
        for key in self.noted.drain(mark..).rev() {
            if let Some(sums) = self.sums.get_mut(&key) {
                sums.pop();
            }
        }
    }
}

/// A 32-bit index as a sum.
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

/// The bits of an integer constant, those above its type's unspecified.
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
