//! Runs the specification's test scripts on WasmEdge, through its C API.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fs;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use plimsoll_adapter::record::Proposal;
use plimsoll_adapter::wast::{self, Fault, Null, Ref, Value, spectest};
use wasmedge_sys::{Config, ffi};
use wasmedge_types::WasmStandard;

use crate::{Engine, Failure, Mode, Module, check, complaint, made};

/// Proposals that WasmEdge's table lists for both modes, on by default or by option.
const CLAIMS: &[Proposal] = &[
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
    Proposal::FunctionReferences,
    Proposal::Gc,
    Proposal::Annotations,
    Proposal::Threads,
];

/// The proposals that a target with this mode supports.
pub fn claims(mode: Mode) -> Vec<Proposal> {
    let more: &[_] = match mode {
        Mode::Interpreter => &[Proposal::Exceptions],
        // The table lists exceptions as under development.
        Mode::Aot => &[],
    };
    [CLAIMS, more].concat()
}

/// Number of libraries compiled in this process: WasmEdge would confuse two libraries loaded from the same path.
static LIBRARIES: AtomicU32 = AtomicU32::new(0);

/// The state for one script.
pub struct Specification {
    engine: Engine,
    mode: Mode,
    /// Path prefix for libraries.
    libraries: PathBuf,
    executor: *mut ffi::WasmEdge_ExecutorContext,
    store: *mut ffi::WasmEdge_StoreContext,
    host: *mut ffi::WasmEdge_ModuleInstanceContext,
    instances: Vec<Instance>,
    registered: BTreeMap<String, Instance>,
}

/// An instance owned by the [`Specification`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance(*mut ffi::WasmEdge_ModuleInstanceContext);

impl Specification {
    /// A store with the host module and those `features` that the mode supports. Libraries are temporary files beside
    /// `script`.
    ///
    /// # Errors
    ///
    /// If WasmEdge fails, or its types differ from those expected here.
    pub fn new(
        mode: Mode,
        features: &[Proposal],
        script: &Path,
    ) -> Result<Self, plimsoll_adapter::Error> {
        let has = claims(mode);
        let on = |proposal| features.contains(&proposal) && has.contains(&proposal);
        let engine = Engine::with(mode, |config| switch(config, on));
        let ready = engine.and_then(|engine| {
            types::expected()?;
            let mut ready = Specification {
                mode,
                libraries: script.with_extension(""),
                executor: ptr::null_mut(),
                store: ptr::null_mut(),
                host: ptr::null_mut(),
                instances: Vec::new(),
                registered: BTreeMap::new(),
                engine,
            };
            let config = ready.engine.config.as_ptr();
            // SAFETY: the configuration outlives both, and created objects are immediately stored.
            unsafe {
                let executor = ffi::WasmEdge_ExecutorCreate(config, ptr::null_mut());
                ready.executor = made("an executor", executor)?;
                ready.host = host(on)?;
            }
            ready.link()?;
            Ok(ready)
        });
        ready.map_err(|failure| plimsoll_adapter::Error::Failed(failure.to_string()))
    }

    /// Replaces the store with a new one that has all importable instances, because WasmEdge cannot rebind a name in a
    /// store.
    fn link(&mut self) -> Result<(), Failure> {
        // SAFETY: nothing else uses the store, and an instance outlives every store that contains it.
        unsafe {
            ffi::WasmEdge_StoreDelete(self.store);
            self.store = ptr::null_mut();
            self.store = made("a store", ffi::WasmEdge_StoreCreate())?;
            check(
                "registering spectest",
                ffi::WasmEdge_ExecutorRegisterImport(self.executor, self.store, self.host),
            )?;
        }
        for (name, instance) in &self.registered {
            self.enter(name, *instance)?;
        }
        Ok(())
    }

    fn enter(&self, name: &str, instance: Instance) -> Result<(), Failure> {
        // SAFETY: executor, store and instance are alive and belong to `self`; the name is copied.
        let entered = unsafe {
            ffi::WasmEdge_ExecutorRegisterImportWithAlias(
                self.executor,
                self.store,
                instance.0,
                string(name),
            )
        };
        check("registering an instance", entered)
    }

    /// A module in the form that the target runs.
    fn module(&self, wasm: &[u8]) -> Result<Module, Failure> {
        let parsed = self.engine.parse(wasm)?;
        if self.mode == Mode::Interpreter {
            return Ok(parsed);
        }
        let number = LIBRARIES.fetch_add(1, Ordering::Relaxed);
        let mut library = self.libraries.clone();
        library.add_extension(format!("{number}.so"));
        let loaded = self
            .engine
            .compile(wasm, &library)
            .and_then(|()| self.engine.load(&library));
        // The loaded library stays valid after its file is removed.
        let _ = fs::remove_file(&library);
        loaded
    }
}

impl Drop for Specification {
    fn drop(&mut self) {
        // SAFETY: each was created for `self` and is deleted only here; deleting null is allowed. Importing instances
        // are deleted before their imports, and all before the store.
        unsafe {
            for instance in self.instances.iter().rev() {
                ffi::WasmEdge_ModuleInstanceDelete(instance.0);
            }
            ffi::WasmEdge_ExecutorDelete(self.executor);
            ffi::WasmEdge_StoreDelete(self.store);
            ffi::WasmEdge_ModuleInstanceDelete(self.host);
        }
    }
}

/// Turns each proposal on or off according to `on`. Prerequisites of others come first.
fn switch(config: &mut Config, on: impl Fn(Proposal) -> bool) {
    config.set_wasm_standard(WasmStandard::Wasm1);
    config.mutable_globals(on(Proposal::MutableGlobal));
    config.non_trap_conversions(on(Proposal::SaturatingFloatToInt));
    config.sign_extension_operators(on(Proposal::SignExtension));
    config.multi_value(on(Proposal::MultiValue));
    config.bulk_memory_operations(on(Proposal::BulkMemory));
    config.reference_types(on(Proposal::ReferenceTypes));
    config.simd(on(Proposal::Simd));
    config.relax_simd(on(Proposal::RelaxedSimd));
    config.tail_call(on(Proposal::TailCall));
    config.extended_const(on(Proposal::ExtendedConst));
    config.multi_memories(on(Proposal::MultiMemory));
    config.memory64(on(Proposal::Memory64));
    config.function_references(on(Proposal::FunctionReferences));
    config.gc(on(Proposal::Gc));
    config.exception_handling(on(Proposal::Exceptions));
    config.annotations(on(Proposal::Annotations));
    config.threads(on(Proposal::Threads));
}

/// A string view for WasmEdge that must not outlive `text`.
fn string(text: &str) -> ffi::WasmEdge_String {
    // SAFETY: it only stores the pointer and length.
    unsafe { ffi::WasmEdge_StringWrap(text.as_ptr().cast(), text.len() as u32) }
}

/// A host function that does nothing.
unsafe extern "C" fn nothing(
    _: *mut c_void,
    _: *const ffi::WasmEdge_CallingFrameContext,
    _: *const ffi::WasmEdge_Value,
    _: *mut ffi::WasmEdge_Value,
) -> ffi::WasmEdge_Result {
    ffi::WasmEdge_Result { Code: 0 }
}

/// Creates the host module.
///
/// # Safety
///
/// The caller must delete it once, when nothing uses it any more.
unsafe fn host(
    on: impl Fn(Proposal) -> bool,
) -> Result<*mut ffi::WasmEdge_ModuleInstanceContext, Failure> {
    // SAFETY: types and limits are copied and then deleted here; created objects belong to the module. Names are
    // copied.
    unsafe {
        let name = string(spectest::NAME);
        let module = made("spectest", ffi::WasmEdge_ModuleInstanceCreate(name))?;
        for (name, params) in spectest::FUNCTIONS {
            let params: Vec<_> = params.iter().map(|value| number(value).Type).collect();
            let length = params.len() as u32;
            let ty = ffi::WasmEdge_FunctionTypeCreate(params.as_ptr(), length, ptr::null(), 0);
            let made = ffi::WasmEdge_FunctionInstanceCreate(ty, Some(nothing), ptr::null_mut(), 0);
            ffi::WasmEdge_FunctionTypeDelete(ty);
            ffi::WasmEdge_ModuleInstanceAddFunction(module, string(name), made);
        }
        for (name, value) in spectest::GLOBALS {
            let value = number(value);
            let ty = ffi::WasmEdge_GlobalTypeCreate(value.Type, ffi::WasmEdge_Mutability_Const);
            let made = ffi::WasmEdge_GlobalInstanceCreate(ty, value);
            ffi::WasmEdge_GlobalTypeDelete(ty);
            ffi::WasmEdge_ModuleInstanceAddGlobal(module, string(name), made);
        }
        let (least, most) = spectest::TABLE;
        for (name, is_64) in [("table", false), ("table64", true)] {
            if is_64 && !on(Proposal::Memory64) {
                continue;
            }
            let limit = ffi::WasmEdge_LimitCreateWithMax(least.into(), most.into(), is_64, false);
            let ty = ffi::WasmEdge_TableTypeCreate(ffi::WasmEdge_ValTypeGenFuncRef(), limit);
            let made = ffi::WasmEdge_TableInstanceCreate(ty);
            ffi::WasmEdge_TableTypeDelete(ty);
            ffi::WasmEdge_LimitDelete(limit);
            ffi::WasmEdge_ModuleInstanceAddTable(module, string(name), made);
        }
        let (least, most) = spectest::MEMORY;
        for (name, shared) in [("memory", false), ("shared_memory", true)] {
            if shared && !on(Proposal::Threads) {
                continue;
            }
            let limit = ffi::WasmEdge_LimitCreateWithMax(least.into(), most.into(), false, shared);
            let ty = ffi::WasmEdge_MemoryTypeCreate(limit);
            let made = ffi::WasmEdge_MemoryInstanceCreate(ty);
            ffi::WasmEdge_MemoryTypeDelete(ty);
            ffi::WasmEdge_LimitDelete(limit);
            ffi::WasmEdge_ModuleInstanceAddMemory(module, string(name), made);
        }
        Ok(module)
    }
}

impl wast::Engine for Specification {
    type Module = Module;
    type Instance = Instance;

    fn compile(&mut self, wasm: &[u8]) -> Result<Module, String> {
        self.module(wasm).map_err(|failure| failure.to_string())
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Fault> {
        let mut made = ptr::null_mut();
        // SAFETY: all pointers are alive; the created instance is immediately stored.
        let went = unsafe {
            ffi::WasmEdge_ExecutorInstantiate(self.executor, &mut made, self.store, module.0)
        };
        succeeded(went)?;
        let instance = Instance(made);
        self.instances.push(instance);
        Ok(instance)
    }

    fn register(&mut self, name: &str, instance: &Instance) -> Result<(), Fault> {
        let before = self.registered.insert(name.to_owned(), *instance);
        let registered = match before {
            None => self.enter(name, *instance),
            Some(_) => self.link(),
        };
        registered.map_err(|failure| Fault::Other(failure.to_string()))
    }

    fn invoke(
        &mut self,
        instance: &Instance,
        function: &str,
        arguments: &[Value],
    ) -> Result<Vec<Value>, Fault> {
        // SAFETY: the instance and its exports are alive; lists have the stated lengths and are filled before they are
        // read.
        unsafe {
            let found = ffi::WasmEdge_ModuleInstanceFindFunction(instance.0, string(function));
            if found.is_null() {
                return Err(Fault::Other(format!("there is no function {function}")));
            }
            let ty = ffi::WasmEdge_FunctionInstanceGetFunctionType(found);
            let unset = ffi::WasmEdge_ValTypeGenI32();
            let mut params =
                vec![unset; ffi::WasmEdge_FunctionTypeGetParametersLength(ty) as usize];
            let length = params.len() as u32;
            ffi::WasmEdge_FunctionTypeGetParameters(ty, params.as_mut_ptr(), length);
            let arguments: Vec<_> = arguments
                .iter()
                .zip(&params)
                .map(|(value, param)| argument(value, *param))
                .collect();
            let results = ffi::WasmEdge_FunctionTypeGetReturnsLength(ty);
            let mut results = vec![ffi::WasmEdge_ValueGenI32(0); results as usize];
            succeeded(ffi::WasmEdge_ExecutorInvoke(
                self.executor,
                found,
                arguments.as_ptr(),
                arguments.len() as u32,
                results.as_mut_ptr(),
                results.len() as u32,
            ))?;
            results.into_iter().map(value).collect()
        }
    }

    fn global(&mut self, instance: &Instance, name: &str) -> Result<Value, Fault> {
        // SAFETY: the instance and its exports are alive.
        unsafe {
            let found = ffi::WasmEdge_ModuleInstanceFindGlobal(instance.0, string(name));
            match found.is_null() {
                true => Err(Fault::Other(format!("there is no global {name}"))),
                false => value(ffi::WasmEdge_GlobalInstanceGetValue(found)),
            }
        }
    }
}

/// Classifies a failure for scripts. WasmEdge groups its codes: 3xx for instantiation, 4xx for execution.
fn succeeded(result: ffi::WasmEdge_Result) -> Result<(), Fault> {
    let Some(said) = complaint(result) else {
        return Ok(());
    };
    // SAFETY: a result is a plain value.
    let code = unsafe { ffi::WasmEdge_ResultGetCode(result) };
    Err(match code {
        ffi::WasmEdge_ErrCode_UncaughtException => Fault::Exception(said),
        // Errors of the host, not of the guest.
        ffi::WasmEdge_ErrCode_WrongInstanceAddress
        | ffi::WasmEdge_ErrCode_WrongInstanceIndex
        | ffi::WasmEdge_ErrCode_FuncSigMismatch
        | ffi::WasmEdge_ErrCode_HostFuncError => Fault::Other(said),
        0x300..0x400 => Fault::Link(said),
        0x400..0x500 => Fault::Trap(said),
        _ => Fault::Other(said),
    })
}

/// WasmEdge's encoding of types: one byte for the value's type code, and the next for the referenced type.
mod types {
    use super::{Failure, ffi};

    pub(super) const CODE: usize = 2;
    pub(super) const HEAP: usize = 3;

    /// Checks that this encoding is in use.
    ///
    /// # Errors
    ///
    /// If it is not, because the library has another version.
    pub(super) fn expected() -> Result<(), Failure> {
        // SAFETY: they return plain values.
        let (number, reference) = unsafe {
            (
                ffi::WasmEdge_ValTypeGenI32().Data,
                ffi::WasmEdge_ValTypeGenExternRef().Data,
            )
        };
        let as_read = u32::from(number[CODE]) == ffi::WasmEdge_TypeCode_I32
            && u32::from(reference[CODE]) == ffi::WasmEdge_TypeCode_RefNull
            && u32::from(reference[HEAP]) == ffi::WasmEdge_TypeCode_ExternRef;
        match as_read {
            true => Ok(()),
            false => Err(Failure(format!(
                "this WasmEdge writes types otherwise than 0.17 does: {number:x?}, {reference:x?}"
            ))),
        }
    }
}

/// Added to a script's number to make a non-null pointer.
const POINTERS: u64 = 1 << 32;

/// A value other than a reference.
fn number(value: &Value) -> ffi::WasmEdge_Value {
    // SAFETY: they return plain values.
    unsafe {
        match *value {
            Value::I32(value) => ffi::WasmEdge_ValueGenI32(value),
            Value::I64(value) => ffi::WasmEdge_ValueGenI64(value),
            Value::F32(bits) => ffi::WasmEdge_ValueGenF32(f32::from_bits(bits)),
            Value::F64(bits) => ffi::WasmEdge_ValueGenF64(f64::from_bits(bits)),
            Value::V128(bits) => ffi::WasmEdge_ValueGenV128(bits as i128),
            Value::Ref(_) => ffi::WasmEdge_ValueGenFuncRef(ptr::null()),
        }
    }
}

/// An argument for a parameter of this type.
fn argument(value: &Value, param: ffi::WasmEdge_ValType) -> ffi::WasmEdge_Value {
    let Value::Ref(reference) = value else {
        return number(value);
    };
    // A reference consists of its type and a pointer.
    let of = |code: u32, heap: u32, pointer: u64| {
        let mut own = [0; 8];
        own[types::CODE] = code as u8;
        own[types::HEAP] = heap as u8;
        ffi::WasmEdge_Value {
            Value: u128::from(u64::from_le_bytes(own)) | (u128::from(pointer) << 64),
            Type: param,
        }
    };
    let to = u32::from(param.Data[types::HEAP]);
    match *reference {
        Ref::Null(null) => {
            let nothing = match null {
                Null::Func => ffi::WasmEdge_TypeCode_NullFuncRef,
                Null::Extern => ffi::WasmEdge_TypeCode_NullExternRef,
                Null::Any => ffi::WasmEdge_TypeCode_NullRef,
                Null::Exn => ffi::WasmEdge_TypeCode_NullExnRef,
                Null::Untold => to,
            };
            of(ffi::WasmEdge_TypeCode_RefNull, nothing, 0)
        }
        // A parameter in the `any` hierarchy accepts a converted host reference.
        Ref::Extern(number) | Ref::Host(number) => {
            let heap = match (reference, to) {
                (Ref::Extern(_), to) if to != ffi::WasmEdge_TypeCode_AnyRef => {
                    ffi::WasmEdge_TypeCode_ExternRef
                }
                _ => ffi::WasmEdge_TypeCode_AnyRef,
            };
            let pointer = POINTERS + u64::from(number);
            of(ffi::WasmEdge_TypeCode_Ref, heap, pointer)
        }
        // Scripts have no other references; the wrong type makes WasmEdge reject it.
        _ => number(value),
    }
}

fn value(value: ffi::WasmEdge_Value) -> Result<Value, Fault> {
    let code = u32::from(value.Type.Data[types::CODE]);
    // SAFETY: the functions take plain values of the matching types.
    unsafe {
        Ok(match code {
            ffi::WasmEdge_TypeCode_I32 => Value::I32(ffi::WasmEdge_ValueGetI32(value)),
            ffi::WasmEdge_TypeCode_I64 => Value::I64(ffi::WasmEdge_ValueGetI64(value)),
            ffi::WasmEdge_TypeCode_F32 => Value::F32(ffi::WasmEdge_ValueGetF32(value).to_bits()),
            ffi::WasmEdge_TypeCode_F64 => Value::F64(ffi::WasmEdge_ValueGetF64(value).to_bits()),
            ffi::WasmEdge_TypeCode_V128 => Value::V128(ffi::WasmEdge_ValueGetV128(value) as u128),
            ffi::WasmEdge_TypeCode_Ref | ffi::WasmEdge_TypeCode_RefNull => {
                Value::Ref(reference(value))
            }
            code => return Err(Fault::Other(format!("a value of the type {code:#x}"))),
        })
    }
}

fn reference(value: ffi::WasmEdge_Value) -> Ref {
    let heap = u32::from(value.Type.Data[types::HEAP]);
    let pointer = (value.Value >> 64) as u64;
    // A reference that no script created has no number.
    let number = || pointer.checked_sub(POINTERS)?.try_into().ok();
    if pointer == 0 {
        return Ref::Null(match heap {
            ffi::WasmEdge_TypeCode_FuncRef | ffi::WasmEdge_TypeCode_NullFuncRef => Null::Func,
            ffi::WasmEdge_TypeCode_ExternRef | ffi::WasmEdge_TypeCode_NullExternRef => Null::Extern,
            ffi::WasmEdge_TypeCode_ExnRef | ffi::WasmEdge_TypeCode_NullExnRef => Null::Exn,
            ffi::WasmEdge_TypeCode_TypeIndex => Null::Untold,
            _ => Null::Any,
        });
    }
    match heap {
        ffi::WasmEdge_TypeCode_FuncRef => Ref::Func,
        ffi::WasmEdge_TypeCode_ExternRef => Ref::Extern(number().unwrap_or(u32::MAX)),
        ffi::WasmEdge_TypeCode_I31Ref => Ref::I31,
        ffi::WasmEdge_TypeCode_StructRef => Ref::Struct,
        ffi::WasmEdge_TypeCode_ArrayRef => Ref::Array,
        ffi::WasmEdge_TypeCode_ExnRef => Ref::Exn,
        ffi::WasmEdge_TypeCode_AnyRef => number().map_or(Ref::Any, Ref::Host),
        _ => Ref::Any,
    }
}
