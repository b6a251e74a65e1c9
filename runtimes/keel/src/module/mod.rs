//! Modules: decoded, validated, compiled, ready to be instantiated.

mod code;
#[cfg(feature = "compiler")]
use crate::compile::CompileInterrupt;
#[cfg(feature = "compiler")]
pub(crate) mod convert;
pub(crate) mod features;
#[cfg(feature = "compiler")]
pub(crate) mod info;
pub(crate) mod layout;
mod look;
#[cfg(feature = "compiler")]
pub(crate) mod parse;
mod types;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::artifact::format::{self, ExternKind, Section, Span, flags, needs};
use crate::artifact::{Artifact, ArtifactError};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::types::def::TypeDef;
use crate::types::registry::{TypeInfo, TypeSet};
use crate::types::{
    ExternType, FuncType, GlobalType, IndexType, MemoryType, Mutability, Sharing, TableType, TypeId,
};
use crate::vm::slot::{Shape, Slot};
use layout::ContextLayout;

/// A compiled module. Cheap to clone; instances share its code.
///
/// ```
/// # fn main() -> keel::Result<()> {
/// let engine = keel::Engine::default();
/// let wasm = b"\0asm\x01\0\0\0";
/// let module = keel::Module::new(&engine, wasm)?;
/// assert_eq!(module.exports().count(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    artifact: Artifact,
    layout: ContextLayout,
    /// All types of the module, if they must be in the engine's registry.
    types: Option<TypeSet>,
    /// For each type of a function that the host calls: its number, and the offset of its thunk.
    entries: Vec<(u64, u32)>,
    /// Slots of dropped instances.
    slots: Mutex<Vec<Slot>>,
}

impl Module {
    /// Compiles a module in binary format, or in text format with the crate feature `wat`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with an offset for a malformed or invalid module, [`Error::Unsupported`]
    /// for a valid module that uses a feature keel lacks.
    #[cfg(feature = "compiler")]
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Module> {
        #[cfg(feature = "wat")]
        let wasm = &*wat::parse_bytes(wasm).map_err(|error| Error::Text(error.to_string()))?;
        Module::from_binary(engine, wasm)
    }

    /// Compiles a module in binary format.
    ///
    /// # Errors
    /// As [`Module::new`].
    #[cfg(feature = "compiler")]
    pub fn from_binary(engine: &Engine, wasm: &[u8]) -> Result<Module> {
        Module::new_interruptible(engine, wasm, &CompileInterrupt::new())
    }

    /// As [`Module::from_binary`], stopped when another thread interrupts it.
    ///
    /// ```
    /// use keel::{CompileInterrupt, Engine, Error, Module};
    ///
    /// let interrupt = CompileInterrupt::new();
    /// let stop = interrupt.clone();
    /// std::thread::spawn(move || stop.interrupt()).join().expect("it ends");
    /// let wasm = wat::parse_str("(module (func))").expect("the text is right");
    /// let module = Module::new_interruptible(&Engine::default(), &wasm, &interrupt);
    /// assert!(matches!(module, Err(Error::Interrupted)));
    /// ```
    ///
    /// # Errors
    /// As [`Module::new`], and [`Error::Interrupted`].
    #[cfg(feature = "compiler")]
    pub fn new_interruptible(
        engine: &Engine,
        wasm: &[u8],
        interrupt: &CompileInterrupt,
    ) -> Result<Module> {
        #[cfg(feature = "cache")]
        if let Some(cache) = &engine.config().cache {
            return Module::from_cache(engine, cache, wasm, interrupt);
        }
        let artifact = engine.compile_interruptible(wasm, interrupt)?;
        Module::from_artifact(engine, Artifact::from_bytes(&artifact, engine.metering())?)
    }

    #[cfg(feature = "cache")]
    fn from_cache(
        engine: &Engine,
        cache: &crate::cache::CodeCache,
        wasm: &[u8],
        interrupt: &CompileInterrupt,
    ) -> Result<Module> {
        let key = crate::cache::CodeCache::key(engine.config(), wasm);
        // Cached code that cannot run here, such as code for another CPU, is ignored.
        if let Some(found) = cache.find(key, engine.metering()) {
            return Module::from_artifact(engine, found);
        }
        let artifact = engine.compile_for(wasm, Some(key.text()), interrupt)?;
        cache.keep(key, &artifact);
        Module::from_artifact(engine, Artifact::from_bytes(&artifact, engine.metering())?)
    }

    /// Compiles the module in a file. See [`Module::new`].
    ///
    /// # Errors
    /// As [`Module::new`], and [`Error::System`] if the file cannot be read.
    #[cfg(feature = "compiler")]
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let wasm = std::fs::read(path).map_err(|source| Error::System {
            what: format!("reading {}", path.display()),
            source,
        })?;
        Module::new(engine, &wasm)
    }

    /// Loads a module from the bytes of an artefact.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the bytes are damaged, or were compiled by or for something else.
    /// Damaged code is detected on first use; see [`Module::verify`].
    ///
    /// # Safety
    /// The bytes are an artefact that a keel made and that the caller trusts, because its code runs
    /// without further checks. Checksums detect accidents, not attacks.
    pub unsafe fn deserialize(engine: &Engine, artifact: &[u8]) -> Result<Module> {
        Module::from_artifact(engine, Artifact::from_bytes(artifact, engine.metering())?)
    }

    /// Loads a module from an artefact file. The file is copied and the copy is verified, so later
    /// changes are detected as damage. A large file is copied in pieces, on first use.
    ///
    /// # Errors
    /// As [`Module::deserialize`], and [`Error::System`] if the file cannot be read.
    ///
    /// # Safety
    /// As [`Module::deserialize`], for the file's contents from now until the module is dropped.
    pub unsafe fn deserialize_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        Module::from_artifact(engine, Artifact::open(path.as_ref(), engine.metering())?)
    }

    fn from_artifact(engine: &Engine, artifact: Artifact) -> Result<Module> {
        let layout = ContextLayout::new(artifact.header().counts)
            .ok_or_else(|| ArtifactError::Damaged("its counts".to_owned()))?;
        let mut inner = Inner {
            engine: engine.clone(),
            artifact,
            layout,
            types: None,
            entries: Vec::new(),
            slots: Mutex::default(),
        };
        if inner.artifact.header().needs & needs::TYPES != 0 {
            let types: &[format::Type] = inner.artifact.section(Section::Types);
            let types: Vec<TypeDef> = types.iter().map(|ty| inner.type_def(ty)).collect();
            inner.types = Some(engine.types().register(&types)?);
        }
        let entries: &[format::Entry] = inner.artifact.section(Section::Entries);
        inner.entries = entries
            .iter()
            .map(|entry| (inner.type_id(entry.ty), entry.code))
            .collect();
        let inner = Arc::new(inner);
        engine.add_module(WeakModule(Arc::downgrade(&inner)));
        Ok(Module { inner })
    }

    /// Verifies all parts of the artefact. Loading verifies only what start-up needs; code is
    /// verified when it first runs, and damaged code ends the call with
    /// [`TrapKind::DamagedCode`](crate::TrapKind::DamagedCode).
    ///
    /// # Errors
    /// [`Error::Artifact`] if a checksum does not match.
    pub fn verify(&self) -> Result<()> {
        Ok(self.artifact().ensure_all()?)
    }

    /// The artefact of the module, for a file or [`Module::deserialize`].
    ///
    /// # Errors
    /// [`Error::Artifact`] if the module was loaded from a damaged artefact.
    pub fn serialize(&self) -> Result<&[u8]> {
        self.inner.artifact.all_bytes()
    }

    /// The engine that the module belongs to.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The module name, name and type of each import, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = (&str, &str, ExternType)> {
        self.import_records().iter().map(|import| {
            let ty = self.extern_type(import.kind, import.index);
            (self.string(import.module), self.string(import.name), ty)
        })
    }

    /// The name and type of each export, sorted by name.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ExternType)> {
        self.export_records().iter().map(|export| {
            (
                self.string(export.name),
                self.extern_type(export.kind, export.index),
            )
        })
    }

    pub(crate) fn artifact(&self) -> &Artifact {
        &self.inner.artifact
    }

    pub(crate) fn layout(&self) -> &ContextLayout {
        &self.inner.layout
    }

    /// The numbers of the types that the registry numbers, in the order of their section.
    pub(crate) fn long_types(&self) -> impl Iterator<Item = u64> {
        let long: &[u32] = self.artifact().section(Section::LongTypes);
        long.iter().map(|ty| self.inner.type_id(*ty))
    }

    /// All types of the module, if they are in the engine's registry.
    pub(crate) fn types(&self) -> &[Arc<TypeInfo>] {
        let types = self.inner.types.as_ref();
        types.map_or(&[], |types| &types.types)
    }

    /// Whether instances need an object heap.
    pub(crate) fn needs_heap(&self) -> bool {
        self.artifact().header().needs & needs::HEAP != 0
    }

    /// Whether values of a type, encoded as by [`ValType::to_raw`], can refer to objects.
    pub(crate) fn is_traced(&self, raw: u32) -> bool {
        let types: &[format::Type] = self.artifact().section(Section::Types);
        let is_function = |id: TypeId| types[id.index as usize].kind == 0;
        types::val_type(raw).is_traced(is_function)
    }

    /// The table of types for compiled code; null if no type of the module is registered.
    pub(crate) fn type_displays(&self) -> *const u8 {
        match &self.inner.types {
            Some(types) => types.displays(),
            None => std::ptr::null(),
        }
    }

    pub(crate) fn string(&self, span: Span) -> &str {
        self.artifact().string(Section::Strings, span)
    }

    pub(crate) fn import_records(&self) -> &[format::Import] {
        self.artifact().section(Section::Imports)
    }

    pub(crate) fn export_records(&self) -> &[format::Export] {
        self.artifact().section(Section::Exports)
    }

    /// The export with this name.
    pub(crate) fn export(&self, name: &str) -> Option<&format::Export> {
        let exports = self.export_records();
        let found = exports.binary_search_by(|export| self.string(export.name).cmp(name));
        found.ok().map(|i| &exports[i])
    }

    pub(crate) fn extern_type(&self, kind: u32, index: u32) -> ExternType {
        match ExternKind::from_raw(kind) {
            Some(ExternKind::Table) => ExternType::Table(self.table_type(index)),
            Some(ExternKind::Memory) => ExternType::Memory(self.memory_type(index)),
            Some(ExternKind::Global) => ExternType::Global(self.global_type(index)),
            Some(ExternKind::Tag) => ExternType::Tag(self.tag_type(index)),
            Some(ExternKind::Func) | None => ExternType::Func(self.function_type(index)),
        }
    }

    /// The type of a function, by function index.
    pub(crate) fn function_type(&self, function: u32) -> FuncType {
        let types: &[u32] = self.artifact().section(Section::Functions);
        self.inner.func_type(types[function as usize])
    }

    /// The number of a function's type, by function index.
    pub(crate) fn function_type_id(&self, function: u32) -> u64 {
        let types: &[u32] = self.artifact().section(Section::Functions);
        self.inner.type_id(types[function as usize])
    }

    /// The type of a tag, by tag index.
    pub(crate) fn tag_type(&self, tag: u32) -> FuncType {
        let types: &[u32] = self.artifact().section(Section::Tags);
        self.inner.func_type(types[tag as usize])
    }

    /// The number of a tag's type, by tag index.
    pub(crate) fn tag_type_id(&self, tag: u32) -> u64 {
        let types: &[u32] = self.artifact().section(Section::Tags);
        self.inner.type_id(types[tag as usize])
    }

    pub(crate) fn table_type(&self, table: u32) -> TableType {
        let tables: &[format::Table] = self.artifact().section(Section::Tables);
        let table = &tables[table as usize];
        TableType {
            element: self.inner.val_type(table.element),
            index: index_type(table.flags),
            minimum: table.minimum,
            maximum: (table.flags & flags::HAS_MAXIMUM != 0).then_some(table.maximum),
        }
    }

    pub(crate) fn memory_type(&self, memory: u32) -> MemoryType {
        let memories: &[format::Memory] = self.artifact().section(Section::Memories);
        let memory = &memories[memory as usize];
        MemoryType {
            minimum: memory.minimum,
            maximum: (memory.flags & flags::HAS_MAXIMUM != 0).then_some(memory.maximum),
            index: index_type(memory.flags),
            sharing: match memory.flags & flags::SHARED {
                0 => Sharing::Unshared,
                _ => Sharing::Shared,
            },
            page_size_log2: memory.page_size_log2 as u8,
        }
    }

    pub(crate) fn global_type(&self, global: u32) -> GlobalType {
        let globals: &[format::Global] = self.artifact().section(Section::Globals);
        let global = &globals[global as usize];
        let mutability = if global.mutable != 0 {
            Mutability::Var
        } else {
            Mutability::Const
        };
        GlobalType {
            content: self.inner.val_type(global.content),
            mutability,
        }
    }

    /// The thunk through which the host calls functions of the type with this number.
    pub(crate) fn entry(&self, ty: u64) -> Option<*const u8> {
        let (_, code) = self.inner.entries.iter().find(|(entry, _)| *entry == ty)?;
        Some(self.code(*code))
    }

    /// The address of code at an offset of the text.
    pub(crate) fn code(&self, offset: u32) -> *const u8 {
        self.artifact().code().0.wrapping_add(offset as usize)
    }

    /// The index of a function's record; `None` if it has none.
    pub(crate) fn record_of(&self, function: u32) -> Option<u32> {
        let records: &[format::Record] = self.artifact().section(Section::Records);
        records
            .binary_search_by_key(&function, |record| record.function)
            .ok()
            .map(|i| i as u32)
    }

    /// An unused slot: a kept one, or a new one.
    pub(crate) fn take_slot(&self) -> Result<Slot> {
        if let Some(mut slot) = self.inner.evict() {
            slot.begin();
            return Ok(slot);
        }
        let defines_memory_0 = self.artifact().header().counts.defines_memory_0 == 1;
        let initial = defines_memory_0.then(|| {
            let ty = self.memory_type(0);
            ty.bytes_of(ty.minimum)
        });
        let shape = Shape::new(self.layout().size(), initial);
        let blank = self.engine().take_blank_slot(shape);
        match Slot::new(self.artifact(), shape, blank) {
            // The address space may be exhausted: unused slots are freed first.
            Err(Error::System { .. }) => {
                self.engine().evict_slots();
                Slot::new(self.artifact(), shape, None)
            }
            made => made,
        }
    }

    /// Takes back the slot of a dropped instance. `accessible` bytes of its memory are accessible.
    pub(crate) fn return_slot(&self, mut slot: Slot, accessible: u64) {
        // The dropped instance has the last handle, so no further instance will need the slot.
        if Arc::strong_count(&self.inner) == 1 {
            self.inner.give_up(slot, accessible);
            return;
        }
        // A slot above the limit is dropped, and so is one that cannot be reset.
        if !self.engine().claim_slot() {
            return;
        }
        if slot.reset(self.artifact(), accessible).is_err() {
            self.engine().release_slots(1);
            return;
        }
        self.inner.slots().push(slot);
    }
}

/// A weak reference to a module.
pub(crate) struct WeakModule(Weak<Inner>);

impl WeakModule {
    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() != 0
    }

    /// Removes a kept slot, for the caller to drop.
    pub(crate) fn evict_one(&self) -> Option<Slot> {
        self.0.upgrade()?.evict()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let slots = self.slots.get_mut();
        let slots = std::mem::take(slots.unwrap_or_else(PoisonError::into_inner));
        self.engine.release_slots(slots.len());
        for slot in slots {
            let accessible = slot.accessible();
            self.give_up(slot, accessible);
        }
    }
}

impl Inner {
    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a kept slot.
    fn evict(&self) -> Option<Slot> {
        let slot = self.slots().pop()?;
        self.engine.release_slots(1);
        Some(slot)
    }

    /// Gives a blank form of a slot to the engine. The slot is unmapped if the engine has no room
    /// for it or it cannot be emptied.
    fn give_up(&self, slot: Slot, accessible: u64) {
        if self.engine.has_room_for_slots()
            && let Ok(Some(blank)) = slot.into_blank(&self.artifact, accessible)
        {
            self.engine.keep_blank_slot(blank);
        }
    }
}

fn index_type(flags: u32) -> IndexType {
    match flags & flags::INDEX_64 {
        0 => IndexType::I32,
        _ => IndexType::I64,
    }
}
