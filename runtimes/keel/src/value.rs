//! Values in the embedding API.

use crate::anyref::AnyRef;
use crate::engine::Engine;
use crate::exception::ExnRef;
use crate::func::Func;
use crate::types::registry::Registry;
use crate::types::{HeapType, ValType};
use crate::vm::context::Value;
use crate::vm::heap::{HOST_TAG, INTEGER_TAG, TAG_MASK};
use crate::vm::store::StoreContext;

/// A WebAssembly value.
#[derive(Clone, Copy, Debug)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// The bits of a vector, with lane 0 lowest.
    V128(u128),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// A host reference, or null. Code can have it as `externref` or `anyref`.
    ExternRef(Option<ExternRef>),
    /// A structure, an array, a 31-bit integer, or null. Code can have it as `anyref` or a subtype,
    /// or as `externref`.
    AnyRef(Option<AnyRef>),
    /// An exception, or null.
    ExnRef(Option<ExnRef>),
}

/// A reference to something of the embedder's: a number with a meaning that only the embedder
/// knows, such as a table index. WebAssembly code can pass it on, but can neither read nor create
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef(u32);

impl ExternRef {
    /// A reference with this number.
    pub fn new(number: u32) -> ExternRef {
        ExternRef(number)
    }

    /// The number that [`ExternRef::new`] got.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl Val {
    /// The type; of a reference, the most general one.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::AnyRef(_) => ValType::ANYREF,
            Val::ExnRef(_) => ValType::EXNREF,
        }
    }

    /// Whether the value has a type. The value's store must be alive.
    pub(crate) fn is_a(&self, ty: ValType, types: &Registry) -> bool {
        let ValType::Ref(ty) = ty else {
            return self.ty() == ty;
        };
        match self {
            Val::FuncRef(None) => ty.nullable && types.heap_matches(HeapType::NoFunc, ty.heap),
            Val::FuncRef(Some(func)) => match ty.heap {
                HeapType::Concrete(id) => types
                    .info(id)
                    .is_some_and(|wide| types.is_subtype(func.record().ty, wide.number)),
                heap => heap == HeapType::Func,
            },
            Val::ExternRef(None) => ty.nullable && HeapType::NoExtern.is_within(ty.heap),
            Val::ExternRef(Some(_)) => matches!(ty.heap, HeapType::Extern | HeapType::Any),
            Val::AnyRef(None) => ty.nullable && types.heap_matches(HeapType::None, ty.heap),
            Val::AnyRef(Some(reference)) => reference.is_a(ty.heap, types),
            Val::ExnRef(None) => ty.nullable && HeapType::NoExn.is_within(ty.heap),
            Val::ExnRef(Some(_)) => ty.heap == HeapType::Exn,
            _ => false,
        }
    }

    /// The default value of a type: zero or null. For a type that a module defines, use
    /// [`Val::null_of`].
    pub fn zero(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(ty) => Val::null(ty.heap),
        }
    }

    /// The null reference of a type of `engine`; `None` if the type is not nullable.
    pub fn null_of(ty: ValType, engine: &Engine) -> Option<Val> {
        let is_nullable = matches!(ty, ValType::Ref(ty) if ty.nullable);
        is_nullable.then(|| Val::default_of(ty, engine.types()))
    }

    /// As [`Val::zero`], including types that modules define.
    pub(crate) fn default_of(ty: ValType, types: &Registry) -> Val {
        match ty {
            ValType::Ref(ty) if types.heap_matches(HeapType::None, ty.heap) => Val::AnyRef(None),
            ty => Val::zero(ty),
        }
    }

    /// The null reference of a heap type. A concrete type counts as one of functions.
    fn null(heap: HeapType) -> Val {
        match heap {
            HeapType::Extern | HeapType::NoExtern => Val::ExternRef(None),
            HeapType::Exn | HeapType::NoExn => Val::ExnRef(None),
            heap if HeapType::None.is_within(heap) => Val::AnyRef(None),
            _ => Val::FuncRef(None),
        }
    }

    /// The representation in compiled code.
    pub(crate) fn to_raw(self) -> Value {
        match self {
            Val::I32(i32) => Value { i32 },
            Val::I64(i64) => Value { i64 },
            Val::F32(f32) => Value { f32 },
            Val::F64(f64) => Value { f64 },
            Val::V128(v128) => Value { v128 },
            Val::FuncRef(_) | Val::ExternRef(_) | Val::AnyRef(_) | Val::ExnRef(_) => Value {
                reference: self.to_reference(),
            },
        }
    }

    /// The representation of a reference in compiled code; zero for other values.
    pub(crate) fn to_reference(self) -> usize {
        match self {
            Val::FuncRef(Some(func)) => func.address(),
            Val::ExternRef(Some(external)) => (external.0 as usize) << 2 | HOST_TAG as usize,
            Val::AnyRef(Some(reference)) => reference.reference(),
            Val::ExnRef(Some(exception)) => exception.reference() as usize,
            _ => 0,
        }
    }

    /// # Safety
    /// `raw` is a value of type `ty` from this store, which is alive and used by this thread.
    pub(crate) unsafe fn from_raw(raw: Value, ty: ValType, store: *mut StoreContext) -> Val {
        // SAFETY: the caller guarantees it.
        unsafe {
            match ty {
                ValType::I32 => Val::I32(raw.i32),
                ValType::I64 => Val::I64(raw.i64),
                ValType::F32 => Val::F32(raw.f32),
                ValType::F64 => Val::F64(raw.f64),
                ValType::V128 => Val::V128(raw.v128),
                ValType::Ref(_) => Val::from_reference(raw.reference, ty, store),
            }
        }
    }

    /// # Safety
    /// As [`Val::from_raw`], for a reference type.
    pub(crate) unsafe fn from_reference(raw: usize, ty: ValType, store: *mut StoreContext) -> Val {
        // SAFETY: the caller guarantees it.
        let store = unsafe { &*store };
        let empty = Val::default_of(ty, store.engine.types());
        if raw == 0 {
            return empty;
        }
        match empty {
            // SAFETY: the caller guarantees that `raw` is a function record of this store.
            Val::FuncRef(_) => Val::FuncRef(unsafe { Func::from_address(raw, store.id) }),
            // SAFETY: a non-null `exnref` is an exception in the store's heap.
            Val::ExnRef(_) => Val::ExnRef(Some(unsafe { ExnRef::keep(raw as u32, store) })),
            _ if raw as i64 & INTEGER_TAG != 0 => {
                Val::AnyRef(Some(AnyRef::from_tagged(raw as u32)))
            }
            _ if raw as i64 & TAG_MASK == HOST_TAG => {
                Val::ExternRef(Some(ExternRef((raw >> 2) as u32)))
            }
            _ => {
                let heap = store.heap.expect("an object is in a heap");
                // SAFETY: the store owns its heap, and an untagged reference is an object in it.
                Val::AnyRef(Some(unsafe {
                    AnyRef::keep(raw as u32, &mut *heap.as_ptr(), store)
                }))
            }
        }
    }

    /// The value of an `i32`; `None` for other types.
    pub fn i32(self) -> Option<i32> {
        if let Val::I32(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The value of an `i64`; `None` for other types.
    pub fn i64(self) -> Option<i64> {
        if let Val::I64(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The value of an `f32`; `None` for other types.
    pub fn f32(self) -> Option<f32> {
        if let Val::F32(bits) = self {
            Some(f32::from_bits(bits))
        } else {
            None
        }
    }

    /// The value of an `f64`; `None` for other types.
    pub fn f64(self) -> Option<f64> {
        if let Val::F64(bits) = self {
            Some(f64::from_bits(bits))
        } else {
            None
        }
    }
}

macro_rules! from {
    ($($ty:ty => $val:ident($convert:expr)),*) => { $(
        impl From<$ty> for Val {
            fn from(value: $ty) -> Val {
                Val::$val($convert(value))
            }
        }
    )* };
}

from! {
    i32 => I32(|value| value), u32 => I32(|value| value as i32),
    i64 => I64(|value| value), u64 => I64(|value| value as i64),
    f32 => F32(f32::to_bits), f64 => F64(f64::to_bits),
    Func => FuncRef(Some), ExternRef => ExternRef(Some), AnyRef => AnyRef(Some)
}

/// A Rust type for a WebAssembly value.
///
/// keel implements it for numbers. `u32` and `u64` have the bits of `i32` and `i64`.
pub trait WasmTy: Copy {
    #[doc(hidden)]
    const TYPE: ValType;
    #[doc(hidden)]
    fn to_value(self) -> RawValue;
    #[doc(hidden)]
    fn of_value(value: RawValue) -> Self;
}

/// A value in a call between host and code; opaque.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct RawValue(pub(crate) Value);

macro_rules! wasm_ty {
    ($($ty:ty: $val:ident $field:ident $to:expr, $of:expr;)*) => { $(
        impl WasmTy for $ty {
            const TYPE: ValType = ValType::$val;

            #[inline]
            fn to_value(self) -> RawValue {
                RawValue(Value { $field: $to(self) })
            }

            #[inline]
            fn of_value(value: RawValue) -> $ty {
                // SAFETY: callers only pass a value of this type.
                $of(unsafe { value.0.$field })
            }
        }
    )* };
}

wasm_ty! {
    i32: I32 i32 |v| v, |v| v;
    u32: I32 i32 |v| v as i32, |v| v as u32;
    i64: I64 i64 |v| v, |v| v;
    u64: I64 i64 |v| v as i64, |v| v as u64;
    f32: F32 f32 f32::to_bits, f32::from_bits;
    f64: F64 f64 f64::to_bits, f64::from_bits;
    u128: V128 v128 |v| v, |v| v;
}

/// A tuple of [`WasmTy`]s, or a single one: the parameters or results of a function.
pub trait WasmTypes: Sized {
    #[doc(hidden)]
    const TYPES: &'static [ValType];
    #[doc(hidden)]
    fn store(self, values: &mut [RawValue]);
    #[doc(hidden)]
    fn load(values: &[RawValue]) -> Self;
}

impl<A: WasmTy> WasmTypes for A {
    const TYPES: &'static [ValType] = &[A::TYPE];

    #[inline]
    fn store(self, values: &mut [RawValue]) {
        values[0] = self.to_value();
    }

    #[inline]
    fn load(values: &[RawValue]) -> A {
        A::of_value(values[0])
    }
}

macro_rules! wasm_types {
    ($($name:ident $index:tt)*) => {
        impl<$($name: WasmTy),*> WasmTypes for ($($name,)*) {
            const TYPES: &'static [ValType] = &[$($name::TYPE),*];

            #[inline]
            fn store(self, values: &mut [RawValue]) {
                $(values[$index] = self.$index.to_value();)*
            }

            #[inline]
            fn load(values: &[RawValue]) -> Self {
                ($($name::of_value(values[$index]),)*)
            }
        }
    };
}

impl WasmTypes for () {
    const TYPES: &'static [ValType] = &[];

    #[inline]
    fn store(self, _values: &mut [RawValue]) {}

    #[inline]
    fn load(_values: &[RawValue]) {}
}

wasm_types!(A 0);
wasm_types!(A 0 B 1);
wasm_types!(A 0 B 1 C 2);
wasm_types!(A 0 B 1 C 2 D 3);
wasm_types!(A 0 B 1 C 2 D 3 E 4);
wasm_types!(A 0 B 1 C 2 D 3 E 4 F 5);
wasm_types!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
wasm_types!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
wasm_types!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
wasm_types!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
wasm_types!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
wasm_types!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);
