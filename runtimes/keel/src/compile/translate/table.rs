//! Translates table operators, and the reference operators that need no type test.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::Operator;

use super::FuncTranslator;
use super::memory::narrower;
use crate::compile::{Libcall, trap_code};
use crate::error::Result;
use crate::module::info::TableUsage;
use crate::trap::TrapKind;
use crate::types::IndexType;

impl FuncTranslator<'_, '_> {
    /// Translates a table or reference operator; returns false for any other operator.
    pub(super) fn table_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match op {
            Operator::RefNull { .. } => {
                let null = self.builder.ins().iconst(types::I64, 0);
                self.push(null);
            }
            Operator::RefIsNull => {
                let reference = self.pop();
                let is_null = self.builder.ins().icmp_imm_u(IntCC::Equal, reference, 0);
                let is_null = self.builder.ins().uextend(types::I32, is_null);
                self.push(is_null);
            }
            Operator::RefFunc { function_index } => {
                let record = self
                    .env
                    .module
                    .record_of(*function_index)
                    .expect("every function whose address is taken has a record");
                let offset = self.env.layout.function_record(record);
                let reference = self.builder.ins().iadd_imm_s(self.vmctx, i64::from(offset));
                self.push(reference);
            }
            Operator::TableGet { table } => {
                let index = self.pop_index(self.table_index(*table));
                let at = self.table_element(*table, index);
                let flags = self.element_flags();
                let value = self.builder.ins().load(types::I64, flags, at, 0);
                self.push(value);
            }
            Operator::TableSet { table } => {
                let value = self.pop();
                let index = self.pop_index(self.table_index(*table));
                let at = self.table_element(*table, index);
                let flags = self.element_flags();
                self.builder.ins().store(flags, value, at, 0);
            }
            Operator::TableSize { table } => {
                let size = self.table_length(*table);
                let size = self.as_index(size, self.table_index(*table));
                self.push(size);
            }
            Operator::TableGrow { table } => {
                let index = self.table_index(*table);
                let count = self.pop_index(index);
                let value = self.pop();
                let table = self.index_constant(*table);
                let result = self.libcall(Libcall::TableGrow, &[table, value, count]);
                self.charge_range();
                let result = self.as_index(result, index);
                self.push(result);
            }
            Operator::TableFill { table } => {
                let index = self.table_index(*table);
                let length = self.pop_index(index);
                let value = self.pop();
                let to = self.pop_index(index);
                let table = self.index_constant(*table);
                let out = self.libcall(Libcall::TableFill, &[table, to, value, length]);
                self.trap_if(out, TrapKind::TableOutOfBounds);
                self.charge_range();
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => {
                let (to_index, from_index) =
                    (self.table_index(*dst_table), self.table_index(*src_table));
                let length = self.pop_index(narrower(to_index, from_index));
                let from = self.pop_index(from_index);
                let to = self.pop_index(to_index);
                let (dst, src) = (
                    self.index_constant(*dst_table),
                    self.index_constant(*src_table),
                );
                let out = self.libcall(Libcall::TableCopy, &[dst, src, to, from, length]);
                self.trap_if(out, TrapKind::TableOutOfBounds);
                self.charge_range();
            }
            Operator::TableInit { elem_index, table } => {
                let (from, length) = self.pop2();
                let to = self.pop_index(self.table_index(*table));
                let (table, segment) = (
                    self.index_constant(*table),
                    self.index_constant(*elem_index),
                );
                let out = self.libcall(Libcall::TableInit, &[table, segment, to, from, length]);
                self.trap_if(out, TrapKind::TableOutOfBounds);
                self.charge_range();
            }
            Operator::ElemDrop { elem_index } => {
                let flag = self.env.layout.element_segment(*elem_index);
                self.set_dropped(flag);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The index type of a table.
    pub(super) fn table_index(&self, table: u32) -> IndexType {
        self.env.module.tables[table as usize].ty.index
    }

    /// The flags of an element's access. The address is null if the index is out of bounds.
    pub(super) fn element_flags(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_aligned()
            .with_alias_region(Some(self.regions.table))
            .with_trap_code(Some(trap_code(TrapKind::TableOutOfBounds)))
    }

    /// The address of a general table's definition, as a base and an offset.
    fn table_definition(&mut self, table: u32) -> (Value, i32) {
        match table.checked_sub(self.env.module.imported_tables) {
            Some(defined) => (self.vmctx, self.env.layout.table(defined)),
            None => (self.load_pointer(self.env.layout.imported_table(table)), 0),
        }
    }

    /// A table's current length in elements, 64-bit.
    fn table_length(&mut self, table: u32) -> Value {
        let definition = &self.env.module.tables[table as usize];
        if definition.usage == TableUsage::Static {
            let length = definition.ty.minimum as i64;
            return self.builder.ins().iconst(types::I64, length);
        }
        let (base, offset) = self.table_definition(table);
        let flags = self.context_field();
        self.builder.ins().load(types::I64, flags, base, offset + 8)
    }

    /// The address of a general table's element at a 64-bit index. Null if out of bounds, also
    /// under speculation, so that the access itself traps.
    pub(super) fn table_element(&mut self, table: u32, index: Value) -> Value {
        let length = self.table_length(table);
        let (definition, offset) = self.table_definition(table);
        let flags = self.context_field();
        let base = self
            .builder
            .ins()
            .load(types::I64, flags, definition, offset);
        self.guarded_element(base, length, index)
    }

    /// `base + 8 * index`; null if the index is not below the length.
    pub(super) fn guarded_element(&mut self, base: Value, length: Value, index: Value) -> Value {
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        let scaled = self.builder.ins().ishl_imm_u(index, 3);
        let address = self.builder.ins().iadd(base, scaled);
        let null = self.builder.ins().iconst(types::I64, 0);
        self.builder.ins().select_spectre_guard(out, null, address)
    }
}
