//! Translates calls: direct, imported, indirect and by reference, and tail calls of each kind.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, ExtFuncData, ExternalName, FuncRef, GlobalValueData, InstBuilder, MemFlagsData, SigRef,
    UserExternalName, Value, types,
};
use wasmparser::Operator;

use super::exception::Handled;
use super::{FuncTranslator, namespace};
use crate::compile::abi::{call_arguments, call_results, results_of};
use crate::compile::trap_code;
use crate::error::Result;
use crate::module::info::TableUsage;
use crate::trap::TrapKind;

/// The target of a call. Its context is passed separately.
enum Callee {
    Direct(FuncRef),
    Indirect(SigRef, Value),
}

impl FuncTranslator<'_, '_> {
    /// Translates a call; returns false for any other operator.
    pub(super) fn call_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match op {
            Operator::Call { function_index } => {
                self.charge();
                self.charge_import(*function_index);
                if self.inline(*function_index)? {
                    return Ok(true);
                }
                let (callee, context) = self.function(*function_index);
                self.call(
                    callee,
                    context,
                    self.env.module.functions[*function_index as usize],
                );
            }
            Operator::ReturnCall { function_index } => {
                self.charge();
                self.charge_import(*function_index);
                let (callee, context) = self.function(*function_index);
                self.tail_call(
                    callee,
                    context,
                    self.env.module.functions[*function_index as usize],
                );
            }
            Operator::CallIndirect {
                type_index,
                table_index,
            } => {
                self.charge();
                let (callee, context) = self.table_callee(*table_index, *type_index);
                self.call(callee, context, *type_index);
            }
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                self.charge();
                let (callee, context) = self.table_callee(*table_index, *type_index);
                self.tail_call(callee, context, *type_index);
            }
            Operator::CallRef { type_index } => {
                self.charge();
                let (callee, context) = self.reference_callee(*type_index);
                self.call(callee, context, *type_index);
            }
            Operator::ReturnCallRef { type_index } => {
                self.charge();
                let (callee, context) = self.reference_callee(*type_index);
                self.tail_call(callee, context, *type_index);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn parameters(&mut self, ty: u32) -> Vec<Value> {
        let count = self.env.module.func_type(ty).params().len();
        self.stack.split_off(self.stack.len() - count)
    }

    fn call(&mut self, callee: Callee, context: Value, ty: u32) {
        let parameters = self.parameters(ty);
        let ty = self.env.module.func_type(ty);
        let args = call_arguments(&mut self.builder, ty, context, parameters);
        if let Some(landing) = self.landings.last().copied() {
            let (callee, signature) = match callee {
                Callee::Direct(function) => {
                    let signature = self.builder.func.dfg.ext_funcs[function].signature;
                    (Handled::Direct(function), signature)
                }
                Callee::Indirect(signature, code) => (Handled::Indirect(code), signature),
            };
            let results = self.try_call(callee, signature, &args, landing);
            let results = results_of(&mut self.builder, ty, &results, &args);
            self.stack.extend(results);
            return;
        }
        let inst = match callee {
            Callee::Direct(function) => self.builder.ins().call(function, &args),
            Callee::Indirect(signature, code) => {
                self.builder.ins().call_indirect(signature, code, &args)
            }
        };
        let results = call_results(&mut self.builder, ty, inst, &args);
        self.stack.extend(results);
    }

    fn tail_call(&mut self, callee: Callee, context: Value, ty: u32) {
        let mut args = vec![context];
        // The results are the caller's own, so they go to the same area.
        args.extend(self.result_area);
        args.extend(self.parameters(ty));
        match callee {
            Callee::Direct(function) => self.builder.ins().return_call(function, &args),
            Callee::Indirect(signature, code) => self
                .builder
                .ins()
                .return_call_indirect(signature, code, &args),
        };
        self.reachable = false;
    }

    /// A function by index, and its context.
    fn function(&mut self, index: u32) -> (Callee, Value) {
        if index < self.env.module.imported_functions {
            let entry = self.env.layout.imported_function(index);
            let code = self.load_pointer(entry);
            let context = self.load_pointer(entry + 8);
            let signature = self.signature(self.env.module.functions[index as usize]);
            return (Callee::Indirect(signature, code), context);
        }
        (Callee::Direct(self.function_reference(index)), self.vmctx)
    }

    fn function_reference(&mut self, index: u32) -> FuncRef {
        if let Some(reference) = self.functions.get(&index) {
            return *reference;
        }
        let signature = self.signature(self.env.module.functions[index as usize]);
        let name = self
            .builder
            .func
            .declare_imported_user_function(UserExternalName {
                namespace: namespace::FUNCTION,
                index,
            });
        let reference = self.builder.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        self.functions.insert(index, reference);
        reference
    }

    /// Pops an index and returns the function in the table, after a check of its type.
    fn table_callee(&mut self, table: u32, ty: u32) -> (Callee, Value) {
        let index = self.pop_index(self.table_index(table));
        match self.env.module.tables[table as usize].usage {
            TableUsage::Static => self.static_callee(table, ty, index),
            TableUsage::General => self.general_callee(table, ty, index),
        }
    }

    /// A static table's elements are pairs of 32-bit numbers next to the code: the offset of the
    /// function from the table, and the module's number of its type. The context is the caller's.
    fn static_callee(&mut self, table: u32, ty: u32, index: Value) -> (Callee, Value) {
        let symbol = self.static_table(table);
        let base = self.builder.ins().symbol_value(types::I64, symbol);
        let length = self.env.module.tables[table as usize].ty.minimum as i64;
        let length = self.builder.ins().iconst(types::I64, length);
        let at = self.guarded_element(base, length, index);
        let flags = self.element_flags().with_readonly();
        let element = self.builder.ins().load(types::I64, flags, at, 0);
        let actual = self.builder.ins().ushr_imm_u(element, 32);
        let expected = i64::from(self.env.module.canonical_types[ty as usize]);
        let differs = self
            .builder
            .ins()
            .icmp_imm_u(IntCC::NotEqual, actual, expected);
        let mismatch = self.builder.create_block();
        let matches = self.builder.create_block();
        self.builder.set_cold_block(mismatch);
        self.builder
            .ins()
            .brif(differs, mismatch, &[], matches, &[]);
        self.builder.seal_block(mismatch);
        self.builder.seal_block(matches);
        self.builder.switch_to_block(mismatch);
        let null = self
            .builder
            .ins()
            .icmp_imm_u(IntCC::Equal, actual, i64::from(u32::MAX));
        self.trap_if(null, TrapKind::UndefinedElement);
        self.builder
            .ins()
            .trap(trap_code(TrapKind::IndirectCallTypeMismatch));
        self.builder.switch_to_block(matches);
        let offset = self.builder.ins().ireduce(types::I32, element);
        let offset = self.builder.ins().sextend(types::I64, offset);
        let code = self.builder.ins().iadd(base, offset);
        (Callee::Indirect(self.signature(ty), code), self.vmctx)
    }

    fn static_table(&mut self, table: u32) -> ir::GlobalValue {
        if let Some(symbol) = self.static_tables.get(&table) {
            return *symbol;
        }
        let name = self
            .builder
            .func
            .declare_imported_user_function(UserExternalName {
                namespace: namespace::TABLE,
                index: table,
            });
        let symbol = self.builder.create_global_value(GlobalValueData::Symbol {
            name: ExternalName::user(name),
            offset: 0.into(),
            colocated: true,
            tls: false,
        });
        self.static_tables.insert(table, symbol);
        symbol
    }

    /// A general table's elements are addresses of function records, or null.
    fn general_callee(&mut self, table: u32, ty: u32, index: Value) -> (Callee, Value) {
        let at = self.table_element(table, index);
        let flags = self.element_flags();
        let record = self.builder.ins().load(types::I64, flags, at, 0);
        // A null record faults here, because the first page is never mapped.
        let checked = MemFlagsData::new()
            .with_aligned()
            .with_readonly()
            .with_trap_code(Some(trap_code(TrapKind::UndefinedElement)));
        let actual = self.builder.ins().load(types::I64, checked, record, 16);
        let expected = self.type_id(ty);
        let differs = self.builder.ins().icmp(IntCC::NotEqual, actual, expected);
        if self.env.module.types[ty as usize].is_final {
            self.trap_if(differs, TrapKind::IndirectCallTypeMismatch);
        } else {
            self.check_below(differs, actual, ty);
        }
        let flags = MemFlagsData::trusted().with_readonly();
        let code = self.builder.ins().load(types::I64, flags, record, 0);
        let context = self.builder.ins().load(types::I64, flags, record, 8);
        (Callee::Indirect(self.signature(ty), code), context)
    }

    /// Pops a function reference. Validation has checked its type.
    fn reference_callee(&mut self, ty: u32) -> (Callee, Value) {
        let record = self.pop();
        // A null record faults here, because the first page is never mapped.
        let checked = MemFlagsData::new()
            .with_aligned()
            .with_readonly()
            .with_trap_code(Some(trap_code(TrapKind::NullReference)));
        let code = self.builder.ins().load(types::I64, checked, record, 0);
        let flags = MemFlagsData::trusted().with_readonly();
        let context = self.builder.ins().load(types::I64, flags, record, 8);
        (Callee::Indirect(self.signature(ty), code), context)
    }

    /// Traps unless the actual type is a subtype of the non-final type `ty`. Only checked if the
    /// type numbers differ. A type with a short number has no supertype.
    fn check_below(&mut self, differs: Value, actual: Value, ty: u32) {
        let unequal = self.builder.create_block();
        let matches = self.builder.create_block();
        self.builder.ins().brif(differs, unequal, &[], matches, &[]);
        self.builder.seal_block(unequal);
        self.builder.switch_to_block(unequal);
        let simple = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, actual, 0);
        self.trap_if(simple, TrapKind::IndirectCallTypeMismatch);
        let place = self.builder.ins().ireduce(types::I32, actual);
        let place = self.builder.ins().uextend(types::I64, place);
        let below = self.is_below(place, ty);
        self.builder
            .ins()
            .trapz(below, trap_code(TrapKind::IndirectCallTypeMismatch));
        self.builder.ins().jump(matches, &[]);
        self.builder.seal_block(matches);
        self.builder.switch_to_block(matches);
    }

    /// The number of a type, which is the same in all modules of the engine.
    pub(super) fn type_id(&mut self, ty: u32) -> Value {
        match self.env.module.short_id(ty) {
            Some(id) => self.builder.ins().iconst(types::I64, id as i64),
            None => self.load_pointer(self.type_slot(ty)),
        }
    }
}
