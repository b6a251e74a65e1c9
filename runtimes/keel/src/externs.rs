//! Memories, tables and globals of a store, and whatever can be imported.

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

/// Something that an instance exports, or that can be imported.
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
    /// What kind of thing it is, in a word or two.
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

    /// Its type; of a memory or table, with the present size as the minimum.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is another.
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
        // SAFETY: a handle: it is only used together with its store, one thread's at a time.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}
    };
}

/// Checks that a handle belongs to a store, and gives the part of the store that is no one type's.
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

    /// A memory that no instance defines, for instances to import.
    ///
    /// # Errors
    /// [`Error::Limit`] if it is larger than the store allows, [`Error::System`] if there is no
    /// address space left.
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

    /// The type, with the present size as the minimum.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is another; likewise for all that follow.
    pub fn ty(&self, store: impl AsContext) -> Result<MemoryType> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive.
        Ok(unsafe { (*self.object.as_ptr()).ty() })
    }

    /// A memory that several stores share, for instances of this one to import.
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

    /// What other stores can share; nothing if the memory's type is not shared.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is another.
    pub fn shared(&self, store: impl AsContext) -> Result<Option<SharedMemory>> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive.
        Ok(unsafe { (*self.object.as_ptr()).shared().cloned() })
    }

    /// The present bytes.
    ///
    /// # Errors
    /// [`Error::Type`] also if the memory is shared: see [`Memory::shared`].
    pub fn data<'a, C: AsContext>(&self, store: &'a C) -> Result<&'a [u8]> {
        owner(store, self.store)?;
        // SAFETY: the store is borrowed for as long as the slice, so nobody writes or shrinks it.
        unsafe {
            let memory = &*self.object.as_ptr();
            require_unshared(memory)?;
            Ok(std::slice::from_raw_parts(
                memory.base(),
                memory.length() as usize,
            ))
        }
    }

    /// The present bytes, to change.
    ///
    /// # Errors
    /// As [`Memory::data`].
    pub fn data_mut<'a, C: AsContextMut>(&self, store: &'a mut C) -> Result<&'a mut [u8]> {
        owner(store, self.store)?;
        // SAFETY: the store is borrowed mutably for as long as the slice.
        unsafe {
            let memory = &*self.object.as_ptr();
            require_unshared(memory)?;
            Ok(std::slice::from_raw_parts_mut(
                memory.base(),
                memory.length() as usize,
            ))
        }
    }

    /// Copies bytes from `at` on into `to`.
    ///
    /// # Errors
    /// [`Error::Limit`] if they are not all in the memory.
    pub fn read(&self, store: impl AsContext, at: u64, to: &mut [u8]) -> Result<()> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive; the slice is the host's own.
        let memory = unsafe { &*self.object.as_ptr() };
        memory.read(at, to).ok_or_else(|| beyond(at, to.len()))
    }

    /// Copies bytes into the memory, from `at` on.
    ///
    /// # Errors
    /// [`Error::Limit`] if they do not all fit.
    pub fn write(&self, store: impl AsContextMut, at: u64, from: &[u8]) -> Result<()> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its memories alive, and is borrowed mutably.
        let memory = unsafe { &*self.object.as_ptr() };
        memory.write(at, from).ok_or_else(|| beyond(at, from.len()))
    }

    /// Grows the memory; gives its size before, in pages.
    ///
    /// # Errors
    /// [`Error::Limit`] if it cannot grow so much.
    pub fn grow(&self, store: impl AsContextMut, pages: u64) -> Result<u64> {
        owner(&store, self.store)?;
        // SAFETY: the store is borrowed mutably, and keeps its memories alive.
        let grown = unsafe { (*self.object.as_ptr()).grow(pages) };
        grown.ok_or_else(|| Error::Limit(format!("the memory cannot grow by {pages} pages")))
    }
}

/// Refuses to lend out bytes that other threads may write.
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

    /// A table that no instance defines, for instances to import.
    ///
    /// # Errors
    /// [`Error::Limit`] if it is larger than the store allows, [`Error::Type`] if `init` has another
    /// type than the elements.
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

    /// The type, with the present size as the minimum.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is another; likewise for all that follow.
    pub fn ty(&self, store: impl AsContext) -> Result<TableType> {
        owner(&store, self.store)?;
        // SAFETY: the store keeps its tables alive.
        Ok(unsafe { (*self.object.as_ptr()).ty() })
    }

    /// An element.
    ///
    /// # Errors
    /// [`Error::Limit`] if there is no such element.
    pub fn get(&self, store: impl AsContextMut, index: u64) -> Result<Val> {
        let owner = owner(&store, self.store)?;
        // SAFETY: the store is borrowed mutably; an element is a reference of the table's type.
        unsafe {
            let table = &mut *self.object.as_ptr();
            let element = *table
                .elements()
                .get(index as usize)
                .ok_or_else(|| outside(index))?;
            Ok(Val::from_reference(element, table.ty().element, owner))
        }
    }

    /// Sets an element.
    ///
    /// # Errors
    /// [`Error::Limit`] if there is no such element, [`Error::Type`] if the value has another type.
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

    /// Grows the table by elements of one value; gives its length before.
    ///
    /// # Errors
    /// [`Error::Limit`] if it cannot grow so much, [`Error::Type`] if the value has another type.
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

    /// A global that no instance defines, for instances to import.
    ///
    /// # Errors
    /// [`Error::Type`] if the value has another type.
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

    /// The type.
    pub fn ty(&self) -> GlobalType {
        self.ty
    }

    /// The value.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is another.
    pub fn get(&self, store: impl AsContext) -> Result<Val> {
        let owner = owner(&store, self.store)?;
        // SAFETY: the store keeps its globals alive, and their values have their types.
        Ok(unsafe { Val::from_raw(*self.value.as_ptr(), self.ty.content, owner) })
    }

    /// Sets the value.
    ///
    /// # Errors
    /// [`Error::Type`] if the global is constant or the value has another type.
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
