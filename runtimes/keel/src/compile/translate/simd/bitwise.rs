//! Translates operators on vectors as 128 bits.

use cranelift_codegen::ir::{InstBuilder, InstructionData, Type, Value, ValueDef};
use wasmparser::Operator;

use super::{CANONICAL, FuncTranslator};

impl FuncTranslator<'_, '_> {
    /// Translates a bitwise operator; returns false for any other operator.
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

    /// Pops two vectors and a mask. Selects bits of the first where the mask is set, else of the
    /// second.
    pub(super) fn select_bits(&mut self) -> Value {
        let mask = self.pop();
        let shape = self.mask_shape(mask);
        let mask = self.cast(mask, shape);
        let (ones, zeros) = self.pop2_vectors(shape);
        self.builder.ins().bitselect(mask, ones, zeros)
    }

    /// The shape for a selection by a mask. If a comparison made the mask, it is the shape of that
    /// comparison: Cranelift then knows that whole lanes are selected (a blend), and recognises
    /// minima and maxima.
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
