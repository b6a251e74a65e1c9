//! Translates vector operators: all of fixed-width and relaxed SIMD, one file per family.
//!
//! On the operand stack a `v128` is always `I8X16`. An operator casts its operands to the shape it
//! works on, and its result back; a cast costs no instruction.

mod bitwise;
mod compare;
mod convert;
mod float;
mod integer;
mod lane;
mod memory;
mod relaxed;
mod widen;

use cranelift_codegen::ir::{
    Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, ValueDef, types,
};
use wasmparser::Operator;

use super::FuncTranslator;
use crate::error::{Error, Result};

/// The shape of a vector on the operand stack.
const CANONICAL: Type = types::I8X16;

/// The signedness of an integer lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Signed,
    Unsigned,
}

/// Translates a vector operator; returns false for any other operator.
pub(super) fn translate(
    translator: &mut FuncTranslator<'_, '_>,
    op: &Operator<'_>,
) -> Result<bool> {
    if let Some(feature) = needed_feature(op) {
        translator.require(feature, op)?;
    }
    Ok(translator.vector_memory_operator(op)?
        || translator.lane_operator(op)
        || translator.vector_comparison(op)
        || translator.bitwise_operator(op)
        || translator.vector_integer_operator(op)
        || translator.widening_operator(op)
        || translator.vector_float_operator(op)
        || translator.vector_conversion(op)
        || translator.relaxed_operator(op))
}

/// An x64 extension without which Cranelift turns some operators into calls of library functions,
/// which keel does not have. All other operators have instructions on every x64 CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    Ssse3,
    Sse41,
}

impl Extension {
    fn name(self) -> &'static str {
        match self {
            Extension::Ssse3 => "SSSE3",
            Extension::Sse41 => "SSE4.1",
        }
    }
}

fn needed_feature(op: &Operator<'_>) -> Option<Extension> {
    use Operator as O;
    match op {
        O::I8x16Shuffle { .. } | O::I8x16Swizzle | O::I8x16RelaxedSwizzle => Some(Extension::Ssse3),
        O::F32x4Ceil
        | O::F32x4Floor
        | O::F32x4Trunc
        | O::F32x4Nearest
        | O::F64x2Ceil
        | O::F64x2Floor
        | O::F64x2Trunc
        | O::F64x2Nearest
        | O::I32x4TruncSatF64x2UZero
        | O::I32x4RelaxedTruncF64x2UZero => Some(Extension::Sse41),
        _ => None,
    }
}

impl FuncTranslator<'_, '_> {
    fn require(&self, extension: Extension, op: &Operator<'_>) -> Result<()> {
        let isa = self.env.isa;
        let present = match extension {
            Extension::Ssse3 => isa.has_x86_pshufb_lowering(),
            Extension::Sse41 => isa.has_round(),
        };
        if present {
            return Ok(());
        }
        Err(Error::Unsupported(format!(
            "{op:?} on a processor without {}",
            extension.name()
        )))
    }

    /// Pops a vector with this shape.
    fn pop_vector(&mut self, shape: Type) -> Value {
        let value = self.pop();
        self.cast(value, shape)
    }

    /// Pops two vectors, in the order in which they were pushed.
    fn pop2_vectors(&mut self, shape: Type) -> (Value, Value) {
        let second = self.pop_vector(shape);
        (self.pop_vector(shape), second)
    }

    /// Pops three vectors, in the order in which they were pushed.
    fn pop3_vectors(&mut self, shape: Type) -> (Value, Value, Value) {
        let third = self.pop_vector(shape);
        let (first, second) = self.pop2_vectors(shape);
        (first, second, third)
    }

    /// Pushes a vector of any shape.
    fn push_vector(&mut self, value: Value) {
        let value = self.cast(value, CANONICAL);
        self.push(value);
    }

    /// The same bits with another shape.
    fn cast(&mut self, value: Value, shape: Type) -> Value {
        // Cranelift does not simplify a cast of a cast, and does not match patterns through one, so
        // the original value is cast instead.
        let origin = self.uncast(value);
        if self.builder.func.dfg.value_type(origin) == shape {
            return origin;
        }
        // In WebAssembly lane 0 has the lowest address on every machine.
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(shape, flags, origin)
    }

    /// The vector before any cast.
    fn uncast(&self, value: Value) -> Value {
        let dfg = &self.builder.func.dfg;
        if let ValueDef::Result(inst, _) = dfg.value_def(value)
            && let InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } = dfg.insts[inst]
            && dfg.value_type(arg).is_vector()
        {
            return arg;
        }
        value
    }

    /// A vector of zeros.
    fn zero_vector(&mut self, shape: Type) -> Value {
        let zero = self.builder.func.dfg.constants.insert(vec![0; 16].into());
        self.builder.ins().vconst(shape, zero)
    }
}
