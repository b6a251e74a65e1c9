//! Host functions: Rust closures that WebAssembly code can call.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::OnceLock;

use crate::artifact::format::NONE;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::externs::Extern;
use crate::func::check_values;
use crate::instance::Instance;
use crate::store::{AsContext, AsContextMut, StoreInner, StorePointer};
use crate::types::def::short_id;
use crate::types::registry::TypeSet;
use crate::types::{FuncType, ValType};
use crate::value::{RawValue, Val, WasmTy, WasmTypes};
use crate::vm::context::{Context, FunctionImport, Returned, Value, in_register};

/// The context of a host call: the store and the calling instance.
///
/// ```
/// # fn main() -> keel::Result<()> {
/// # #[cfg(feature = "wat")] {
/// use keel::{Caller, Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::<Vec<u8>>::new(&engine);
/// linker.func_wrap("host", "say", |mut caller: Caller<'_, Vec<u8>>, at: u32, length: u32| {
///     let (memory, said) = caller.memory_and_data().expect("the module exports its memory");
///     said.extend_from_slice(&memory[at as usize..][..length as usize]);
/// })?;
/// let module = Module::new(&engine, br#"(module
///     (import "host" "say" (func $say (param i32 i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 8) "hello")
///     (func (export "run") (call $say (i32.const 8) (i32.const 5))))
/// "#)?;
/// let mut store = Store::new(&engine, Vec::new());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
/// assert_eq!(store.data(), b"hello");
/// # }
/// # Ok(())
/// # }
/// ```
pub struct Caller<'a, T: 'static> {
    store: NonNull<StoreInner<T>>,
    context: Context,
    borrows: PhantomData<&'a mut T>,
}

impl<T: 'static> Caller<'_, T> {
    /// The embedder's data in the store.
    #[inline]
    pub fn data(&self) -> &T {
        // SAFETY: this thread uses the store, and `self` is the only access to it while borrowed.
        unsafe { &(*self.store.as_ptr()).data }
    }

    /// The embedder's data in the store, mutable.
    #[inline]
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut (*self.store.as_ptr()).data }
    }

    /// The calling instance's memory exported as `memory`, and the store's data. `None` if there is
    /// no such memory, or it is shared and cannot be borrowed.
    pub fn memory_and_data(&mut self) -> Option<(&mut [u8], &mut T)> {
        // SAFETY: the context belongs to the caller and is alive. The memory stays in place while
        // the slice is borrowed, because growing it takes a borrow of the store. The data is not
        // part of the memory.
        unsafe {
            let instance = &*self.context.instance();
            let index = instance.module.artifact().header().memory_export;
            if index == NONE {
                return None;
            }
            let memory = &*instance.memory(index);
            if memory.shared().is_some() {
                return None;
            }
            let bytes = std::slice::from_raw_parts_mut(memory.base(), memory.length() as usize);
            Some((bytes, &mut (*self.store.as_ptr()).data))
        }
    }

    /// The calling instance's export named `name`.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        self.instance().lookup(name)
    }

    /// The calling instance.
    pub fn instance(&self) -> Instance {
        // SAFETY: the context belongs to the caller and is alive.
        unsafe { Instance::of_context(self.context) }
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;

    #[inline]
    fn as_store(&self) -> StorePointer<T> {
        StorePointer(self.store)
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {}

/// A host function, ready to be imported into stores with the data type that it was made for.
pub(crate) struct HostFunc {
    ty: HostType,
    /// The type's number in the linker's engine, and the handle that keeps it registered.
    number: OnceLock<(u64, Option<TypeSet>)>,
    /// Its code, which takes the environment and what [`Returned`] says.
    call: NonNull<()>,
    environment: NonNull<()>,
    /// Owns the environment.
    _closure: Box<dyn Any + Send + Sync>,
}

/// The parameters and results of a host function.
enum HostType {
    Known(&'static [ValType], &'static [ValType]),
    Given(FuncType),
}

// SAFETY: the environment points to the closure, which is `Send` and `Sync`.
unsafe impl Send for HostFunc {}
// SAFETY: as above.
unsafe impl Sync for HostFunc {}

impl HostFunc {
    /// `call` must take a pointer to an `F` as its environment.
    fn from_closure<F: Send + Sync + 'static>(
        ty: HostType,
        closure: F,
        call: *const (),
    ) -> HostFunc {
        let call = NonNull::new(call.cast_mut()).expect("code has an address");
        let closure = Box::new(closure);
        let environment = NonNull::from(&*closure).cast();
        HostFunc {
            ty,
            number: OnceLock::new(),
            call,
            environment,
            _closure: closure,
        }
    }

    /// A function with a type that is only known at run time.
    pub(crate) fn untyped<T, F>(ty: FuncType, function: F) -> HostFunc
    where
        T: 'static,
        F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        let given = HostType::Given(ty.clone());
        HostFunc::from_closure(given, (ty, function), call_untyped::<T, F> as *const ())
    }

    /// The type's number in the linker's engine.
    pub(crate) fn number(&self, engine: &Engine) -> Result<u64> {
        if let Some((number, _)) = self.number.get() {
            return Ok(*number);
        }
        let (params, results) = match &self.ty {
            HostType::Known(params, results) => (*params, *results),
            HostType::Given(ty) => (ty.params(), ty.results()),
        };
        let found = match short_id(params, results) {
            Some(number) => (number, None),
            None => {
                let set = engine.types().register_func(&self.func_type())?;
                (set.types[0].number, Some(set))
            }
        };
        Ok(self.number.get_or_init(|| found).0)
    }

    /// The type as a value.
    pub(crate) fn func_type(&self) -> FuncType {
        match &self.ty {
            HostType::Known(params, results) => FuncType::new(params.to_vec(), results.to_vec()),
            HostType::Given(ty) => ty.clone(),
        }
    }

    /// The function as an import.
    pub(crate) fn import(&self) -> FunctionImport {
        FunctionImport {
            code: std::ptr::null(),
            context: std::ptr::null_mut(),
            host: Some(self.call),
            environment: self.environment.as_ptr(),
        }
    }
}

/// Runs a host function for compiled code.
///
/// # Safety
/// Called by compiled code with its context, in a store with data of type `T`.
#[inline]
unsafe fn run<T: 'static>(
    context: Context,
    function: impl FnOnce(Caller<'_, T>) -> Result<u64>,
) -> Returned {
    let store = context.store().cast::<StoreInner<T>>();
    let caller = Caller {
        // SAFETY: a context knows its store from when it was made.
        store: unsafe { NonNull::new_unchecked(store) },
        context,
        borrows: PhantomData,
    };
    // A panic must not unwind through compiled code. It resumes in the host frame that called the
    // code.
    let result = catch_unwind(AssertUnwindSafe(|| function(caller)));
    // SAFETY: the store is alive, and the function's borrows of it have ended.
    let store = unsafe { &mut (*store).context };
    match result {
        Ok(Ok(value)) if !store.is_overdue() => return Returned { failed: 0, value },
        Ok(Ok(_)) => store.fail_overdue(),
        Ok(Err(error)) => store.fail(error),
        Err(panic) => store.panic = Some(panic),
    }
    Returned {
        failed: 1,
        value: 0,
    }
}

/// Hands the results of a host function's to code: the only one as its bits, others by the array.
///
/// # Safety
/// `values` has room for them.
#[inline]
unsafe fn hand_over<R: WasmTypes>(results: R, values: *mut Value) -> u64 {
    if const { R::TYPES.len() == 1 && in_register(R::TYPES[0]) } {
        let mut only = [RawValue(Value::ZERO)];
        results.store(&mut only);
        // SAFETY: all bytes have been written.
        return unsafe { only[0].0.i64 } as u64;
    }
    // SAFETY: as the caller promises.
    results.store(unsafe { std::slice::from_raw_parts_mut(values.cast(), R::TYPES.len()) });
    0
}

/// Whether code passes the arguments of a function with these parameters in registers, too.
const fn by_registers(params: &[ValType]) -> bool {
    let mut i = 0;
    while i < params.len() {
        if !in_register(params[i]) {
            return false;
        }
        i += 1;
    }
    true
}

unsafe extern "C" fn call_untyped<T, F>(
    environment: *const (),
    context: Context,
    values: *mut Value,
) -> Returned
where
    T: 'static,
    F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    // SAFETY: `untyped` created this environment, and the values match the function's type.
    unsafe {
        run::<T>(context, |caller| {
            let (ty, function) = &*environment.cast::<(FuncType, F)>();
            let store = context.store();
            let args = ty.params().iter().enumerate();
            let args: Vec<Val> = args
                .map(|(i, ty)| Val::from_raw(values.add(i).read(), *ty, store))
                .collect();
            let mut results: Vec<Val> = {
                let types = (*store).engine.types();
                let results = ty.results().iter();
                results.map(|ty| Val::default_of(*ty, types)).collect()
            };
            function(caller, &args, &mut results)?;
            check_values(&results, ty.results(), &*store)?;
            for (i, result) in results.iter().enumerate() {
                values.add(i).write(result.to_raw());
            }
            Ok(match ty.results() {
                [only] if in_register(*only) => (*values).i64 as u64,
                _ => 0,
            })
        })
    }
}

/// The return type of a host function: [`WasmTypes`], or a [`Result`] of them.
pub trait HostResult {
    #[doc(hidden)]
    type Types: WasmTypes;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Types>;
}

impl<R: WasmTypes> HostResult for R {
    type Types = R;

    #[inline]
    fn into_result(self) -> Result<R> {
        Ok(self)
    }
}

impl<R: WasmTypes> HostResult for Result<R, Error> {
    type Types = R;

    #[inline]
    fn into_result(self) -> Result<R> {
        self
    }
}

/// A closure that can become a host function. It takes a [`Caller`] and then numbers, and returns a
/// [`HostResult`].
pub trait IntoFunc<T, P, R>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_host(self) -> HostFunction;
}

/// A host function, opaque.
#[doc(hidden)]
pub struct HostFunction(pub(crate) HostFunc);

/// A host function for stores with data of type `T`.
pub(crate) struct HostFor<T>(pub(crate) HostFunc, PhantomData<fn(T)>);

impl<T> HostFor<T> {
    /// The host function for a closure.
    pub(crate) fn new<P, R>(function: impl IntoFunc<T, P, R>) -> HostFor<T> {
        HostFor(function.into_host().0, PhantomData)
    }
}

macro_rules! into_func {
    ($($name:ident $index:literal)*) => {
        #[allow(clippy::allow_attributes, non_snake_case, unused_variables, reason = "one case takes nothing")]
        impl<T, F, $($name,)* R> IntoFunc<T, ($($name,)*), R> for F
        where
            T: 'static,
            F: Fn(Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
            $($name: WasmTy,)*
            R: HostResult,
        {
            fn into_host(self) -> HostFunction {
                unsafe extern "C" fn call<T, F, $($name,)* R>(
                    environment: *const (),
                    context: Context,
                    values: *mut Value,
                    $($name: $name),*
                ) -> Returned
                where
                    T: 'static,
                    F: Fn(Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
                    $($name: WasmTy,)*
                    R: HostResult,
                {
                    // SAFETY: `into_host` created this environment; the thunk has stored the
                    // arguments and has room for the results.
                    unsafe {
                        run::<T>(context, |caller| {
                            let function = &*environment.cast::<F>();
                            let results = function(caller, $($name),*).into_result()?;
                            Ok(hand_over(results, values))
                        })
                    }
                }
                unsafe extern "C" fn call_by_array<T, F, $($name,)* R>(
                    environment: *const (),
                    context: Context,
                    values: *mut Value,
                ) -> Returned
                where
                    T: 'static,
                    F: Fn(Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
                    $($name: WasmTy,)*
                    R: HostResult,
                {
                    // SAFETY: as above; the thunk has stored the arguments.
                    unsafe {
                        $(let $name = $name::of_value(RawValue(values.add($index).read()));)*
                        call::<T, F, $($name,)* R>(environment, context, values, $($name),*)
                    }
                }
                let params: &'static [ValType] = const { &[$($name::TYPE),*] };
                let code = if const { by_registers(&[$($name::TYPE),*]) } {
                    call::<T, F, $($name,)* R> as *const ()
                } else {
                    call_by_array::<T, F, $($name,)* R> as *const ()
                };
                let ty = HostType::Known(params, R::Types::TYPES);
                HostFunction(HostFunc::from_closure(ty, self, code))
            }
        }
    };
}

into_func!();
into_func!(A 0);
into_func!(A 0 B 1);
into_func!(A 0 B 1 C 2);
into_func!(A 0 B 1 C 2 D 3);
into_func!(A 0 B 1 C 2 D 3 E 4);
into_func!(A 0 B 1 C 2 D 3 E 4 G 5);
into_func!(A 0 B 1 C 2 D 3 E 4 G 5 H 6);
into_func!(A 0 B 1 C 2 D 3 E 4 G 5 H 6 I 7);
into_func!(A 0 B 1 C 2 D 3 E 4 G 5 H 6 I 7 J 8);
into_func!(A 0 B 1 C 2 D 3 E 4 G 5 H 6 I 7 J 8 K 9);
into_func!(A 0 B 1 C 2 D 3 E 4 G 5 H 6 I 7 J 8 K 9 L 10);
into_func!(A 0 B 1 C 2 D 3 E 4 G 5 H 6 I 7 J 8 K 9 L 10 M 11);
