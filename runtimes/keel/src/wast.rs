//! Runs the specification's test scripts: keel's implementation of [`plimsoll_wast::Engine`].

use std::fmt::Write as _;

use plimsoll_wast::outcome::Expected;
use plimsoll_wast::{Enter, Fault, Null, Outcome, Ref, Value, spectest};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::externs::{Extern, Global, Memory, Table};
use crate::host::Caller;
use crate::instance::Instance;
use crate::linker::{Linker, Shadowing};
use crate::module::Module;
use crate::store::Store;
use crate::trap::TrapKind;
use crate::types::{
    GlobalType, HeapType, IndexType, MemoryType, Mutability, Sharing, TableType, ValType,
};
use crate::value::{ExternRef, Val};
use crate::vm::shared::SharedMemory;

/// How keel's outcome differs from the one that a directive expects; `None` if it passed or expects
/// nothing. keel uses the specification's wording for traps, so a different wording is a different
/// reason.
pub fn complaint(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Failed { message } => Some(message),
        Outcome::Passed {
            differs: Some(differs),
        } if differs.of == Expected::Trap => {
            // The specification words two traps differently by context: an index out of bounds in a
            // call, and a null reference by its expected type.
            let null = |text: &str| text.starts_with("null ") && text.ends_with(" reference");
            let same = (differs.expected.starts_with("undefined")
                && differs.found == TrapKind::TableOutOfBounds.to_string())
                || (null(&differs.expected)
                    && differs.found == TrapKind::NullReference.to_string());
            (!same).then(|| differs.to_string())
        }
        Outcome::Passed { .. } | Outcome::Skipped { .. } => None,
    }
}

/// The store of one script.
pub struct Specification {
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
}

impl Specification {
    /// Defines the host module `spectest` in a new store.
    ///
    /// # Errors
    /// If its memory or table cannot be allocated.
    pub fn new(engine: &Engine) -> Result<Self> {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        linker.set_shadowing(Shadowing::Allowed);
        define(&mut linker, &mut store)?;
        Ok(Specification {
            engine: engine.clone(),
            store,
            linker,
        })
    }
}

fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<()> {
    use spectest::NAME;
    for (name, params) in spectest::FUNCTIONS {
        match params {
            [] => linker.func_wrap(NAME, name, |_: Caller<'_, ()>| ()),
            [Value::I32(_)] => linker.func_wrap(NAME, name, |_: Caller<'_, ()>, _: i32| ()),
            [Value::I64(_)] => linker.func_wrap(NAME, name, |_: Caller<'_, ()>, _: i64| ()),
            [Value::F32(_)] => linker.func_wrap(NAME, name, |_: Caller<'_, ()>, _: f32| ()),
            [Value::F64(_)] => linker.func_wrap(NAME, name, |_: Caller<'_, ()>, _: f64| ()),
            [Value::I32(_), Value::F32(_)] => {
                linker.func_wrap(NAME, name, |_: Caller<'_, ()>, _: i32, _: f32| ())
            }
            [Value::F64(_), Value::F64(_)] => {
                linker.func_wrap(NAME, name, |_: Caller<'_, ()>, _: f64, _: f64| ())
            }
            _ => return Err(Error::host(format!("no function of the type of {name}"))),
        }?;
    }
    for (name, value) in spectest::GLOBALS {
        let value = val(value);
        let ty = GlobalType {
            content: value.ty(),
            mutability: Mutability::Const,
        };
        linker.define(NAME, name, Global::create(&mut *store, ty, value)?)?;
    }
    let (minimum, maximum) = spectest::TABLE;
    for (name, index) in [("table", IndexType::I32), ("table64", IndexType::I64)] {
        let ty = TableType {
            index,
            ..TableType::new(ValType::FUNCREF, minimum.into(), Some(maximum.into()))
        };
        let table = Table::create(&mut *store, ty, Val::FuncRef(None))?;
        linker.define(NAME, name, table)?;
    }
    let (minimum, maximum) = spectest::MEMORY;
    for (name, sharing) in [
        ("memory", Sharing::Unshared),
        ("shared_memory", Sharing::Shared),
    ] {
        let ty = MemoryType {
            sharing,
            ..MemoryType::new(minimum.into(), Some(maximum.into()))
        };
        linker.define(NAME, name, Memory::create(&mut *store, ty)?)?;
    }
    Ok(())
}

/// An instance that exports memories that its store shares with others.
fn instance_of(keel: &mut Specification, memories: &[(String, SharedMemory)]) -> Result<Instance> {
    let mut linker = Linker::new(&keel.engine);
    let mut text = "(module".to_owned();
    for (index, (name, memory)) in memories.iter().enumerate() {
        let item = Memory::from_shared(&mut keel.store, memory);
        linker.define("shared", &index.to_string(), item)?;
        let ty = memory.ty();
        let (least, most) = (ty.minimum, ty.maximum.unwrap_or(ty.minimum));
        let width = match ty.index {
            IndexType::I32 => "i32",
            IndexType::I64 => "i64",
        };
        let _ = write!(
            text,
            " (import \"shared\" \"{index}\" (memory {width} {least} {most} shared))
            (export {name:?} (memory {index}))",
        );
    }
    text.push(')');
    let module = Module::new(&keel.engine, text.as_bytes())?;
    linker.instantiate(&mut keel.store, &module)
}

impl plimsoll_wast::Engine for Specification {
    type Module = Module;
    type Instance = Instance;

    fn compile(&mut self, wasm: &[u8]) -> std::result::Result<Module, String> {
        // Binary format only, because `Module::new` also accepts text.
        Module::from_binary(&self.engine, wasm).map_err(|e| e.to_string())
    }

    fn instantiate(&mut self, module: &Module) -> std::result::Result<Instance, Fault> {
        let instance = self.linker.instantiate(&mut self.store, module);
        instance.map_err(fault)
    }

    fn register(&mut self, name: &str, instance: &Instance) -> std::result::Result<(), Fault> {
        let registered = self.linker.instance(&mut self.store, name, *instance);
        registered.map(drop).map_err(fault)
    }

    fn invoke(
        &mut self,
        instance: &Instance,
        function: &str,
        arguments: &[Value],
    ) -> std::result::Result<Vec<Value>, Fault> {
        let function = instance.get_func(&mut self.store, function);
        let function = function.map_err(fault)?;
        let ty = function.ty(&self.store).map_err(fault)?;
        let types = self.engine.types();
        let arguments: Vec<Val> = arguments
            .iter()
            .enumerate()
            .map(|(i, argument)| match (argument, ty.params().get(i)) {
                // The parameter type determines which null a bare `null` is.
                (Value::Ref(Ref::Null(_)), Some(ty)) => Val::default_of(*ty, types),
                _ => val(argument),
            })
            .collect();
        let results = function.call(&mut self.store, &arguments).map_err(fault)?;
        let results = results.iter().zip(ty.results());
        Ok(results.map(|(result, ty)| value(result, *ty)).collect())
    }

    fn global(&mut self, instance: &Instance, name: &str) -> std::result::Result<Value, Fault> {
        match instance.get_export(&mut self.store, name).map_err(fault)? {
            Extern::Global(global) => global
                .get(&self.store)
                .map(|found| value(&found, global.ty().content))
                .map_err(fault),
            _ => Err(Fault::Other(format!("{name} is no global"))),
        }
    }

    fn thread(&mut self, shared: Option<&Instance>) -> std::result::Result<Enter<Self>, Fault> {
        let mut memories = Vec::new();
        for (name, item) in shared
            .map(|instance| instance.exports(&mut self.store))
            .transpose()
            .map_err(fault)?
            .unwrap_or_default()
        {
            if let Extern::Memory(memory) = item
                && let Some(memory) = memory.shared(&self.store).map_err(fault)?
            {
                memories.push((name, memory));
            }
        }
        let (engine, has_shared) = (self.engine.clone(), shared.is_some());
        Ok(Box::new(move || {
            let mut thread = Specification::new(&engine).map_err(fault)?;
            let instance = has_shared.then(|| instance_of(&mut thread, &memories));
            let instance = instance.transpose().map_err(fault)?;
            Ok((thread, instance))
        }))
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Trap(trap) => Fault::Trap(trap.kind.to_string()),
        Error::UnknownImport { .. } | Error::IncompatibleImport { .. } => {
            Fault::Link(error.to_string())
        }
        Error::Exception(_) => Fault::Exception(error.to_string()),
        other => Fault::Other(other.to_string()),
    }
}

fn val(value: &Value) -> Val {
    match *value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits),
        Value::Ref(Ref::Extern(number) | Ref::Host(number)) => {
            Val::ExternRef(Some(ExternRef::new(number)))
        }
        Value::Ref(Ref::Null(Null::Extern)) => Val::ExternRef(None),
        Value::Ref(Ref::Null(Null::Any)) => Val::AnyRef(None),
        // Scripts use no other references here. A wrong one fails the type check of the call.
        Value::Ref(_) => Val::FuncRef(None),
    }
}

fn value(val: &Val, ty: ValType) -> Value {
    let is_extern = matches!(ty, ValType::Ref(ty) if ty.heap == HeapType::Extern);
    match *val {
        Val::I32(value) => Value::I32(value),
        Val::I64(value) => Value::I64(value),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(bits) => Value::V128(bits),
        Val::FuncRef(None) => Value::Ref(Ref::Null(Null::Func)),
        Val::FuncRef(Some(_)) => Value::Ref(Ref::Func),
        Val::ExternRef(None) => Value::Ref(Ref::Null(Null::Extern)),
        Val::ExternRef(Some(reference)) if is_extern => Value::Ref(Ref::Extern(reference.number())),
        Val::ExternRef(Some(reference)) => Value::Ref(Ref::Host(reference.number())),
        // Objects of the guest have no number.
        Val::AnyRef(Some(_)) if is_extern => Value::Ref(Ref::Extern(0)),
        Val::AnyRef(None) => Value::Ref(Ref::Null(Null::Any)),
        Val::ExnRef(None) => Value::Ref(Ref::Null(Null::Exn)),
        Val::ExnRef(Some(_)) => Value::Ref(Ref::Exn),
        Val::AnyRef(Some(reference)) if reference.is_struct() => Value::Ref(Ref::Struct),
        Val::AnyRef(Some(reference)) if reference.is_array() => Value::Ref(Ref::Array),
        Val::AnyRef(Some(_)) => Value::Ref(Ref::I31),
    }
}
