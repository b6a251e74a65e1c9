//! Garbage collection: marks what is reachable and frees the rest.

use std::arch::naked_asm;
use std::ops::Range;

use super::{Heap, Kind, MIN_ALLOWANCE};
use crate::types::layout::ARRAY_ELEMENTS;
use crate::types::layout::GRANULE;

/// A callback for each root.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(u64);

/// The roots of a collection, besides the heap's own handles.
pub(crate) struct Roots<'a> {
    /// Calls a function with each root that is known exactly.
    pub(crate) each: &'a dyn Fn(Visit<'_>),
    /// The lowest address above the stack of the store's calls; zero outside of a call.
    pub(crate) stack_end: usize,
}

impl Heap {
    /// Frees all unreachable objects.
    pub(crate) fn collect(&mut self, roots: &Roots<'_>) {
        let (heap, roots): (*mut Heap, *const Roots<'_>) = (self, roots);
        // SAFETY: both are alive and borrowed for the duration of the call.
        unsafe { with_registers(heap, roots.cast()) };
    }

    fn collect_from(&mut self, roots: &Roots<'_>, stack: Range<usize>) {
        self.retire();
        self.retire_overflow();
        self.fresh.sort();
        let mut found = Vec::new();
        // SAFETY: the range is this thread's stack, from the current stack pointer up to the frame
        // in which the host called code. Nested calls of one store must share one stack.
        unsafe { self.find(stack, &mut found) };
        self.fresh.clear();
        self.space.clear_marks();
        self.live_bytes = 0;
        for object in found {
            self.reach(object.into());
        }
        for reference in self.handles.all().collect::<Vec<_>>() {
            self.reach(reference.into());
        }
        (roots.each)(&mut |reference| self.reach(reference));
        self.trace();
        self.space.sweep();
        self.allowance = self.live_bytes.max(MIN_ALLOWANCE);
        self.collections += 1;
    }

    /// Marks the object that a value refers to, if any, for tracing.
    fn reach(&mut self, value: u64) {
        let reference = value as u32;
        if reference == 0 || !reference.is_multiple_of(GRANULE) || !self.space.mark(reference) {
            return;
        }
        if self.pending.len() == self.pending.capacity() && self.pending.try_reserve(1024).is_err()
        {
            self.overflowed = true;
            return;
        }
        self.pending.push(reference);
    }

    /// Marks everything that is reachable from marked objects.
    fn trace(&mut self) {
        loop {
            while let Some(object) = self.pending.pop() {
                self.trace_object(object);
            }
            if !std::mem::take(&mut self.overflowed) {
                return;
            }
            // Some marked objects are not in `pending`, so all of them are traced again.
            self.live_bytes = 0;
            let mut last = 0;
            while let Some(object) = self.space.marked_after(last) {
                self.trace_object(object);
                last = object;
            }
        }
    }

    fn trace_object(&mut self, object: u32) {
        let Some(traced) = self.traced(self.type_of(object)) else {
            return;
        };
        let kind = traced.kind;
        let references: *const [u32] = &raw const *traced.references;
        let bytes = self.object_bytes(object).unwrap_or(GRANULE);
        self.live_bytes += u64::from(bytes);
        self.space.mark_lines(object, bytes);
        match kind {
            Kind::Struct { .. } => {
                // SAFETY: types are only registered outside of collections, so the list does not
                // move.
                for offset in unsafe { &*references } {
                    let value = self.read_u32(object + offset);
                    self.reach(value.into());
                }
            }
            Kind::Array { traced: false, .. } => {}
            Kind::Array { element, .. } => {
                let first = object + ARRAY_ELEMENTS as u32;
                for i in 0..self.array_length(object) {
                    let value = self.read_u32(first + i * u32::from(element));
                    self.reach(value.into());
                }
            }
        }
    }
}

/// Saves every register that may have a reference on the stack, then collects.
///
/// # Safety
/// The arguments point to a heap and its roots.
#[unsafe(naked)]
unsafe extern "C" fn with_registers(heap: *mut Heap, roots: *const Roots<'static>) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov rdx, rsp",
        "call {collect}",
        "add rsp, 48",
        "pop rbp",
        "ret",
        collect = sym collect_above,
    )
}

unsafe extern "C" fn collect_above(heap: *mut Heap, roots: *const Roots<'_>, stack: usize) {
    // SAFETY: `collect` passes pointers to what it has borrowed.
    let (heap, roots) = unsafe { (&mut *heap, &*roots) };
    let end = roots.stack_end.max(stack);
    heap.collect_from(roots, stack..end);
}
