//! Translates loads and stores of vectors and single lanes.

use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::{MemArg, Operator};

use super::{CANONICAL, FuncTranslator};
use crate::compile::translate::memory::Address;
use crate::error::Result;

impl FuncTranslator<'_, '_> {
    /// Translates a vector load or store; returns false for any other operator.
    pub(super) fn vector_memory_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        use Operator as O;
        match op {
            O::V128Load { memarg } => {
                let Address {
                    flags,
                    base,
                    offset,
                } = self.pop_address(memarg, 16)?;
                let value = self.builder.ins().load(CANONICAL, flags, base, offset);
                self.push(value);
            }
            O::V128Store { memarg } => {
                let value = self.pop();
                // Any shape can be stored, and a cast could hide a pattern from Cranelift.
                let value = self.uncast(value);
                let Address {
                    flags,
                    base,
                    offset,
                } = self.pop_address(memarg, 16)?;
                self.builder.ins().store(flags, value, base, offset);
            }
            O::V128Load8Splat { memarg } => self.load_splat(memarg, I8X16)?,
            O::V128Load16Splat { memarg } => self.load_splat(memarg, I16X8)?,
            O::V128Load32Splat { memarg } => self.load_splat(memarg, I32X4)?,
            O::V128Load64Splat { memarg } => self.load_splat(memarg, I64X2)?,
            O::V128Load32Zero { memarg } => self.load_zero(memarg, I32X4)?,
            O::V128Load64Zero { memarg } => self.load_zero(memarg, I64X2)?,
            O::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8X16, *lane)?,
            O::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16X8, *lane)?,
            O::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32X4, *lane)?,
            O::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64X2, *lane)?,
            O::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane)?,
            O::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane)?,
            O::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane)?,
            O::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane)?,
            _ => return self.load_extend(op),
        }
        Ok(true)
    }

    /// Loads eight bytes and extends each lane to twice its width.
    fn load_extend(&mut self, op: &Operator<'_>) -> Result<bool> {
        use Operator as O;
        let (O::V128Load8x8S { memarg }
        | O::V128Load8x8U { memarg }
        | O::V128Load16x4S { memarg }
        | O::V128Load16x4U { memarg }
        | O::V128Load32x2S { memarg }
        | O::V128Load32x2U { memarg }) = op
        else {
            return Ok(false);
        };
        let Address {
            flags,
            base,
            offset,
        } = self.pop_address(memarg, 8)?;
        let ins = self.builder.ins();
        let value = match op {
            O::V128Load8x8S { .. } => ins.sload8x8(flags, base, offset),
            O::V128Load8x8U { .. } => ins.uload8x8(flags, base, offset),
            O::V128Load16x4S { .. } => ins.sload16x4(flags, base, offset),
            O::V128Load16x4U { .. } => ins.uload16x4(flags, base, offset),
            O::V128Load32x2S { .. } => ins.sload32x2(flags, base, offset),
            _ => ins.uload32x2(flags, base, offset),
        };
        self.push_vector(value);
        Ok(true)
    }

    fn load_scalar(&mut self, memarg: &MemArg, ty: Type) -> Result<Value> {
        let Address {
            flags,
            base,
            offset,
        } = self.pop_address(memarg, ty.bytes())?;
        Ok(self.builder.ins().load(ty, flags, base, offset))
    }

    fn load_splat(&mut self, memarg: &MemArg, shape: Type) -> Result<()> {
        let lane = self.load_scalar(memarg, shape.lane_type())?;
        let value = self.builder.ins().splat(shape, lane);
        self.push_vector(value);
        Ok(())
    }

    /// Loads one lane and sets the others to zero.
    fn load_zero(&mut self, memarg: &MemArg, shape: Type) -> Result<()> {
        let lane = self.load_scalar(memarg, shape.lane_type())?;
        let value = self.builder.ins().scalar_to_vector(shape, lane);
        self.push_vector(value);
        Ok(())
    }

    fn load_lane(&mut self, memarg: &MemArg, shape: Type, lane: u8) -> Result<()> {
        let vector = self.pop_vector(shape);
        let value = self.load_scalar(memarg, shape.lane_type())?;
        let vector = self.builder.ins().insertlane(vector, value, lane);
        self.push_vector(vector);
        Ok(())
    }

    fn store_lane(&mut self, memarg: &MemArg, shape: Type, lane: u8) -> Result<()> {
        let vector = self.pop_vector(shape);
        let value = self.builder.ins().extractlane(vector, lane);
        let Address {
            flags,
            base,
            offset,
        } = self.pop_address(memarg, shape.lane_type().bytes())?;
        self.builder.ins().store(flags, value, base, offset);
        Ok(())
    }
}
