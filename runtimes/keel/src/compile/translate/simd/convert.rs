//! Translates conversions between integer and floating-point lanes, and between `f32` and `f64`
//! lanes.

use cranelift_codegen::ir::types::{F32X4, F64X2, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Value};
use wasmparser::Operator;

use super::widen::Half;
use super::{FuncTranslator, Sign};

impl FuncTranslator<'_, '_> {
    /// Translates a lane conversion; returns false for any other operator.
    pub(super) fn vector_conversion(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let result = match op {
            O::F32x4ConvertI32x4S => {
                let value = self.pop_vector(I32X4);
                self.builder.ins().fcvt_from_sint(F32X4, value)
            }
            O::F32x4ConvertI32x4U => {
                let value = self.pop_vector(I32X4);
                self.builder.ins().fcvt_from_uint(F32X4, value)
            }
            O::F64x2ConvertLowI32x4S => {
                let value = self.pop_vector(I32X4);
                let value = self.widen(value, Half::Low, Sign::Signed);
                self.builder.ins().fcvt_from_sint(F64X2, value)
            }
            O::F64x2ConvertLowI32x4U => {
                let value = self.pop_vector(I32X4);
                let value = self.widen(value, Half::Low, Sign::Unsigned);
                self.builder.ins().fcvt_from_uint(F64X2, value)
            }
            O::F32x4DemoteF64x2Zero => {
                let value = self.pop_vector(F64X2);
                self.builder.ins().fvdemote(value)
            }
            O::F64x2PromoteLowF32x4 => {
                let value = self.pop_vector(F32X4);
                self.builder.ins().fvpromote_low(value)
            }
            O::I32x4TruncSatF32x4S => self.truncate_singles(Sign::Signed),
            O::I32x4TruncSatF32x4U => self.truncate_singles(Sign::Unsigned),
            O::I32x4TruncSatF64x2SZero => self.truncate_doubles(Sign::Signed),
            O::I32x4TruncSatF64x2UZero => self.truncate_doubles(Sign::Unsigned),
            _ => return false,
        };
        self.push_vector(result);
        true
    }

    /// Pops `f32x4` and saturates to `i32x4`; NaN becomes zero.
    pub(super) fn truncate_singles(&mut self, sign: Sign) -> Value {
        let value = self.pop_vector(F32X4);
        match sign {
            Sign::Signed => self.builder.ins().fcvt_to_sint_sat(I32X4, value),
            Sign::Unsigned => self.builder.ins().fcvt_to_uint_sat(I32X4, value),
        }
    }

    /// Pops `f64x2` and saturates to the low half of `i32x4`; the high half is zero.
    pub(super) fn truncate_doubles(&mut self, sign: Sign) -> Value {
        let value = self.pop_vector(F64X2);
        let zero = self.zero_vector(I64X2);
        // Truncation to 64 bits and then to 32 saturates like truncation to 32, and Cranelift has
        // an x64 lowering for this pair.
        match sign {
            Sign::Signed => {
                let wide = self.builder.ins().fcvt_to_sint_sat(I64X2, value);
                self.builder.ins().snarrow(wide, zero)
            }
            Sign::Unsigned => {
                let wide = self.builder.ins().fcvt_to_uint_sat(I64X2, value);
                self.builder.ins().uunarrow(wide, zero)
            }
        }
    }
}
