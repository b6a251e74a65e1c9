//! Describes modules on Wasmtime for the differential test, which runs this in its own process, so that a crash is a
//! finding.

use outcome::graph::{MOST_ELEMENTS, Node, graph};
use outcome::host::{self, Calls};
use outcome::{Engine, Export, ExportKind, Running, Stop, Trap, Type, Value};
use wasmtime::{
    AnyRef, AsContextMut, Config, Extern, ExternRef, ExternType, FieldType, Func, FuncType, Global,
    GlobalType, HeapType, I31, Instance, Linker, Memory, MemoryType, Module, Mutability, Ref,
    RefType, StorageType, Store, StoreContextMut, StoreLimits, StoreLimitsBuilder, Table,
    TableType, ThrownException, Val, ValType,
};

fn main() -> std::io::Result<()> {
    outcome::serve(Wasmtime::new().map_err(std::io::Error::other)?)
}

/// Wasmtime with the limits of [`outcome::host`] and keel's features; relaxed SIMD follows the specification's
/// deterministic profile.
struct Wasmtime(wasmtime::Engine);

impl Wasmtime {
    fn new() -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config
            .max_wasm_stack(host::STACK_BYTES)
            .async_stack_size(2 * host::STACK_BYTES)
            .wasm_function_references(true)
            .wasm_gc(true)
            .wasm_exceptions(true)
            .wasm_memory64(true)
            .wasm_multi_memory(true)
            .wasm_tail_call(true)
            .wasm_extended_const(true)
            .wasm_threads(true)
            .shared_memory(true)
            .wasm_custom_page_sizes(true)
            .wasm_wide_arithmetic(true)
            .wasm_relaxed_simd(true)
            .relaxed_simd_deterministic(true);
        Ok(Wasmtime(wasmtime::Engine::new(&config)?))
    }
}

/// State of one instance.
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
            Err(error) => Err(stop(&error, store.as_context_mut(), Stop::Refused)),
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

/// Result types of a host function.
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
                        let params: Option<Vec<Type>> =
                            ty.params().map(|ty| type_of(&ty)).collect();
                        params.map_or(ExportKind::Uncallable, ExportKind::Func)
                    }
                    ExternType::Global(_) => ExportKind::Global,
                    ExternType::Memory(_) => ExportKind::Memory,
                    ExternType::Table(_) => ExportKind::Table,
                    ExternType::Tag(_) => ExportKind::Tag,
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
            .map(|(value, ty)| {
                if let (Value::Null, ValType::Ref(ty)) = (value, &ty) {
                    return Ok(Ref::null(ty.heap_type()).into());
                }
                let ty = type_of(&ty).expect("it has values of the host's");
                val(self.store.as_context_mut(), *value, ty)
            })
            .collect::<wasmtime::Result<Vec<_>>>()
            .map_err(broken)?;
        let mut results = vec![Val::I32(0); ty.results().len()];
        func.call(&mut self.store, &arguments, &mut results)
            .map_err(|error| stop(&error, self.store.as_context_mut(), Stop::Broken))?;
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
        let ty = type_of(global.ty(&self.store).content()).expect("a number");
        let value = val(self.store.as_context_mut(), value, ty).expect("a value of the host's");
        global
            .set(&mut self.store, value)
            .expect("a global that can be set");
    }

    fn memory(&mut self, name: &str) -> Vec<u8> {
        match self.instance.get_export(&mut self.store, name) {
            Some(Extern::Memory(memory)) => memory.data(&self.store).to_vec(),
            Some(Extern::SharedMemory(memory)) => {
                let bytes = memory.data().iter();
                // SAFETY: no other thread has access to the memory.
                bytes.map(|byte| unsafe { *byte.get() }).collect()
            }
            _ => panic!("{name:?} is no memory"),
        }
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

/// Classifies an error: traps are the same for every engine; `otherwise` handles other errors, from the engine's
/// message.
fn stop(
    error: &wasmtime::Error,
    mut store: StoreContextMut<'_, State>,
    otherwise: fn(String) -> Stop,
) -> Stop {
    let words = || format!("{error:#}");
    if error.is::<ThrownException>() {
        let Some(exception) = store.take_pending_exception() else {
            return Stop::Broken(words());
        };
        let fields = exception
            .fields(&mut store)
            .expect("an exception of this store");
        let fields: Vec<Val> = fields.collect();
        let values = fields.iter().map(|one| value(store.as_context_mut(), one));
        return Stop::Thrown(values.collect());
    }
    if error.is::<wasmtime::GcHeapOutOfMemory<()>>() {
        return Stop::Trap(Trap::HeapExhausted);
    }
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
        wasmtime::Trap::AllocationTooLarge => Trap::HeapExhausted,
        wasmtime::Trap::NullReference => Trap::NullReference,
        wasmtime::Trap::CastFailure => Trap::CastFailure,
        wasmtime::Trap::ArrayOutOfBounds => Trap::ArrayOutOfBounds,
        wasmtime::Trap::HeapMisaligned => Trap::UnalignedAtomic,
        wasmtime::Trap::AtomicWaitNonSharedMemory => Trap::UnsharedWait,
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
        Type::AnyRef | Type::I31Ref | Type::ExnRef => unreachable!("the host has none of it"),
    }
}

/// The host's type for it, if any.
fn type_of(ty: &ValType) -> Option<Type> {
    Some(match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::Ref(reference) if !reference.is_nullable() => return None,
        ValType::Ref(reference) => match reference.heap_type() {
            HeapType::Extern => Type::ExternRef,
            HeapType::Any | HeapType::Eq | HeapType::I31 => Type::I31Ref,
            heap => match heap.top() {
                HeapType::Func => Type::FuncRef,
                HeapType::Exn => Type::ExnRef,
                _ => Type::AnyRef,
            },
        },
    })
}

/// Converts a value for Wasmtime; functions do not exist in the host and become null.
fn val(mut store: StoreContextMut<'_, State>, value: Value, ty: Type) -> wasmtime::Result<Val> {
    Ok(match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits.into()),
        Value::Extern(number) => Val::ExternRef(Some(ExternRef::new(&mut store, number)?)),
        Value::I31(number) => {
            let number = I31::wrapping_i32(number);
            Val::AnyRef(Some(AnyRef::from_i31(&mut store, number)))
        }
        Value::Null | Value::Func | Value::Graph(_) => match ty {
            Type::ExternRef => Val::ExternRef(None),
            Type::AnyRef | Type::I31Ref => Val::AnyRef(None),
            Type::ExnRef => Val::ExnRef(None),
            _ => Val::FuncRef(None),
        },
    })
}

fn value(mut store: StoreContextMut<'_, State>, val: &Val) -> Value {
    graph(*val, |val| {
        open(store.as_context_mut(), val).expect("a reference of this store")
    })
}

/// Expands one level of a value for [`graph`].
fn open(mut store: StoreContextMut<'_, State>, val: Val) -> wasmtime::Result<Node<Val>> {
    Ok(Node::Leaf(match val {
        Val::I32(bits) => Value::I32(bits as u32),
        Val::I64(bits) => Value::I64(bits as u64),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(bits) => Value::V128(bits.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
            Value::Null
        }
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(thing)) => match thing.data(&store)? {
            Some(thing) => {
                let number = thing.downcast_ref::<u32>();
                Value::Extern(*number.expect("the host's references are numbers"))
            }
            // A guest object that was converted to a host reference.
            None => {
                let inner = AnyRef::convert_extern(&mut store, thing)?;
                return open(store, Val::AnyRef(Some(inner)));
            }
        },
        Val::AnyRef(Some(any)) => {
            if let Some(number) = any.as_i31(&store)? {
                return Ok(Node::Leaf(Value::I31(number.get_i32())));
            }
            if let Some(object) = any.as_struct(&store)? {
                let types: Vec<FieldType> = object.ty(&store)?.fields().collect();
                let fields: Vec<Val> = object.fields(&mut store)?.collect();
                let fields = fields
                    .into_iter()
                    .zip(types)
                    .map(|(val, ty)| unsigned(val, &ty));
                return Ok(Node::Struct(fields.collect()));
            }
            if let Some(array) = any.as_array(&store)? {
                let ty = array.ty(&store)?.field_type();
                let length = array.len(&store)?;
                let elements = (0..length.min(MOST_ELEMENTS)).map(|index| {
                    let element = array.get(&mut store, index)?;
                    Ok(unsigned(element, &ty))
                });
                return Ok(Node::Array(
                    length,
                    elements.collect::<wasmtime::Result<_>>()?,
                ));
            }
            let thing = ExternRef::convert_any(&mut store, any)?;
            return open(store, Val::ExternRef(Some(thing)));
        }
        Val::ExnRef(Some(exception)) => {
            return Ok(Node::Exception(exception.fields(&mut store)?.collect()));
        }
        other => panic!("a value that is not compared: {other:?}"),
    }))
}

/// Removes the sign extension of packed fields.
fn unsigned(val: Val, ty: &FieldType) -> Val {
    match (val, ty.element_type()) {
        (Val::I32(bits), StorageType::I8) => Val::I32(bits & 0xff),
        (Val::I32(bits), StorageType::I16) => Val::I32(bits & 0xffff),
        (val, _) => val,
    }
}
