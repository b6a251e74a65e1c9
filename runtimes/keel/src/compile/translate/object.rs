//! Translates structure operators, and allocates and accesses objects of any kind.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::Operator;

use super::FuncTranslator;
use crate::compile::{Libcall, abi::clif_type, trap_code};
use crate::error::Result;
use crate::module::layout;
use crate::trap::TrapKind;
use crate::types::ValType;
use crate::types::def::{Composite, Field, Storage};
use crate::types::layout::{Layout, Place};
use crate::vm::heap::{CURSOR, LIMIT};

/// The largest object that code allocates without a runtime call, bytes.
const MAX_INLINE_BYTES: u32 = 512;

/// The extension of a packed value to an `i32`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    Signed,
    /// Also used for values that are not packed.
    Unsigned,
}

impl FuncTranslator<'_, '_> {
    /// Translates a structure operator; returns false for any other operator.
    pub(super) fn object_operator(&mut self, op: &Operator<'_>) -> Result<bool> {
        match *op {
            Operator::StructNew { struct_type_index } => {
                let count = self.fields(struct_type_index).len();
                let values = self.pop_many(count);
                self.new_struct(struct_type_index, &values);
            }
            Operator::StructNewDefault { struct_type_index } => {
                let fields = self.fields(struct_type_index).to_vec();
                let values: Vec<Value> = fields
                    .iter()
                    .map(|field| self.zero(field.storage.unpacked()))
                    .collect();
                self.new_struct(struct_type_index, &values);
            }
            Operator::StructGet {
                struct_type_index,
                field_index,
            }
            | Operator::StructGetU {
                struct_type_index,
                field_index,
            } => self.struct_get(struct_type_index, field_index, Extension::Unsigned),
            Operator::StructGetS {
                struct_type_index,
                field_index,
            } => self.struct_get(struct_type_index, field_index, Extension::Signed),
            Operator::StructSet {
                struct_type_index,
                field_index,
            } => {
                let (reference, value) = self.pop2();
                let place = self.places(struct_type_index)[field_index as usize];
                let address = self.object_address(reference);
                let flags = self.object_flags();
                self.store_place(place, flags, address, place.offset as i32, value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn fields(&self, ty: u32) -> &[Field] {
        match &self.env.module.types[ty as usize].composite {
            Composite::Struct(fields) => fields,
            _ => unreachable!("validation saw that the type is a structure's"),
        }
    }

    fn places(&self, ty: u32) -> &[Place] {
        match &self.env.module.layouts[ty as usize] {
            Some(Layout::Struct { fields, .. }) => fields,
            _ => unreachable!("validation saw that the type is a structure's"),
        }
    }

    fn struct_get(&mut self, ty: u32, field: u32, extension: Extension) {
        let reference = self.pop();
        let storage = self.fields(ty)[field as usize].storage;
        let place = self.places(ty)[field as usize];
        let address = self.object_address(reference);
        let flags = self.object_flags();
        let value = self.load_place(
            storage,
            place,
            extension,
            flags,
            address,
            place.offset as i32,
        );
        self.push(value);
    }

    fn new_struct(&mut self, ty: u32, values: &[Value]) {
        let Some(Layout::Struct { bytes, .. }) = self.env.module.layouts[ty as usize] else {
            unreachable!("validation saw that the type is a structure's");
        };
        let room = self.open_object(ty, bytes);
        let places = self.places(ty).to_vec();
        let flags = self.new_object_flags();
        for (place, value) in places.into_iter().zip(values) {
            self.store_place(place, flags, room.address, place.offset as i32, *value);
        }
        self.close_object(room);
    }

    /// Allocates an object of a known type and size, and writes its header. Nothing that can trap
    /// or collect may be emitted before [`FuncTranslator::close_object`].
    ///
    /// The heap's cursor is moved last, so interrupted code never leaves half an object behind.
    pub(super) fn open_object(&mut self, ty: u32, bytes: u32) -> Room {
        let header = self.type_place(ty);
        self.open_object_with(header, bytes)
    }

    /// As [`FuncTranslator::open_object`], with a given header.
    pub(super) fn open_object_with(&mut self, header: Value, bytes: u32) -> Room {
        let done = self.builder.create_block();
        let reference = self.builder.append_block_param(done, types::I64);
        let cursor = self.builder.append_block_param(done, types::I64);
        let heap = self.load_pointer(layout::HEAP);
        let flags = self.context_field();
        if bytes <= MAX_INLINE_BYTES {
            let slow = self.builder.create_block();
            self.builder.set_cold_block(slow);
            let old = self.builder.ins().load(types::I64, flags, heap, CURSOR);
            let new = self.builder.ins().iadd_imm_s(old, i64::from(bytes));
            let limit = self.builder.ins().load(types::I64, flags, heap, LIMIT);
            let full = self
                .builder
                .ins()
                .icmp(IntCC::UnsignedGreaterThan, new, limit);
            self.builder
                .ins()
                .brif(full, slow, &[], done, &[old.into(), new.into()]);
            self.builder.seal_block(slow);
            self.builder.switch_to_block(slow);
        }
        let size = self.builder.ins().iconst(types::I32, i64::from(bytes));
        let made = self.libcall(Libcall::StructNew, &[header, size]);
        let made = self.made(made);
        let after = self.builder.ins().load(types::I64, flags, heap, CURSOR);
        self.builder.ins().jump(done, &[made.into(), after.into()]);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
        let address = self.object_address(reference);
        let flags = self.new_object_flags();
        self.builder.ins().store(flags, header, address, 0);
        Room {
            reference,
            address,
            heap,
            cursor,
        }
    }

    /// Finishes an object and pushes the reference to it.
    pub(super) fn close_object(&mut self, room: Room) {
        let flags = self.context_field();
        self.builder
            .ins()
            .store(flags, room.cursor, room.heap, CURSOR);
        self.push(room.reference);
    }

    /// The reference to an object that the runtime allocated. Traps if the allocation failed.
    pub(super) fn made(&mut self, reference: Value) -> Value {
        self.builder
            .ins()
            .trapz(reference, trap_code(TrapKind::HeapExhausted));
        self.builder.ins().uextend(types::I64, reference)
    }

    /// The address of an object.
    pub(super) fn object_address(&mut self, reference: Value) -> Value {
        let base = self.load_pointer(layout::HEAP_BASE);
        self.builder.ins().iadd(base, reference)
    }

    /// The registry index of an object's type, an `i32`.
    pub(super) fn object_type(&mut self, reference: Value) -> Value {
        let address = self.object_address(reference);
        let flags = self.new_object_flags();
        self.builder.ins().load(types::I32, flags, address, 0)
    }

    /// The flags of an access to an object that may be null. Null faults, because the addresses it
    /// reaches are never accessible.
    pub(super) fn object_flags(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_alias_region(Some(self.regions.heap))
            .with_trap_code(Some(trap_code(TrapKind::NullReference)))
    }

    /// The flags of an access to an object that is not null.
    pub(super) fn new_object_flags(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_notrap()
            .with_alias_region(Some(self.regions.heap))
    }

    /// Loads a field or element.
    pub(super) fn load_place(
        &mut self,
        storage: Storage,
        place: Place,
        extension: Extension,
        flags: MemFlagsData,
        address: Value,
        offset: i32,
    ) -> Value {
        let ins = self.builder.ins();
        let signed = extension == Extension::Signed;
        match storage {
            Storage::I8 if signed => ins.sload8(types::I32, flags, address, offset),
            Storage::I8 => ins.uload8(types::I32, flags, address, offset),
            Storage::I16 if signed => ins.sload16(types::I32, flags, address, offset),
            Storage::I16 => ins.uload16(types::I32, flags, address, offset),
            Storage::Val(ValType::Ref(_)) if place.bytes == 4 => {
                ins.uload32(flags, address, offset)
            }
            Storage::Val(ty) => ins.load(clif_type(ty), flags, address, offset),
        }
    }

    /// Stores a field or element.
    pub(super) fn store_place(
        &mut self,
        place: Place,
        flags: MemFlagsData,
        address: Value,
        offset: i32,
        value: Value,
    ) {
        let ty: Type = self.builder.func.dfg.value_type(value);
        let ins = self.builder.ins();
        match place.bytes {
            1 => ins.istore8(flags, value, address, offset),
            2 => ins.istore16(flags, value, address, offset),
            4 if ty == types::I64 => ins.istore32(flags, value, address, offset),
            _ => ins.store(flags, value, address, offset),
        };
    }
}

/// An object under construction.
pub(super) struct Room {
    reference: Value,
    /// The address of the object.
    pub(super) address: Value,
    heap: Value,
    /// The heap's cursor after the object is complete.
    cursor: Value,
}
