//! References to structures, arrays and 31-bit integers.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::store::{AsContext, AsContextMut};
use crate::types::HeapType;
use crate::types::def::{Composite, Storage};
use crate::types::layout::{ARRAY_ELEMENTS, Layout};
use crate::types::registry::{REGISTERED, Registry, TypeInfo};
use crate::value::Val;
use crate::vm::context::Value;
use crate::vm::heap::{Heap, INTEGER_TAG};
use crate::vm::store::StoreContext;

/// A 31-bit integer, or a reference to a structure or array. The object stays alive until the
/// handle is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnyRef(Any);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Any {
    I31(u32),
    Object {
        store: u64,
        reference: u32,
        /// The index of its type in the engine's registry.
        ty: u32,
        is_array: bool,
        place: u32,
        generation: u32,
    },
}

impl AnyRef {
    /// An `i31` reference to the lower 31 bits of `value`.
    pub fn from_i31(value: i32) -> AnyRef {
        AnyRef(Any::I31((value as u32) << 1 | INTEGER_TAG as u32))
    }

    /// An `i31` reference from its tagged form in compiled code.
    pub(crate) fn from_tagged(tagged: u32) -> AnyRef {
        AnyRef(Any::I31(tagged))
    }

    /// The sign-extended integer; `None` for an object.
    pub fn i31(self) -> Option<i32> {
        match self.0 {
            Any::I31(tagged) => Some(tagged as i32 >> 1),
            Any::Object { .. } => None,
        }
    }

    /// Whether this is a structure.
    pub fn is_struct(self) -> bool {
        matches!(self.0, Any::Object { is_array, .. } if !is_array)
    }

    /// Whether this is an array.
    pub fn is_array(self) -> bool {
        matches!(self.0, Any::Object { is_array, .. } if is_array)
    }

    /// The number of fields of a structure or elements of an array; zero for a 31-bit integer.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one, or the reference was released.
    pub fn len(self, store: impl AsContext) -> Result<u32> {
        // SAFETY: the store is borrowed, and the handle keeps the object alive.
        unsafe {
            let store = &*store.as_store().context();
            self.check(store)?;
            let (Any::Object { reference, .. }, Some(heap)) = (self.0, store.heap) else {
                return Ok(0);
            };
            Ok(match self.layout(store)? {
                Layout::Struct { fields, .. } => fields.len() as u32,
                Layout::Array(_) => (*heap.as_ptr()).array_length(reference),
            })
        }
    }

    /// Whether [`AnyRef::len`] is zero.
    ///
    /// # Errors
    /// As [`AnyRef::len`].
    pub fn is_empty(self, store: impl AsContext) -> Result<bool> {
        Ok(self.len(store)? == 0)
    }

    /// A field or element. One of 8 or 16 bits is returned as an unsigned 32-bit integer.
    ///
    /// # Errors
    /// As [`AnyRef::len`], and [`Error::Type`] if `index` is out of range.
    pub fn get(self, store: impl AsContextMut, index: u32) -> Result<Val> {
        let length = self.len(&store)?;
        if index >= length {
            let message = format!("there is no field or element {index} of {length}");
            return Err(Error::Type(message));
        }
        let pointer = store.as_store().context();
        // SAFETY: the store is borrowed, the handle keeps the object alive, and its type determines
        // its layout.
        unsafe {
            let info = self.info(&*pointer)?;
            let (offset, storage, bytes) = match (&info.composite, self.layout(&*pointer)?) {
                (Composite::Struct(fields), Layout::Struct { fields: places, .. }) => {
                    let place = places[index as usize];
                    (
                        place.offset as usize,
                        fields[index as usize].storage,
                        place.bytes,
                    )
                }
                (Composite::Array(element), Layout::Array(place)) => {
                    let within = index as usize * usize::from(place.bytes);
                    (
                        ARRAY_ELEMENTS as usize + within,
                        element.storage,
                        place.bytes,
                    )
                }
                _ => return Err(Error::Type("a function has no fields".to_owned())),
            };
            let heap = (*pointer).heap.expect("an object is in a heap");
            let from = (*heap.as_ptr()).base().add(self.reference() + offset);
            let mut value = Value::ZERO;
            (&raw mut value)
                .cast::<u8>()
                .copy_from_nonoverlapping(from, bytes.into());
            Ok(match storage {
                Storage::I8 | Storage::I16 => Val::I32(value.i32),
                Storage::Val(ty) => Val::from_raw(value, ty, pointer),
            })
        }
    }

    fn info(self, store: &StoreContext) -> Result<Arc<TypeInfo>> {
        let number = match self.0 {
            Any::Object { ty, .. } => u64::from(ty) | REGISTERED,
            Any::I31(_) => 0,
        };
        let info = store.engine.types().by_number(number);
        info.ok_or_else(|| Error::Type("a 31-bit integer has no fields".to_owned()))
    }

    fn layout(self, store: &StoreContext) -> Result<Layout> {
        let layout = self.info(store)?.layout.clone();
        layout.ok_or_else(|| Error::Type("a function has no fields".to_owned()))
    }

    /// Allows the object to be collected once nothing else refers to it. Every reference that
    /// reaches the host is kept alive until it is released or the store is dropped.
    pub fn release(self, store: impl AsContextMut) {
        if let Any::Object {
            store: owner,
            place,
            generation,
            ..
        } = self.0
        {
            // SAFETY: the store is borrowed, and owns its heap.
            unsafe {
                let store = &*store.as_store().context();
                if let (true, Some(heap)) = (store.id == owner, store.heap) {
                    (*heap.as_ptr()).handles.remove(place, generation);
                }
            }
        }
    }

    /// # Safety
    /// `reference` is an object in the store's heap.
    pub(crate) unsafe fn keep(reference: u32, heap: &mut Heap, store: &StoreContext) -> AnyRef {
        let ty = heap.type_of(reference);
        let info = store.engine.types().by_number(u64::from(ty) | REGISTERED);
        let (place, generation) = heap.handles.add(reference);
        AnyRef(Any::Object {
            store: store.id,
            reference,
            ty,
            is_array: info.is_some_and(|ty| matches!(ty.composite, Composite::Array(_))),
            place,
            generation,
        })
    }

    pub(crate) fn reference(self) -> usize {
        match self.0 {
            Any::I31(tagged) => tagged as usize,
            Any::Object { reference, .. } => reference as usize,
        }
    }

    /// Rejects a handle of another store, or a released one.
    pub(crate) fn check(self, store: &StoreContext) -> Result<()> {
        let Any::Object {
            store: owner,
            place,
            generation,
            ..
        } = self.0
        else {
            return Ok(());
        };
        store.check_owner(owner)?;
        // SAFETY: the store owns its heap.
        let heap = store.heap.map(|heap| unsafe { &*heap.as_ptr() });
        match heap.and_then(|heap| heap.handles.get(place, generation)) {
            Some(_) => Ok(()),
            None => Err(Error::Type(
                "a reference was used after it had been released".to_owned(),
            )),
        }
    }

    pub(crate) fn is_a(self, wide: HeapType, types: &Registry) -> bool {
        let number = match self.0 {
            Any::I31(_) => return HeapType::I31.is_within(wide) || wide == HeapType::Extern,
            Any::Object { ty, .. } => u64::from(ty) | REGISTERED,
        };
        wide == HeapType::Extern
            || types
                .by_number(number)
                .is_some_and(|ty| types.heap_matches(HeapType::Concrete(ty.id), wide))
    }
}
