//! Instantiation: allocates contexts, memories and tables, applies segments and runs the start
//! function.

use std::cell::RefCell;
use std::ptr::NonNull;

use crate::artifact::format::{self, NONE, Section, flags, mode};
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::limits::Resource;
use crate::module::{Module, layout};
use crate::trap::{Trap, TrapKind};
use crate::types::IndexType;
use crate::vm::budget::Share;
use crate::vm::context::{Context, Definition, FunctionImport, FunctionRecord, Value};
use crate::vm::exception::TagRecord;
use crate::vm::instance::InstanceData;
use crate::vm::libcalls::LIBCALLS;
use crate::vm::memory::{MemoryObject, check_limit};
use crate::vm::signal;
use crate::vm::store::StoreContext;
use crate::vm::table::{self, TableObject};

/// The definition of an import.
#[derive(Clone, Copy)]
pub(crate) enum ImportValue {
    Func(FunctionImport),
    Table(NonNull<TableObject>),
    Memory(NonNull<MemoryObject>),
    Global(NonNull<Value>),
    Tag(NonNull<TagRecord>),
}

/// Creates an instance in a store. The imports have the right types.
///
/// # Safety
/// `store` is alive and used by this thread, and everything that the imports point to is alive.
pub(crate) unsafe fn instantiate(
    store: *mut StoreContext,
    module: &Module,
    imports: &[ImportValue],
) -> Result<Instance> {
    // Code of a store only runs after it has an instance, so the signal handler is installed here.
    signal::install();
    // SAFETY: the caller guarantees it; the reference is not used once code runs.
    let owner = unsafe { &mut *store };
    let counts_fuel = module.artifact().header().metering;
    if counts_fuel != owner.metering {
        return Err(Error::Type(
            "the module and the store do not agree on fuel: make both with one engine".to_owned(),
        ));
    }
    let data = create(owner, module, imports)?;
    let data = NonNull::from(Box::leak(data));
    // From here on the instance lives as long as the store: even if it fails, others may refer to
    // it.
    owner.add_instance(data);
    // SAFETY: created above; the store keeps it alive.
    let instance = unsafe { &*data.as_ptr() };
    // SAFETY: the context belongs to this instance, created above.
    unsafe { instance.context.write(layout::INSTANCE, data.as_ptr()) };
    instance.initialise()?;
    let start = module.artifact().header().start;
    if start != NONE {
        // SAFETY: the start function has no parameters or results, and the instance is complete.
        unsafe { instance.run_start(store, start)? };
    }
    let store = instance.store;
    Ok(Instance::new(store, data))
}

/// Creates an instance with a complete context, except for constant expressions.
fn create(
    store: &mut StoreContext,
    module: &Module,
    imports: &[ImportValue],
) -> Result<Box<InstanceData>> {
    let counts = module.artifact().header().counts;
    let layout = module.layout();
    let limits = store.limits;
    let mut share = None;
    if counts.defines_memory_0 == 1 {
        let ty = module.memory_type(0);
        let bytes = ty.bytes_of(ty.minimum);
        check_limit(bytes, limits.memory_bytes)?;
        share = Some(Share::new(&store.budget, Resource::Memory, bytes)?);
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
        computed_elements: RefCell::default(),
        slot: None,
    });
    // SAFETY: the slot has room for a context of this layout and is not used by anything else. Each
    // field is written with its own type.
    unsafe {
        let size = layout.size() as usize;
        context.as_ptr().sub(size).write_bytes(0, size);
        context.write(layout::LIBCALLS, &raw const LIBCALLS);
        context.write(layout::STORE, &raw mut *store);
        context.write(layout::INSTANCE, &raw mut *data);
        context.write(layout::FUEL, &raw mut store.fuel);
        context.write(layout::STACK_LIMIT, store.stack_limit());
        context.write(layout::TYPES, module.type_displays());
        if module.needs_heap() {
            let engine = store.engine.clone();
            let heap = store.heap()?;
            for ty in module.types() {
                heap.know(ty);
            }
            for i in 0..counts.tags {
                let ty = module.tag_type(counts.imported_tags + i);
                let number = module.tag_type_id(counts.imported_tags + i);
                let record = TagRecord::new(heap, &ty, number, engine.types());
                context.write(layout.tag(i), record);
            }
            context.write(layout::HEAP, &raw mut *heap);
            context.write(layout::HEAP_BASE, heap.base());
        }
        for (i, id) in module.long_types().enumerate() {
            context.write(layout.long_type(i as u32), id);
        }
        write_imports(&mut data, imports);
        write_records(module, context);
    }
    if counts.defines_memory_0 == 1 {
        let ty = module.memory_type(0);
        let definition = Definition {
            base: context.as_ptr(),
            length: ty.bytes_of(ty.minimum),
        };
        let place = context.field::<Definition>(layout::MEMORY_0);
        // SAFETY: the address is that of a field of this context.
        unsafe { place.write(definition) };
        let place = NonNull::new(place).expect("a context is not at null");
        let (accessible, limit) = (slot.accessible(), limits.memory_bytes);
        let share = share.take().expect("taken for memory 0");
        let memory = MemoryObject::in_slot(ty, place, accessible, limit, share);
        data.own_memories.push(memory);
    }
    data.slot = Some(slot);
    for i in data.own_memories.len() as u32..counts.memories {
        let ty = module.memory_type(counts.imported_memories + i);
        let place = NonNull::new(context.field(layout.memory(i)));
        data.own_memories.push(MemoryObject::new(
            ty,
            place,
            limits.memory_bytes,
            &store.budget,
        )?);
    }
    let InstanceData {
        memories,
        own_memories,
        ..
    } = &mut *data;
    memories.extend(own_memories.iter_mut().map(NonNull::from));
    let tables: &[format::Table] = module.artifact().section(Section::Tables);
    let is_static =
        |i: u32| tables[(counts.imported_tables + i) as usize].flags & flags::STATIC != 0;
    for i in 0..counts.tables {
        let ty = module.table_type(counts.imported_tables + i);
        if is_static(i) {
            table::check_limit(ty.minimum, limits.table_elements)?;
            continue;
        }
        let place = NonNull::new(context.field(layout.table(i)));
        let table = TableObject::new(ty, place, limits.table_elements, &store.budget)?;
        data.own_tables.push(table);
    }
    // Taken once all tables exist: adding one would invalidate the pointers.
    let InstanceData {
        tables, own_tables, ..
    } = &mut *data;
    let mut own = own_tables.iter_mut().map(NonNull::from);
    tables.extend((0..counts.tables).map(|i| if is_static(i) { None } else { own.next() }));
    Ok(data)
}

/// Writes the imports into the context, and records those that the runtime needs.
///
/// # Safety
/// The context belongs to the instance, and the imports are alive and have the right types.
unsafe fn write_imports(data: &mut InstanceData, imports: &[ImportValue]) {
    let (context, layout) = (data.context, *data.module.layout());
    let host_thunks: &[u32] = data.module.artifact().section(Section::HostThunks);
    let (mut functions, mut globals, mut tags) = (0, 0, 0);
    for import in imports {
        // SAFETY: the caller guarantees it.
        unsafe {
            match *import {
                ImportValue::Func(mut import) => {
                    let place = layout.imported_function(functions);
                    if import.host.is_some() {
                        // Code calls a host function through its own module's thunk, which takes
                        // the address of this import as its context.
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
                ImportValue::Tag(tag) => {
                    context.write(layout.imported_tag(tags), tag);
                    tags += 1;
                }
            }
        }
    }
}

/// Writes the records of the functions with an address that code can take.
///
/// # Safety
/// The context belongs to an instance of `module`.
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

/// The destination of a segment, from the bits of its offset.
fn address(offset: u128, index: IndexType) -> u64 {
    match index {
        IndexType::I32 => u64::from(offset as u32),
        IndexType::I64 => offset as u64,
    }
}

impl InstanceData {
    /// Evaluates constant expressions and applies active segments.
    fn initialise(&self) -> Result<()> {
        let module = self.module.clone();
        let artifact = module.artifact();
        let counts = artifact.header().counts;
        let globals: &[format::Global] = artifact.section(Section::Globals);
        for i in 0..counts.globals {
            let global = globals[(counts.imported_globals + i) as usize];
            let value = self.evaluate(global.init)?;
            // SAFETY: the global is a field of this context.
            unsafe {
                self.context
                    .write(module.layout().global(i), Value { v128: value })
            };
        }
        let tables: &[format::Table] = artifact.section(Section::Tables);
        for (i, table) in tables.iter().enumerate() {
            if table.init.length != 0 && table.flags & flags::STATIC == 0 {
                let value = self.evaluate(table.init)? as usize;
                // SAFETY: the table belongs to this instance, and no one else has a reference to it
                // yet.
                unsafe { (*self.table(i as u32)).elements().fill(value) };
            }
        }
        self.compute_elements()?;
        let elements: &[format::Element] = artifact.section(Section::Elements);
        for (i, element) in elements.iter().enumerate() {
            let i = i as u32;
            if element.mode == mode::ACTIVE {
                let index = module.table_type(element.table).index;
                let to = address(self.evaluate(element.offset)?, index);
                let length = element.items.length;
                self.init_table(element.table, i, to, 0, length)
                    .ok_or_else(|| Error::from(Trap::new(TrapKind::TableOutOfBounds)))?;
            }
            if element.mode != mode::PASSIVE {
                // SAFETY: the flag is a field of this context.
                unsafe { self.context.write(module.layout().element_segment(i), 1u32) };
            }
        }
        let data: &[format::Data] = artifact.section(Section::Data);
        for (i, segment) in data.iter().enumerate() {
            let i = i as u32;
            if segment.mode == mode::ACTIVE {
                let index = module.memory_type(segment.memory).index;
                let to = address(self.evaluate(segment.offset)?, index);
                self.init_memory(segment.memory, i, to, 0, segment.bytes.length)
                    .ok_or_else(|| Error::from(Trap::new(TrapKind::MemoryOutOfBounds)))?;
            }
            if segment.mode != mode::PASSIVE {
                // SAFETY: the flag is a field of this context.
                unsafe { self.context.write(module.layout().data_segment(i), 1u32) };
            }
        }
        Ok(())
    }

    /// Runs the start function.
    ///
    /// # Safety
    /// `store` is the store of this instance, which is complete.
    unsafe fn run_start(&self, store: *mut StoreContext, start: u32) -> Result<()> {
        // SAFETY: every start function has a record.
        let record = unsafe { *self.function(start).as_ptr() };
        let entry = self
            .module
            .entry(record.ty)
            .expect("there is a thunk for every record");
        let mut value = Value::ZERO;
        // SAFETY: the caller guarantees it; the function has no parameters or results.
        unsafe { StoreContext::call(store, entry, record.code, record.context, &mut value) }
    }
}
