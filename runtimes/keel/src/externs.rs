//! Memories, tables and globals of a store, and [`Extern`].

use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::exception::Tag;
use crate::func::{Func, check_value};
use crate::store::{AsContext, AsContextMut};
use crate::types::{ExternType, GlobalType, MemoryType, Mutability, TableType};
use crate::value::Val;
use crate::vm::context::Value;
use crate::vm::memory::MemoryObject;
use crate::vm::shared::SharedMemory;
use crate::vm::store::StoreContext;
use crate::vm::table::TableObject;

/// An export of an instance, or a definition for an import.
#[derive(Clone, Copy, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
    /// A global.
    Global(Global),
    /// A tag.
    Tag(Tag),
}

impl Extern {
    /// The kind, with its article, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Extern::Func(_) => "a function",
            Extern::Table(_) => "a table",
            Extern::Memory(_) => "a memory",
            Extern::Global(_) => "a global",
            Extern::Tag(_) => "a tag",
        }
    }

    pub(crate) fn store(&self) -> u64 {
        match self {
            Extern::Func(func) => func.store(),
            Extern::Table(table) => table.store,
            Extern::Memory(memory) => memory.store,
            Extern::Global(global) => global.store,
            Extern::Tag(tag) => tag.store(),
        }
    }

    /// The type. A memory or table has its current size as the minimum.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one.
    pub fn ty(&self, store: impl AsContextMut) -> Result<ExternType> {
        Ok(match self {
            Extern::Func(func) => ExternType::Func(func.ty(store)?),
            Extern::Table(table) => ExternType::Table(table.ty(store)?),
            Extern::Memory(memory) => ExternType::Memory(memory.ty(store)?),
            Extern::Global(global) => ExternType::Global(global.ty()),
            Extern::Tag(tag) => ExternType::Tag(tag.ty(store)?),
        })
    }
}

macro_rules! handle {
    ($name:ident) => {
        // SAFETY: a handle. Its object is only accessed together with its store, which one thread
        // uses at a time.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}
    };
}

/// Checks that a handle belongs to a store, and returns the store's untyped part.
fn owner(store: &impl AsContext, owner: u64) -> Result<*mut StoreContext> {
    let context = store.as_store().context();
    // SAFETY: the store is borrowed.
    unsafe { (*context).check_owner(owner)? };
    Ok(context)
}

/// A linear memory in a store.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    store: u64,
    object: NonNull<MemoryObject>,
}

handle!(Memory);

impl Memory {
    pub(crate) fn new(store: u64, object: NonNull<MemoryObject>) -> Memory {
        Memory { store, object }
    }

    pub(crate) fn object(&self) -> NonNull<MemoryObject> {
        self.object
    }

    /// Creates a memory for instances to import.
    ///
    /// # Errors
    /// [`Error::Limit`] if it exceeds the store's limits, [`Error::System`] if the address space is
    /// exhausted.
    pub fn create(store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        // SAFETY: the store is borrowed.
        let context = unsafe { &mut *store.as_store().context() };
        let object = MemoryObject::new(ty, None, context.limits.memory_bytes, &context.budget)?;
        let object = NonNull::from(Box::leak(Box::new(object)));
        context.memories.push(object);
        Ok(Memory {
            store: context.id,
            object,
        })
    }

    /// The type, with the current size as the minimum.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one. The same holds for all methods below.
    pub fn ty(&self, store: impl AsContext) -> Result<MemoryType> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive.
        Ok(unsafe { (*self.object.as_ptr()).ty() })
    }

    /// Adds a shared memory to a store, for the store's instances to import.
    pub fn from_shared(store: impl AsContextMut, shared: &SharedMemory) -> Memory {
        // SAFETY: the store is borrowed.
        let context = unsafe { &mut *store.as_store().context() };
        let object = Box::new(MemoryObject::of_shared(shared.clone()));
        let object = NonNull::from(Box::leak(object));
        context.memories.push(object);
        Memory {
            store: context.id,
            object,
        }
    }

    /// The memory as other stores can share it; `None` if its type is not shared.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one.
    pub fn shared(&self, store: impl AsContext) -> Result<Option<SharedMemory>> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive.
        Ok(unsafe { (*self.object.as_ptr()).shared().cloned() })
    }

    /// The contents.
    ///
    /// # Errors
    /// [`Error::Type`] also if the memory is shared: see [`Memory::shared`].
    pub fn data<'a, C: AsContext>(&self, store: &'a C) -> Result<&'a [u8]> {
        owner(store, self.store)?;
        // SAFETY: the store is borrowed for as long as the slice, so no code of it writes or frees
        // the memory, and no other store shares it.
        unsafe {
            let memory = &*self.object.as_ptr();
            require_unshared(memory)?;
            Ok(std::slice::from_raw_parts(
                memory.base(),
                memory.length() as usize,
            ))
        }
    }

    /// The contents, mutable.
    ///
    /// # Errors
    /// As [`Memory::data`].
    pub fn data_mut<'a, C: AsContextMut>(&self, store: &'a mut C) -> Result<&'a mut [u8]> {
        owner(store, self.store)?;
        // SAFETY: the store is borrowed mutably for as long as the slice, and no other store shares
        // the memory.
        unsafe {
            let memory = &*self.object.as_ptr();
            require_unshared(memory)?;
            Ok(std::slice::from_raw_parts_mut(
                memory.base(),
                memory.length() as usize,
            ))
        }
    }

    /// Copies bytes from address `at` into `to`.
    ///
    /// # Errors
    /// [`Error::Limit`] if the range exceeds the memory.
    pub fn read(&self, store: impl AsContext, at: u64, to: &mut [u8]) -> Result<()> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive; `to` belongs to the host.
        let memory = unsafe { &*self.object.as_ptr() };
        memory.read(at, to).ok_or_else(|| beyond(at, to.len()))
    }

    /// Copies bytes into the memory at address `at`.
    ///
    /// # Errors
    /// [`Error::Limit`] if the range exceeds the memory.
    pub fn write(&self, store: impl AsContextMut, at: u64, from: &[u8]) -> Result<()> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive, and is borrowed mutably.
        let memory = unsafe { &*self.object.as_ptr() };
        memory.write(at, from).ok_or_else(|| beyond(at, from.len()))
    }

    /// Grows the memory and returns its previous size, both in pages of 64 KiB.
    ///
    /// # Errors
    /// [`Error::Limit`] if a limit forbids it.
    pub fn grow(&self, store: impl AsContextMut, pages: u64) -> Result<u64> {
        owner(&store, self.store)?;
        // SAFETY: the store is borrowed mutably, and keeps its memories alive.
        let grown = unsafe { (*self.object.as_ptr()).grow(pages) };
        grown.ok_or_else(|| Error::Limit(format!("the memory cannot grow by {pages} pages")))
    }
}

/// Rejects a memory that other threads may write, because its bytes cannot be borrowed.
fn require_unshared(memory: &MemoryObject) -> Result<()> {
    match memory.shared() {
        None => Ok(()),
        Some(_) => Err(Error::Type(
            "the bytes of a shared memory cannot be borrowed; use Memory::shared to read and write them"
                .to_owned(),
        )),
    }
}

/// A table in a store.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    store: u64,
    object: NonNull<TableObject>,
}

handle!(Table);

impl Table {
    pub(crate) fn new(store: u64, object: NonNull<TableObject>) -> Table {
        Table { store, object }
    }

    pub(crate) fn object(&self) -> NonNull<TableObject> {
        self.object
    }

    /// Creates a table for instances to import.
    ///
    /// # Errors
    /// [`Error::Limit`] if it exceeds the store's limits, [`Error::Type`] if `init` does not have
    /// the element type.
    pub fn create(store: impl AsContextMut, ty: TableType, init: Val) -> Result<Table> {
        // SAFETY: the store is borrowed.
        let context = unsafe { &mut *store.as_store().context() };
        check_value(&init, ty.element, context)?;
        let mut object =
            TableObject::new(ty, None, context.limits.table_elements, &context.budget)?;
        object.elements().fill(init.to_reference());
        let object = NonNull::from(Box::leak(Box::new(object)));
        context.tables.push(object);
        Ok(Table {
            store: context.id,
            object,
        })
    }

    /// The type, with the current size as the minimum.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one. The same holds for all methods below.
    pub fn ty(&self, store: impl AsContext) -> Result<TableType> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its tables alive.
        Ok(unsafe { (*self.object.as_ptr()).ty() })
    }

    /// The element at `index`.
    ///
    /// # Errors
    /// [`Error::Limit`] if `index` is out of range.
    pub fn get(&self, store: impl AsContextMut, index: u64) -> Result<Val> {
        let owner = owner(&store, self.store)?;
        // SAFETY: the store is borrowed mutably, and an element is a reference of the table's type.
        unsafe {
            let table = &mut *self.object.as_ptr();
            let element = *table
                .elements()
                .get(index as usize)
                .ok_or_else(|| outside(index))?;
            Ok(Val::from_reference(element, table.ty().element, owner))
        }
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    /// [`Error::Limit`] if `index` is out of range, [`Error::Type`] if the value has the wrong
    /// type.
    pub fn set(&self, store: impl AsContextMut, index: u64, value: Val) -> Result<()> {
        let owner = owner(&store, self.store)?;
        // SAFETY: the store is borrowed mutably.
        let table = unsafe { &mut *self.object.as_ptr() };
        // SAFETY: as above.
        check_value(&value, table.ty().element, unsafe { &*owner })?;
        let element = table
            .elements()
            .get_mut(index as usize)
            .ok_or_else(|| outside(index))?;
        *element = value.to_reference();
        Ok(())
    }

    /// Grows the table by `count` elements, each `value`, and returns its previous length.
    ///
    /// # Errors
    /// [`Error::Limit`] if a limit forbids it, [`Error::Type`] if the value has the wrong type.
    pub fn grow(&self, store: impl AsContextMut, count: u64, value: Val) -> Result<u64> {
        let owner = owner(&store, self.store)?;
        // SAFETY: the store is borrowed mutably.
        let table = unsafe { &mut *self.object.as_ptr() };
        // SAFETY: as above.
        check_value(&value, table.ty().element, unsafe { &*owner })?;
        let grown = table.grow(count, value.to_reference());
        grown.ok_or_else(|| Error::Limit(format!("the table cannot grow by {count} elements")))
    }
}

fn beyond(at: u64, length: usize) -> Error {
    Error::Limit(format!("{length} bytes at {at} are not all in the memory"))
}

fn outside(index: u64) -> Error {
    Error::Limit(format!("the table has no element {index}"))
}

/// A global in a store.
#[derive(Clone, Copy, Debug)]
pub struct Global {
    store: u64,
    value: NonNull<Value>,
    ty: GlobalType,
}

handle!(Global);

impl Global {
    pub(crate) fn new(store: u64, value: NonNull<Value>, ty: GlobalType) -> Global {
        Global { store, value, ty }
    }

    pub(crate) fn value(&self) -> NonNull<Value> {
        self.value
    }

    /// Creates a global for instances to import.
    ///
    /// # Errors
    /// [`Error::Type`] if the value has the wrong type.
    pub fn create(store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Global> {
        // SAFETY: the store is borrowed.
        let context = unsafe { &mut *store.as_store().context() };
        check_value(&value, ty.content, context)?;
        let value = NonNull::from(Box::leak(Box::new(value.to_raw())));
        context.globals.push((value, ty));
        Ok(Global {
            store: context.id,
            value,
            ty,
        })
    }

    /// The type, including mutability.
    pub fn ty(&self) -> GlobalType {
        self.ty
    }

    /// The current value.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one.
    pub fn get(&self, store: impl AsContext) -> Result<Val> {
        let owner = owner(&store, self.store)?;
        // SAFETY: the store keeps its globals alive, and a global's value has the global's type.
        Ok(unsafe { Val::from_raw(*self.value.as_ptr(), self.ty.content, owner) })
    }

    /// Sets the value.
    ///
    /// # Errors
    /// [`Error::Type`] if the global is immutable, the value has the wrong type, or the store is a
    /// different one.
    pub fn set(&self, store: impl AsContextMut, value: Val) -> Result<()> {
        let owner = owner(&store, self.store)?;
        if self.ty.mutability == Mutability::Const {
            return Err(Error::Type("the global is constant".to_owned()));
        }
        // SAFETY: the store is borrowed.
        check_value(&value, self.ty.content, unsafe { &*owner })?;
        // SAFETY: the store is borrowed mutably, and keeps its globals alive.
        unsafe { self.value.write(value.to_raw()) };
        Ok(())
    }
}

macro_rules! into_extern {
    ($($name:ident),*) => { $(
        impl From<$name> for Extern {
            fn from(item: $name) -> Extern {
                Extern::$name(item)
            }
        }
    )* };
}

into_extern!(Func, Table, Memory, Global, Tag);
