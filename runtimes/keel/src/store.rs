//! [`Store`]: instances, the objects that they share, and the embedder's data.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::Result;
use crate::limits::{Growth, Limits};
use crate::vm::store::StoreContext;
use crate::vm::timer::Interrupt;

/// Owns instances and the embedder's data, which host functions can access. Instances live as long
/// as their store. Only one thread at a time can use a store.
///
/// ```
/// let engine = keel::Engine::default();
/// let mut store = keel::Store::new(&engine, 5);
/// *store.data_mut() += 1;
/// assert_eq!(*store.data(), 6);
/// ```
pub struct Store<T: 'static> {
    inner: NonNull<StoreInner<T>>,
    owns: PhantomData<StoreInner<T>>,
}

// SAFETY: the store's owner has exclusive access, and nothing in a store is bound to the thread
// that created it.
unsafe impl<T: Send> Send for Store<T> {}

#[repr(C)]
pub(crate) struct StoreInner<T> {
    pub(crate) context: StoreContext,
    pub(crate) data: T,
}

/// Interrupts a store's code from any thread. See [`Store::interrupt_handle`].
#[derive(Clone)]
pub struct InterruptHandle(Arc<Interrupt>);

impl InterruptHandle {
    /// Ends the store's current call, or its next one, with
    /// [`TrapKind::Interrupted`](crate::TrapKind::Interrupted). A host function runs to its end,
    /// and then its caller traps.
    pub fn interrupt(&self) {
        self.0.request();
    }
}

impl<T: 'static> Store<T> {
    /// An empty store with `data`.
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        let context = StoreContext::new(engine);
        let inner = NonNull::from(Box::leak(Box::new(StoreInner { context, data })));
        Store {
            inner,
            owns: PhantomData,
        }
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        // SAFETY: the store owns the data, and every reference to it borrows the store.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// The embedder's data, mutable.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    /// Drops the store and returns its data.
    pub fn into_data(self) -> T {
        let store = std::mem::ManuallyDrop::new(self);
        // SAFETY: `Box::leak` in `new` made the pointer, and only this function or `drop` frees it.
        let inner = unsafe { Box::from_raw(store.inner.as_ptr()) };
        inner.data
    }

    fn context(&mut self) -> &mut StoreContext {
        // SAFETY: the store owns the context, and is borrowed mutably.
        unsafe { &mut (*self.inner.as_ptr()).context }
    }

    /// Sets the limits for everything that is created from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        let context = self.context();
        context.limits = limits;
        context.budget.set_limit(limits.total_bytes);
    }

    /// Sets a function that decides before each creation or growth of a memory, table or heap.
    /// `false` rejects it; a rejected `memory.grow` or `table.grow` returns -1.
    pub fn set_limiter(&mut self, limiter: impl FnMut(Growth) -> bool + Send + 'static) {
        self.context().budget.set_limiter(Box::new(limiter));
    }

    /// The size of all the store's memories and tables together, bytes.
    pub fn used_bytes(&mut self) -> u64 {
        self.context().budget.used()
    }

    /// Sets the number of operators that code may execute, if the engine meters fuel. An operator
    /// that fills, copies or initialises a range costs one more unit per 64 bytes. Code without
    /// fuel traps with [`TrapKind::OutOfFuel`].
    pub fn set_fuel(&mut self, fuel: u64) {
        self.context().fuel = i64::try_from(fuel).unwrap_or(i64::MAX);
    }

    /// The remaining fuel.
    pub fn fuel(&mut self) -> u64 {
        self.context().fuel.max(0) as u64
    }

    /// Ends every call from outside that takes longer with [`TrapKind::Interrupted`]. Neither code
    /// nor calls get slower: one of keel's threads sends a signal to the thread in the call.
    ///
    /// # Errors
    /// [`Error::System`] if keel's thread cannot be started.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) -> Result<()> {
        let interrupt = self.context().interrupt.get_or_insert_default();
        interrupt.set_timeout(timeout);
        interrupt.register()
    }

    /// A handle with which another thread can interrupt the store's code.
    ///
    /// # Errors
    /// [`Error::System`] if keel's timer thread cannot be started.
    pub fn interrupt_handle(&mut self) -> Result<InterruptHandle> {
        let interrupt = self.context().interrupt.get_or_insert_default();
        interrupt.register()?;
        Ok(InterruptHandle(interrupt.clone()))
    }
}

impl<T: 'static> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: `Box::leak` in `new` made the pointer, and nothing uses it after this.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

/// Access to a store: the store itself, or a [`Caller`](crate::Caller).
///
/// Only keel may implement it.
pub trait AsContext {
    /// The type of the store's data.
    type Data: 'static;

    #[doc(hidden)]
    fn as_store(&self) -> StorePointer<Self::Data>;
}

/// As [`AsContext`], with permission to change the store.
pub trait AsContextMut: AsContext {}

/// A store's address.
#[doc(hidden)]
pub struct StorePointer<T: 'static>(pub(crate) NonNull<StoreInner<T>>);

impl<T> StorePointer<T> {
    /// The part of the store that does not depend on the data's type.
    #[inline]
    pub(crate) fn context(&self) -> *mut StoreContext {
        self.0.as_ptr().cast()
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    #[inline]
    fn as_store(&self) -> StorePointer<T> {
        StorePointer(self.inner)
    }
}

impl<T: 'static> AsContextMut for Store<T> {}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    #[inline]
    fn as_store(&self) -> StorePointer<C::Data> {
        (**self).as_store()
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    #[inline]
    fn as_store(&self) -> StorePointer<C::Data> {
        (**self).as_store()
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {}
