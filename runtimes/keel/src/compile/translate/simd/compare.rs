//! Translates comparisons, which set all bits of a lane or none, and tests of a whole vector.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::Operator;

use super::{CANONICAL, FuncTranslator};

impl FuncTranslator<'_, '_> {
    /// Translates a comparison or test; returns false for any other operator.
    pub(super) fn vector_comparison(&mut self, op: &Operator<'_>) -> bool {
        self.vector_icmp(op) || self.vector_fcmp(op) || self.vector_test(op)
    }

    fn vector_icmp(&mut self, op: &Operator<'_>) -> bool {
        use IntCC as C;
        use Operator as O;
        let (shape, condition) = match op {
            O::I8x16Eq => (I8X16, C::Equal),
            O::I8x16Ne => (I8X16, C::NotEqual),
            O::I8x16LtS => (I8X16, C::SignedLessThan),
            O::I8x16LtU => (I8X16, C::UnsignedLessThan),
            O::I8x16GtS => (I8X16, C::SignedGreaterThan),
            O::I8x16GtU => (I8X16, C::UnsignedGreaterThan),
            O::I8x16LeS => (I8X16, C::SignedLessThanOrEqual),
            O::I8x16LeU => (I8X16, C::UnsignedLessThanOrEqual),
            O::I8x16GeS => (I8X16, C::SignedGreaterThanOrEqual),
            O::I8x16GeU => (I8X16, C::UnsignedGreaterThanOrEqual),
            O::I16x8Eq => (I16X8, C::Equal),
            O::I16x8Ne => (I16X8, C::NotEqual),
            O::I16x8LtS => (I16X8, C::SignedLessThan),
            O::I16x8LtU => (I16X8, C::UnsignedLessThan),
            O::I16x8GtS => (I16X8, C::SignedGreaterThan),
            O::I16x8GtU => (I16X8, C::UnsignedGreaterThan),
            O::I16x8LeS => (I16X8, C::SignedLessThanOrEqual),
            O::I16x8LeU => (I16X8, C::UnsignedLessThanOrEqual),
            O::I16x8GeS => (I16X8, C::SignedGreaterThanOrEqual),
            O::I16x8GeU => (I16X8, C::UnsignedGreaterThanOrEqual),
            O::I32x4Eq => (I32X4, C::Equal),
            O::I32x4Ne => (I32X4, C::NotEqual),
            O::I32x4LtS => (I32X4, C::SignedLessThan),
            O::I32x4LtU => (I32X4, C::UnsignedLessThan),
            O::I32x4GtS => (I32X4, C::SignedGreaterThan),
            O::I32x4GtU => (I32X4, C::UnsignedGreaterThan),
            O::I32x4LeS => (I32X4, C::SignedLessThanOrEqual),
            O::I32x4LeU => (I32X4, C::UnsignedLessThanOrEqual),
            O::I32x4GeS => (I32X4, C::SignedGreaterThanOrEqual),
            O::I32x4GeU => (I32X4, C::UnsignedGreaterThanOrEqual),
            O::I64x2Eq => (I64X2, C::Equal),
            O::I64x2Ne => (I64X2, C::NotEqual),
            O::I64x2LtS => (I64X2, C::SignedLessThan),
            O::I64x2GtS => (I64X2, C::SignedGreaterThan),
            O::I64x2LeS => (I64X2, C::SignedLessThanOrEqual),
            O::I64x2GeS => (I64X2, C::SignedGreaterThanOrEqual),
            _ => return false,
        };
        let (first, second) = self.pop2_vectors(shape);
        let mask = self.builder.ins().icmp(condition, first, second);
        self.push_vector(mask);
        true
    }

    fn vector_fcmp(&mut self, op: &Operator<'_>) -> bool {
        use FloatCC as C;
        use Operator as O;
        let (shape, condition) = match op {
            O::F32x4Eq => (F32X4, C::Equal),
            O::F32x4Ne => (F32X4, C::NotEqual),
            O::F32x4Lt => (F32X4, C::LessThan),
            O::F32x4Gt => (F32X4, C::GreaterThan),
            O::F32x4Le => (F32X4, C::LessThanOrEqual),
            O::F32x4Ge => (F32X4, C::GreaterThanOrEqual),
            O::F64x2Eq => (F64X2, C::Equal),
            O::F64x2Ne => (F64X2, C::NotEqual),
            O::F64x2Lt => (F64X2, C::LessThan),
            O::F64x2Gt => (F64X2, C::GreaterThan),
            O::F64x2Le => (F64X2, C::LessThanOrEqual),
            O::F64x2Ge => (F64X2, C::GreaterThanOrEqual),
            _ => return false,
        };
        let (first, second) = self.pop2_vectors(shape);
        let mask = self.builder.ins().fcmp(condition, first, second);
        self.push_vector(mask);
        true
    }

    fn vector_test(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::V128AnyTrue => {
                let vector = self.pop_vector(CANONICAL);
                let any = self.builder.ins().vany_true(vector);
                self.push_bool(any);
            }
            O::I8x16AllTrue => self.all_true(I8X16),
            O::I16x8AllTrue => self.all_true(I16X8),
            O::I32x4AllTrue => self.all_true(I32X4),
            O::I64x2AllTrue => self.all_true(I64X2),
            O::I8x16Bitmask => self.bitmask(I8X16),
            O::I16x8Bitmask => self.bitmask(I16X8),
            O::I32x4Bitmask => self.bitmask(I32X4),
            O::I64x2Bitmask => self.bitmask(I64X2),
            _ => return false,
        }
        true
    }

    fn all_true(&mut self, shape: Type) {
        let vector = self.pop_vector(shape);
        let all = self.builder.ins().vall_true(vector);
        self.push_bool(all);
    }

    /// Pushes the highest bit of each lane, in the low bits of an `i32`.
    fn bitmask(&mut self, shape: Type) {
        let vector = self.pop_vector(shape);
        let bits = self.builder.ins().vhigh_bits(I32, vector);
        self.push(bits);
    }
}
