//! Instances: modules with their own memories, tables and globals.

use std::ptr::NonNull;

use crate::artifact::format::ExternKind;
use crate::error::{Error, Result};
use crate::exception::Tag;
use crate::externs::{Extern, Global, Memory, Table};
use crate::func::{Func, TypedFunc};
use crate::module::Module;
use crate::store::{AsContext, AsContextMut};
use crate::value::WasmTypes;
use crate::vm::context::Context;
use crate::vm::instance::InstanceData;

/// An instance of a module, in a store.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    store: u64,
    data: NonNull<InstanceData>,
}

// SAFETY: a handle. Its data is only accessed together with its store, which one thread uses at a
// time.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    pub(crate) fn new(store: u64, data: NonNull<InstanceData>) -> Instance {
        Instance { store, data }
    }

    /// The instance that a context belongs to.
    ///
    /// # Safety
    /// The context is alive.
    pub(crate) unsafe fn of_context(context: Context) -> Instance {
        // SAFETY: the caller guarantees that the context is alive.
        let data = unsafe { &mut *context.instance() };
        Instance {
            store: data.store,
            data: NonNull::from(data),
        }
    }

    /// The export named `name`.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is none, [`Error::Type`] if the store is a different one.
    pub fn get_export(&self, store: impl AsContextMut, name: &str) -> Result<Extern> {
        // SAFETY: the store is borrowed.
        unsafe { (*store.as_store().context()).check_owner(self.store)? };
        self.lookup(name)
            .ok_or_else(|| unknown(name, "it exports no such name"))
    }

    /// The export named `name`. The caller must have access to the store.
    pub(crate) fn lookup(&self, name: &str) -> Option<Extern> {
        // SAFETY: the store keeps its instances alive.
        let data = unsafe { &*self.data.as_ptr() };
        let export = data.module.export(name)?;
        Some(self.extern_of(data, export.kind, export.index))
    }

    fn extern_of(&self, data: &InstanceData, kind: u32, index: u32) -> Extern {
        match ExternKind::from_raw(kind) {
            Some(ExternKind::Table) => {
                let table = NonNull::new(data.table(index)).expect("a table has an address");
                Extern::Table(Table::new(self.store, table))
            }
            Some(ExternKind::Memory) => {
                let memory = NonNull::new(data.memory(index)).expect("a memory has an address");
                Extern::Memory(Memory::new(self.store, memory))
            }
            Some(ExternKind::Global) => {
                let ty = data.module.global_type(index);
                Extern::Global(Global::new(self.store, data.global(index), ty))
            }
            Some(ExternKind::Tag) => Extern::Tag(Tag::new(self.store, data.tag(index))),
            Some(ExternKind::Func) | None => {
                Extern::Func(Func::new_handle(self.store, data.function(index)))
            }
        }
    }

    /// All exports, sorted by name.
    pub fn exports(&self, store: impl AsContextMut) -> Result<Vec<(String, Extern)>> {
        // SAFETY: the store is borrowed, and keeps its instances alive.
        let data = unsafe {
            (*store.as_store().context()).check_owner(self.store)?;
            &*self.data.as_ptr()
        };
        let exports = data.module.export_records().iter();
        Ok(exports
            .map(|export| {
                let name = data.module.string(export.name).to_owned();
                (name, self.extern_of(data, export.kind, export.index))
            })
            .collect())
    }

    /// The exported function named `name`.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such function.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Result<Func> {
        match self.get_export(store, name)? {
            Extern::Func(func) => Ok(func),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The exported function named `name`, with Rust types for its parameters and results.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such function, [`Error::Type`] if it has a different
    /// type.
    pub fn get_typed_func<P: WasmTypes, R: WasmTypes>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        self.get_func(&mut store, name)?.typed(store)
    }

    /// The exported memory named `name`.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such memory.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Result<Memory> {
        match self.get_export(store, name)? {
            Extern::Memory(memory) => Ok(memory),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The exported table named `name`.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such table.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Result<Table> {
        match self.get_export(store, name)? {
            Extern::Table(table) => Ok(table),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The exported global named `name`.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such global.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Result<Global> {
        match self.get_export(store, name)? {
            Extern::Global(global) => Ok(global),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The module that this is an instance of.
    pub fn module(&self, store: impl AsContext) -> Result<Module> {
        // SAFETY: the store is borrowed, and keeps its instances alive.
        unsafe {
            (*store.as_store().context()).check_owner(self.store)?;
            Ok((*self.data.as_ptr()).module.clone())
        }
    }
}

fn unknown(name: &str, found: &str) -> Error {
    Error::UnknownExport {
        name: name.to_owned(),
        found: found.to_owned(),
    }
}
