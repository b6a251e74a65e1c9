//! The runtime's data of an instance.

use std::cell::RefCell;
use std::ptr::NonNull;

use super::context::{Context, FunctionRecord, Value};
use super::exception::TagRecord;
use super::heap::{Exhausted, Heap, INTEGER_TAG, Roots};
use super::memory::MemoryObject;
use super::slot::Slot;
use super::store::StoreContext;
use super::table::TableObject;
use crate::artifact::format::{self, Section, Span, op};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::trap::{Trap, TrapKind};
use crate::types::layout::Layout;

/// The data of an instance that is not in its context.
pub(crate) struct InstanceData {
    pub(crate) module: Module,
    pub(crate) context: Context,
    pub(crate) store: u64,
    /// By index, imported ones first. Each belongs to this instance, another instance, or the
    /// store.
    pub(crate) memories: Vec<NonNull<MemoryObject>>,
    /// By index, imported ones first; `None` for a static table.
    pub(crate) tables: Vec<Option<NonNull<TableObject>>>,
    /// Other structures point to the elements, so this must never exceed its initial capacity.
    pub(crate) own_memories: Vec<MemoryObject>,
    /// As `own_memories`.
    pub(crate) own_tables: Vec<TableObject>,
    /// The elements of segments with computed items, sorted by segment index.
    pub(crate) computed_elements: RefCell<Vec<(u32, Vec<usize>)>>,
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

    /// The memory with this index.
    pub(crate) fn memory(&self, index: u32) -> *mut MemoryObject {
        self.memories[index as usize].as_ptr()
    }

    /// The table with this index, which must not be static.
    pub(crate) fn table(&self, index: u32) -> *mut TableObject {
        self.tables[index as usize]
            .expect("nothing but a call accesses a static table")
            .as_ptr()
    }

    /// The tag with this index.
    pub(crate) fn tag(&self, index: u32) -> NonNull<TagRecord> {
        let imported = self.module.artifact().header().counts.imported_tags;
        let layout = self.module.layout();
        let address = match index.checked_sub(imported) {
            Some(defined) => self.context.field(layout.tag(defined)),
            // SAFETY: instantiation wrote the field.
            None => unsafe { self.context.read(layout.imported_tag(index)) },
        };
        NonNull::new(address).expect("a tag has an address")
    }

    /// The storage of the global with this index.
    pub(crate) fn global(&self, index: u32) -> NonNull<Value> {
        let imported = self.module.artifact().header().counts.imported_globals;
        let layout = self.module.layout();
        let address = match index.checked_sub(imported) {
            Some(defined) => self.context.field(layout.global(defined)),
            // SAFETY: instantiation wrote the field.
            None => unsafe { self.context.read(layout.imported_global(index)) },
        };
        NonNull::new(address).expect("a global has an address")
    }

    /// The record of a function with an address that code can take.
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

    /// Copies a range of a data segment into a memory; `None` if either range is out of bounds.
    pub(crate) fn init_memory(
        &self,
        memory: u32,
        segment: u32,
        to: u64,
        from: u32,
        length: u32,
    ) -> Option<()> {
        let bytes = self.data_piece(segment, from, length)?;
        // SAFETY: the store keeps the memory alive.
        unsafe { (*self.memory(memory)).write(to, bytes) }
    }

    /// A range of a data segment; `None` if it is out of bounds.
    pub(crate) fn data_piece(&self, segment: u32, from: u32, length: u32) -> Option<&[u8]> {
        let bytes = self.data_segment(segment);
        bytes.get(from as usize..)?.get(..length as usize)
    }

    /// The bytes of a data segment; empty if it was dropped.
    pub(crate) fn data_segment(&self, segment: u32) -> &[u8] {
        // SAFETY: instantiation wrote the field.
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

    /// Copies a range of an element segment into a table; `None` if either range is out of bounds.
    pub(crate) fn init_table(
        &self,
        table: u32,
        segment: u32,
        to: u64,
        from: u32,
        length: u32,
    ) -> Option<()> {
        if !self.has_elements(segment, from, length) {
            return None;
        }
        // SAFETY: the store keeps the table alive, and no other reference to its elements is live.
        let elements = unsafe { (*self.table(table)).range(to, length.into())? };
        for (i, element) in elements.iter_mut().enumerate() {
            *element = self.segment_element(segment, from + i as u32);
        }
        Some(())
    }

    fn items(&self, segment: u32) -> &[format::Item] {
        let artifact = self.module.artifact();
        let elements: &[format::Element] = artifact.section(Section::Elements);
        let Span { start, length } = elements[segment as usize].items;
        let items: &[format::Item] = artifact.section(Section::Items);
        &items[start as usize..][..length as usize]
    }

    /// Whether a range of an element segment is within bounds. A dropped segment is empty.
    pub(crate) fn has_elements(&self, segment: u32, from: u32, length: u32) -> bool {
        let flag = self.module.layout().element_segment(segment);
        // SAFETY: instantiation wrote the field.
        let dropped: u32 = unsafe { self.context.read(flag) };
        let all = if dropped == 0 {
            self.items(segment).len()
        } else {
            0
        };
        u64::from(from) + u64::from(length) <= all as u64
    }

    /// An element of a segment. `index` is within bounds.
    pub(crate) fn segment_element(&self, segment: u32, index: u32) -> usize {
        let computed = self.computed_elements.borrow();
        if !computed.is_empty()
            && let Ok(place) = computed.binary_search_by_key(&segment, |(segment, _)| *segment)
        {
            return computed[place].1[index as usize];
        }
        let item = self.items(segment)[index as usize];
        self.reference(item.code, item.index)
    }

    /// Computes the items of segments that are constant expressions.
    pub(crate) fn compute_elements(&self) -> Result<()> {
        let artifact = self.module.artifact();
        let segments = artifact.section::<format::Element>(Section::Elements).len();
        for segment in 0..segments as u32 {
            let is_computed = |item: &format::Item| item.code & op::CODE_MASK == op::COMPUTED;
            if !self.items(segment).iter().any(is_computed) {
                continue;
            }
            // Each element is stored at once, so that a collection finds it.
            self.computed_elements
                .borrow_mut()
                .push((segment, Vec::new()));
            for i in 0..self.items(segment).len() {
                let item = self.items(segment)[i];
                let value = if is_computed(&item) {
                    let length = item.code >> op::COMPUTED_SHIFT;
                    let start = item.index;
                    self.evaluate(Span { start, length })? as usize
                } else {
                    self.reference(item.code, item.index)
                };
                if let Some((_, elements)) = self.computed_elements.borrow_mut().last_mut() {
                    elements.push(value);
                }
            }
        }
        Ok(())
    }

    /// The reference of a constant expression with one step.
    fn reference(&self, code: u32, index: u32) -> usize {
        match code {
            op::FUNC => self.function(index).as_ptr() as usize,
            // SAFETY: validation checked that the global has a reference type.
            op::GLOBAL => unsafe { (*self.global(index).as_ptr()).reference },
            _ => 0,
        }
    }

    /// Evaluates a constant expression. An object that it creates is not rooted: the caller must
    /// store it before the next allocation.
    pub(crate) fn evaluate(&self, steps: Span) -> Result<u128> {
        let mut kept = Vec::new();
        let value = self.evaluate_keeping(steps, &mut kept);
        // SAFETY: the store is alive and used by this thread.
        if let Some(heap) = unsafe { (*self.context.store()).heap } {
            for (place, generation) in kept {
                // SAFETY: as above.
                unsafe { (*heap.as_ptr()).handles.remove(place, generation) };
            }
        }
        value
    }

    fn evaluate_keeping(&self, steps: Span, kept: &mut Vec<(u32, u32)>) -> Result<u128> {
        let ops: &[format::Op] = self.module.artifact().section(Section::Ops);
        let mut stack: Vec<u128> = Vec::new();
        for step in &ops[steps.start as usize..][..steps.length as usize] {
            let value = match step.code {
                op::CONST => u128::from(step.low) | u128::from(step.high) << 64,
                op::NULL => 0,
                op::FUNC => self.reference(op::FUNC, step.index) as u128,
                // SAFETY: the storage is alive. Code and instantiation initialise all its bytes;
                // for a global that the host made, those beyond its type may be uninitialised.
                op::GLOBAL => unsafe { (*self.global(step.index).as_ptr()).v128 },
                op::REF_I31 => {
                    let value = stack.pop().unwrap_or(0) as u32;
                    u128::from(value << 1 | INTEGER_TAG as u32)
                }
                op::STRUCT_NEW..=op::ARRAY_NEW_FIXED => self.make(step, &mut stack, kept)?.into(),
                _ => {
                    let (b, a) = (stack.pop().unwrap_or(0), stack.pop().unwrap_or(0));
                    binary(step.code, a, b)
                }
            };
            stack.push(value);
        }
        Ok(stack.pop().unwrap_or(0))
    }

    /// Creates the object of a step of a constant expression.
    fn make(
        &self,
        step: &format::Op,
        stack: &mut Vec<u128>,
        kept: &mut Vec<(u32, u32)>,
    ) -> Result<u32> {
        let ty = &self.module.types()[step.index as usize];
        let (place, layout) = (ty.id.index, ty.layout.as_ref());
        let length = match step.code {
            op::ARRAY_NEW | op::ARRAY_NEW_DEFAULT => stack.pop().unwrap_or(0) as u32,
            _ => step.low as u32,
        };
        let made = |heap: &mut Heap, roots: &Roots<'_>| match layout {
            Some(Layout::Struct { bytes, .. }) => heap.new_struct(roots, place, *bytes),
            Some(Layout::Array(element)) => heap.new_array(roots, place, element.bytes, length),
            None => Err(Exhausted),
        };
        let store = self.context.store();
        // SAFETY: the store is alive and used by this thread. The handles in `kept` root the
        // operands until the object, which has room for them, contains them.
        unsafe {
            let object = StoreContext::with_heap(store, made)
                .map_err(|_| Error::from(Trap::new(TrapKind::HeapExhausted)))?;
            let heap = &mut *(*store).heap.expect("it has just made an object").as_ptr();
            kept.push(heap.handles.add(object));
            match (step.code, layout) {
                (op::STRUCT_NEW, Some(Layout::Struct { fields, .. })) => {
                    let at = heap.base().add(object as usize);
                    let values = stack.split_off(stack.len() - fields.len());
                    for (field, value) in fields.iter().zip(values) {
                        let value = value.to_le_bytes();
                        let to = at.add(field.offset as usize);
                        to.copy_from_nonoverlapping(value.as_ptr(), field.bytes.into());
                    }
                }
                (op::ARRAY_NEW | op::ARRAY_NEW_FIXED, Some(Layout::Array(element))) => {
                    let count = usize::from(element.bytes);
                    let values = match step.code {
                        op::ARRAY_NEW => vec![stack.pop().unwrap_or(0)],
                        _ => stack.split_off(stack.len() - length as usize),
                    };
                    let to = heap.elements(object, element.bytes, 0, length);
                    let to = to.expect("all of its elements");
                    for (i, value) in values.iter().cycle().take(length as usize).enumerate() {
                        let value = value.to_le_bytes();
                        to.add(i * count)
                            .copy_from_nonoverlapping(value.as_ptr(), count);
                    }
                }
                _ => {}
            }
            Ok(object)
        }
    }
}

/// The result of an operator in a constant expression.
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
