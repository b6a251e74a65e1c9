//! Translates floating-point arithmetic on lanes.
//!
//! A lane behaves like the scalar operator of its type. CLIF's operators have the IEEE 754
//! semantics that WebAssembly requires; NaN payloads, which it leaves open, are also those of the
//! scalar operators.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F32X4, F64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// Translates lane arithmetic; returns false for any other operator.
    pub(super) fn vector_float_operator(&mut self, op: &Operator<'_>) -> bool {
        self.float_binary(op) || self.float_unary(op) || self.pseudo_minimum_or_maximum(op)
    }

    fn float_unary(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, build): (Type, fn(_, Value) -> Value) = match op {
            O::F32x4Abs => (F32X4, InstBuilder::fabs),
            O::F64x2Abs => (F64X2, InstBuilder::fabs),
            O::F32x4Neg => (F32X4, InstBuilder::fneg),
            O::F64x2Neg => (F64X2, InstBuilder::fneg),
            O::F32x4Sqrt => (F32X4, InstBuilder::sqrt),
            O::F64x2Sqrt => (F64X2, InstBuilder::sqrt),
            O::F32x4Ceil => (F32X4, InstBuilder::ceil),
            O::F64x2Ceil => (F64X2, InstBuilder::ceil),
            O::F32x4Floor => (F32X4, InstBuilder::floor),
            O::F64x2Floor => (F64X2, InstBuilder::floor),
            O::F32x4Trunc => (F32X4, InstBuilder::trunc),
            O::F64x2Trunc => (F64X2, InstBuilder::trunc),
            O::F32x4Nearest => (F32X4, InstBuilder::nearest),
            O::F64x2Nearest => (F64X2, InstBuilder::nearest),
            _ => return false,
        };
        let value = self.pop_vector(shape);
        let result = build(self.builder.ins(), value);
        self.push_vector(result);
        true
    }

    fn float_binary(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, build): (Type, fn(_, Value, Value) -> Value) = match op {
            O::F32x4Add => (F32X4, InstBuilder::fadd),
            O::F64x2Add => (F64X2, InstBuilder::fadd),
            O::F32x4Sub => (F32X4, InstBuilder::fsub),
            O::F64x2Sub => (F64X2, InstBuilder::fsub),
            O::F32x4Mul => (F32X4, InstBuilder::fmul),
            O::F64x2Mul => (F64X2, InstBuilder::fmul),
            O::F32x4Div => (F32X4, InstBuilder::fdiv),
            O::F64x2Div => (F64X2, InstBuilder::fdiv),
            O::F32x4Min => (F32X4, InstBuilder::fmin),
            O::F64x2Min => (F64X2, InstBuilder::fmin),
            O::F32x4Max => (F32X4, InstBuilder::fmax),
            O::F64x2Max => (F64X2, InstBuilder::fmax),
            _ => return false,
        };
        let (first, second) = self.pop2_vectors(shape);
        let result = build(self.builder.ins(), first, second);
        self.push_vector(result);
        true
    }

    /// `pmin` is `b < a ? b : a` and `pmax` is `a < b ? b : a`: the order of operands for which x64
    /// has an instruction.
    fn pseudo_minimum_or_maximum(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let shape = match op {
            O::F32x4PMin | O::F32x4PMax => F32X4,
            O::F64x2PMin | O::F64x2PMax => F64X2,
            _ => return false,
        };
        let (a, b) = self.pop2_vectors(shape);
        let ins = self.builder.ins();
        let takes_b = match op {
            O::F32x4PMin | O::F64x2PMin => ins.fcmp(FloatCC::LessThan, b, a),
            _ => ins.fcmp(FloatCC::LessThan, a, b),
        };
        let takes_b = self.cast(takes_b, shape);
        let result = self.builder.ins().bitselect(takes_b, b, a);
        self.push_vector(result);
        true
    }
}
