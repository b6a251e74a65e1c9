//! Describes modules on Wasmtime for the differential test, which runs this as a process of its
//! own: a crash of the engine is then a finding like any other.

use outcome::host::{self, Calls};
use outcome::{Engine, Export, ExportKind, Running, Stop, Trap, Type, Value};
use wasmtime::{
    AsContextMut, Config, ExternRef, ExternType, Func, FuncType, Global, GlobalType, HeapType,
    Instance, Linker, Memory, MemoryType, Module, Mutability, Ref, RefType, Store, StoreContextMut,
    StoreLimits, StoreLimitsBuilder, Table, TableType, Val, ValType,
};

fn main() -> std::io::Result<()> {
    outcome::serve(Wasmtime::new().map_err(std::io::Error::other)?)
}

/// Wasmtime with the limits of [`outcome::host`], else in its default configuration.
struct Wasmtime(wasmtime::Engine);

impl Wasmtime {
    fn new() -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config
            .max_wasm_stack(host::STACK_BYTES)
            .async_stack_size(2 * host::STACK_BYTES);
        Ok(Wasmtime(wasmtime::Engine::new(&config)?))
    }
}

/// What belongs to one instance.
struct State {
    calls: Calls,
    limits: StoreLimits,
}

struct WasmtimeInstance {
    store: Store<State>,
    instance: Instance,
}

impl Engine for Wasmtime {
    type Module = Module;
    type Running = WasmtimeInstance;

    fn compile(&self, wasm: &[u8]) -> Result<Module, String> {
        Module::from_binary(&self.0, wasm).map_err(|error| format!("{error:#}"))
    }

    fn instantiate(&self, module: &Module) -> Result<WasmtimeInstance, Stop> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(host::MEMORY_LIMIT_BYTES as usize)
            .table_elements(host::TABLE_LIMIT_ELEMENTS as usize)
            .build();
        let calls = Calls::default();
        let mut store = Store::new(&self.0, State { calls, limits });
        store.limiter(|state| &mut state.limits);
        let linker = linker(&mut store).expect("the host's names are defined once");
        match linker.instantiate(&mut store, module) {
            Ok(instance) => Ok(WasmtimeInstance { store, instance }),
            Err(error) => Err(stop(&error, Stop::Refused)),
        }
    }
}

fn linker(store: &mut Store<State>) -> wasmtime::Result<Linker<State>> {
    let engine = store.engine().clone();
    let mut linker = Linker::new(&engine);
    for (index, (name, params, results)) in host::FUNCTIONS.iter().enumerate() {
        let types = |types: &'static [Type]| types.iter().map(|ty| ty_of(*ty));
        let ty = FuncType::new(&engine, types(params), types(results));
        let func = Func::new(&mut *store, ty, move |mut caller, arguments, out| {
            let arguments: Vec<Value> = arguments
                .iter()
                .map(|val| value(caller.as_context_mut(), val))
                .collect();
            let results = caller.data_mut().calls.answer(index, &arguments);
            for ((out, result), ty) in out.iter_mut().zip(results).zip(*results_of(index)) {
                *out = val(caller.as_context_mut(), result, *ty)?;
            }
            Ok(())
        });
        linker.define(&*store, host::MODULE, name, func)?;
    }
    for (name, ty, mutability, initial) in host::GLOBALS {
        let mutability = match mutability {
            host::Mutability::Const => Mutability::Const,
            host::Mutability::Var => Mutability::Var,
        };
        let initial = val(store.as_context_mut(), initial, ty)?;
        let ty = GlobalType::new(ty_of(ty), mutability);
        let global = Global::new(&mut *store, ty, initial)?;
        linker.define(&*store, host::MODULE, name, global)?;
    }
    for (name, minimum, maximum) in host::MEMORIES {
        let memory = Memory::new(&mut *store, MemoryType::new(minimum, maximum))?;
        linker.define(&*store, host::MODULE, name, memory)?;
    }
    for (name, ty, minimum, maximum) in host::TABLES {
        let element = match ty {
            Type::FuncRef => RefType::FUNCREF,
            _ => RefType::EXTERNREF,
        };
        let null = Ref::null(element.heap_type());
        let ty = TableType::new(element, minimum, maximum);
        let table = Table::new(&mut *store, ty, null)?;
        linker.define(&*store, host::MODULE, name, table)?;
    }
    Ok(linker)
}

/// The result types of a host function.
fn results_of(function: usize) -> &'static &'static [Type] {
    &host::FUNCTIONS[function].2
}

impl Running for WasmtimeInstance {
    fn exports(&mut self) -> Vec<Export> {
        let exports: Vec<_> = self
            .instance
            .exports(&mut self.store)
            .map(|export| (export.name().to_owned(), export.into_extern()))
            .collect();
        exports
            .into_iter()
            .map(|(name, item)| Export {
                name,
                kind: match item.ty(&self.store) {
                    ExternType::Func(ty) => {
                        ExportKind::Func(ty.params().map(|ty| type_of(&ty)).collect())
                    }
                    ExternType::Global(_) => ExportKind::Global,
                    ExternType::Memory(_) => ExportKind::Memory,
                    ExternType::Table(_) => ExportKind::Table,
                    other => panic!("an export of no kind that is compared: {other:?}"),
                },
            })
            .collect()
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
        let broken = |error: wasmtime::Error| Stop::Broken(format!("{error:#}"));
        let func = self
            .instance
            .get_func(&mut self.store, name)
            .ok_or_else(|| Stop::Broken(format!("{name:?} is no function")))?;
        let ty = func.ty(&self.store);
        let arguments = arguments
            .iter()
            .zip(ty.params())
            .map(|(value, ty)| val(self.store.as_context_mut(), *value, type_of(&ty)))
            .collect::<wasmtime::Result<Vec<_>>>()
            .map_err(broken)?;
        let mut results = vec![Val::I32(0); ty.results().len()];
        func.call(&mut self.store, &arguments, &mut results)
            .map_err(|error| stop(&error, Stop::Broken))?;
        Ok(results
            .iter()
            .map(|result| value(self.store.as_context_mut(), result))
            .collect())
    }

    fn global(&mut self, name: &str) -> Value {
        let now = self.named_global(name).get(&mut self.store);
        value(self.store.as_context_mut(), &now)
    }

    fn set_global(&mut self, name: &str, value: Value) {
        let global = self.named_global(name);
        let ty = type_of(global.ty(&self.store).content());
        let value = val(self.store.as_context_mut(), value, ty).expect("a value of the host's");
        global
            .set(&mut self.store, value)
            .expect("a global that can be set");
    }

    fn memory(&mut self, name: &str) -> &[u8] {
        let memory = self.instance.get_memory(&mut self.store, name);
        memory.expect("an exported memory").data(&self.store)
    }

    fn table(&mut self, name: &str) -> Vec<Value> {
        let table = self.instance.get_table(&mut self.store, name);
        let table = table.expect("an exported table");
        (0..table.size(&self.store))
            .map(|index| {
                let element = table.get(&mut self.store, index);
                let element = Val::from(element.expect("within its length"));
                value(self.store.as_context_mut(), &element)
            })
            .collect()
    }

    fn host_calls(&mut self) -> u64 {
        self.store.data().calls.value()
    }
}

impl WasmtimeInstance {
    fn named_global(&mut self, name: &str) -> Global {
        let global = self.instance.get_global(&mut self.store, name);
        global.expect("an exported global")
    }
}

/// A trap is one on every engine; anything else is what `otherwise` makes of the engine's words.
fn stop(error: &wasmtime::Error, otherwise: fn(String) -> Stop) -> Stop {
    let words = || format!("{error:#}");
    let Some(trap) = error.downcast_ref::<wasmtime::Trap>() else {
        return otherwise(words());
    };
    Stop::Trap(match trap {
        wasmtime::Trap::UnreachableCodeReached => Trap::Unreachable,
        wasmtime::Trap::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        wasmtime::Trap::TableOutOfBounds => Trap::TableOutOfBounds,
        wasmtime::Trap::IndirectCallToNull => Trap::UninitializedElement,
        wasmtime::Trap::BadSignature => Trap::IndirectCallTypeMismatch,
        wasmtime::Trap::IntegerOverflow => Trap::IntegerOverflow,
        wasmtime::Trap::IntegerDivisionByZero => Trap::IntegerDivideByZero,
        wasmtime::Trap::BadConversionToInteger => Trap::InvalidConversion,
        wasmtime::Trap::StackOverflow => Trap::StackExhausted,
        _ => return Stop::Broken(words()),
    })
}

fn ty_of(ty: Type) -> ValType {
    match ty {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
        Type::F32 => ValType::F32,
        Type::F64 => ValType::F64,
        Type::V128 => ValType::V128,
        Type::FuncRef => ValType::FUNCREF,
        Type::ExternRef => ValType::EXTERNREF,
    }
}

fn type_of(ty: &ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::Ref(reference) => match reference.heap_type().top() {
            HeapType::Func => Type::FuncRef,
            HeapType::Extern => Type::ExternRef,
            other => panic!("a reference that is not compared: {other:?}"),
        },
    }
}

/// The value as Wasmtime has it; a function is one that the host does not have, and becomes null.
fn val(mut store: StoreContextMut<'_, State>, value: Value, ty: Type) -> wasmtime::Result<Val> {
    Ok(match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits.into()),
        Value::Extern(number) => Val::ExternRef(Some(ExternRef::new(&mut store, number)?)),
        Value::Null | Value::Func if ty == Type::ExternRef => Val::ExternRef(None),
        Value::Null | Value::Func => Val::FuncRef(None),
    })
}

fn value(store: StoreContextMut<'_, State>, val: &Val) -> Value {
    match val {
        Val::I32(bits) => Value::I32(*bits as u32),
        Val::I64(bits) => Value::I64(*bits as u64),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(bits) => Value::V128(bits.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) => Value::Null,
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(thing)) => {
            let thing = thing.data(&store).expect("a reference of this store");
            let number = thing.and_then(|thing| thing.downcast_ref::<u32>());
            Value::Extern(*number.expect("the host's references are numbers"))
        }
        other => panic!("a value that is not compared: {other:?}"),
    }
}
