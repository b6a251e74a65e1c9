//! Translates integer arithmetic on lanes of constant width.

use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// Translates integer lane arithmetic; returns false for any other operator.
    pub(super) fn vector_integer_operator(&mut self, op: &Operator<'_>) -> bool {
        self.integer_binary(op) || self.integer_unary(op) || self.shift(op)
    }

    fn integer_unary(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, build): (Type, fn(_, Value) -> Value) = match op {
            O::I8x16Abs => (I8X16, InstBuilder::iabs),
            O::I16x8Abs => (I16X8, InstBuilder::iabs),
            O::I32x4Abs => (I32X4, InstBuilder::iabs),
            O::I64x2Abs => (I64X2, InstBuilder::iabs),
            O::I8x16Neg => (I8X16, InstBuilder::ineg),
            O::I16x8Neg => (I16X8, InstBuilder::ineg),
            O::I32x4Neg => (I32X4, InstBuilder::ineg),
            O::I64x2Neg => (I64X2, InstBuilder::ineg),
            O::I8x16Popcnt => (I8X16, InstBuilder::popcnt),
            _ => return false,
        };
        let value = self.pop_vector(shape);
        let result = build(self.builder.ins(), value);
        self.push_vector(result);
        true
    }

    fn integer_binary(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, build): (Type, fn(_, Value, Value) -> Value) = match op {
            O::I8x16Add => (I8X16, InstBuilder::iadd),
            O::I16x8Add => (I16X8, InstBuilder::iadd),
            O::I32x4Add => (I32X4, InstBuilder::iadd),
            O::I64x2Add => (I64X2, InstBuilder::iadd),
            O::I8x16Sub => (I8X16, InstBuilder::isub),
            O::I16x8Sub => (I16X8, InstBuilder::isub),
            O::I32x4Sub => (I32X4, InstBuilder::isub),
            O::I64x2Sub => (I64X2, InstBuilder::isub),
            O::I16x8Mul => (I16X8, InstBuilder::imul),
            O::I32x4Mul => (I32X4, InstBuilder::imul),
            O::I64x2Mul => (I64X2, InstBuilder::imul),
            O::I8x16AddSatS => (I8X16, InstBuilder::sadd_sat),
            O::I16x8AddSatS => (I16X8, InstBuilder::sadd_sat),
            O::I8x16AddSatU => (I8X16, InstBuilder::uadd_sat),
            O::I16x8AddSatU => (I16X8, InstBuilder::uadd_sat),
            O::I8x16SubSatS => (I8X16, InstBuilder::ssub_sat),
            O::I16x8SubSatS => (I16X8, InstBuilder::ssub_sat),
            O::I8x16SubSatU => (I8X16, InstBuilder::usub_sat),
            O::I16x8SubSatU => (I16X8, InstBuilder::usub_sat),
            O::I8x16MinS => (I8X16, InstBuilder::smin),
            O::I16x8MinS => (I16X8, InstBuilder::smin),
            O::I32x4MinS => (I32X4, InstBuilder::smin),
            O::I8x16MinU => (I8X16, InstBuilder::umin),
            O::I16x8MinU => (I16X8, InstBuilder::umin),
            O::I32x4MinU => (I32X4, InstBuilder::umin),
            O::I8x16MaxS => (I8X16, InstBuilder::smax),
            O::I16x8MaxS => (I16X8, InstBuilder::smax),
            O::I32x4MaxS => (I32X4, InstBuilder::smax),
            O::I8x16MaxU => (I8X16, InstBuilder::umax),
            O::I16x8MaxU => (I16X8, InstBuilder::umax),
            O::I32x4MaxU => (I32X4, InstBuilder::umax),
            O::I8x16AvgrU => (I8X16, InstBuilder::avg_round),
            O::I16x8AvgrU => (I16X8, InstBuilder::avg_round),
            O::I16x8Q15MulrSatS => (I16X8, InstBuilder::sqmul_round_sat),
            _ => return false,
        };
        let (first, second) = self.pop2_vectors(shape);
        let result = build(self.builder.ins(), first, second);
        self.push_vector(result);
        true
    }

    /// Shifts every lane by the same `i32`. CLIF takes it modulo the lane width, as WebAssembly
    /// does.
    fn shift(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, build): (Type, fn(_, Value, Value) -> Value) = match op {
            O::I8x16Shl => (I8X16, InstBuilder::ishl),
            O::I16x8Shl => (I16X8, InstBuilder::ishl),
            O::I32x4Shl => (I32X4, InstBuilder::ishl),
            O::I64x2Shl => (I64X2, InstBuilder::ishl),
            O::I8x16ShrS => (I8X16, InstBuilder::sshr),
            O::I16x8ShrS => (I16X8, InstBuilder::sshr),
            O::I32x4ShrS => (I32X4, InstBuilder::sshr),
            O::I64x2ShrS => (I64X2, InstBuilder::sshr),
            O::I8x16ShrU => (I8X16, InstBuilder::ushr),
            O::I16x8ShrU => (I16X8, InstBuilder::ushr),
            O::I32x4ShrU => (I32X4, InstBuilder::ushr),
            O::I64x2ShrU => (I64X2, InstBuilder::ushr),
            _ => return false,
        };
        let count = self.pop();
        let value = self.pop_vector(shape);
        let result = build(self.builder.ins(), value, count);
        self.push_vector(result);
        true
    }
}
