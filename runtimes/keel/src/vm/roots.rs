//! A store's object heap and its roots.

use std::ptr::NonNull;

use super::call;
use super::heap::{Exhausted, Heap, Roots};
use super::instance::InstanceData;
use super::store::StoreContext;
use super::table::TableObject;
use crate::artifact::format::{self, Section};
use crate::error::Result;
use crate::types::def::Composite;
use crate::types::{TypeId, ValType};

impl StoreContext {
    /// The store's heap, created on first use.
    pub(crate) fn heap(&mut self) -> Result<&mut Heap> {
        let heap = match self.heap {
            Some(heap) => heap,
            None => {
                let stress = self.engine.config().collect_always;
                let heap = Heap::new(self.limits.heap_bytes, &self.budget, stress)?;
                *self.heap.insert(NonNull::from(Box::leak(Box::new(heap))))
            }
        };
        // SAFETY: `Box::leak` made the pointer, and it is freed only with the store.
        Ok(unsafe { &mut *heap.as_ptr() })
    }

    /// Calls a function that may allocate objects, with the roots of a collection.
    ///
    /// # Safety
    /// The store is alive and used by this thread.
    pub(crate) unsafe fn with_heap(
        store: *mut StoreContext,
        make: impl FnOnce(&mut Heap, &Roots<'_>) -> Result<u32, Exhausted>,
    ) -> Result<u32, Exhausted> {
        // SAFETY: the caller guarantees it. The heap is not part of what the roots read, so the
        // references do not alias.
        unsafe {
            let Some(heap) = (*store).heap else {
                return Err(Exhausted);
            };
            let each = |reach: &mut dyn FnMut(u64)| (*store).each_root(reach);
            let roots = Roots {
                each: &each,
                stack_end: call::outermost_stack(store),
            };
            make(&mut *heap.as_ptr(), &roots)
        }
    }

    fn each_root(&self, reach: &mut dyn FnMut(u64)) {
        let is_function = |id: TypeId| {
            let info = self.engine.types().info(id);
            info.is_some_and(|ty| matches!(ty.composite, Composite::Func(_)))
        };
        let traced = |ty: ValType| ty.is_traced(is_function);
        for instance in &self.instances {
            // SAFETY: the store's instances are alive.
            let instance = unsafe { &*instance.as_ptr() };
            instance.each_root(reach);
            for table in instance.tables.iter().flatten() {
                // SAFETY: the store keeps the tables of its instances alive.
                reach_elements(unsafe { &mut *table.as_ptr() }, &traced, reach);
            }
        }
        for table in &self.tables {
            // SAFETY: the store's tables are alive.
            reach_elements(unsafe { &mut *table.as_ptr() }, &traced, reach);
        }
        for (global, ty) in &self.globals {
            if traced(ty.content) {
                // SAFETY: the store's globals are alive.
                reach(unsafe { global.as_ref().reference } as u64);
            }
        }
    }
}

fn reach_elements(
    table: &mut TableObject,
    traced: &impl Fn(ValType) -> bool,
    reach: &mut dyn FnMut(u64),
) {
    if traced(table.ty().element) {
        for element in table.elements() {
            reach(*element as u64);
        }
    }
}

impl InstanceData {
    /// Visits the references in the instance's globals and segments.
    fn each_root(&self, reach: &mut dyn FnMut(u64)) {
        let artifact = self.module.artifact();
        let imported = artifact.header().counts.imported_globals;
        let globals: &[format::Global] = artifact.section(Section::Globals);
        for (i, global) in globals.iter().enumerate().skip(imported as usize) {
            if self.module.is_traced(global.content) {
                // SAFETY: the context is alive, and its globals are initialised.
                reach(unsafe { self.global(i as u32).as_ref().reference } as u64);
            }
        }
        let computed = self.computed_elements.borrow();
        for element in computed.iter().flat_map(|(_, elements)| elements) {
            reach(*element as u64);
        }
    }
}
