//! Runs the specification's test scripts on tinywasm.

use std::collections::HashMap;

use plimsoll_adapter::Error;
use plimsoll_adapter::record::Proposal;
use plimsoll_adapter::wast::{self, Fault, Null, Ref, Value, spectest};
use tinywasm::types::{
    ExternRef, FuncRef, FuncType, GlobalType, MemoryArch, MemoryType, TableType, WasmType,
    WasmValue,
};
use tinywasm::{
    Extern, ExternItem, Function, Global, HostFunction, Imports, Memory, Module, ModuleInstance,
    Store, Table,
};

/// The proposals that tinywasm's documentation lists. They are always on: it has no switches.
pub(crate) const CLAIMS: &[Proposal] = &[
    Proposal::MutableGlobal,
    Proposal::SaturatingFloatToInt,
    Proposal::SignExtension,
    Proposal::MultiValue,
    Proposal::ReferenceTypes,
    Proposal::BulkMemory,
    Proposal::Simd,
    Proposal::RelaxedSimd,
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
    store: Store,
    /// Items of `spectest` by name.
    host: Vec<(&'static str, Item)>,
    registered: HashMap<String, ModuleInstance>,
}

/// An item that can be imported repeatedly.
#[derive(Clone)]
enum Item {
    Function(Function),
    Global(Global),
    Table(Table),
    Memory(Memory),
}

impl From<Item> for Extern {
    fn from(item: Item) -> Self {
        match item {
            Item::Function(function) => function.into(),
            Item::Global(global) => global.into(),
            Item::Table(table) => table.into(),
            Item::Memory(memory) => memory.into(),
        }
    }
}

impl Specification {
    pub(crate) fn new(features: &[Proposal]) -> Result<Self, Error> {
        let mut store = Store::default();
        let with_table64 = features.contains(&Proposal::Memory64);
        let host = define(&mut store, with_table64)
            .map_err(|error| Error::failed("defining spectest", error))?;
        Ok(Specification {
            store,
            host,
            registered: HashMap::new(),
        })
    }

    fn imports(&self) -> Result<Imports, Fault> {
        let mut imports = Imports::new();
        for (name, item) in &self.host {
            imports.define(spectest::NAME, name, item.clone());
        }
        for (name, instance) in &self.registered {
            let linked = imports.link_module(name, instance.clone());
            linked.map_err(|error| fault(&error))?;
        }
        Ok(imports)
    }
}

fn define(
    store: &mut Store,
    with_table64: bool,
) -> Result<Vec<(&'static str, Item)>, tinywasm::Error> {
    let mut items = Vec::new();
    for (name, params) in spectest::FUNCTIONS {
        let params: Vec<WasmType> = params
            .iter()
            .map(|one| WasmType::from(plain(one)))
            .collect();
        let ty = FuncType::new(&params, &[]);
        let function = HostFunction::from_untyped(store, &ty, |_, _| Ok(Vec::new()));
        items.push((*name, Item::Function(function)));
    }
    for (name, value) in spectest::GLOBALS {
        let value = plain(value);
        let global = Global::new(store, GlobalType::new(value.into(), false), value)?;
        items.push((*name, Item::Global(global)));
    }
    let nothing = WasmValue::RefFunc(FuncRef::null());
    let (least, most) = spectest::TABLE;
    let ty = TableType::new(WasmType::RefFunc, least.into(), Some(most.into()));
    items.push(("table", Item::Table(Table::new(store, ty, nothing)?)));
    if with_table64 {
        let ty = TableType::new64(WasmType::RefFunc, least.into(), Some(most.into()));
        items.push(("table64", Item::Table(Table::new(store, ty, nothing)?)));
    }
    let (least, most) = spectest::MEMORY;
    let ty = MemoryType::new(MemoryArch::I32, least.into(), Some(most.into()), None);
    items.push(("memory", Item::Memory(Memory::new(store, ty)?)));
    Ok(items)
}

impl wast::Engine for Specification {
    type Module = Module;
    type Instance = ModuleInstance;

    fn compile(&mut self, wasm: &[u8]) -> Result<Module, String> {
        tinywasm::parse_bytes(wasm).map_err(|error| error.to_string())
    }

    fn instantiate(&mut self, module: &Module) -> Result<ModuleInstance, Fault> {
        let imports = self.imports()?;
        ModuleInstance::instantiate(&mut self.store, module, Some(imports))
            .map_err(|error| fault(&error))
    }

    fn register(&mut self, name: &str, instance: &ModuleInstance) -> Result<(), Fault> {
        self.registered.insert(name.to_owned(), instance.clone());
        Ok(())
    }

    fn invoke(
        &mut self,
        instance: &ModuleInstance,
        function: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Fault> {
        let function = instance
            .func_untyped(&self.store, function)
            .map_err(|error| fault(&error))?;
        let arguments: Vec<WasmValue> = arguments.iter().map(plain).collect();
        let results = function
            .call(&mut self.store, &arguments)
            .map_err(|error| fault(&error))?;
        Ok(results.iter().map(value).collect())
    }

    fn global(&mut self, instance: &ModuleInstance, name: &str) -> Result<Value, Fault> {
        let item = instance.extern_item(name).map_err(|error| fault(&error))?;
        let ExternItem::Global(global) = item else {
            return Err(Fault::Other(format!("{name} is no global")));
        };
        let got = global.get(&self.store).map_err(|error| fault(&error))?;
        Ok(value(&got))
    }
}

fn fault(error: &tinywasm::Error) -> Fault {
    match error {
        tinywasm::Error::Trap(trap) => Fault::Trap(trap.message().to_owned()),
        tinywasm::Error::Linker(link) => Fault::Link(link.message().to_owned()),
        other => Fault::Other(other.to_string()),
    }
}

fn plain(value: &Value) -> WasmValue {
    match *value {
        Value::I32(value) => WasmValue::I32(value),
        Value::I64(value) => WasmValue::I64(value),
        Value::F32(bits) => WasmValue::F32(f32::from_bits(bits)),
        Value::F64(bits) => WasmValue::F64(f64::from_bits(bits)),
        Value::V128(bits) => WasmValue::V128(bits.to_le_bytes()),
        Value::Ref(Ref::Extern(number)) => WasmValue::RefExtern(ExternRef::new(Some(number))),
        Value::Ref(Ref::Null(Null::Extern)) => WasmValue::RefExtern(ExternRef::null()),
        // tinywasm has no other references; the wrong type makes it reject the call.
        Value::Ref(_) => WasmValue::RefFunc(FuncRef::null()),
    }
}

fn value(value: &WasmValue) -> Value {
    match *value {
        WasmValue::I32(value) => Value::I32(value),
        WasmValue::I64(value) => Value::I64(value),
        WasmValue::F32(value) => Value::F32(value.to_bits()),
        WasmValue::F64(value) => Value::F64(value.to_bits()),
        WasmValue::V128(bytes) => Value::V128(u128::from_le_bytes(bytes)),
        WasmValue::RefExtern(reference) => match reference.addr() {
            Some(number) => Value::Ref(Ref::Extern(number)),
            None => Value::Ref(Ref::Null(Null::Extern)),
        },
        WasmValue::RefFunc(reference) if reference.is_null() => Value::Ref(Ref::Null(Null::Func)),
        WasmValue::RefFunc(_) => Value::Ref(Ref::Func),
    }
}
