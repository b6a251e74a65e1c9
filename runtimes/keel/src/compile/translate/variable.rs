//! Translates locals, globals, and the operators that only move values.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

use super::FuncTranslator;
use crate::compile::abi::clif_type;
use crate::error::Result;
use crate::types::Mutability;

impl FuncTranslator<'_, '_> {
    /// Translates a variable or parametric operator; returns false for any other operator.
    pub(super) fn variable_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match op {
            Operator::LocalGet { local_index } => {
                let (variable, _) = self.locals[*local_index as usize];
                let value = self.builder.use_var(variable);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.builder
                    .def_var(self.locals[*local_index as usize].0, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.builder
                    .def_var(self.locals[*local_index as usize].0, value);
                self.push(value);
            }
            Operator::GlobalGet { global_index } => {
                let (base, offset, flags) = self.global(*global_index);
                let ty = clif_type(self.env.module.global_content(*global_index));
                let value = self.builder.ins().load(ty, flags, base, offset);
                self.push(value);
            }
            Operator::GlobalSet { global_index } => {
                let value = self.pop();
                let (base, offset, flags) = self.global(*global_index);
                self.builder.ins().store(flags, value, base, offset);
            }
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let (first, second, condition) = self.pop3();
                let value = self.builder.ins().select(condition, first, second);
                self.push(value);
            }
            Operator::I32Const { value } => {
                let value = self
                    .builder
                    .ins()
                    .iconst(types::I32, i64::from(*value as u32));
                self.push(value);
            }
            Operator::I64Const { value } => {
                let value = self.builder.ins().iconst(types::I64, *value);
                self.push(value);
            }
            Operator::F32Const { value } => {
                use cranelift_codegen::ir::immediates::Ieee32;
                let value = self.builder.ins().f32const(Ieee32::with_bits(value.bits()));
                self.push(value);
            }
            Operator::F64Const { value } => {
                use cranelift_codegen::ir::immediates::Ieee64;
                let value = self.builder.ins().f64const(Ieee64::with_bits(value.bits()));
                self.push(value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The address of a global, as a base and an offset, with the flags of its access.
    fn global(&mut self, global: u32) -> (Value, i32, MemFlagsData) {
        let module = self.env.module;
        let flags = match module.globals[global as usize].ty.mutability {
            Mutability::Const => self.constant_field(),
            Mutability::Var => self.context_field(),
        };
        match global.checked_sub(module.imported_globals) {
            Some(defined) => (self.vmctx, self.env.layout.global(defined), flags),
            None => {
                let offset = self.env.layout.imported_global(global);
                // An imported global may be stored in another instance's context, and one global
                // may be imported twice. Within the alias region, no assumption is made.
                (self.load_pointer(offset), 0, flags)
            }
        }
    }
}
