//! Resolves the imports of modules and instantiates them.

mod names;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::artifact::format::ExternKind;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::externs::Extern;
use crate::host::{Caller, HostFor, HostFunc, IntoFunc};
use crate::instance::Instance;
use crate::instantiate::{ImportValue, instantiate};
use crate::module::Module;
use crate::store::AsContextMut;
use crate::types::registry::Registry;
use crate::types::{ExternType, FuncType, Mutability};
use crate::value::Val;
use crate::vm::context::FunctionImport;
use crate::vm::store::StoreContext;

/// Defines the imports of modules, and instantiates modules.
///
/// Host functions belong to no store, so one linker can serve many stores. Definitions that belong
/// to a store are only usable for instances in that store. See [`Caller`] for an example.
pub struct Linker<T: 'static> {
    engine: Engine,
    definitions: HashMap<String, HashMap<String, Definition>>,
    catalogues: Vec<Catalogue<T>>,
    shadowing: Shadowing,
    data: PhantomData<fn(T)>,
}

/// Host functions of one module name, created when a module imports them, because most modules
/// import only a few.
pub(crate) struct Catalogue<T: 'static> {
    pub(crate) module: &'static str,
    pub(crate) names: &'static [&'static str],
    pub(crate) make: Arc<Make<T>>,
}

/// Creates the function with a name; `None` if the catalogue does not have it.
type Make<T> = dyn Fn(&str) -> Option<HostFor<T>> + Send + Sync;

impl<T> Clone for Catalogue<T> {
    fn clone(&self) -> Catalogue<T> {
        Catalogue {
            module: self.module,
            names: self.names,
            make: self.make.clone(),
        }
    }
}

/// Whether a name can be defined again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shadowing {
    /// A second definition is an error.
    #[default]
    Refused,
    /// The last definition replaces earlier ones.
    Allowed,
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            definitions: self.definitions.clone(),
            catalogues: self.catalogues.clone(),
            shadowing: self.shadowing,
            data: PhantomData,
        }
    }
}

#[derive(Clone)]
enum Definition {
    Host(Arc<HostFunc>),
    Extern(Extern),
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            definitions: HashMap::new(),
            catalogues: Vec::new(),
            shadowing: Shadowing::Refused,
            data: PhantomData,
        }
    }

    /// The engine of all modules that this linker can instantiate.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Sets whether names can be defined again. By default they cannot.
    pub fn set_shadowing(&mut self, shadowing: Shadowing) -> &mut Linker<T> {
        self.shadowing = shadowing;
        self
    }

    /// Defines a host function with a closure that takes a [`Caller`] and then numbers.
    ///
    /// # Errors
    /// [`Error::DuplicateDefinition`] if the name is already defined.
    pub fn func_wrap<P, R>(
        &mut self,
        module: &str,
        name: &str,
        function: impl IntoFunc<T, P, R>,
    ) -> Result<&mut Linker<T>> {
        let host = Arc::new(function.into_host().0);
        self.insert(module, name, Definition::Host(host))
    }

    /// Defines a host function with a type that is only known at run time. It takes the arguments
    /// and fills in the results.
    ///
    /// # Errors
    /// [`Error::DuplicateDefinition`] if the name is already defined.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        function: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Linker<T>> {
        let host = Arc::new(HostFunc::untyped(ty, function));
        self.insert(module, name, Definition::Host(host))
    }

    /// Defines a name as an object of a store.
    ///
    /// # Errors
    /// [`Error::DuplicateDefinition`] if the name is already defined.
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker<T>> {
        self.insert(module, name, Definition::Extern(item.into()))
    }

    /// Defines all exports of an instance under one module name.
    ///
    /// # Errors
    /// [`Error::DuplicateDefinition`] if one of the names is already defined.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker<T>> {
        for (name, item) in instance.exports(&mut store)? {
            self.insert(module, &name, Definition::Extern(item))?;
        }
        Ok(self)
    }

    fn insert(&mut self, module: &str, name: &str, item: Definition) -> Result<&mut Linker<T>> {
        self.require_free(module, name)?;
        let names = self.definitions.entry(module.to_owned()).or_default();
        names.insert(name.to_owned(), item);
        Ok(self)
    }

    /// Defines all names of a catalogue.
    pub(crate) fn catalogue(&mut self, catalogue: Catalogue<T>) -> Result<&mut Linker<T>> {
        for name in catalogue.names {
            self.require_free(catalogue.module, name)?;
        }
        if let Some(names) = self.definitions.get_mut(catalogue.module) {
            names.retain(|name, _| !catalogue.names.contains(&name.as_str()));
        }
        self.catalogues.push(catalogue);
        Ok(self)
    }

    /// Rejects a name that is already defined, unless shadowing is allowed.
    fn require_free(&self, module: &str, name: &str) -> Result<()> {
        let names = self.definitions.get(module);
        let taken = || {
            names.is_some_and(|names| names.contains_key(name))
                || self
                    .catalogues
                    .iter()
                    .any(|catalogue| catalogue.module == module && catalogue.names.contains(&name))
        };
        if self.shadowing == Shadowing::Refused && taken() {
            return Err(Error::DuplicateDefinition {
                module: module.to_owned(),
                name: name.to_owned(),
            });
        }
        Ok(())
    }

    /// The last definition of a name.
    fn find(&self, module: &str, name: &str) -> Option<Definition> {
        let names = self.definitions.get(module);
        if let Some(item) = names.and_then(|names| names.get(name)) {
            return Some(item.clone());
        }
        let catalogues = self.catalogues.iter().rev();
        catalogues
            .filter(|catalogue| catalogue.module == module)
            .find_map(|catalogue| (catalogue.make)(name))
            .map(|host| Definition::Host(Arc::new(host.0)))
    }

    /// Creates an instance in a store and runs its start function.
    ///
    /// # Errors
    /// [`Error::UnknownImport`] and [`Error::IncompatibleImport`] for imports that cannot be
    /// satisfied, [`Error::Trap`] if a segment does not fit or the start function traps.
    pub fn instantiate(
        &self,
        store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        self.instantiate_pre(module)?.instantiate(store)
    }

    /// Resolves a module's imports once, for many instances.
    ///
    /// # Errors
    /// As [`Linker::instantiate`], except traps.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        require_same(&self.engine, module.engine(), "a linker")?;
        let mut items = Vec::with_capacity(module.import_records().len());
        for record in module.import_records() {
            let (from, name) = (module.string(record.module), module.string(record.name));
            let Some(item) = self.find(from, name) else {
                return Err(Error::UnknownImport {
                    module: from.to_owned(),
                    name: name.to_owned(),
                    expected: module.extern_type(record.kind, record.index).to_string(),
                });
            };
            if let Definition::Host(host) = &item
                && !(record.kind == ExternKind::Func as u32
                    && self.engine.types().is_subtype(
                        host.number(&self.engine)?,
                        module.function_type_id(record.index),
                    ))
            {
                let expected = module.extern_type(record.kind, record.index);
                let found = ExternType::Func(host.func_type());
                return Err(incompatible(from, name, &expected, &found));
            }
            items.push(item);
        }
        let host_only = items.iter().all(|item| matches!(item, Definition::Host(_)));
        let host = |item: &Definition| match item {
            Definition::Host(host) => Some(ImportValue::Func(host.import())),
            Definition::Extern(_) => None,
        };
        let ready = if host_only {
            items.iter().filter_map(host).collect()
        } else {
            Vec::new()
        };
        let items = Arc::new(Items {
            items,
            ready,
            host_only,
        });
        Ok(InstancePre {
            module: module.clone(),
            items,
            data: PhantomData,
        })
    }
}

/// A module with resolved imports.
pub struct InstancePre<T: 'static> {
    module: Module,
    items: Arc<Items>,
    data: PhantomData<fn(T)>,
}

struct Items {
    items: Vec<Definition>,
    /// The resolved imports if all are host functions, which are the same for every store.
    ready: Vec<ImportValue>,
    host_only: bool,
}

// SAFETY: `ready` only points to host functions, which are `Send` and `Sync`, and `items` keeps
// them alive.
unsafe impl Send for Items {}
// SAFETY: as above.
unsafe impl Sync for Items {}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> InstancePre<T> {
        InstancePre {
            module: self.module.clone(),
            items: self.items.clone(),
            data: PhantomData,
        }
    }
}

impl<T: 'static> InstancePre<T> {
    /// The module that this instantiates.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Creates an instance in a store and runs its start function.
    ///
    /// # Errors
    /// [`Error::IncompatibleImport`] if a memory, table or global has the wrong type,
    /// [`Error::Type`] if a definition belongs to another store, [`Error::Trap`] if a segment does
    /// not fit or the start function traps.
    pub fn instantiate(&self, store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let context = store.as_store().context();
        // SAFETY: the store is borrowed. It keeps `items`, and so everything that the imports point
        // to, alive.
        unsafe {
            require_same(&(*context).engine, self.module.engine(), "a store")?;
            (*context).kept.push(self.items.clone());
            if self.items.host_only {
                return instantiate(context, &self.module, &self.items.ready);
            }
            let imports = self.resolve(context, store)?;
            instantiate(context, &self.module, &imports)
        }
    }

    /// # Safety
    /// `context` is the context of `store`.
    unsafe fn resolve(
        &self,
        context: *mut StoreContext,
        mut store: impl AsContextMut<Data = T>,
    ) -> Result<Vec<ImportValue>> {
        let mut imports = Vec::with_capacity(self.items.items.len());
        for (record, item) in self.module.import_records().iter().zip(&self.items.items) {
            imports.push(match item {
                Definition::Host(host) => ImportValue::Func(host.import()),
                Definition::Extern(item) => {
                    // SAFETY: the caller guarantees it.
                    unsafe { (*context).check_owner(item.store())? };
                    let expected = self.module.extern_type(record.kind, record.index);
                    let found = item.ty(&mut store)?;
                    let (from, name) = (
                        self.module.string(record.module),
                        self.module.string(record.name),
                    );
                    let types = self.module.engine().types();
                    let fits = match (item, &expected) {
                        // A function's exact type may be a subtype with the same parameters and
                        // results.
                        (Extern::Func(func), ExternType::Func(_)) => types.is_subtype(
                            func.record().ty,
                            self.module.function_type_id(record.index),
                        ),
                        (Extern::Tag(tag), ExternType::Tag(_)) => {
                            tag.number() == self.module.tag_type_id(record.index)
                        }
                        _ => matches_type(types, &expected, &found),
                    };
                    if !fits {
                        return Err(incompatible(from, name, &expected, &found));
                    }
                    match item {
                        Extern::Func(func) => {
                            let record = func.record();
                            ImportValue::Func(FunctionImport {
                                code: record.code,
                                context: record.context.as_ptr(),
                                host: None,
                                environment: std::ptr::null(),
                            })
                        }
                        Extern::Table(table) => ImportValue::Table(table.object()),
                        Extern::Memory(memory) => ImportValue::Memory(memory.object()),
                        Extern::Global(global) => ImportValue::Global(global.value()),
                        Extern::Tag(tag) => ImportValue::Tag(tag.record()),
                    }
                }
            });
        }
        Ok(imports)
    }
}

/// Checks that both belong to one engine: engines number types differently.
fn require_same(engine: &Engine, of_module: &Engine, what: &str) -> Result<()> {
    if engine.is_same(of_module) {
        return Ok(());
    }
    Err(Error::Type(format!(
        "{what} and a module of different engines were used together; make both with one engine"
    )))
}

/// Whether a table, memory or global has the type that a module expects.
fn matches_type(types: &Registry, expected: &ExternType, found: &ExternType) -> bool {
    let limits = |expected: (u64, Option<u64>), found: (u64, Option<u64>)| {
        let below = match (expected.1, found.1) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(expected), Some(found)) => found <= expected,
        };
        found.0 >= expected.0 && below
    };
    match (expected, found) {
        (ExternType::Global(expected), ExternType::Global(found)) => {
            expected == found
                || (expected.mutability == Mutability::Const
                    && found.mutability == Mutability::Const
                    && types.matches(found.content, expected.content))
        }
        (ExternType::Memory(expected), ExternType::Memory(found)) => {
            expected.index == found.index
                && expected.sharing == found.sharing
                && expected.page_size_log2 == found.page_size_log2
                && limits(
                    (expected.minimum, expected.maximum),
                    (found.minimum, found.maximum),
                )
        }
        (ExternType::Table(expected), ExternType::Table(found)) => {
            expected.element == found.element
                && expected.index == found.index
                && limits(
                    (expected.minimum, expected.maximum),
                    (found.minimum, found.maximum),
                )
        }
        _ => false,
    }
}

fn incompatible(module: &str, name: &str, expected: &ExternType, found: &ExternType) -> Error {
    Error::IncompatibleImport {
        module: module.to_owned(),
        name: name.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}
