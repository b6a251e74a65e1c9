//! Operators on a vector as 128 bits.

use cranelift_codegen::ir::{InstBuilder, InstructionData, Type, Value, ValueDef};
use wasmparser::Operator;

use super::{CANONICAL, FuncTranslator};

impl FuncTranslator<'_, '_> {
    /// Translates a bitwise operator; false where it is none.
    pub(super) fn bitwise_operator(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        let value = match op {
            O::V128Not => {
                let value = self.pop_vector(CANONICAL);
                self.builder.ins().bnot(value)
            }
            O::V128Bitselect => self.select_bits(),
            O::V128And | O::V128AndNot | O::V128Or | O::V128Xor => {
                let (first, second) = self.pop2_vectors(CANONICAL);
                let ins = self.builder.ins();
                match op {
                    O::V128And => ins.band(first, second),
                    O::V128AndNot => ins.band_not(first, second),
                    O::V128Or => ins.bor(first, second),
                    _ => ins.bxor(first, second),
                }
            }
            _ => return false,
        };
        self.push_vector(value);
        true
    }

    /// Pops two vectors and a mask: the first where a bit is set, else the second.
    pub(super) fn select_bits(&mut self) -> Value {
        let mask = self.pop();
        let shape = self.mask_shape(mask);
        let mask = self.cast(mask, shape);
        let (ones, zeros) = self.pop2_vectors(shape);
        self.builder.ins().bitselect(mask, ones, zeros)
    }

    /// The shape in which to select by a mask. By a comparison it is done on what was compared, where
    /// Cranelift knows that whole lanes are selected (a blend), and a minimum or maximum when it
    /// sees one.
    fn mask_shape(&self, mask: Value) -> Type {
        let dfg = &self.builder.func.dfg;
        if let ValueDef::Result(inst, _) = dfg.value_def(self.uncast(mask))
            && let InstructionData::IntCompare { args, .. }
            | InstructionData::FloatCompare { args, .. } = dfg.insts[inst]
        {
            return dfg.value_type(args[0]);
        }
        CANONICAL
    }
}
