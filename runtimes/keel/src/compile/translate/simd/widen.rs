//! Translates integer operators that change the lane width: narrow, extend, and extended
//! arithmetic.

use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

use super::{FuncTranslator, Sign};

/// The half of a vector's lanes that is widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Low,
    High,
}

impl FuncTranslator<'_, '_> {
    /// Translates an operator that changes the lane width; returns false for any other operator.
    pub(super) fn widening_operator(&mut self, op: &Operator<'_>) -> bool {
        self.extend_half(op) || self.multiply_half(op) || self.narrow(op) || self.add_pairs(op)
    }

    fn narrow(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, build): (Type, fn(_, Value, Value) -> Value) = match op {
            O::I8x16NarrowI16x8S => (I16X8, InstBuilder::snarrow),
            O::I8x16NarrowI16x8U => (I16X8, InstBuilder::unarrow),
            O::I16x8NarrowI32x4S => (I32X4, InstBuilder::snarrow),
            O::I16x8NarrowI32x4U => (I32X4, InstBuilder::unarrow),
            _ => return false,
        };
        let (low, high) = self.pop2_vectors(shape);
        let result = build(self.builder.ins(), low, high);
        self.push_vector(result);
        true
    }

    fn extend_half(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, half, sign) = match op {
            O::I16x8ExtendLowI8x16S => (I8X16, Half::Low, Sign::Signed),
            O::I16x8ExtendHighI8x16S => (I8X16, Half::High, Sign::Signed),
            O::I16x8ExtendLowI8x16U => (I8X16, Half::Low, Sign::Unsigned),
            O::I16x8ExtendHighI8x16U => (I8X16, Half::High, Sign::Unsigned),
            O::I32x4ExtendLowI16x8S => (I16X8, Half::Low, Sign::Signed),
            O::I32x4ExtendHighI16x8S => (I16X8, Half::High, Sign::Signed),
            O::I32x4ExtendLowI16x8U => (I16X8, Half::Low, Sign::Unsigned),
            O::I32x4ExtendHighI16x8U => (I16X8, Half::High, Sign::Unsigned),
            O::I64x2ExtendLowI32x4S => (I32X4, Half::Low, Sign::Signed),
            O::I64x2ExtendHighI32x4S => (I32X4, Half::High, Sign::Signed),
            O::I64x2ExtendLowI32x4U => (I32X4, Half::Low, Sign::Unsigned),
            O::I64x2ExtendHighI32x4U => (I32X4, Half::High, Sign::Unsigned),
            _ => return false,
        };
        let value = self.pop_vector(shape);
        let result = self.widen(value, half, sign);
        self.push_vector(result);
        true
    }

    fn multiply_half(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let (shape, half, sign) = match op {
            O::I16x8ExtMulLowI8x16S => (I8X16, Half::Low, Sign::Signed),
            O::I16x8ExtMulHighI8x16S => (I8X16, Half::High, Sign::Signed),
            O::I16x8ExtMulLowI8x16U => (I8X16, Half::Low, Sign::Unsigned),
            O::I16x8ExtMulHighI8x16U => (I8X16, Half::High, Sign::Unsigned),
            O::I32x4ExtMulLowI16x8S => (I16X8, Half::Low, Sign::Signed),
            O::I32x4ExtMulHighI16x8S => (I16X8, Half::High, Sign::Signed),
            O::I32x4ExtMulLowI16x8U => (I16X8, Half::Low, Sign::Unsigned),
            O::I32x4ExtMulHighI16x8U => (I16X8, Half::High, Sign::Unsigned),
            O::I64x2ExtMulLowI32x4S => (I32X4, Half::Low, Sign::Signed),
            O::I64x2ExtMulHighI32x4S => (I32X4, Half::High, Sign::Signed),
            O::I64x2ExtMulLowI32x4U => (I32X4, Half::Low, Sign::Unsigned),
            O::I64x2ExtMulHighI32x4U => (I32X4, Half::High, Sign::Unsigned),
            _ => return false,
        };
        let (first, second) = self.pop2_vectors(shape);
        let product = self.multiply_widened(first, second, half, sign);
        self.push_vector(product);
        true
    }

    fn add_pairs(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let result = match op {
            O::I16x8ExtAddPairwiseI8x16S => self.add_widened_pairs(I8X16, Sign::Signed),
            O::I16x8ExtAddPairwiseI8x16U => self.add_widened_pairs(I8X16, Sign::Unsigned),
            O::I32x4ExtAddPairwiseI16x8S => self.add_widened_pairs(I16X8, Sign::Signed),
            O::I32x4ExtAddPairwiseI16x8U => self.add_widened_pairs(I16X8, Sign::Unsigned),
            O::I32x4DotI16x8S => {
                let (first, second) = self.pop2_vectors(I16X8);
                self.dot(first, second)
            }
            _ => return false,
        };
        self.push_vector(result);
        true
    }

    fn add_widened_pairs(&mut self, shape: Type, sign: Sign) -> Value {
        let value = self.pop_vector(shape);
        let low = self.widen(value, Half::Low, sign);
        let high = self.widen(value, Half::High, sign);
        self.builder.ins().iadd_pairwise(low, high)
    }

    /// Extends each lane of one half to twice its width.
    pub(super) fn widen(&mut self, value: Value, half: Half, sign: Sign) -> Value {
        let ins = self.builder.ins();
        match (half, sign) {
            (Half::Low, Sign::Signed) => ins.swiden_low(value),
            (Half::Low, Sign::Unsigned) => ins.uwiden_low(value),
            (Half::High, Sign::Signed) => ins.swiden_high(value),
            (Half::High, Sign::Unsigned) => ins.uwiden_high(value),
        }
    }

    fn multiply_widened(&mut self, first: Value, second: Value, half: Half, sign: Sign) -> Value {
        let first = self.widen(first, half, sign);
        let second = self.widen(second, half, sign);
        self.builder.ins().imul(first, second)
    }

    /// The sums of neighbouring products of signed lanes, in lanes of twice the width.
    pub(super) fn dot(&mut self, first: Value, second: Value) -> Value {
        let low = self.multiply_widened(first, second, Half::Low, Sign::Signed);
        let high = self.multiply_widened(first, second, Half::High, Sign::Signed);
        self.builder.ins().iadd_pairwise(low, high)
    }
}
