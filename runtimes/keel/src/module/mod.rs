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
    /// All types of the module, where the engine's registry has to know them.
    types: Option<TypeSet>,
    /// For each type that the host calls functions of: its number, and the thunk.
    entries: Vec<(u64, u32)>,
    /// What instances that are gone have left behind.
    slots: Mutex<Vec<Slot>>,
}

impl Module {
    /// Compiles a module from its bytes, or from its text where the feature `wat` is on.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the offset for a malformed or invalid module, [`Error::Unsupported`]
    /// for a valid one that uses what keel does not have.
    #[cfg(feature = "compiler")]
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Module> {
        #[cfg(feature = "wat")]
        let wasm = &*wat::parse_bytes(wasm).map_err(|error| Error::Text(error.to_string()))?;
        Module::from_binary(engine, wasm)
    }

    /// Compiles a module from its bytes, which are not taken for text.
    ///
    /// # Errors
    /// As [`Module::new`].
    #[cfg(feature = "compiler")]
    pub fn from_binary(engine: &Engine, wasm: &[u8]) -> Result<Module> {
        Module::new_interruptible(engine, wasm, &CompileInterrupt::new())
    }

    /// As [`Module::from_binary`], until another thread says to stop.
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
        // Code that cannot run here, of another machine's CPU for example, is as good as none.
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

    /// A module from the bytes of an artefact.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the bytes are damaged, or were made by or for something else. Damage in
    /// code is found when the code is first needed; see [`Module::verify`].
    ///
    /// # Safety
    /// The bytes are those of an artefact that a keel made which the caller trusts, since its code is run
    /// as it is: the checksums guard against accidents, not against somebody who wants to do harm.
    pub unsafe fn deserialize(engine: &Engine, artifact: &[u8]) -> Result<Module> {
        Module::from_artifact(engine, Artifact::from_bytes(artifact, engine.metering())?)
    }

    /// A module from an artefact's file. It is copied, a large one piece by piece when a piece is needed,
    /// and what was copied is checked: a file that changes meanwhile is found damaged.
    ///
    /// # Errors
    /// As [`Module::deserialize`], and [`Error::System`] if the file cannot be mapped.
    ///
    /// # Safety
    /// As [`Module::deserialize`], for the file's contents now and until the module is gone.
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

    /// Checks all of the artefact that has not been checked yet. Opening one checks only what a start
    /// needs; code is checked when it is first run, and what is damaged ends the call with
    /// [`TrapKind::DamagedCode`](crate::TrapKind::DamagedCode).
    ///
    /// # Errors
    /// [`Error::Artifact`] if a checksum does not hold.
    pub fn verify(&self) -> Result<()> {
        Ok(self.artifact().ensure_all()?)
    }

    /// The bytes of the module's artefact.
    ///
    /// # Errors
    /// [`Error::Artifact`] if the artefact that the module was loaded from is damaged.
    pub fn serialize(&self) -> Result<&[u8]> {
        self.inner.artifact.all_bytes()
    }

    /// The engine that compiled it.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// What the module needs: module name, name and type of each import, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = (&str, &str, ExternType)> {
        self.import_records().iter().map(|import| {
            let ty = self.extern_type(import.kind, import.index);
            (self.string(import.module), self.string(import.name), ty)
        })
    }

    /// What the module gives: name and type of each export, in order of name.
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

    /// The numbers of the types that have one by registry only, in the order of the section.
    pub(crate) fn long_types(&self) -> impl Iterator<Item = u64> {
        let long: &[u32] = self.artifact().section(Section::LongTypes);
        long.iter().map(|ty| self.inner.type_id(*ty))
    }

    /// All types of the module, where the engine's registry has to know them.
    pub(crate) fn types(&self) -> &[Arc<TypeInfo>] {
        let types = self.inner.types.as_ref();
        types.map_or(&[], |types| &types.types)
    }

    /// Whether its instances need a heap.
    pub(crate) fn needs_heap(&self) -> bool {
        self.artifact().header().needs & needs::HEAP != 0
    }

    /// Whether values of a type, given as [`ValType::to_raw`] says, can refer to objects.
    pub(crate) fn is_traced(&self, raw: u32) -> bool {
        let types: &[format::Type] = self.artifact().section(Section::Types);
        let is_function = |id: TypeId| types[id.index as usize].kind == 0;
        types::val_type(raw).is_traced(is_function)
    }

    /// The table of types that compiled code reads; null for a module of types that need none.
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

    /// The export of a name.
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

    /// A function's type, by the function's index.
    pub(crate) fn function_type(&self, function: u32) -> FuncType {
        let types: &[u32] = self.artifact().section(Section::Functions);
        self.inner.func_type(types[function as usize])
    }

    /// The number of a function's type, by the function's index.
    pub(crate) fn function_type_id(&self, function: u32) -> u64 {
        let types: &[u32] = self.artifact().section(Section::Functions);
        self.inner.type_id(types[function as usize])
    }

    /// The type of a tag, by its index.
    pub(crate) fn tag_type(&self, tag: u32) -> FuncType {
        let types: &[u32] = self.artifact().section(Section::Tags);
        self.inner.func_type(types[tag as usize])
    }

    /// The number of a tag's type, by the tag's index.
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

    /// The address of code by its offset.
    pub(crate) fn code(&self, offset: u32) -> *const u8 {
        self.artifact().code().0.wrapping_add(offset as usize)
    }

    /// The place of a function in the list of functions that have a record.
    pub(crate) fn record_of(&self, function: u32) -> Option<u32> {
        let records: &[format::Record] = self.artifact().section(Section::Records);
        records
            .binary_search_by_key(&function, |record| record.function)
            .ok()
            .map(|i| i as u32)
    }

    /// A slot that no instance uses.
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
            // There may be no address space: what nobody uses is given back.
            Err(Error::System { .. }) => {
                self.engine().evict_slots();
                Slot::new(self.artifact(), shape, None)
            }
            made => made,
        }
    }

    /// Takes a slot back whose instance is gone, with this much of its memory accessible.
    pub(crate) fn return_slot(&self, mut slot: Slot, accessible: u64) {
        // The instance's own handle is the last one: no other instance of the module will come.
        if Arc::strong_count(&self.inner) == 1 {
            self.inner.give_up(slot, accessible);
            return;
        }
        // A slot that cannot be reset is given up, and so is one too many.
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

/// A module, for as long as others keep it.
pub(crate) struct WeakModule(Weak<Inner>);

impl WeakModule {
    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() != 0
    }

    /// Takes a slot that the module keeps, which is to be dropped.
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

    /// Takes one of the slots that are kept.
    fn evict(&self) -> Option<Slot> {
        let slot = self.slots().pop()?;
        self.engine.release_slots(1);
        Some(slot)
    }

    /// Leaves a slot to the engine, emptied; one that the engine has no room for, or that cannot be
    /// emptied, goes back to the kernel.
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
