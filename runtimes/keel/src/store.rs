//! A [`Store`] owns instances and everything that they share, and the embedder's data.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::Result;
use crate::limits::{Growth, Limits};
use crate::vm::store::StoreContext;
use crate::vm::timer::Interrupt;

/// Owns instances, and data of the embedder's that host functions get at. Instances live as long as
/// their store; one store is used by one thread at a time.
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

// SAFETY: a store is used by whoever holds it, one thread at a time; nothing in it is bound to the
// thread that made it.
unsafe impl<T: Send> Send for Store<T> {}

#[repr(C)]
pub(crate) struct StoreInner<T> {
    pub(crate) context: StoreContext,
    pub(crate) data: T,
}

/// Asks a store from anywhere to stop what it runs. See [`Store::interrupt_handle`].
#[derive(Clone)]
pub struct InterruptHandle(Arc<Interrupt>);

impl InterruptHandle {
    /// Ends the call that the store is in, or the next one, with
    /// [`TrapKind::Interrupted`](crate::TrapKind::Interrupted). A host function is not interrupted,
    /// but code does not go on when it is back.
    pub fn interrupt(&self) {
        self.0.request();
    }
}

impl<T: 'static> Store<T> {
    /// An empty store with this data.
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        let context = StoreContext::new(engine);
        let inner = NonNull::from(Box::leak(Box::new(StoreInner { context, data })));
        Store {
            inner,
            owns: PhantomData,
        }
    }

    /// The data.
    pub fn data(&self) -> &T {
        // SAFETY: the store owns it, and hands out references only by its own.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    /// The data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    /// The data, without the store.
    pub fn into_data(self) -> T {
        let store = std::mem::ManuallyDrop::new(self);
        // SAFETY: made by `Box::leak` in `new`, and dropped only here or in `drop`.
        let inner = unsafe { Box::from_raw(store.inner.as_ptr()) };
        inner.data
    }

    fn context(&mut self) -> &mut StoreContext {
        // SAFETY: the store owns it, and is borrowed.
        unsafe { &mut (*self.inner.as_ptr()).context }
    }

    /// Limits what is created from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        let context = self.context();
        context.limits = limits;
        context.budget.set_limit(limits.total_bytes);
    }

    /// Has the embedder asked before a memory or table is made or grows; `false` refuses it. What refuses
    /// a growth makes `memory.grow` and `table.grow` yield -1.
    pub fn set_limiter(&mut self, limiter: impl FnMut(Growth) -> bool + Send + 'static) {
        self.context().budget.set_limiter(Box::new(limiter));
    }

    /// Bytes that the memories and tables of the store have together.
    pub fn used_bytes(&mut self) -> u64 {
        self.context().budget.used()
    }

    /// Sets how many operators code may execute, where the engine meters fuel. One that fills, copies
    /// or initialises a range counts once more for every 64 bytes. Code that has used it up traps with
    /// [`TrapKind::OutOfFuel`].
    pub fn set_fuel(&mut self, fuel: u64) {
        self.context().fuel = i64::try_from(fuel).unwrap_or(i64::MAX);
    }

    /// The fuel that is left.
    pub fn fuel(&mut self) -> u64 {
        self.context().fuel.max(0) as u64
    }

    /// Ends every call from outside that takes longer with [`TrapKind::Interrupted`]. Code is not
    /// slowed down by it, nor are calls: a thread of keel's signals the one that is in the call.
    ///
    /// # Errors
    /// [`Error::System`] if that thread cannot be started.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) -> Result<()> {
        let interrupt = self.context().interrupt.get_or_insert_default();
        interrupt.set_timeout(timeout);
        interrupt.register()
    }

    /// A handle by which another thread can stop what this store runs.
    ///
    /// # Errors
    /// [`Error::System`] if the thread that sees to it cannot be started.
    pub fn interrupt_handle(&mut self) -> Result<InterruptHandle> {
        let interrupt = self.context().interrupt.get_or_insert_default();
        interrupt.register()?;
        Ok(InterruptHandle(interrupt.clone()))
    }
}

impl<T: 'static> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `new`; nothing uses it after this.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

/// Something that gives access to a store: the store itself, or a [`Caller`](crate::Caller).
///
/// keel alone implements it.
pub trait AsContext {
    /// The type of the store's data.
    type Data: 'static;

    #[doc(hidden)]
    fn as_store(&self) -> StorePointer<Self::Data>;
}

/// As [`AsContext`], to change what is in the store.
pub trait AsContextMut: AsContext {}

/// A store's address.
#[doc(hidden)]
pub struct StorePointer<T: 'static>(pub(crate) NonNull<StoreInner<T>>);

impl<T> StorePointer<T> {
    /// The part of the store that does not depend on its data.
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
