//! A [`Store`] owns instances and everything that they share, and the embedder's data.

use std::any::Any;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence};
use std::time::{Duration, Instant};

use crate::artifact::Admission;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::instance::InstanceData;
use crate::module::layout;
use crate::trap::{Trap, TrapKind};
use crate::types::GlobalType;
use crate::vm::call::{self, Activation, Stop};
use crate::vm::context::{Context, Value};
use crate::vm::heap::Heap;
use crate::vm::memory::MemoryObject;
use crate::vm::table::TableObject;
use crate::vm::timer::{self, Interrupt};

/// How much an instance may use. What is not limited here is limited by the module's own types.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of each memory.
    pub memory_bytes: u64,
    /// Elements of each table.
    pub table_elements: u32,
    /// Bytes of the store's heap of structures and arrays.
    pub heap_bytes: u64,
}

impl Default for Limits {
    /// 4 GiB a memory, ten million elements a table, 4 GiB of structures and arrays.
    fn default() -> Limits {
        Limits {
            memory_bytes: 4 << 30,
            table_elements: 10_000_000,
            heap_bytes: 4 << 30,
        }
    }
}

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

/// What of a store does not depend on the type of the embedder's data. Contexts point to it.
pub(crate) struct StoreContext {
    pub(crate) id: u64,
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) fuel: i64,
    pub(crate) instances: Vec<NonNull<InstanceData>>,
    pub(crate) memories: Vec<NonNull<MemoryObject>>,
    pub(crate) tables: Vec<NonNull<TableObject>>,
    pub(crate) globals: Vec<(NonNull<Value>, GlobalType)>,
    /// Structures and arrays, once a module has types of them.
    pub(crate) heap: Option<NonNull<Heap>>,
    /// Definitions that instances point to.
    pub(crate) kept: Vec<Arc<dyn Any + Send + Sync>>,
    /// What a host function failed with, on its way through compiled code.
    pub(crate) error: Option<Error>,
    pub(crate) panic: Option<Box<dyn Any + Send>>,
    /// Calls into code that have not come back.
    depth: u32,
    /// Bytes of native stack that code may use.
    stack_bytes: usize,
    stack_limit: usize,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    interrupt: Option<Arc<Interrupt>>,
    /// Whether code should have stopped and the thread was found in the host: whoever returns to code
    /// next stops it. The handler of a signal writes it, in this thread.
    overdue: AtomicBool,
    /// Whether `instances` is being changed, and must not be read by a signal's handler.
    changes: AtomicBool,
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
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let context = StoreContext {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            engine: engine.clone(),
            limits: Limits::default(),
            fuel: 0,
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            heap: None,
            kept: Vec::new(),
            error: None,
            panic: None,
            depth: 0,
            stack_bytes: engine.config().stack_bytes,
            stack_limit: 0,
            timeout: None,
            deadline: None,
            interrupt: None,
            overdue: AtomicBool::new(false),
            changes: AtomicBool::new(false),
        };
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
        self.context().limits = limits;
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
    /// slowed down by it: a timer signals the thread.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.context().timeout = timeout;
        self.context().interrupt.get_or_insert_default();
    }

    /// A handle by which another thread can stop what this store runs.
    pub fn interrupt_handle(&mut self) -> InterruptHandle {
        InterruptHandle(self.context().interrupt.get_or_insert_default().clone())
    }
}

impl<T: 'static> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `new`; nothing uses it after this.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl Drop for StoreContext {
    fn drop(&mut self) {
        // SAFETY: all were made by `Box::leak`, and no code of this store runs any more. Instances go
        // first: they use the rest.
        unsafe {
            self.instances
                .drain(..)
                .for_each(|instance| drop(Box::from_raw(instance.as_ptr())));
            self.memories
                .drain(..)
                .for_each(|memory| drop(Box::from_raw(memory.as_ptr())));
            self.tables
                .drain(..)
                .for_each(|table| drop(Box::from_raw(table.as_ptr())));
            self.globals
                .drain(..)
                .for_each(|(global, _)| drop(Box::from_raw(global.as_ptr())));
            if let Some(heap) = self.heap.take() {
                drop(Box::from_raw(heap.as_ptr()));
            }
        }
    }
}

impl StoreContext {
    /// Why compiled code traps at an address, if it is an instruction that does.
    pub(crate) fn trap_at(&self, address: usize) -> Option<TrapKind> {
        self.instances.iter().find_map(|instance| {
            // SAFETY: the store's instances are alive; their modules do not change.
            let module = unsafe { &(*instance.as_ptr()).module };
            module.trap_at(module.code_offset(address)?)
        })
    }

    /// Called where a read or an instruction at `address` faulted: if that is code that was not
    /// checked yet, checks it.
    pub(crate) fn admit_code(&self, address: usize) -> Admission {
        let instances = self.instances.iter();
        instances
            .map(|instance| {
                // SAFETY: as in `trap_at`.
                let module = unsafe { &(*instance.as_ptr()).module };
                module.artifact().admit(address)
            })
            .find(|admission| *admission != Admission::NotConcerned)
            .unwrap_or(Admission::NotConcerned)
    }

    /// Adds an instance, which may happen while a timer runs: a host function instantiates.
    pub(crate) fn add_instance(&mut self, instance: NonNull<InstanceData>) {
        self.changes.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.instances.push(instance);
        compiler_fence(Ordering::SeqCst);
        self.changes.store(false, Ordering::Relaxed);
    }

    /// Called by the handler of the timer's signal, which interrupted the thread at `place`: whether
    /// the call ends there. Where it should but `place` is in the host, it is overdue from now on.
    pub(crate) fn interrupt_at(&self, place: usize) -> bool {
        if !self.is_interrupted() {
            return false;
        }
        let in_code = !self.changes.load(Ordering::Relaxed) && self.is_code(place);
        self.overdue.store(!in_code, Ordering::Relaxed);
        in_code
    }

    /// Whether code must not go on when the host returns to it.
    #[inline]
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::Relaxed)
    }

    /// Whether an address is in compiled code of this store.
    pub(crate) fn is_code(&self, address: usize) -> bool {
        // SAFETY: as in `trap_at`.
        let contains = |instance: &NonNull<InstanceData>| unsafe {
            (*instance.as_ptr()).module.code_offset(address).is_some()
        };
        self.instances.iter().any(contains)
    }

    /// Whether code of this store should stop.
    fn is_interrupted(&self) -> bool {
        self.interrupt
            .as_ref()
            .is_some_and(|interrupt| interrupt.is_requested())
            || self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Calls code of this store.
    ///
    /// # Safety
    /// `store` is alive and in use by this thread; the rest is as [`call::call`] demands.
    pub(crate) unsafe fn call(
        store: *mut StoreContext,
        entry: *const u8,
        code: *const u8,
        context: Context,
        values: *mut Value,
    ) -> Result<()> {
        // SAFETY: as the caller promises. No reference to the store is held while code runs, since
        // host functions make their own.
        unsafe {
            let outermost = (*store).depth == 0;
            if outermost {
                (*store).enter()?;
            }
            (*store).depth += 1;
            let result = call::call(store, entry, code, context, values, |activation| {
                (*store).stopped(activation)
            });
            (*store).depth -= 1;
            if outermost {
                (*store).exit();
            }
            if let Some(panic) = (*store).panic.take() {
                std::panic::resume_unwind(panic);
            }
            result
        }
    }

    /// Prepares for a call from outside.
    #[inline]
    fn enter(&mut self) -> Result<()> {
        let marker = 0u8;
        let stack = &raw const marker as usize;
        let limit = stack.saturating_sub(self.stack_bytes);
        self.stack_limit = limit;
        for instance in &self.instances {
            // SAFETY: the store's instances are alive, and so are their contexts.
            unsafe {
                (*instance.as_ptr())
                    .context
                    .write(layout::STACK_LIMIT, limit)
            };
        }
        if let Some(interrupt) = &self.interrupt {
            self.deadline = self.timeout.and_then(timer::deadline);
            interrupt.watch(self.timeout)?;
        }
        Ok(())
    }

    /// The stack limit of the call that is under way.
    pub(crate) fn stack_limit(&self) -> usize {
        self.stack_limit
    }

    fn exit(&mut self) {
        if let Some(interrupt) = &self.interrupt {
            interrupt.unwatch();
            self.deadline = None;
            self.overdue.store(false, Ordering::Relaxed);
        }
    }

    /// Makes the error of a call that stopped.
    fn stopped(&mut self, activation: &Activation) -> Error {
        let frames = activation
            .frames()
            .iter()
            .enumerate()
            .filter_map(|(i, address)| {
                let innermost = i == 0 && matches!(activation.stop, Stop::Trap(_));
                self.instances.iter().find_map(|instance| {
                    // SAFETY: the store's instances are alive.
                    let module = unsafe { &(*instance.as_ptr()).module };
                    module.frame(module.code_offset(*address)?, innermost)
                })
            });
        let frames: Vec<_> = frames.collect();
        let error = match activation.stop {
            Stop::Trap(kind) => Trap { kind, frames }.into(),
            Stop::Raised => match self.error.take() {
                Some(Error::Trap(mut trap)) => {
                    trap.frames.extend(frames);
                    Error::Trap(trap)
                }
                Some(error) => error,
                // A panic is on its way.
                None => Trap {
                    kind: TrapKind::Unreachable,
                    frames,
                }
                .into(),
            },
        };
        if let (Error::Trap(trap), Some(interrupt)) = (&error, &self.interrupt)
            && trap.kind == TrapKind::Interrupted
        {
            interrupt.take();
            self.overdue.store(false, Ordering::Relaxed);
        }
        error
    }

    /// Refuses a handle of another store.
    pub(crate) fn check_owner(&self, owner: u64) -> Result<()> {
        if owner == self.id {
            return Ok(());
        }
        Err(Error::Type(
            "a handle was used with a store that it does not belong to".to_owned(),
        ))
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
    pub(crate) fn context(&self) -> *mut StoreContext {
        self.0.as_ptr().cast()
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    fn as_store(&self) -> StorePointer<T> {
        StorePointer(self.inner)
    }
}

impl<T: 'static> AsContextMut for Store<T> {}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    fn as_store(&self) -> StorePointer<C::Data> {
        (**self).as_store()
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    fn as_store(&self) -> StorePointer<C::Data> {
        (**self).as_store()
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {}
