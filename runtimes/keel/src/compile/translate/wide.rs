//! Translates arithmetic with 128-bit results, on pairs of 64-bit halves with the lower half first.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::Operator;

use super::FuncTranslator;

impl FuncTranslator<'_, '_> {
    /// Translates a wide arithmetic operator; returns false for any other operator.
    pub(super) fn wide_operator(&mut self, op: &Operator<'_>) -> bool {
        let result = match op {
            Operator::I64Add128 | Operator::I64Sub128 => {
                let second = self.pop_wide();
                let first = self.pop_wide();
                let ins = self.builder.ins();
                match op {
                    Operator::I64Add128 => ins.iadd(first, second),
                    _ => ins.isub(first, second),
                }
            }
            Operator::I64MulWideS => {
                let (first, second) = self.pop2();
                let first = self.builder.ins().sextend(types::I128, first);
                let second = self.builder.ins().sextend(types::I128, second);
                self.builder.ins().imul(first, second)
            }
            Operator::I64MulWideU => {
                let (first, second) = self.pop2();
                let first = self.builder.ins().uextend(types::I128, first);
                let second = self.builder.ins().uextend(types::I128, second);
                self.builder.ins().imul(first, second)
            }
            _ => return false,
        };
        let (low, high) = self.builder.ins().isplit(result);
        self.push(low);
        self.push(high);
        true
    }

    fn pop_wide(&mut self) -> Value {
        let (low, high) = self.pop2();
        self.builder.ins().iconcat(low, high)
    }
}
