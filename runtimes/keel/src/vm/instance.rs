//! What an instance has beside its context.

use std::ptr::NonNull;

use super::context::{Context, FunctionRecord, Value};
use super::memory::MemoryObject;
use super::slot::Slot;
use super::table::TableObject;
use crate::artifact::format::{self, Section, Span, op};
use crate::module::Module;

/// What the runtime keeps for an instance beside its context.
pub(crate) struct InstanceData {
    pub(crate) module: Module,
    pub(crate) context: Context,
    pub(crate) store: u64,
    /// By index, imported ones first. They belong to this instance, another, or the store.
    pub(crate) memories: Vec<NonNull<MemoryObject>>,
    /// Likewise; nothing for a static table.
    pub(crate) tables: Vec<Option<NonNull<TableObject>>>,
    /// Pointed to: never longer than it was made for.
    pub(crate) own_memories: Vec<MemoryObject>,
    /// Likewise.
    pub(crate) own_tables: Vec<TableObject>,
    pub(crate) slot: Option<Slot>,
}

impl Drop for InstanceData {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            let in_slot = self
                .own_memories
                .first()
                .filter(|_| self.has_memory_in_slot());
            let accessible = in_slot.map_or(0, |memory| memory.accessible());
            self.module.return_slot(slot, accessible);
        }
    }
}

impl InstanceData {
    fn has_memory_in_slot(&self) -> bool {
        self.module.artifact().header().counts.defines_memory_0 == 1
    }

    /// A memory by its index.
    pub(crate) fn memory(&self, index: u32) -> *mut MemoryObject {
        self.memories[index as usize].as_ptr()
    }

    /// A table by its index, which is not a static one.
    pub(crate) fn table(&self, index: u32) -> *mut TableObject {
        self.tables[index as usize]
            .expect("nothing but a call accesses a static table")
            .as_ptr()
    }

    /// Where a global's value is.
    pub(crate) fn global(&self, index: u32) -> NonNull<Value> {
        let imported = self.module.artifact().header().counts.imported_globals;
        let layout = self.module.layout();
        let address = match index.checked_sub(imported) {
            Some(defined) => self.context.field(layout.global(defined)),
            // SAFETY: written at instantiation.
            None => unsafe { self.context.read(layout.imported_global(index)) },
        };
        NonNull::new(address).expect("a global has an address")
    }

    /// The reference to a function that has a record.
    pub(crate) fn function(&self, index: u32) -> NonNull<FunctionRecord> {
        let record = self
            .module
            .record_of(index)
            .expect("the function's address can be taken");
        let address = self
            .context
            .field(self.module.layout().function_record(record));
        NonNull::new(address).expect("a context is not at null")
    }

    /// Copies a piece of a data segment into a memory; nothing if either is out of bounds.
    pub(crate) fn init_memory(
        &self,
        memory: u32,
        segment: u32,
        to: u64,
        from: u32,
        length: u32,
    ) -> Option<()> {
        let bytes = self.data_piece(segment, from, length)?;
        // SAFETY: the memory is alive.
        unsafe { (*self.memory(memory)).write(to, bytes) }
    }

    /// A piece of a data segment; nothing if it is out of bounds.
    pub(crate) fn data_piece(&self, segment: u32, from: u32, length: u32) -> Option<&[u8]> {
        let bytes = self.data_segment(segment);
        bytes.get(from as usize..)?.get(..length as usize)
    }

    /// A piece of an element segment; nothing if it is out of bounds or the segment was dropped.
    pub(crate) fn items_piece(
        &self,
        segment: u32,
        from: u32,
        length: u32,
    ) -> Option<&[format::Item]> {
        let flag = self.module.layout().element_segment(segment);
        // SAFETY: written at instantiation.
        let dropped: u32 = unsafe { self.context.read(flag) };
        let artifact = self.module.artifact();
        let elements: &[format::Element] = artifact.section(Section::Elements);
        let Span { start, length: all } = elements[segment as usize].items;
        let items: &[format::Item] = artifact.section(Section::Items);
        let items = &items[start as usize..][..if dropped == 0 { all as usize } else { 0 }];
        items.get(from as usize..)?.get(..length as usize)
    }

    /// The bytes of a data segment; none if it was dropped.
    fn data_segment(&self, segment: u32) -> &[u8] {
        // SAFETY: written at instantiation.
        let dropped: u32 = unsafe {
            self.context
                .read(self.module.layout().data_segment(segment))
        };
        if dropped != 0 {
            return &[];
        }
        let artifact = self.module.artifact();
        let data: &[format::Data] = artifact.section(Section::Data);
        let Span { start, length } = data[segment as usize].bytes;
        &artifact.section(Section::DataBytes)[start as usize..][..length as usize]
    }

    /// Copies a piece of an element segment into a table; nothing if either is out of bounds.
    pub(crate) fn init_table(
        &self,
        table: u32,
        segment: u32,
        to: u64,
        from: u32,
        length: u32,
    ) -> Option<()> {
        let items = self.items_piece(segment, from, length)?;
        // SAFETY: the table is alive, and nothing else holds its elements.
        let elements = unsafe { (*self.table(table)).range(to, length.into())? };
        for (element, item) in elements.iter_mut().zip(items) {
            *element = self.reference(item.code, item.index);
        }
        Some(())
    }

    /// The reference that a step of a constant expression yields.
    fn reference(&self, code: u32, index: u32) -> usize {
        match code {
            op::FUNC => self.function(index).as_ptr() as usize,
            // SAFETY: a global of a reference type, as validation saw.
            op::GLOBAL => unsafe { (*self.global(index).as_ptr()).reference },
            _ => 0,
        }
    }

    /// The value of a constant expression.
    pub(crate) fn evaluate(&self, steps: Span) -> u128 {
        let ops: &[format::Op] = self.module.artifact().section(Section::Ops);
        let mut stack: Vec<u128> = Vec::new();
        for step in &ops[steps.start as usize..][..steps.length as usize] {
            let value = match step.code {
                op::CONST => u128::from(step.low) | u128::from(step.high) << 64,
                op::NULL => 0,
                op::FUNC => self.reference(op::FUNC, step.index) as u128,
                // SAFETY: a global's storage is alive and initialised in all its bytes.
                op::GLOBAL => unsafe { (*self.global(step.index).as_ptr()).v128 },
                _ => {
                    let (b, a) = (stack.pop().unwrap_or(0), stack.pop().unwrap_or(0));
                    binary(step.code, a, b)
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(0)
    }
}

/// What an operator of a constant expression yields.
fn binary(code: u32, a: u128, b: u128) -> u128 {
    let (a32, b32, a64, b64) = (a as u32, b as u32, a as u64, b as u64);
    match code {
        op::I32_ADD => a32.wrapping_add(b32).into(),
        op::I32_SUB => a32.wrapping_sub(b32).into(),
        op::I32_MUL => a32.wrapping_mul(b32).into(),
        op::I64_ADD => a64.wrapping_add(b64).into(),
        op::I64_SUB => a64.wrapping_sub(b64).into(),
        _ => a64.wrapping_mul(b64).into(),
    }
}
