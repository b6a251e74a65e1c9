//! Functions of a store, and calls to them, typed and untyped.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::store::{AsContext, AsContextMut};
use crate::types::def::short_id;
use crate::types::{FuncType, ValType};
use crate::value::{RawValue, Val, WasmTypes};
use crate::vm::context::{FunctionRecord, Value};
use crate::vm::store::StoreContext;

/// A function in a store.
///
/// ```
/// # fn main() -> keel::Result<()> {
/// # #[cfg(feature = "wat")] {
/// use keel::{Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, br#"
///     (module (func (export "add") (param i32 i32) (result i32)
///         (i32.add (local.get 0) (local.get 1))))
/// "#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
/// let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
/// assert_eq!(add.call(&mut store, (2, 3))?, 5);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Func {
    store: u64,
    record: NonNull<FunctionRecord>,
}

// SAFETY: a handle. Its record is only accessed together with its store, which one thread uses at a
// time.
unsafe impl Send for Func {}
// SAFETY: as above.
unsafe impl Sync for Func {}

impl Func {
    pub(crate) fn new_handle(store: u64, record: NonNull<FunctionRecord>) -> Func {
        Func { store, record }
    }

    /// # Safety
    /// `address` is null or the address of a function record in the store `store`.
    pub(crate) unsafe fn from_address(address: usize, store: u64) -> Option<Func> {
        Some(Func {
            store,
            record: NonNull::new(address as *mut FunctionRecord)?,
        })
    }

    pub(crate) fn address(self) -> usize {
        self.record.as_ptr() as usize
    }

    pub(crate) fn store(self) -> u64 {
        self.store
    }

    /// A copy of the record. The caller must have access to the store.
    #[inline]
    pub(crate) fn record(self) -> FunctionRecord {
        // SAFETY: records live as long as their store, which the caller has.
        unsafe { *self.record.as_ptr() }
    }

    /// The function's type.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one.
    pub fn ty(&self, store: impl AsContext) -> Result<FuncType> {
        // SAFETY: the store is borrowed.
        let store = unsafe { &*store.as_store().context() };
        store.check_owner(self.store)?;
        Ok(store.engine.types().func_type(self.record().ty))
    }

    /// The thunk through which the host calls this function.
    fn entry(&self) -> *const u8 {
        let record = self.record();
        // SAFETY: the store keeps its instances alive.
        let module = unsafe { &(*record.context.instance()).module };
        module
            .entry(record.ty)
            .expect("there is a thunk for every function with a record")
    }

    /// Calls the function.
    ///
    /// # Errors
    /// [`Error::Type`] if the arguments do not match the parameters, [`Error::Trap`] if the code
    /// traps, and any error of a host function.
    pub fn call(&self, store: impl AsContextMut, args: &[Val]) -> Result<Vec<Val>> {
        let ty = self.ty(&store)?;
        // SAFETY: the store is borrowed.
        check_values(args, ty.params(), unsafe { &*store.as_store().context() })?;
        let count = args.len().max(ty.results().len()).max(1);
        let mut values = vec![Value::ZERO; count];
        for (value, arg) in values.iter_mut().zip(args) {
            *value = arg.to_raw();
        }
        let record = self.record();
        // SAFETY: the store is borrowed and owns the function; the values match its parameters and
        // have room for its results.
        unsafe {
            StoreContext::call(
                store.as_store().context(),
                self.entry(),
                record.code,
                record.context,
                values.as_mut_ptr(),
            )?;
        }
        let results = ty.results().iter().zip(values);
        // SAFETY: the call returned, so the function has written its results.
        Ok(results
            .map(|(ty, raw)| unsafe { Val::from_raw(raw, *ty, store.as_store().context()) })
            .collect())
    }

    /// The function with Rust types for its parameters and results, which makes calls faster.
    ///
    /// # Errors
    /// [`Error::Type`] if the function has a different type.
    pub fn typed<P: WasmTypes, R: WasmTypes>(
        &self,
        store: impl AsContextMut,
    ) -> Result<TypedFunc<P, R>> {
        // SAFETY: the store is borrowed.
        let store = unsafe { &*store.as_store().context() };
        store.check_owner(self.store)?;
        if short_id(P::TYPES, R::TYPES) != Some(self.record().ty) {
            let found = store.engine.types().func_type(self.record().ty);
            if found.params() != P::TYPES || found.results() != R::TYPES {
                let of = |types: &[ValType]| types.to_vec();
                let asked = FuncType::new(of(P::TYPES), of(R::TYPES));
                return Err(Error::Type(format!(
                    "the function is {found}, but was asked for as {asked}"
                )));
            }
        }
        Ok(TypedFunc {
            func: *self,
            entry: self.entry(),
            types: PhantomData,
        })
    }
}

/// Checks that values have these types and belong to this store.
pub(crate) fn check_values(values: &[Val], types: &[ValType], store: &StoreContext) -> Result<()> {
    if values.len() != types.len() {
        return Err(Error::Type(format!(
            "{} values given for {}",
            values.len(),
            types.len()
        )));
    }
    for (value, ty) in values.iter().zip(types) {
        check_value(value, *ty, store)?;
    }
    Ok(())
}

/// Checks that a value has this type and belongs to this store.
pub(crate) fn check_value(value: &Val, ty: ValType, store: &StoreContext) -> Result<()> {
    if let Val::FuncRef(Some(func)) = value
        && func.store != store.id
    {
        return Err(Error::Type(
            "a function belongs to another store".to_owned(),
        ));
    }
    if let Val::AnyRef(Some(reference)) = value {
        reference.check(store)?;
    }
    if let Val::ExnRef(Some(exception)) = value {
        exception.check(store)?;
    }
    if value.is_a(ty, store.engine.types()) {
        return Ok(());
    }
    Err(Error::Type(format!("{} given for {ty}", value.ty())))
}

/// The maximum number of parameters or results of a typed call.
const TYPED_VALUES: usize = 12;

/// A function in a store, with Rust types for its parameters and results.
pub struct TypedFunc<P, R> {
    func: Func,
    entry: *const u8,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

// SAFETY: a handle. Its record and thunk are only used together with its store, which one thread
// uses at a time.
unsafe impl<P, R> Send for TypedFunc<P, R> {}
// SAFETY: as above.
unsafe impl<P, R> Sync for TypedFunc<P, R> {}

impl<P: WasmTypes, R: WasmTypes> TypedFunc<P, R> {
    /// Calls the function.
    ///
    /// # Errors
    /// [`Error::Trap`] if the code traps, and any error of a host function.
    #[inline]
    pub fn call(&self, store: impl AsContextMut, args: P) -> Result<R> {
        let store = store.as_store().context();
        // SAFETY: the store is borrowed.
        unsafe { (*store).check_owner(self.func.store)? };
        let count = P::TYPES.len().max(R::TYPES.len());
        let mut array = [MaybeUninit::<RawValue>::uninit(); TYPED_VALUES];
        for value in &mut array[..count] {
            value.write(RawValue(Value::ZERO));
        }
        // SAFETY: the loop above has initialised the first `count` values.
        let values: &mut [RawValue] =
            unsafe { std::slice::from_raw_parts_mut(array.as_mut_ptr().cast(), count) };
        args.store(values);
        let record = self.func.record();
        // SAFETY: the store owns the function, its type was checked when this handle was created,
        // and there is room for its results.
        unsafe {
            let values = values.as_mut_ptr().cast();
            StoreContext::call(store, self.entry, record.code, record.context, values)?;
        }
        Ok(R::load(values))
    }

    /// The function, untyped.
    pub fn func(&self) -> Func {
        self.func
    }
}
