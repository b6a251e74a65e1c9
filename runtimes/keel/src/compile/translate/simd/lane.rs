//! Translates constants, splat, extract, replace, shuffle and swizzle.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

use super::{CANONICAL, FuncTranslator, Sign};

impl FuncTranslator<'_, '_> {
    /// Translates an operator on single lanes; returns false for any other operator.
    pub(super) fn lane_operator(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::V128Const { value } => {
                let bytes = self
                    .builder
                    .func
                    .dfg
                    .constants
                    .insert(value.bytes()[..].into());
                let value = self.builder.ins().vconst(CANONICAL, bytes);
                self.push(value);
            }
            O::I8x16Splat => self.splat(I8X16),
            O::I16x8Splat => self.splat(I16X8),
            O::I32x4Splat => self.splat(I32X4),
            O::I64x2Splat => self.splat(I64X2),
            O::F32x4Splat => self.splat(F32X4),
            O::F64x2Splat => self.splat(F64X2),
            O::I8x16ExtractLaneS { lane } => self.extract_narrow(I8X16, *lane, Sign::Signed),
            O::I8x16ExtractLaneU { lane } => self.extract_narrow(I8X16, *lane, Sign::Unsigned),
            O::I16x8ExtractLaneS { lane } => self.extract_narrow(I16X8, *lane, Sign::Signed),
            O::I16x8ExtractLaneU { lane } => self.extract_narrow(I16X8, *lane, Sign::Unsigned),
            O::I32x4ExtractLane { lane } => self.extract(I32X4, *lane),
            O::I64x2ExtractLane { lane } => self.extract(I64X2, *lane),
            O::F32x4ExtractLane { lane } => self.extract(F32X4, *lane),
            O::F64x2ExtractLane { lane } => self.extract(F64X2, *lane),
            O::I8x16ReplaceLane { lane } => self.replace(I8X16, *lane),
            O::I16x8ReplaceLane { lane } => self.replace(I16X8, *lane),
            O::I32x4ReplaceLane { lane } => self.replace(I32X4, *lane),
            O::I64x2ReplaceLane { lane } => self.replace(I64X2, *lane),
            O::F32x4ReplaceLane { lane } => self.replace(F32X4, *lane),
            O::F64x2ReplaceLane { lane } => self.replace(F64X2, *lane),
            O::I8x16Shuffle { lanes } => {
                let (first, second) = self.pop2_vectors(I8X16);
                let lanes = self.builder.func.dfg.immediates.push(lanes[..].into());
                let value = self.builder.ins().shuffle(first, second, lanes);
                self.push(value);
            }
            O::I8x16Swizzle => {
                let (value, lanes) = self.pop2_vectors(I8X16);
                let value = self.builder.ins().swizzle(value, lanes);
                self.push(value);
            }
            _ => return false,
        }
        true
    }

    /// Pops a scalar as a lane of this shape. Lanes narrower than 32 bits are `i32` on the stack.
    fn pop_lane(&mut self, shape: Type) -> Value {
        let value = self.pop();
        let lane = shape.lane_type();
        if lane.bits() < 32 {
            self.builder.ins().ireduce(lane, value)
        } else {
            value
        }
    }

    fn splat(&mut self, shape: Type) {
        let lane = self.pop_lane(shape);
        let value = self.builder.ins().splat(shape, lane);
        self.push_vector(value);
    }

    fn extract(&mut self, shape: Type, lane: u8) {
        let vector = self.pop_vector(shape);
        let value = self.builder.ins().extractlane(vector, lane);
        self.push(value);
    }

    /// Extracts a lane narrower than 32 bits, with extension.
    fn extract_narrow(&mut self, shape: Type, lane: u8, sign: Sign) {
        let vector = self.pop_vector(shape);
        let value = self.builder.ins().extractlane(vector, lane);
        let value = match sign {
            Sign::Signed => self.builder.ins().sextend(I32, value),
            Sign::Unsigned => self.builder.ins().uextend(I32, value),
        };
        self.push(value);
    }

    fn replace(&mut self, shape: Type, lane: u8) {
        let value = self.pop_lane(shape);
        let vector = self.pop_vector(shape);
        let vector = self.builder.ins().insertlane(vector, value, lane);
        self.push_vector(vector);
    }
}
