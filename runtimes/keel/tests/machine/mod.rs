//! keel as an [`outcome::Engine`].

use std::collections::HashMap;

use keel::{
    AnyRef, AsContextMut, Config, Error, Extern, ExternRef, ExternType, Fuel, FuncType, GlobalType,
    HeapType, Limits, Linker, Memory, MemoryType, Module, Mutability, Store, Table, TableType,
    TrapKind, Val, ValType,
};
use outcome::graph::{MOST_ELEMENTS, Node, graph};
use outcome::host::{self, Calls};
use outcome::{Engine, Export, ExportKind, Running, Stop, Trap, Type, Value};

/// keel, configured with the limits of [`outcome::host`].
#[derive(Clone)]
pub(crate) struct Keel(keel::Engine);

impl Keel {
    /// An engine with or without fuel metering.
    pub(crate) fn new(fuel: Fuel) -> Keel {
        let config = Config::new().fuel(fuel).stack_bytes(host::STACK_BYTES);
        Keel(keel::Engine::new(config))
    }
}

/// An instance and its store.
pub(crate) struct KeelInstance {
    engine: keel::Engine,
    store: Store<Calls>,
    exports: HashMap<String, Extern>,
}

impl Engine for Keel {
    type Module = Module;
    type Running = KeelInstance;

    fn compile(&self, wasm: &[u8]) -> Result<Module, String> {
        Module::from_binary(&self.0, wasm).map_err(|error| error.to_string())
    }

    fn instantiate(&self, module: &Module) -> Result<KeelInstance, Stop> {
        let mut store = Store::new(&self.0, Calls::default());
        store.set_limits(Limits {
            memory_bytes: host::MEMORY_LIMIT_BYTES,
            table_elements: host::TABLE_LIMIT_ELEMENTS,
            heap_bytes: host::MEMORY_LIMIT_BYTES,
            ..Limits::default()
        });
        store.set_fuel(u64::MAX);
        let linker = linker(&self.0, &mut store).expect("the host's names are defined once");
        let instance = match linker.instantiate(&mut store, module) {
            Ok(instance) => instance,
            Err(error) => return Err(stop(error, &mut store)),
        };
        let exports = instance.exports(&mut store).expect("its own store");
        Ok(KeelInstance {
            engine: self.0.clone(),
            store,
            exports: exports.into_iter().collect(),
        })
    }
}

fn linker(engine: &keel::Engine, store: &mut Store<Calls>) -> keel::Result<Linker<Calls>> {
    let mut linker = Linker::<Calls>::new(engine);
    for (index, (name, params, results)) in host::FUNCTIONS.iter().enumerate() {
        let types = |types: &[Type]| types.iter().map(|ty| ty_of(*ty)).collect::<Vec<_>>();
        let ty = FuncType::new(types(params), types(results));
        let engine = engine.clone();
        linker.func_new(host::MODULE, name, ty, move |mut caller, args, out| {
            let args: Vec<Value> = args.iter().map(|val| value(val, &mut caller)).collect();
            for (out, result) in out.iter_mut().zip(caller.data_mut().answer(index, &args)) {
                *out = val(result, out.ty(), &engine);
            }
            Ok(())
        })?;
    }
    for (name, ty, mutability, initial) in host::GLOBALS {
        let content = ty_of(ty);
        let mutability = match mutability {
            host::Mutability::Const => Mutability::Const,
            host::Mutability::Var => Mutability::Var,
        };
        let ty = GlobalType {
            content,
            mutability,
        };
        let global = keel::Global::create(&mut *store, ty, val(initial, content, engine))?;
        linker.define(host::MODULE, name, global)?;
    }
    for (name, minimum, maximum) in host::MEMORIES {
        let memory = Memory::create(
            &mut *store,
            MemoryType::new(minimum.into(), maximum.map(u64::from)),
        )?;
        linker.define(host::MODULE, name, memory)?;
    }
    for (name, ty, minimum, maximum) in host::TABLES {
        let element = ty_of(ty);
        let ty = TableType::new(element, minimum.into(), maximum.map(u64::from));
        let table = Table::create(&mut *store, ty, val(Value::Null, element, engine))?;
        linker.define(host::MODULE, name, table)?;
    }
    Ok(linker)
}

impl Running for KeelInstance {
    fn exports(&mut self) -> Vec<Export> {
        let engine = self.engine.clone();
        let kind = |item: &Extern, store: &mut Store<Calls>| match item.ty(store) {
            Ok(ExternType::Func(ty)) => {
                let params = ty.params().iter().map(|ty| type_of(*ty, &engine));
                let params: Option<Vec<Type>> = params.collect();
                params.map_or(ExportKind::Uncallable, ExportKind::Func)
            }
            Ok(ExternType::Global(_)) => ExportKind::Global,
            Ok(ExternType::Memory(_)) => ExportKind::Memory,
            Ok(ExternType::Table(_)) => ExportKind::Table,
            Ok(ExternType::Tag(_)) => ExportKind::Tag,
            Err(error) => panic!("its own store: {error}"),
        };
        let exports = self.exports.iter();
        exports
            .map(|(name, item)| Export {
                name: name.clone(),
                kind: kind(item, &mut self.store),
            })
            .collect()
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop> {
        let Extern::Func(func) = self.exports[name] else {
            panic!("{name:?} is no function");
        };
        let ty = func.ty(&self.store).expect("its own store");
        let types = ty.params().iter();
        let arguments: Vec<Val> = arguments
            .iter()
            .zip(types)
            .map(|(value, ty)| val(*value, *ty, &self.engine))
            .collect();
        match func.call(&mut self.store, &arguments) {
            Ok(results) => Ok(results
                .iter()
                .map(|result| value(result, &mut self.store))
                .collect()),
            Err(error) => Err(stop(error, &mut self.store)),
        }
    }

    fn global(&mut self, name: &str) -> Value {
        match self.exports[name] {
            Extern::Global(global) => {
                let now = global.get(&self.store).expect("its own store");
                value(&now, &mut self.store)
            }
            _ => panic!("{name:?} is no global"),
        }
    }

    fn set_global(&mut self, name: &str, value: Value) {
        let Extern::Global(global) = self.exports[name] else {
            panic!("{name:?} is no global");
        };
        let value = val(value, global.ty().content, &self.engine);
        global
            .set(&mut self.store, value)
            .expect("a global that can be set");
    }

    fn memory(&mut self, name: &str) -> Vec<u8> {
        let Extern::Memory(memory) = self.exports[name] else {
            panic!("{name:?} is no memory");
        };
        let ty = memory.ty(&self.store).expect("its own store");
        let mut bytes = vec![0; (ty.minimum * ty.page_bytes()) as usize];
        memory
            .read(&self.store, 0, &mut bytes)
            .expect("within its length");
        bytes
    }

    fn table(&mut self, name: &str) -> Vec<Value> {
        let Extern::Table(table) = self.exports[name] else {
            panic!("{name:?} is no table");
        };
        let length = table.ty(&self.store).expect("its own store").minimum;
        let element = |index| {
            let element = table.get(&mut self.store, index);
            value(&element.expect("within its length"), &mut self.store)
        };
        (0..length).map(element).collect()
    }

    fn host_calls(&mut self) -> u64 {
        self.store.data().value()
    }
}

fn stop(error: Error, mut store: impl AsContextMut) -> Stop {
    let trap = match &error {
        Error::Trap(trap) => trap.kind,
        Error::Exception(exception) => {
            let values = exception.values(&mut store).expect("its own store");
            let values = values.iter().map(|one| value(one, &mut store));
            return Stop::Thrown(values.collect());
        }
        Error::Limit(_) | Error::UnknownImport { .. } | Error::IncompatibleImport { .. } => {
            return Stop::Refused(error.to_string());
        }
        _ => return Stop::Broken(error.to_string()),
    };
    Stop::Trap(match trap {
        TrapKind::Unreachable => Trap::Unreachable,
        TrapKind::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        TrapKind::TableOutOfBounds => Trap::TableOutOfBounds,
        TrapKind::UndefinedElement => Trap::UninitializedElement,
        TrapKind::IndirectCallTypeMismatch => Trap::IndirectCallTypeMismatch,
        TrapKind::IntegerOverflow => Trap::IntegerOverflow,
        TrapKind::IntegerDivideByZero => Trap::IntegerDivideByZero,
        TrapKind::InvalidConversion => Trap::InvalidConversion,
        TrapKind::StackOverflow => Trap::StackExhausted,
        TrapKind::HeapExhausted => Trap::HeapExhausted,
        TrapKind::NullReference => Trap::NullReference,
        TrapKind::CastFailure => Trap::CastFailure,
        TrapKind::ArrayOutOfBounds => Trap::ArrayOutOfBounds,
        TrapKind::UnalignedAtomic => Trap::UnalignedAtomic,
        TrapKind::UnsharedWait => Trap::UnsharedWait,
        _ => return Stop::Broken(error.to_string()),
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
        Type::AnyRef | Type::I31Ref => ValType::ANYREF,
        Type::ExnRef => ValType::EXNREF,
    }
}

/// The engine-neutral type; `None` if the host has no values of it.
fn type_of(ty: ValType, engine: &keel::Engine) -> Option<Type> {
    let reference = match ty {
        ValType::I32 => return Some(Type::I32),
        ValType::I64 => return Some(Type::I64),
        ValType::F32 => return Some(Type::F32),
        ValType::F64 => return Some(Type::F64),
        ValType::V128 => return Some(Type::V128),
        ValType::Ref(reference) => reference,
    };
    let null = Val::null_of(ty, engine)?;
    Some(match (reference.heap, null) {
        (HeapType::Extern, _) => Type::ExternRef,
        (HeapType::Any | HeapType::Eq | HeapType::I31, _) => Type::I31Ref,
        (_, Val::FuncRef(_)) => Type::FuncRef,
        (_, Val::ExnRef(_)) => Type::ExnRef,
        _ => Type::AnyRef,
    })
}

/// The value in keel's form. The host has no functions, so a function becomes null.
fn val(value: Value, ty: ValType, engine: &keel::Engine) -> Val {
    match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits),
        Value::Extern(number) => Val::ExternRef(Some(ExternRef::new(number))),
        Value::I31(number) => Val::AnyRef(Some(AnyRef::from_i31(number))),
        Value::Null | Value::Func | Value::Graph(_) => {
            Val::null_of(ty, engine).unwrap_or(Val::AnyRef(None))
        }
    }
}

fn value(val: &Val, mut store: impl AsContextMut) -> Value {
    graph(*val, |val| {
        Node::Leaf(match val {
            Val::I32(bits) => Value::I32(bits as u32),
            Val::I64(bits) => Value::I64(bits as u64),
            Val::F32(bits) => Value::F32(bits),
            Val::F64(bits) => Value::F64(bits),
            Val::V128(bits) => Value::V128(bits),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
                Value::Null
            }
            Val::FuncRef(Some(_)) => Value::Func,
            Val::ExternRef(Some(thing)) => Value::Extern(thing.number()),
            Val::ExnRef(Some(exception)) => {
                return Node::Exception(exception.values(&mut store).expect("its own store"));
            }
            Val::AnyRef(Some(reference)) => {
                if let Some(number) = reference.i31() {
                    return Node::Leaf(Value::I31(number));
                }
                let length = reference.len(&store).expect("its own store");
                let most = if reference.is_array() {
                    MOST_ELEMENTS
                } else {
                    length
                };
                let get = |index| reference.get(&mut store, index).expect("within its length");
                let values = (0..length.min(most)).map(get).collect();
                return match reference.is_array() {
                    true => Node::Array(length, values),
                    false => Node::Struct(values),
                };
            }
        })
    })
}

/// Describes a module run in a new slot, in the same slot again, and metered. The three must be
/// equal; a difference is part of the description.
pub(crate) fn describe_in_every_way(plain: &Keel, metered: &Keel, wasm: &[u8]) -> String {
    let module = match plain.compile(wasm) {
        Ok(module) => module,
        Err(message) => return format!("compile: refused\n# {message}\n"),
    };
    let mut text = outcome::describe::describe_module(plain, &module);
    let again = outcome::describe::describe_module(plain, &module);
    let metered = outcome::describe(metered, wasm);
    for (what, other) in [("in a used slot", again), ("metered", metered)] {
        if other != text {
            text.push_str(&format!("differs {what}:\n{other}"));
            break;
        }
    }
    text
}
