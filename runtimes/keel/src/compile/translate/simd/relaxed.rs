//! Translates relaxed SIMD, in the specification's deterministic profile: results are the same on
//! every machine, with one exception. On a CPU without fused multiply-add, `relaxed_madd` and
//! `relaxed_nmadd` round twice, which the specification only allows outside that profile.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

use super::widen::Half;
use super::{FuncTranslator, Sign};

/// The sign of the product in a fused multiply-add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    Kept,
    Negated,
}

impl FuncTranslator<'_, '_> {
    /// Translates a relaxed operator; returns false for any other operator.
    pub(super) fn relaxed_operator(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let result = match op {
            O::I8x16RelaxedSwizzle => {
                let (value, lanes) = self.pop2_vectors(I8X16);
                self.builder.ins().swizzle(value, lanes)
            }
            O::I32x4RelaxedTruncF32x4S => self.truncate_singles(Sign::Signed),
            O::I32x4RelaxedTruncF32x4U => self.truncate_singles(Sign::Unsigned),
            O::I32x4RelaxedTruncF64x2SZero => self.truncate_doubles(Sign::Signed),
            O::I32x4RelaxedTruncF64x2UZero => self.truncate_doubles(Sign::Unsigned),
            O::F32x4RelaxedMadd => self.multiply_add(F32X4, Product::Kept),
            O::F64x2RelaxedMadd => self.multiply_add(F64X2, Product::Kept),
            O::F32x4RelaxedNmadd => self.multiply_add(F32X4, Product::Negated),
            O::F64x2RelaxedNmadd => self.multiply_add(F64X2, Product::Negated),
            O::I8x16RelaxedLaneselect
            | O::I16x8RelaxedLaneselect
            | O::I32x4RelaxedLaneselect
            | O::I64x2RelaxedLaneselect => self.select_bits(),
            O::F32x4RelaxedMin | O::F32x4RelaxedMax | O::F64x2RelaxedMin | O::F64x2RelaxedMax => {
                self.strict_minimum_or_maximum(op)
            }
            O::I16x8RelaxedQ15mulrS => {
                let (first, second) = self.pop2_vectors(I16X8);
                self.builder.ins().sqmul_round_sat(first, second)
            }
            O::I16x8RelaxedDotI8x16I7x16S => {
                let (first, second) = self.pop2_vectors(I8X16);
                self.dot(first, second)
            }
            O::I32x4RelaxedDotI8x16I7x16AddS => self.dot_of_four(),
            _ => return false,
        };
        self.push_vector(result);
        true
    }

    fn strict_minimum_or_maximum(&mut self, op: &Operator<'_>) -> Value {
        use Operator as O;
        let shape = match op {
            O::F32x4RelaxedMin | O::F32x4RelaxedMax => F32X4,
            _ => F64X2,
        };
        let (first, second) = self.pop2_vectors(shape);
        match op {
            O::F32x4RelaxedMin | O::F64x2RelaxedMin => self.builder.ins().fmin(first, second),
            _ => self.builder.ins().fmax(first, second),
        }
    }

    /// `a * b + c`, or `-(a * b) + c`.
    fn multiply_add(&mut self, shape: Type, product: Product) -> Value {
        let (a, b, c) = self.pop3_vectors(shape);
        let a = match product {
            Product::Kept => a,
            Product::Negated => self.builder.ins().fneg(a),
        };
        if self.env.isa.has_native_fma() {
            return self.builder.ins().fma(a, b, c);
        }
        let product = self.builder.ins().fmul(a, b);
        self.builder.ins().fadd(product, c)
    }

    /// Adds four products of neighbouring bytes to each `i32` lane of the third operand. The sums
    /// are exact: pairs of products are added in 32 bits.
    fn dot_of_four(&mut self) -> Value {
        let sum = self.pop_vector(I32X4);
        let (first, second) = self.pop2_vectors(I8X16);
        let mut pairs = |half| {
            let first = self.widen(first, half, Sign::Signed);
            let second = self.widen(second, half, Sign::Signed);
            self.dot(first, second)
        };
        let (low, high) = (pairs(Half::Low), pairs(Half::High));
        let dot = self.builder.ins().iadd_pairwise(low, high);
        self.builder.ins().iadd(dot, sum)
    }
}
