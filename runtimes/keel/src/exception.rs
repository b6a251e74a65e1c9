//! Tags and exceptions in the embedding API.

use std::ptr::NonNull;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::func::check_values;
use crate::store::{AsContext, AsContextMut};
use crate::types::def::short_id;
use crate::types::layout::{Place, exception_layout};
use crate::types::{FuncType, ValType};
use crate::value::Val;
use crate::vm::context::Value;
use crate::vm::exception::TagRecord;
use crate::vm::heap::Heap;
use crate::vm::store::StoreContext;

/// A tag in a store. It identifies a kind of exception.
///
/// ```
/// # fn main() -> keel::Result<()> {
/// # #[cfg(feature = "wat")] {
/// use keel::{Caller, Engine, Error, ExnRef, FuncType, Linker, Module, Store, Tag, Val, ValType};
///
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let tag = Tag::create(&mut store, FuncType::new([ValType::I32], []))?;
/// let mut linker = Linker::new(&engine);
/// linker.define("host", "failed", tag)?;
/// linker.func_wrap("host", "fail", move |mut caller: Caller<'_, ()>| -> Result<(), Error> {
///     Err(Error::Exception(ExnRef::new(&mut caller, tag, &[Val::I32(7)])?))
/// })?;
/// let module = Module::new(&engine, br#"(module
///     (import "host" "failed" (tag $failed (param i32)))
///     (import "host" "fail" (func $fail))
///     (func (export "run") (result i32)
///         (block $caught (result i32)
///             (try_table (catch $failed $caught) (call $fail))
///             (i32.const 0))))
/// "#)?;
/// let instance = linker.instantiate(&mut store, &module)?;
/// assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?, 7);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    store: u64,
    record: NonNull<TagRecord>,
}

// SAFETY: a handle. Its record is only accessed together with its store, which one thread uses at a
// time.
unsafe impl Send for Tag {}
// SAFETY: as above.
unsafe impl Sync for Tag {}

impl Tag {
    pub(crate) fn new(store: u64, record: NonNull<TagRecord>) -> Tag {
        Tag { store, record }
    }

    /// Creates a tag for instances to import. Its parameters are the values of its exceptions.
    ///
    /// # Errors
    /// [`Error::Type`] if the type has results or belongs to another engine; [`Error::System`] if
    /// the address space for the store's heap is exhausted.
    pub fn create(store: impl AsContextMut, ty: FuncType) -> Result<Tag> {
        if !ty.results().is_empty() {
            return Err(Error::Type(format!("a tag has no results, but {ty} does")));
        }
        // SAFETY: the store is borrowed.
        let context = unsafe { &mut *store.as_store().context() };
        let engine = context.engine.clone();
        let number = match short_id(ty.params(), ty.results()) {
            Some(number) => number,
            None => {
                let set = engine.types().register_func(&ty)?;
                let number = set.types[0].number;
                context.kept.push(Arc::new(set));
                number
            }
        };
        let record = TagRecord::new(context.heap()?, &ty, number, engine.types());
        let record = NonNull::from(Box::leak(Box::new(record)));
        context.tags.push(record);
        Ok(Tag {
            store: context.id,
            record,
        })
    }

    /// The type. Its parameters are the values of an exception.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one.
    pub fn ty(&self, store: impl AsContext) -> Result<FuncType> {
        // SAFETY: the store is borrowed.
        let store = unsafe { &*store.as_store().context() };
        store.check_owner(self.store)?;
        Ok(store.engine.types().func_type(self.number()))
    }

    pub(crate) fn number(&self) -> u64 {
        // SAFETY: a tag's record lives as long as its store, which the caller has.
        unsafe { self.record.as_ref().ty }
    }

    pub(crate) fn record(&self) -> NonNull<TagRecord> {
        self.record
    }

    pub(crate) fn store(&self) -> u64 {
        self.store
    }
}

/// An exception. It stays alive until the handle is released or the store is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExnRef {
    store: u64,
    reference: u32,
    place: u32,
    generation: u32,
}

impl ExnRef {
    /// Creates an exception. A host function throws it by returning [`Error::Exception`].
    ///
    /// # Errors
    /// [`Error::Type`] if the values do not match the tag's types or belong to another store;
    /// [`Error::Limit`] if the store's heap is exhausted.
    pub fn new(store: impl AsContextMut, tag: Tag, values: &[Val]) -> Result<ExnRef> {
        let pointer = store.as_store().context();
        // SAFETY: the store is borrowed.
        unsafe {
            (*pointer).check_owner(tag.store)?;
            let types = (*pointer).engine.clone();
            let ty = types.types().func_type(tag.number());
            check_values(values, ty.params(), &*pointer)?;
            let (bytes, places) = exception_layout(&ty, |id| types.types().is_function(id));
            let header = tag.record.as_ref().header;
            let made = StoreContext::with_heap(pointer, |heap, roots| {
                heap.new_struct(roots, header, bytes)
            });
            let reference = made.map_err(|_| {
                Error::Limit("the store's heap is exhausted; raise Limits::heap_bytes".to_owned())
            })?;
            let exception = ExnRef::keep(reference, &*pointer);
            let at = exception.address(&*pointer)?;
            at.add(places[0].offset as usize)
                .cast::<u64>()
                .write(tag.record.as_ptr() as u64);
            for (place, value) in places[1..].iter().zip(values) {
                let from = value.to_raw();
                let to = at.add(place.offset as usize);
                to.copy_from_nonoverlapping((&raw const from).cast(), place.bytes.into());
            }
            Ok(exception)
        }
    }

    /// The tag of the exception.
    ///
    /// # Errors
    /// [`Error::Type`] if the store is a different one, or the exception was released.
    pub fn tag(&self, store: impl AsContext) -> Result<Tag> {
        // SAFETY: the store is borrowed, the handle keeps the exception alive, and its first field
        // is its tag.
        unsafe {
            let address = self.address(&*store.as_store().context())?;
            let tag = address.add(TAG_OFFSET).cast::<*mut TagRecord>().read();
            let record = NonNull::new(tag).expect("every exception has a tag");
            Ok(Tag::new(self.store, record))
        }
    }

    /// The values of the exception.
    ///
    /// # Errors
    /// As [`ExnRef::tag`].
    pub fn values(&self, store: impl AsContextMut) -> Result<Vec<Val>> {
        let ty = self.tag(&store)?.ty(&store)?;
        let pointer = store.as_store().context();
        // SAFETY: the store is borrowed, the handle keeps the exception alive, and its tag's type
        // determines its layout.
        unsafe {
            let address = self.address(&*pointer)?;
            let types = (*pointer).engine.clone();
            let (_, places) = exception_layout(&ty, |id| types.types().is_function(id));
            let read = |(ty, place): (&ValType, &Place)| {
                let mut value = Value::ZERO;
                let from = address.add(place.offset as usize);
                let to = (&raw mut value).cast::<u8>();
                to.copy_from_nonoverlapping(from, place.bytes.into());
                Val::from_raw(value, *ty, pointer)
            };
            Ok(ty.params().iter().zip(&places[1..]).map(read).collect())
        }
    }

    /// Allows the exception to be collected once nothing else refers to it.
    pub fn release(self, store: impl AsContextMut) {
        // SAFETY: the store is borrowed.
        let store = unsafe { &*store.as_store().context() };
        if store.id == self.store {
            self.forget(store);
        }
    }

    /// # Safety
    /// `reference` is an exception in the store's heap.
    pub(crate) unsafe fn keep(reference: u32, store: &StoreContext) -> ExnRef {
        let heap = store.heap.expect("an exception is in a heap");
        // SAFETY: the store owns its heap, and no other reference to it is live here.
        let (place, generation) = unsafe { (*heap.as_ptr()).handles.add(reference) };
        ExnRef {
            store: store.id,
            reference,
            place,
            generation,
        }
    }

    /// Removes the handle, which belongs to this store.
    pub(crate) fn forget(self, store: &StoreContext) {
        if let Some(heap) = store.heap {
            // SAFETY: the store owns its heap, and no other reference to it is live here.
            unsafe { (*heap.as_ptr()).handles.remove(self.place, self.generation) };
        }
    }

    pub(crate) fn reference(self) -> u32 {
        self.reference
    }

    /// Rejects a handle of another store, or a released one.
    pub(crate) fn check(self, store: &StoreContext) -> Result<()> {
        self.heap(store).map(drop)
    }

    fn heap(self, store: &StoreContext) -> Result<&Heap> {
        store.check_owner(self.store)?;
        // SAFETY: the store owns its heap.
        let heap = store.heap.map(|heap| unsafe { &*heap.as_ptr() });
        heap.filter(|heap| heap.handles.get(self.place, self.generation).is_some())
            .ok_or_else(|| {
                Error::Type("an exception was used after it had been released".to_owned())
            })
    }

    fn address(self, store: &StoreContext) -> Result<*mut u8> {
        let base = self.heap(store)?.base();
        Ok(base.wrapping_add(self.reference as usize))
    }
}

/// The offset of the tag in an exception, bytes.
pub(crate) const TAG_OFFSET: usize = 8;
