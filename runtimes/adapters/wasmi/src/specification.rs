//! Runs the specification's test scripts on wasmi.

use plimsoll_adapter::Error;
use plimsoll_adapter::record::Proposal;
use plimsoll_adapter::wast::{self, Fault, Null, Ref, Value, spectest};
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{
    Config, Engine, ExternRef, F32, F64, FuncType, Global, Instance, Linker, Memory, MemoryType,
    Module, Mutability, Nullable, RefType, Store, Table, TableType, V128, Val, ValType,
};

/// The proposals that wasmi's documentation lists, on by default or by option. SIMD is missing: it needs a crate
/// feature that is off by default, and engines are measured as built by default.
pub(crate) const CLAIMS: &[Proposal] = &[
    Proposal::MutableGlobal,
    Proposal::SaturatingFloatToInt,
    Proposal::SignExtension,
    Proposal::MultiValue,
    Proposal::ReferenceTypes,
    Proposal::BulkMemory,
    Proposal::TailCall,
    Proposal::ExtendedConst,
    Proposal::MultiMemory,
    Proposal::Memory64,
    // Text format only.
    Proposal::Annotations,
    Proposal::CustomPageSizes,
    Proposal::WideArithmetic,
];

/// The state for one script.
pub(crate) struct Specification {
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
}

impl Specification {
    pub(crate) fn new(features: &[Proposal]) -> Result<Self, Error> {
        let on = |proposal| features.contains(&proposal) && CLAIMS.contains(&proposal);
        let mut config = Config::default();
        config
            .wasm_mutable_global(on(Proposal::MutableGlobal))
            .wasm_saturating_float_to_int(on(Proposal::SaturatingFloatToInt))
            .wasm_sign_extension(on(Proposal::SignExtension))
            .wasm_multi_value(on(Proposal::MultiValue))
            .wasm_reference_types(on(Proposal::ReferenceTypes))
            .wasm_bulk_memory(on(Proposal::BulkMemory))
            .wasm_tail_call(on(Proposal::TailCall))
            .wasm_extended_const(on(Proposal::ExtendedConst))
            .wasm_multi_memory(on(Proposal::MultiMemory))
            .wasm_memory64(on(Proposal::Memory64))
            .wasm_custom_page_sizes(on(Proposal::CustomPageSizes))
            .wasm_wide_arithmetic(on(Proposal::WideArithmetic));
        let engine = Engine::new(&config);
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.allow_shadowing(true);
        define(&mut linker, &mut store, on(Proposal::Memory64))
            .map_err(|error| Error::failed("defining spectest", error))?;
        Ok(Specification {
            engine,
            store,
            linker,
        })
    }
}

fn define(
    linker: &mut Linker<()>,
    store: &mut Store<()>,
    with_table64: bool,
) -> Result<(), wasmi::Error> {
    use spectest::NAME;
    for (name, params) in spectest::FUNCTIONS {
        let params: Vec<ValType> = params.iter().map(|value| plain(value).ty()).collect();
        linker.func_new(NAME, name, FuncType::new(params, []), |_, _, _| Ok(()))?;
    }
    for (name, value) in spectest::GLOBALS {
        let global = Global::new(&mut *store, plain(value), Mutability::Const);
        linker.define(NAME, name, global)?;
    }
    let nothing = wasmi::Ref::null(RefType::Func);
    let (least, most) = spectest::TABLE;
    let ty = TableType::new(RefType::Func, least, Some(most));
    linker.define(NAME, "table", Table::new(&mut *store, ty, nothing)?)?;
    if with_table64 {
        let ty = TableType::new64(RefType::Func, least.into(), Some(most.into()));
        linker.define(NAME, "table64", Table::new(&mut *store, ty, nothing)?)?;
    }
    let (least, most) = spectest::MEMORY;
    let memory = Memory::new(&mut *store, MemoryType::new(least, Some(most)))?;
    linker.define(NAME, "memory", memory)?;
    Ok(())
}

impl wast::Engine for Specification {
    type Module = Module;
    type Instance = Instance;

    fn compile(&mut self, wasm: &[u8]) -> Result<Module, String> {
        // `Module::new` also accepts the text format, in which an empty text is a module.
        if !wasm.starts_with(b"\0asm") {
            Module::validate(&self.engine, wasm).map_err(|error| error.to_string())?;
        }
        Module::new(&self.engine, wasm).map_err(|error| error.to_string())
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Fault> {
        self.linker
            .instantiate_and_start(&mut self.store, module)
            .map_err(|error| fault(&error))
    }

    fn register(&mut self, name: &str, instance: &Instance) -> Result<(), Fault> {
        let registered = self.linker.instance(&mut self.store, name, *instance);
        registered.map(drop).map_err(|error| fault(&error))
    }

    fn invoke(
        &mut self,
        instance: &Instance,
        function: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Fault> {
        let Some(function) = instance.get_func(&self.store, function) else {
            return Err(Fault::Other(format!("there is no function {function}")));
        };
        let ty = function.ty(&self.store);
        let arguments: Vec<Val> = arguments.iter().map(|value| self.val(value)).collect();
        let mut results: Vec<Val> = ty
            .results()
            .iter()
            .map(|ty| Val::default_for_ty(*ty))
            .collect();
        function
            .call(&mut self.store, &arguments, &mut results)
            .map_err(|error| fault(&error))?;
        Ok(results.iter().map(|result| self.value(result)).collect())
    }

    fn global(&mut self, instance: &Instance, name: &str) -> Result<Value, Fault> {
        let export = instance.get_export(&self.store, name);
        let Some(global) = export.and_then(wasmi::Extern::into_global) else {
            return Err(Fault::Other(format!("there is no global {name}")));
        };
        Ok(self.value(&global.get(&self.store)))
    }
}

fn fault(error: &wasmi::Error) -> Fault {
    let said = error.to_string();
    match error.kind() {
        // The specification treats this as a trap, although wasmi detects it before anything runs.
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Fault::Trap(said)
        }
        ErrorKind::Linker(_) | ErrorKind::Instantiation(_) => Fault::Link(said),
        _ => match error.as_trap_code() {
            Some(trap) => Fault::Trap(trap.to_string()),
            None => Fault::Other(said),
        },
    }
}

/// A value other than a reference.
fn plain(value: &Value) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(V128::from(bits)),
        Value::Ref(_) => Val::FuncRef(Nullable::Null),
    }
}

impl Specification {
    fn val(&mut self, value: &Value) -> Val {
        match value {
            Value::Ref(Ref::Extern(number)) => ExternRef::new(&mut self.store, *number).into(),
            Value::Ref(Ref::Null(Null::Extern)) => Val::ExternRef(Nullable::Null),
            // wasmi has no other references; the wrong type makes it reject the call.
            value => plain(value),
        }
    }

    fn value(&self, val: &Val) -> Value {
        match val {
            Val::I32(value) => Value::I32(*value),
            Val::I64(value) => Value::I64(*value),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(Nullable::Null) => Value::Ref(Ref::Null(Null::Func)),
            Val::FuncRef(Nullable::Val(_)) => Value::Ref(Ref::Func),
            Val::ExternRef(Nullable::Null) => Value::Ref(Ref::Null(Null::Extern)),
            Val::ExternRef(Nullable::Val(reference)) => {
                match reference.data(&self.store).downcast_ref::<u32>() {
                    Some(number) => Value::Ref(Ref::Extern(*number)),
                    // All existing references were created from numbers.
                    None => Value::Ref(Ref::Extern(u32::MAX)),
                }
            }
        }
    }
}
