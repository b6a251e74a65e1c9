//! Runs the specification's test scripts on Wasmer.

use plimsoll_adapter::record::Proposal;
use plimsoll_adapter::wast::{self, Fault, Null, Ref, Value, spectest};
use wasmer::sys::Features;
use wasmer::{
    Engine, Extern, ExternRef, Function, FunctionType, Global, Imports, Instance,
    InstantiationError, LinkError, Memory, MemoryType, Module, RuntimeError, Store, Table,
    TableType, Type,
};
use wasmer_runner::{Compiler, with_features};

/// Proposals that are always on in Wasmer, or concern only the text format.
const ALWAYS: &[Proposal] = &[
    Proposal::MutableGlobal,
    Proposal::SaturatingFloatToInt,
    Proposal::SignExtension,
    Proposal::Annotations,
];

/// The proposals that a target with this compiler supports, as reported by Wasmer. Singlepass reports SIMD, as does
/// Wasmer's documentation, but it fails to compile most functions that use it, which counts as failed.
pub(crate) fn claims(compiler: Compiler) -> Vec<Proposal> {
    let machine = wasmer::sys::Target::default();
    let has = Engine::supported_features_for_backend(&compiler.backend(), &machine);
    let switched = [
        (has.multi_value, Proposal::MultiValue),
        (has.reference_types, Proposal::ReferenceTypes),
        (has.bulk_memory, Proposal::BulkMemory),
        (has.simd, Proposal::Simd),
        (has.relaxed_simd, Proposal::RelaxedSimd),
        (has.tail_call, Proposal::TailCall),
        (has.extended_const, Proposal::ExtendedConst),
        (has.multi_memory, Proposal::MultiMemory),
        (has.memory64, Proposal::Memory64),
        (has.exceptions, Proposal::Exceptions),
        (has.threads, Proposal::Threads),
        (has.wide_arithmetic, Proposal::WideArithmetic),
    ];
    let switched = switched.into_iter().filter(|(has, _)| *has);
    let switched = switched.map(|(_, proposal)| proposal);
    ALWAYS.iter().copied().chain(switched).collect()
}

/// The state for one script.
pub(crate) struct Specification {
    engine: Engine,
    store: Store,
    imports: Imports,
}

impl Specification {
    pub(crate) fn new(compiler: Compiler, features: &[Proposal]) -> Self {
        let has = claims(compiler);
        let on = |proposal| features.contains(&proposal) && has.contains(&proposal);
        let engine = with_features(compiler, switched(on));
        let mut store = Store::new(engine.clone());
        let imports = host(&mut store, on(Proposal::Threads));
        Specification {
            engine,
            store,
            imports,
        }
    }
}

/// Features turned on or off according to `on`, as far as Wasmer has switches.
fn switched(on: impl Fn(Proposal) -> bool) -> Features {
    let mut features = Features::none();
    features
        .bulk_memory(on(Proposal::BulkMemory))
        .reference_types(on(Proposal::ReferenceTypes))
        .multi_value(on(Proposal::MultiValue))
        .simd(on(Proposal::Simd))
        .relaxed_simd(on(Proposal::RelaxedSimd))
        .tail_call(on(Proposal::TailCall))
        .extended_const(on(Proposal::ExtendedConst))
        .multi_memory(on(Proposal::MultiMemory))
        .memory64(on(Proposal::Memory64))
        .exceptions(on(Proposal::Exceptions))
        .threads(on(Proposal::Threads))
        .wide_arithmetic(on(Proposal::WideArithmetic));
    features
}

/// The host module. Wasmer has no 64-bit tables.
fn host(store: &mut Store, with_shared_memory: bool) -> Imports {
    use spectest::NAME;
    let mut imports = Imports::new();
    for (name, params) in spectest::FUNCTIONS {
        let params: Vec<Type> = params.iter().map(|value| plain(value).ty()).collect();
        let function = Function::new(store, FunctionType::new(params, []), |_| Ok(Vec::new()));
        imports.define(NAME, name, function);
    }
    for (name, value) in spectest::GLOBALS {
        imports.define(NAME, name, Global::new(store, plain(value)));
    }
    let (least, most) = spectest::TABLE;
    let ty = TableType::new(Type::FuncRef, least, Some(most));
    let table = Table::new(store, ty, wasmer::Value::FuncRef(None));
    define(&mut imports, "table", table);
    let (least, most) = spectest::MEMORY;
    let memory = Memory::new(store, MemoryType::new(least, Some(most), false));
    define(&mut imports, "memory", memory);
    if with_shared_memory {
        let memory = Memory::new(store, MemoryType::new(least, Some(most), true));
        define(&mut imports, "shared_memory", memory);
    }
    imports
}

/// If Wasmer cannot create an item, modules that import it fail to link.
fn define<T: Into<Extern>, E>(imports: &mut Imports, name: &str, made: Result<T, E>) {
    if let Ok(made) = made {
        imports.define(spectest::NAME, name, made);
    }
}

impl wast::Engine for Specification {
    type Module = Module;
    type Instance = Instance;

    fn compile(&mut self, wasm: &[u8]) -> Result<Module, String> {
        Module::from_binary(&self.engine, wasm).map_err(|error| error.to_string())
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Fault> {
        Instance::new(&mut self.store, module, &self.imports).map_err(|error| match error {
            InstantiationError::Link(LinkError::Trap(error)) | InstantiationError::Start(error) => {
                fault(&error)
            }
            InstantiationError::Link(error @ LinkError::Import(..)) => {
                Fault::Link(error.to_string())
            }
            other => Fault::Other(other.to_string()),
        })
    }

    fn register(&mut self, name: &str, instance: &Instance) -> Result<(), Fault> {
        let exports = instance.exports.iter();
        let exports = exports.map(|(name, export)| (name.clone(), export.clone()));
        self.imports.register_namespace(name, exports);
        Ok(())
    }

    fn invoke(
        &mut self,
        instance: &Instance,
        function: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Fault> {
        let function = instance
            .exports
            .get_function(function)
            .map_err(|error| Fault::Other(error.to_string()))?;
        let arguments: Vec<_> = arguments.iter().map(|value| self.argument(value)).collect();
        let results = function
            .call(&mut self.store, &arguments)
            .map_err(|error| fault(&error))?;
        Ok(results.iter().map(|result| self.value(result)).collect())
    }

    fn global(&mut self, instance: &Instance, name: &str) -> Result<Value, Fault> {
        let global = instance
            .exports
            .get_global(name)
            .map_err(|error| Fault::Other(error.to_string()))?;
        let found = global.get(&mut self.store);
        Ok(self.value(&found))
    }
}

fn fault(error: &RuntimeError) -> Fault {
    if error.is_exception() {
        return Fault::Exception(error.message());
    }
    match error.clone().to_trap() {
        Some(trap) => Fault::Trap(trap.message().to_owned()),
        None => Fault::Other(error.message()),
    }
}

/// A value other than a reference.
fn plain(value: &Value) -> wasmer::Value {
    match *value {
        Value::I32(value) => wasmer::Value::I32(value),
        Value::I64(value) => wasmer::Value::I64(value),
        Value::F32(bits) => wasmer::Value::F32(f32::from_bits(bits)),
        Value::F64(bits) => wasmer::Value::F64(f64::from_bits(bits)),
        Value::V128(bits) => wasmer::Value::V128(bits),
        Value::Ref(_) => wasmer::Value::FuncRef(None),
    }
}

impl Specification {
    fn argument(&mut self, value: &Value) -> wasmer::Value {
        match value {
            Value::Ref(Ref::Extern(number)) => {
                wasmer::Value::ExternRef(Some(ExternRef::new(&mut self.store, *number)))
            }
            Value::Ref(Ref::Null(Null::Extern)) => wasmer::Value::ExternRef(None),
            Value::Ref(Ref::Null(Null::Exn)) => wasmer::Value::ExceptionRef(None),
            // Wasmer has no other references; the wrong type makes it reject the call.
            value => plain(value),
        }
    }

    fn value(&self, value: &wasmer::Value) -> Value {
        match value {
            wasmer::Value::I32(value) => Value::I32(*value),
            wasmer::Value::I64(value) => Value::I64(*value),
            wasmer::Value::F32(value) => Value::F32(value.to_bits()),
            wasmer::Value::F64(value) => Value::F64(value.to_bits()),
            wasmer::Value::V128(value) => Value::V128(*value),
            wasmer::Value::FuncRef(None) => Value::Ref(Ref::Null(Null::Func)),
            wasmer::Value::FuncRef(Some(_)) => Value::Ref(Ref::Func),
            wasmer::Value::ExternRef(None) => Value::Ref(Ref::Null(Null::Extern)),
            wasmer::Value::ExternRef(Some(reference)) => {
                // All existing references were created from numbers.
                let number = reference.downcast::<u32>(&self.store);
                Value::Ref(Ref::Extern(number.copied().unwrap_or(u32::MAX)))
            }
            wasmer::Value::ExceptionRef(None) => Value::Ref(Ref::Null(Null::Exn)),
            wasmer::Value::ExceptionRef(Some(_)) => Value::Ref(Ref::Exn),
        }
    }
}
