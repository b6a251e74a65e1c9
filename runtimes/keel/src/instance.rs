//! Instances: a module with memory, tables and globals of its own.

use std::ptr::NonNull;

use crate::artifact::format::{self, ExternKind, NONE, Section, Span, mode, op};
use crate::error::{Error, Result};
use crate::externs::{Extern, Global, Memory, Table};
use crate::func::{Func, TypedFunc};
use crate::module::{Module, layout};
use crate::store::{AsContext, AsContextMut, StoreContext};
use crate::trap::{Trap, TrapKind};
use crate::value::WasmTypes;
use crate::vm::context::{Context, Definition, FunctionImport, FunctionRecord, Value};
use crate::vm::libcalls::LIBCALLS;
use crate::vm::memory::{MemoryObject, PAGE_BYTES, check_limit};
use crate::vm::signal;
use crate::vm::slot::Slot;
use crate::vm::table::{self, TableObject};

/// What the runtime keeps for an instance beside its context.
pub(crate) struct InstanceData {
    pub(crate) module: Module,
    pub(crate) context: Context,
    store: u64,
    /// By index, imported ones first. They belong to this instance, another, or the store.
    memories: Vec<NonNull<MemoryObject>>,
    /// Likewise; nothing for a static table.
    tables: Vec<Option<NonNull<TableObject>>>,
    /// Pointed to: never longer than it was made for.
    own_memories: Vec<MemoryObject>,
    /// Likewise.
    own_tables: Vec<TableObject>,
    slot: Option<Slot>,
}

/// What an import is given.
#[derive(Clone, Copy)]
pub(crate) enum ImportValue {
    Func(FunctionImport),
    Table(NonNull<TableObject>),
    Memory(NonNull<MemoryObject>),
    Global(NonNull<Value>),
}

impl Drop for InstanceData {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            let in_slot = self
                .own_memories
                .first()
                .filter(|_| self.defines_memory_0());
            let accessible = in_slot.map_or(0, |memory| memory.accessible());
            self.module.return_slot(slot, accessible);
        }
    }
}

impl InstanceData {
    fn defines_memory_0(&self) -> bool {
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
        &mut self,
        memory: u32,
        segment: u32,
        to: u64,
        from: u32,
        length: u32,
    ) -> Option<()> {
        let bytes = self
            .data_segment(segment)
            .get(from as usize..)?
            .get(..length as usize)?;
        // SAFETY: the memory is alive, and the range was checked; a segment is not part of a memory.
        unsafe {
            let to = (*self.memory(memory)).range(to, length.into())?;
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        Some(())
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
        &mut self,
        table: u32,
        segment: u32,
        to: u32,
        from: u32,
        length: u32,
    ) -> Option<()> {
        let flag = self.module.layout().element_segment(segment);
        // SAFETY: written at instantiation.
        let dropped: u32 = unsafe { self.context.read(flag) };
        let artifact = self.module.artifact();
        let elements: &[format::Element] = artifact.section(Section::Elements);
        let Span { start, length: all } = elements[segment as usize].items;
        let items: &[format::Item] = artifact.section(Section::Items);
        let items = &items[start as usize..][..if dropped == 0 { all as usize } else { 0 }];
        let items = items.get(from as usize..)?.get(..length as usize)?;
        // SAFETY: the table is alive, and nothing else holds its elements.
        let elements = unsafe { (*self.table(table)).range(to, length)? };
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
    fn evaluate(&self, steps: Span) -> u128 {
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

/// Makes an instance in a store, with imports that have the right types.
///
/// # Safety
/// `store` is alive and in use by this thread, and so is everything that the imports point to.
pub(crate) unsafe fn instantiate(
    store: *mut StoreContext,
    module: &Module,
    imports: &[ImportValue],
) -> Result<Instance> {
    // Nothing of a store runs before it has an instance.
    signal::install();
    // SAFETY: as the caller promises; the reference is not used once code runs.
    let owner = unsafe { &mut *store };
    let data = create(owner, module, imports)?;
    let data = NonNull::from(Box::leak(data));
    // From here on the instance stays: others may have got hold of it before it fails.
    owner.instances.push(data);
    // SAFETY: just made; the store keeps it alive.
    let instance = unsafe { &mut *data.as_ptr() };
    // SAFETY: the context is this instance's, made a moment ago.
    unsafe { instance.context.write(layout::INSTANCE, data.as_ptr()) };
    instance.initialise()?;
    let start = module.artifact().header().start;
    if start != NONE {
        // SAFETY: the start function takes and returns nothing, and the instance is complete.
        unsafe { instance.run_start(store, start)? };
    }
    let store = instance.store;
    Ok(Instance { store, data })
}

/// Makes an instance whose context is written, but for what constant expressions say.
fn create(
    store: &mut StoreContext,
    module: &Module,
    imports: &[ImportValue],
) -> Result<Box<InstanceData>> {
    let counts = module.artifact().header().counts;
    let layout = module.layout();
    let limits = store.limits;
    if counts.defines_memory_0 == 1 {
        check_limit(
            u64::from(module.memory_type(0).minimum) * PAGE_BYTES,
            limits.memory_bytes,
        )?;
    }
    let slot = module.take_slot()?;
    let context = slot.context();
    let mut data = Box::new(InstanceData {
        module: module.clone(),
        context,
        store: store.id,
        memories: Vec::with_capacity((counts.imported_memories + counts.memories) as usize),
        tables: Vec::with_capacity((counts.imported_tables + counts.tables) as usize),
        own_memories: Vec::with_capacity(counts.memories as usize),
        own_tables: Vec::with_capacity(counts.tables as usize),
        slot: None,
    });
    // SAFETY: the slot has room for a context of this layout, which nothing else uses; all fields are
    // written by their own types.
    unsafe {
        let size = layout.size() as usize;
        context.as_ptr().sub(size).write_bytes(0, size);
        context.write(layout::LIBCALLS, &raw const LIBCALLS);
        context.write(layout::STORE, &raw mut *store);
        context.write(layout::INSTANCE, &raw mut *data);
        context.write(layout::FUEL, &raw mut store.fuel);
        context.write(layout::STACK_LIMIT, store.stack_limit());
        for (i, id) in module.long_types().iter().enumerate() {
            context.write(layout.long_type(i as u32), *id);
        }
        write_imports(&mut data, imports);
        write_records(module, context);
    }
    if counts.defines_memory_0 == 1 {
        let definition = Definition {
            base: context.as_ptr(),
            length: u64::from(module.memory_type(0).minimum) * PAGE_BYTES,
        };
        let place = context.field::<Definition>(layout::MEMORY_0);
        // SAFETY: a field of this context.
        unsafe { place.write(definition) };
        let place = NonNull::new(place).expect("a context is not at null");
        let ty = module.memory_type(0);
        let memory = MemoryObject::in_slot(ty, place, slot.accessible(), limits.memory_bytes);
        data.own_memories.push(memory);
    }
    data.slot = Some(slot);
    for i in data.own_memories.len() as u32..counts.memories {
        let ty = module.memory_type(counts.imported_memories + i);
        let place = NonNull::new(context.field(layout.memory(i)));
        data.own_memories
            .push(MemoryObject::new(ty, place, limits.memory_bytes)?);
    }
    let InstanceData {
        memories,
        own_memories,
        ..
    } = &mut *data;
    memories.extend(own_memories.iter_mut().map(NonNull::from));
    let tables: &[format::Table] = module.artifact().section(Section::Tables);
    for i in 0..counts.tables {
        let ty = module.table_type(counts.imported_tables + i);
        if tables[(counts.imported_tables + i) as usize].is_static != 0 {
            table::check_limit(ty.minimum, limits.table_elements)?;
            data.tables.push(None);
            continue;
        }
        let place = NonNull::new(context.field(layout.table(i)));
        let table = TableObject::new(ty, place, limits.table_elements)?;
        data.own_tables.push(table);
        data.tables
            .push(data.own_tables.last_mut().map(NonNull::from));
    }
    Ok(data)
}

/// Writes the imports into the context, and notes those that the runtime needs.
///
/// # Safety
/// The context belongs to the instance, and the imports are alive and have the right types.
unsafe fn write_imports(data: &mut InstanceData, imports: &[ImportValue]) {
    let (context, layout) = (data.context, *data.module.layout());
    let host_thunks: &[u32] = data.module.artifact().section(Section::HostThunks);
    let (mut functions, mut globals) = (0, 0);
    for import in imports {
        // SAFETY: as the caller promises.
        unsafe {
            match *import {
                ImportValue::Func(mut import) => {
                    let place = layout.imported_function(functions);
                    if import.host.is_some() {
                        // A host function is called through the module's own thunk, which takes the
                        // entry for its context.
                        import.code = data.module.code(host_thunks[functions as usize]);
                        import.context = context.field(place);
                    }
                    context.write(place, import);
                    functions += 1;
                }
                ImportValue::Table(table) => {
                    let place = layout.imported_table(data.tables.len() as u32);
                    context.write(place, (*table.as_ptr()).definition);
                    data.tables.push(Some(table));
                }
                ImportValue::Memory(memory) => {
                    let place = layout.imported_memory(data.memories.len() as u32);
                    context.write(place, (*memory.as_ptr()).base());
                    context.write(place + 8, (*memory.as_ptr()).definition);
                    data.memories.push(memory);
                }
                ImportValue::Global(global) => {
                    context.write(layout.imported_global(globals), global);
                    globals += 1;
                }
            }
        }
    }
}

/// Writes the records of the functions whose address can be taken.
///
/// # Safety
/// The context is one of the module's.
unsafe fn write_records(module: &Module, context: Context) {
    let records: &[format::Record] = module.artifact().section(Section::Records);
    for (i, record) in records.iter().enumerate() {
        let ty = module.function_type_id(record.function);
        let record = FunctionRecord {
            code: module.code(record.code),
            context,
            ty,
        };
        // SAFETY: as the caller promises.
        unsafe { context.write(module.layout().function_record(i as u32), record) };
    }
}

impl InstanceData {
    /// Does what constant expressions and active segments say.
    fn initialise(&mut self) -> Result<()> {
        let module = self.module.clone();
        let artifact = module.artifact();
        let counts = artifact.header().counts;
        let globals: &[format::Global] = artifact.section(Section::Globals);
        for i in 0..counts.globals {
            let global = globals[(counts.imported_globals + i) as usize];
            let value = self.evaluate(global.init);
            // SAFETY: a field of this context.
            unsafe {
                self.context
                    .write(module.layout().global(i), Value { v128: value })
            };
        }
        let tables: &[format::Table] = artifact.section(Section::Tables);
        for (i, table) in tables.iter().enumerate() {
            if table.init.length != 0 && table.is_static == 0 {
                let value = self.evaluate(table.init) as usize;
                // SAFETY: the table is this instance's own, which nobody else knows yet.
                unsafe { (*self.table(i as u32)).elements().fill(value) };
            }
        }
        let elements: &[format::Element] = artifact.section(Section::Elements);
        for (i, element) in elements.iter().enumerate() {
            let i = i as u32;
            if element.mode == mode::ACTIVE {
                let to = self.evaluate(element.offset) as u32;
                let length = element.items.length;
                self.init_table(element.table, i, to, 0, length)
                    .ok_or_else(|| Error::from(Trap::new(TrapKind::TableOutOfBounds)))?;
            }
            if element.mode != mode::PASSIVE {
                // SAFETY: a field of this context.
                unsafe { self.context.write(module.layout().element_segment(i), 1u32) };
            }
        }
        let data: &[format::Data] = artifact.section(Section::Data);
        for (i, segment) in data.iter().enumerate() {
            let i = i as u32;
            if segment.mode == mode::ACTIVE {
                let to = u64::from(self.evaluate(segment.offset) as u32);
                self.init_memory(segment.memory, i, to, 0, segment.bytes.length)
                    .ok_or_else(|| Error::from(Trap::new(TrapKind::MemoryOutOfBounds)))?;
            }
            if segment.mode != mode::PASSIVE {
                // SAFETY: a field of this context.
                unsafe { self.context.write(module.layout().data_segment(i), 1u32) };
            }
        }
        Ok(())
    }

    /// Runs the start function.
    ///
    /// # Safety
    /// `store` is this instance's, which is complete.
    unsafe fn run_start(&mut self, store: *mut StoreContext, start: u32) -> Result<()> {
        // SAFETY: a start function has a record.
        let record = unsafe { *self.function(start).as_ptr() };
        let entry = self
            .module
            .entry(record.ty)
            .expect("there is a thunk for every record");
        let mut value = Value::ZERO;
        // SAFETY: as the caller promises; the function takes and returns nothing.
        unsafe { StoreContext::call(store, entry, record.code, record.context, &mut value) }
    }
}

/// An instance of a module, in a store.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    store: u64,
    data: NonNull<InstanceData>,
}

// SAFETY: a handle: it is only used together with its store, which is one thread's at a time.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// The instance of the module, in whose store a context is.
    ///
    /// # Safety
    /// The context is alive.
    pub(crate) unsafe fn of_context(context: Context) -> Instance {
        // SAFETY: as the caller promises.
        let data = unsafe { &mut *context.instance() };
        Instance {
            store: data.store,
            data: NonNull::from(data),
        }
    }

    /// The instance's export of this name.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is none, [`Error::Type`] if the store is another.
    pub fn get_export(&self, store: impl AsContextMut, name: &str) -> Result<Extern> {
        // SAFETY: the store is borrowed.
        unsafe { (*store.as_store().context()).check_owner(self.store)? };
        self.lookup(name)
            .ok_or_else(|| unknown(name, "it exports no such name"))
    }

    /// The export of a name. The store is in use by whoever calls.
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
            Some(ExternKind::Func) | None => {
                Extern::Func(Func::new_handle(self.store, data.function(index)))
            }
        }
    }

    /// All exports, in order of name.
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

    /// The exported function of this name.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such function.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Result<Func> {
        match self.get_export(store, name)? {
            Extern::Func(func) => Ok(func),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The exported function of this name, with parameters and results known to Rust.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such function, [`Error::Type`] if its type is another.
    pub fn get_typed_func<P: WasmTypes, R: WasmTypes>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        self.get_func(&mut store, name)?.typed(store)
    }

    /// The exported memory of this name.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such memory.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Result<Memory> {
        match self.get_export(store, name)? {
            Extern::Memory(memory) => Ok(memory),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The exported table of this name.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such table.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Result<Table> {
        match self.get_export(store, name)? {
            Extern::Table(table) => Ok(table),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The exported global of this name.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] if there is no such global.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Result<Global> {
        match self.get_export(store, name)? {
            Extern::Global(global) => Ok(global),
            other => Err(unknown(name, other.kind())),
        }
    }

    /// The module.
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
