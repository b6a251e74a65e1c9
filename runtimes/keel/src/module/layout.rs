//! The layout of an instance's context.
//!
//! The context pointer in compiled code points *behind* the context, to the first byte of memory 0
//! if the module defines one. A load from memory is `[context + index + offset]`, without a
//! look-up. The fields are at negative offsets, with the most used ones closest. The layout depends
//! only on the counts, so that compiler, artefact and runtime agree.

/// The lowest address that the native stack may use.
pub(crate) const STACK_LIMIT: i32 = -8;
/// The [`Definition`](crate::vm::context::Definition) of memory 0, if the module defines it: base
/// pointer and length in bytes.
pub(crate) const MEMORY_0: i32 = -24;
/// A pointer to the table of runtime functions.
pub(crate) const LIBCALLS: i32 = -32;
/// A pointer to the store.
pub(crate) const STORE: i32 = -40;
/// A pointer to the instance's data.
pub(crate) const INSTANCE: i32 = -48;
/// The address of the fuel counter in the store. The counter is signed, and negative when fuel has
/// run out.
pub(crate) const FUEL: i32 = -56;
/// A pointer to the engine's table of types. See [`registry`](crate::types::registry).
pub(crate) const TYPES: i32 = -64;
/// A pointer to the store's heap, if the module has object types.
pub(crate) const HEAP: i32 = -72;
/// The base address of object references, which are offsets.
pub(crate) const HEAP_BASE: i32 = -80;
/// The size of the fields above, bytes.
pub(crate) const HEADER_SIZE: u32 = 80;

/// The size of a global, bytes.
pub(crate) const GLOBAL_SIZE: u32 = 16;
/// The size of a memory's or table's definition: base pointer and length.
pub(crate) const DEFINITION_SIZE: u32 = 16;
/// The size of an imported memory's entry: base pointer and pointer to its definition.
pub(crate) const IMPORTED_MEMORY_SIZE: u32 = 16;
/// The size of an imported function's entry: code, context, host function, host environment.
pub(crate) const IMPORTED_FUNCTION_SIZE: u32 = 32;
/// The size of a function's record: code, context, type.
pub(crate) const FUNCTION_RECORD_SIZE: u32 = 24;

/// The size of a tag's record: see [`TagRecord`](crate::vm::exception::TagRecord).
pub(crate) const TAG_SIZE: u32 = 16;

/// The number of each kind of field in a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Counts {
    pub(crate) imported_functions: u32,
    pub(crate) imported_tables: u32,
    pub(crate) imported_memories: u32,
    pub(crate) imported_globals: u32,
    pub(crate) tables: u32,
    pub(crate) memories: u32,
    pub(crate) globals: u32,
    pub(crate) function_records: u32,
    /// Types that are too long to be compared as a constant.
    pub(crate) long_types: u32,
    pub(crate) element_segments: u32,
    pub(crate) data_segments: u32,
    pub(crate) imported_tags: u32,
    pub(crate) tags: u32,
    /// 1 if the module defines memory 0 and it is right behind the context, otherwise 0.
    pub(crate) defines_memory_0: u32,
}

/// The offsets of a context's fields. All are negative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextLayout {
    counts: Counts,
    globals: i32,
    imported_globals: i32,
    memories: i32,
    imported_memories: i32,
    tables: i32,
    imported_tables: i32,
    imported_functions: i32,
    long_types: i32,
    function_records: i32,
    segments: i32,
    tags: i32,
    imported_tags: i32,
    size: u32,
}

impl ContextLayout {
    /// The layout for these counts; `None` if the context would be unreasonably large.
    pub(crate) fn new(counts: Counts) -> Option<ContextLayout> {
        let mut used = u64::from(HEADER_SIZE);
        let mut place = |count: u32, size: u32| {
            used = (used + u64::from(count) * u64::from(size)).next_multiple_of(16);
            i32::try_from(used).ok().map(|used| -used)
        };
        let globals = place(counts.globals, GLOBAL_SIZE)?;
        let imported_functions = place(counts.imported_functions, IMPORTED_FUNCTION_SIZE)?;
        let imported_globals = place(counts.imported_globals, 8)?;
        let memories = place(counts.memories, DEFINITION_SIZE)?;
        let imported_memories = place(counts.imported_memories, IMPORTED_MEMORY_SIZE)?;
        let tables = place(counts.tables, DEFINITION_SIZE)?;
        let imported_tables = place(counts.imported_tables, 8)?;
        let long_types = place(counts.long_types, 8)?;
        let function_records = place(counts.function_records, FUNCTION_RECORD_SIZE)?;
        let segments = place(
            counts.element_segments.checked_add(counts.data_segments)?,
            4,
        )?;
        let tags = place(counts.tags, TAG_SIZE)?;
        let imported_tags = place(counts.imported_tags, 8)?;
        Some(ContextLayout {
            counts,
            globals,
            imported_globals,
            memories,
            imported_memories,
            tables,
            imported_tables,
            imported_functions,
            long_types,
            function_records,
            segments,
            tags,
            imported_tags,
            size: used as u32,
        })
    }

    /// The size of the whole context, bytes.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// The storage of a defined global, by its index among the defined ones.
    pub(crate) fn global(&self, defined: u32) -> i32 {
        debug_assert!(defined < self.counts.globals);
        self.globals + (defined * GLOBAL_SIZE) as i32
    }

    /// The pointer to an imported global's storage.
    pub(crate) fn imported_global(&self, global: u32) -> i32 {
        debug_assert!(global < self.counts.imported_globals);
        self.imported_globals + (global * 8) as i32
    }

    /// The definition of a defined memory, by its index among the defined ones.
    pub(crate) fn memory(&self, defined: u32) -> i32 {
        debug_assert!(defined < self.counts.memories);
        if defined == 0 && self.counts.defines_memory_0 == 1 {
            MEMORY_0
        } else {
            self.memories + (defined * DEFINITION_SIZE) as i32
        }
    }

    /// The entry of an imported memory: base pointer, pointer to its definition.
    pub(crate) fn imported_memory(&self, memory: u32) -> i32 {
        debug_assert!(memory < self.counts.imported_memories);
        self.imported_memories + (memory * IMPORTED_MEMORY_SIZE) as i32
    }

    /// The definition of a defined table, by its index among the defined ones.
    pub(crate) fn table(&self, defined: u32) -> i32 {
        debug_assert!(defined < self.counts.tables);
        self.tables + (defined * DEFINITION_SIZE) as i32
    }

    /// The pointer to an imported table's definition.
    pub(crate) fn imported_table(&self, table: u32) -> i32 {
        debug_assert!(table < self.counts.imported_tables);
        self.imported_tables + (table * 8) as i32
    }

    /// The entry of an imported function.
    pub(crate) fn imported_function(&self, function: u32) -> i32 {
        debug_assert!(function < self.counts.imported_functions);
        self.imported_functions + (function * IMPORTED_FUNCTION_SIZE) as i32
    }

    /// The number of a type that is too long to be a constant.
    pub(crate) fn long_type(&self, index: u32) -> i32 {
        debug_assert!(index < self.counts.long_types);
        self.long_types + (index * 8) as i32
    }

    /// The record of a function, by its index among those with a record.
    pub(crate) fn function_record(&self, record: u32) -> i32 {
        debug_assert!(record < self.counts.function_records);
        self.function_records + (record * FUNCTION_RECORD_SIZE) as i32
    }

    /// The record of a defined tag, by its index among the defined ones.
    pub(crate) fn tag(&self, defined: u32) -> i32 {
        debug_assert!(defined < self.counts.tags);
        self.tags + (defined * TAG_SIZE) as i32
    }

    /// The pointer to an imported tag's record.
    pub(crate) fn imported_tag(&self, tag: u32) -> i32 {
        debug_assert!(tag < self.counts.imported_tags);
        self.imported_tags + (tag * 8) as i32
    }

    /// Whether an element segment has been dropped, as a 32-bit flag.
    pub(crate) fn element_segment(&self, segment: u32) -> i32 {
        debug_assert!(segment < self.counts.element_segments);
        self.segments + (segment * 4) as i32
    }

    /// Whether a data segment has been dropped, as a 32-bit flag.
    pub(crate) fn data_segment(&self, segment: u32) -> i32 {
        debug_assert!(segment < self.counts.data_segments);
        self.segments + ((self.counts.element_segments + segment) * 4) as i32
    }
}
