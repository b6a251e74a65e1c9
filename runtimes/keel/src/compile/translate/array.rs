//! Translates array operators.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, types};
use wasmparser::Operator;

use super::FuncTranslator;
use super::object::Extension;
use crate::compile::{Libcall, abi::VALUE_SIZE, trap_code};
use crate::error::Result;
use crate::trap::TrapKind;
use crate::types::def::{Composite, Storage};
use crate::types::layout::{ARRAY_ELEMENTS, ARRAY_LENGTH, GRANULE, Layout, Place};
use crate::vm::heap::ARRAY_OUT_OF_BOUNDS;

impl FuncTranslator<'_, '_> {
    /// Translates an array operator; returns false for any other operator.
    pub(super) fn array_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match *op {
            Operator::ArrayNew { array_type_index } => self.array_new(array_type_index),
            Operator::ArrayNewDefault { array_type_index } => {
                let length = self.pop();
                let array = self.array_zeroed(array_type_index, length);
                self.push(array);
            }
            Operator::ArrayNewFixed {
                array_type_index,
                array_size,
            } => self.array_new_fixed(array_type_index, array_size),
            Operator::ArrayNewData {
                array_type_index,
                array_data_index,
            } => {
                let out = TrapKind::MemoryOutOfBounds;
                self.array_from(
                    Libcall::ArrayNewData,
                    array_type_index,
                    array_data_index,
                    out,
                );
            }
            Operator::ArrayNewElem {
                array_type_index,
                array_elem_index,
            } => {
                let out = TrapKind::TableOutOfBounds;
                self.array_from(
                    Libcall::ArrayNewElem,
                    array_type_index,
                    array_elem_index,
                    out,
                );
            }
            Operator::ArrayGet { array_type_index } | Operator::ArrayGetU { array_type_index } => {
                self.array_get(array_type_index, Extension::Unsigned);
            }
            Operator::ArrayGetS { array_type_index } => {
                self.array_get(array_type_index, Extension::Signed);
            }
            Operator::ArraySet { array_type_index } => {
                let (array, index, value) = self.pop3();
                let (_, place) = self.element(array_type_index);
                let address = self.element_address(array, index, place);
                let flags = self.new_object_flags();
                self.store_place(place, flags, address, ARRAY_ELEMENTS, value);
            }
            Operator::ArrayLen => {
                let array = self.pop();
                let length = self.array_length(array);
                self.push(length);
            }
            Operator::ArrayFill { array_type_index } => self.array_fill(array_type_index),
            Operator::ArrayCopy {
                array_type_index_dst,
                array_type_index_src,
            } => self.array_copy(array_type_index_dst, array_type_index_src),
            Operator::ArrayInitData {
                array_type_index,
                array_data_index,
            } => {
                let out = TrapKind::MemoryOutOfBounds;
                self.array_init(
                    Libcall::ArrayInitData,
                    array_type_index,
                    array_data_index,
                    out,
                );
            }
            Operator::ArrayInitElem {
                array_type_index,
                array_elem_index,
            } => {
                let out = TrapKind::TableOutOfBounds;
                self.array_init(
                    Libcall::ArrayInitElem,
                    array_type_index,
                    array_elem_index,
                    out,
                );
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn element(&self, ty: u32) -> (Storage, Place) {
        let module = self.env.module;
        match (
            &module.types[ty as usize].composite,
            &module.layouts[ty as usize],
        ) {
            (Composite::Array(field), Some(Layout::Array(place))) => (field.storage, *place),
            _ => unreachable!("validation saw that the type is an array's"),
        }
    }

    fn element_bytes(&mut self, ty: u32) -> Value {
        let bytes = i64::from(self.element(ty).1.bytes);
        self.builder.ins().iconst(types::I32, bytes)
    }

    /// Allocates an array of zeros.
    fn array_zeroed(&mut self, ty: u32, length: Value) -> Value {
        let place = self.type_place(ty);
        let element = self.element_bytes(ty);
        let made = self.libcall(Libcall::ArrayNew, &[place, element, length]);
        self.charge_range();
        self.made(made)
    }

    fn array_new(&mut self, ty: u32) {
        let (value, length) = self.pop2();
        let array = self.array_zeroed(ty, length);
        let start = self.builder.ins().iconst(types::I32, 0);
        self.fill(ty, array, start, value, length);
        self.push(array);
    }

    fn array_new_fixed(&mut self, ty: u32, length: u32) {
        let (_, place) = self.element(ty);
        let values = self.pop_many(length as usize);
        let bytes = ARRAY_ELEMENTS as u64 + u64::from(length) * u64::from(place.bytes);
        // Validation limits the number of elements, so the size fits.
        let room = self.open_object(ty, (bytes as u32).next_multiple_of(GRANULE));
        let flags = self.new_object_flags();
        let length = self.builder.ins().iconst(types::I32, i64::from(length));
        self.builder
            .ins()
            .store(flags, length, room.address, ARRAY_LENGTH);
        for (i, value) in values.into_iter().enumerate() {
            let offset = ARRAY_ELEMENTS + i as i32 * i32::from(place.bytes);
            self.store_place(place, flags, room.address, offset, value);
        }
        self.close_object(room);
    }

    /// Allocates an array from a segment.
    fn array_from(&mut self, call: Libcall, ty: u32, segment: u32, out: TrapKind) {
        let (from, length) = self.pop2();
        let place = self.type_place(ty);
        let element = self.element_bytes(ty);
        let segment = self.index_constant(segment);
        let made = self.libcall(call, &[place, element, segment, from, length]);
        let outside = i64::from(ARRAY_OUT_OF_BOUNDS);
        let outside = self.builder.ins().icmp_imm_u(IntCC::Equal, made, outside);
        self.trap_if(outside, out);
        self.charge_range();
        let made = self.made(made);
        self.push(made);
    }

    fn array_get(&mut self, ty: u32, extension: Extension) {
        let (array, index) = self.pop2();
        let (storage, place) = self.element(ty);
        let address = self.element_address(array, index, place);
        let flags = self.new_object_flags();
        let value = self.load_place(storage, place, extension, flags, address, ARRAY_ELEMENTS);
        self.push(value);
    }

    /// The length of an array. Traps if the array is null.
    fn array_length(&mut self, array: Value) -> Value {
        let address = self.object_address(array);
        let flags = self.object_flags();
        self.builder
            .ins()
            .load(types::I32, flags, address, ARRAY_LENGTH)
    }

    /// The address of an element, less the offset of the elements. Traps if the index is out of
    /// bounds, and speculation cannot access such an element either.
    fn element_address(&mut self, array: Value, index: Value, place: Place) -> Value {
        let length = self.array_length(array);
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        self.trap_if(out, TrapKind::ArrayOutOfBounds);
        let index = self.builder.ins().uextend(types::I64, index);
        let zero = self.builder.ins().iconst(types::I64, 0);
        let index = self.builder.ins().select_spectre_guard(out, zero, index);
        let shift = i64::from(place.bytes.trailing_zeros());
        let offset = self.builder.ins().ishl_imm_u(index, shift);
        let address = self.object_address(array);
        self.builder.ins().iadd(address, offset)
    }

    fn array_fill(&mut self, ty: u32) {
        let (value, length) = self.pop2();
        let (array, start) = self.pop2();
        self.trap_null(array);
        self.fill(ty, array, start, value, length);
    }

    fn fill(&mut self, ty: u32, array: Value, start: Value, value: Value, length: Value) {
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, VALUE_SIZE as u32, 4);
        let slot = self.builder.create_sized_stack_slot(slot);
        self.builder.ins().stack_store(types::I64, value, slot, 0);
        let value = self.builder.ins().stack_addr(types::I64, slot, 0);
        let element = self.element_bytes(ty);
        let array = self.builder.ins().ireduce(types::I32, array);
        let args = [array, element, start, value, length];
        let out = self.libcall(Libcall::ArrayFill, &args);
        self.trap_if(out, TrapKind::ArrayOutOfBounds);
        self.charge_range();
    }

    fn array_copy(&mut self, to_type: u32, from_type: u32) {
        let (from_array, from, length) = self.pop3();
        let (to_array, to) = self.pop2();
        self.trap_null(to_array);
        self.trap_null(from_array);
        let bytes = i64::from(self.element(to_type).1.bytes);
        // The call gets both element sizes: a reference may take 4 bytes in one array and 8 in the
        // other.
        let element = bytes | i64::from(self.element(from_type).1.bytes) << 8;
        let element = self.builder.ins().iconst(types::I32, element);
        let to_array = self.builder.ins().ireduce(types::I32, to_array);
        let from_array = self.builder.ins().ireduce(types::I32, from_array);
        let args = [to_array, from_array, element, to, from, length];
        let out = self.libcall(Libcall::ArrayCopy, &args);
        self.trap_if(out, TrapKind::ArrayOutOfBounds);
        self.charge_range();
    }

    /// Copies a segment into a range of an array.
    fn array_init(&mut self, call: Libcall, ty: u32, segment: u32, out: TrapKind) {
        let (to, from, length) = self.pop3();
        let array = self.pop();
        self.trap_null(array);
        let element = self.element_bytes(ty);
        let segment = self.index_constant(segment);
        let array = self.builder.ins().ireduce(types::I32, array);
        let args = [array, element, segment, to, from, length];
        let failed = self.libcall(call, &args);
        let outside = i64::from(ARRAY_OUT_OF_BOUNDS);
        let outside = self.builder.ins().icmp_imm_u(IntCC::Equal, failed, outside);
        self.trap_if(outside, TrapKind::ArrayOutOfBounds);
        self.builder.ins().trapnz(failed, trap_code(out));
        self.charge_range();
    }
}
