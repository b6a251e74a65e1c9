//! Runs the specification's test scripts on Wasmtime.

use plimsoll_adapter::record::Proposal;
use plimsoll_adapter::wast::{self, Enter, Fault, Null, Ref, Value, spectest};
use wasmtime::{
    AnyRef, Config, Engine, ExternRef, FuncType, Global, GlobalType, HeapType, Instance, Linker,
    Memory, MemoryType, MemoryTypeBuilder, Module, Mutability, RefType, SharedMemory, Store, Table,
    TableType, ThrownException, Trap, UnknownImportError, V128, Val, ValType,
};
use wasmtime_runner::{Compiler, Setup, configuration};

/// Proposals that Wasmtime's documentation lists for every compiler.
const CLAIMS: &[Proposal] = &[
    Proposal::MutableGlobal,
    Proposal::SaturatingFloatToInt,
    Proposal::SignExtension,
    Proposal::MultiValue,
    Proposal::ReferenceTypes,
    Proposal::BulkMemory,
    Proposal::Simd,
    Proposal::ExtendedConst,
    Proposal::MultiMemory,
    Proposal::Memory64,
    Proposal::Annotations,
    Proposal::Threads,
    Proposal::CustomPageSizes,
    Proposal::WideArithmetic,
];

/// Proposals that only the optimising compiler supports: `Engine::new` rejects them with the baseline compiler.
const CRANELIFT_ONLY: &[Proposal] = &[
    Proposal::RelaxedSimd,
    Proposal::TailCall,
    Proposal::FunctionReferences,
    Proposal::Exceptions,
    Proposal::Gc,
];

/// The proposals that a target with this compiler supports.
pub(crate) fn claims(compiler: Compiler) -> Vec<Proposal> {
    let more = match compiler {
        Compiler::Cranelift | Compiler::Pulley => CRANELIFT_ONLY,
        Compiler::Winch => &[],
    };
    let mut claims = [CLAIMS, more].concat();
    // Pulley's interpreter is safe Rust, which cannot use memory that other threads write to.
    claims.retain(|claim| (compiler, *claim) != (Compiler::Pulley, Proposal::Threads));
    claims
}

/// The state for one script.
pub(crate) struct Specification {
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
    /// Enabled proposals that add items to `spectest`.
    on: Vec<Proposal>,
}

impl Specification {
    pub(crate) fn new(
        compiler: Compiler,
        setup: Setup,
        features: &[Proposal],
    ) -> Result<Self, plimsoll_adapter::Error> {
        let failed = |error: wasmtime::Error| {
            plimsoll_adapter::Error::failed("making the engine", format!("{error:#}"))
        };
        let has = claims(compiler);
        let on = |proposal| features.contains(&proposal) && has.contains(&proposal);
        let mut config = configuration(compiler, setup);
        switch(&mut config, on);
        let engine = Engine::new(&config).map_err(failed)?;
        let on = [Proposal::Memory64, Proposal::Threads]
            .into_iter()
            .filter(|one| on(*one));
        Specification::with(engine, on.collect()).map_err(failed)
    }

    /// A store of this engine with `spectest`.
    fn with(engine: Engine, on: Vec<Proposal>) -> wasmtime::Result<Self> {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.allow_shadowing(true);
        define(&mut linker, &mut store, |proposal| on.contains(&proposal))?;
        Ok(Specification {
            engine,
            store,
            linker,
            on,
        })
    }

    /// An instance that imports these memories and exports them under their names.
    fn instance_of(&mut self, memories: &[(String, SharedMemory)]) -> wasmtime::Result<Instance> {
        let mut imports = Vec::new();
        let mut text = String::from("(module");
        for (index, (name, memory)) in memories.iter().enumerate() {
            let ty = memory.ty();
            let most = ty.maximum().unwrap_or(u64::from(u16::MAX) + 1);
            text += &format!(
                " (import \"\" \"{index}\" (memory {} {most} shared)) (export {name:?} (memory {index}))",
                ty.minimum()
            );
            imports.push(memory.clone().into());
        }
        let module = Module::new(&self.engine, text + ")")?;
        Instance::new(&mut self.store, &module, &imports)
    }
}

/// Turns proposals on or off according to `on`, as far as Wasmtime has switches.
fn switch(config: &mut Config, on: impl Fn(Proposal) -> bool) {
    config
        .wasm_relaxed_simd(on(Proposal::RelaxedSimd))
        .wasm_simd(on(Proposal::Simd))
        .wasm_reference_types(on(Proposal::ReferenceTypes))
        .wasm_bulk_memory(on(Proposal::BulkMemory))
        .wasm_multi_value(on(Proposal::MultiValue))
        .wasm_tail_call(on(Proposal::TailCall))
        .wasm_extended_const(on(Proposal::ExtendedConst))
        .wasm_multi_memory(on(Proposal::MultiMemory))
        .wasm_memory64(on(Proposal::Memory64))
        .wasm_function_references(on(Proposal::FunctionReferences))
        .wasm_exceptions(on(Proposal::Exceptions))
        .wasm_gc(on(Proposal::Gc))
        .wasm_threads(on(Proposal::Threads))
        .wasm_custom_page_sizes(on(Proposal::CustomPageSizes))
        .wasm_wide_arithmetic(on(Proposal::WideArithmetic));
    if on(Proposal::Threads) {
        config.shared_memory(true);
    }
}

fn define(
    linker: &mut Linker<()>,
    store: &mut Store<()>,
    on: impl Fn(Proposal) -> bool,
) -> wasmtime::Result<()> {
    use spectest::NAME;
    for (name, params) in spectest::FUNCTIONS {
        let params = params.iter().map(plain);
        let ty = FuncType::new(store.engine(), params, []);
        linker.func_new(NAME, name, ty, |_, _, _| Ok(()))?;
    }
    for (name, value) in spectest::GLOBALS {
        let ty = GlobalType::new(plain(value), Mutability::Const);
        let global = Global::new(&mut *store, ty, number(value))?;
        linker.define(&mut *store, NAME, name, global)?;
    }
    let (least, most) = spectest::TABLE;
    let ty = TableType::new(RefType::FUNCREF, least, Some(most));
    let table = Table::new(&mut *store, ty, wasmtime::Ref::Func(None))?;
    linker.define(&mut *store, NAME, "table", table)?;
    if on(Proposal::Memory64) {
        let (least, most) = (u64::from(least), u64::from(most));
        let ty = TableType::new64(RefType::FUNCREF, least, Some(most));
        let table = Table::new(&mut *store, ty, wasmtime::Ref::Func(None))?;
        linker.define(&mut *store, NAME, "table64", table)?;
    }
    let (least, most) = spectest::MEMORY;
    let memory = Memory::new(&mut *store, MemoryType::new(least, Some(most)))?;
    linker.define(&mut *store, NAME, "memory", memory)?;
    if on(Proposal::Threads) {
        let ty = MemoryTypeBuilder::new()
            .min(u64::from(least))
            .max(Some(u64::from(most)))
            .shared(true)
            .build()?;
        let memory = SharedMemory::new(store.engine(), ty)?;
        linker.define(&mut *store, NAME, "shared_memory", memory)?;
    }
    Ok(())
}

/// Type of a value other than a reference.
fn plain(value: &Value) -> ValType {
    match value {
        Value::I32(_) => ValType::I32,
        Value::I64(_) => ValType::I64,
        Value::F32(_) => ValType::F32,
        Value::F64(_) => ValType::F64,
        Value::V128(_) => ValType::V128,
        Value::Ref(_) => ValType::EXTERNREF,
    }
}

fn number(value: &Value) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(V128::from(bits)),
        Value::Ref(_) => Val::ExternRef(None),
    }
}

impl wast::Engine for Specification {
    type Module = Module;
    type Instance = Instance;

    fn compile(&mut self, wasm: &[u8]) -> Result<Module, String> {
        Module::from_binary(&self.engine, wasm).map_err(|error| format!("{error:#}"))
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Fault> {
        match self.linker.instantiate(&mut self.store, module) {
            Ok(instance) => Ok(instance),
            Err(error) if error.is::<Trap>() || error.is::<ThrownException>() => {
                Err(self.fault(error))
            }
            // For a valid module, all other instantiation errors are link errors.
            Err(error) => Err(Fault::Link(format!("{error:#}"))),
        }
    }

    fn register(&mut self, name: &str, instance: &Instance) -> Result<(), Fault> {
        let registered = self.linker.instance(&mut self.store, name, *instance);
        registered.map(drop).map_err(|error| other(&error))
    }

    fn invoke(
        &mut self,
        instance: &Instance,
        function: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Fault> {
        let Some(function) = instance.get_func(&mut self.store, function) else {
            return Err(Fault::Other(format!("there is no function {function}")));
        };
        let ty = function.ty(&self.store);
        let mut values = Vec::with_capacity(arguments.len());
        for (argument, param) in arguments.iter().zip(ty.params()) {
            values.push(self.argument(argument, &param)?);
        }
        let mut results = vec![Val::I32(0); ty.results().len()];
        if let Err(error) = function.call(&mut self.store, &values, &mut results) {
            return Err(self.fault(error));
        }
        results.iter().map(|result| self.value(result)).collect()
    }

    fn global(&mut self, instance: &Instance, name: &str) -> Result<Value, Fault> {
        let Some(global) = instance.get_global(&mut self.store, name) else {
            return Err(Fault::Other(format!("there is no global {name}")));
        };
        let found = global.get(&mut self.store);
        self.value(&found)
    }

    fn thread(&mut self, shared: Option<&Instance>) -> Result<Enter<Self>, Fault> {
        // Stores cannot be shared between threads, but shared memories can; an instance re-exports them.
        let mut memories = Vec::new();
        if let Some(instance) = shared {
            let exports = instance.exports(&mut self.store);
            let shared = exports.filter_map(|export| {
                let name = export.name().to_owned();
                Some((name, export.into_extern().into_shared_memory()?))
            });
            memories.extend(shared);
        }
        let (engine, has_shared, on) = (self.engine.clone(), shared.is_some(), self.on.clone());
        Ok(Box::new(move || {
            let mut thread = Specification::with(engine, on).map_err(|error| other(&error))?;
            let instance = has_shared.then(|| thread.instance_of(&memories));
            let instance = instance.transpose().map_err(|error| other(&error))?;
            Ok((thread, instance))
        }))
    }
}

impl Specification {
    fn fault(&mut self, error: wasmtime::Error) -> Fault {
        if error.is::<ThrownException>() {
            // Removed from the store, which would otherwise keep it for the next call.
            self.store.take_pending_exception();
            return Fault::Exception(format!("{error:#}"));
        }
        match error.downcast_ref::<Trap>() {
            Some(trap) => Fault::Trap(trap.to_string()),
            None if error.is::<UnknownImportError>() => Fault::Link(format!("{error:#}")),
            None => other(&error),
        }
    }

    fn argument(&mut self, value: &Value, param: &ValType) -> Result<Val, Fault> {
        let failed = |error: wasmtime::Error| other(&error);
        Ok(match *value {
            Value::Ref(Ref::Null(_)) => match param {
                ValType::Ref(ty) => Val::null_ref(ty.heap_type()),
                _ => return Err(Fault::Other("a reference for a number".to_owned())),
            },
            Value::Ref(Ref::Extern(number)) => {
                let reference = ExternRef::new(&mut self.store, number).map_err(failed)?;
                // A parameter in the `any` hierarchy accepts a converted host reference.
                match param {
                    ValType::Ref(ty) if matches!(ty.heap_type(), HeapType::Any) => Val::AnyRef(
                        Some(AnyRef::convert_extern(&mut self.store, reference).map_err(failed)?),
                    ),
                    _ => Val::ExternRef(Some(reference)),
                }
            }
            Value::Ref(Ref::Host(number)) => {
                let reference = ExternRef::new(&mut self.store, number).map_err(failed)?;
                let inside = AnyRef::convert_extern(&mut self.store, reference).map_err(failed)?;
                Val::AnyRef(Some(inside))
            }
            Value::Ref(_) => return Err(Fault::Other("no such reference".to_owned())),
            ref plain => number(plain),
        })
    }

    fn value(&mut self, val: &Val) -> Result<Value, Fault> {
        let failed = |error: wasmtime::Error| other(&error);
        Ok(match val {
            Val::I32(value) => Value::I32(*value),
            Val::I64(value) => Value::I64(*value),
            Val::F32(bits) => Value::F32(*bits),
            Val::F64(bits) => Value::F64(*bits),
            Val::V128(bits) => Value::V128(bits.as_u128()),
            Val::FuncRef(None) => Value::Ref(Ref::Null(Null::Func)),
            Val::FuncRef(Some(_)) => Value::Ref(Ref::Func),
            Val::ExternRef(None) => Value::Ref(Ref::Null(Null::Extern)),
            Val::ExternRef(Some(reference)) => {
                let data = reference.data(&self.store).map_err(failed)?;
                match data.and_then(|data| data.downcast_ref::<u32>()) {
                    Some(number) => Value::Ref(Ref::Extern(*number)),
                    // A guest's own reference, which no script numbered.
                    None => Value::Ref(Ref::Extern(u32::MAX)),
                }
            }
            Val::AnyRef(None) => Value::Ref(Ref::Null(Null::Any)),
            Val::AnyRef(Some(reference)) => {
                let store = &mut self.store;
                if reference.is_i31(&*store).map_err(failed)? {
                    Value::Ref(Ref::I31)
                } else if reference.is_struct(&*store).map_err(failed)? {
                    Value::Ref(Ref::Struct)
                } else if reference.is_array(&*store).map_err(failed)? {
                    Value::Ref(Ref::Array)
                } else {
                    let outside =
                        ExternRef::convert_any(&mut *store, *reference).map_err(failed)?;
                    let data = outside.data(&*store).map_err(failed)?;
                    match data.and_then(|data| data.downcast_ref::<u32>()) {
                        Some(number) => Value::Ref(Ref::Host(*number)),
                        None => Value::Ref(Ref::Any),
                    }
                }
            }
            Val::ExnRef(None) => Value::Ref(Ref::Null(Null::Exn)),
            Val::ExnRef(Some(_)) => Value::Ref(Ref::Exn),
            Val::ContRef(_) => return Err(Fault::Other("a continuation".to_owned())),
        })
    }
}

fn other(error: &wasmtime::Error) -> Fault {
    Fault::Other(format!("{error:#}"))
}
