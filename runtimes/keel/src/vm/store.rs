//! The untyped part of a store, and how calls enter and leave its code.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence};

use super::budget::Budget;
use super::call::{self, Activation, Stop};
use super::context::{Context, Value};
use super::exception::TagRecord;
use super::heap::Heap;
use super::instance::InstanceData;
use super::memory::MemoryObject;
use super::stack;
use super::table::TableObject;
use super::timer::Interrupt;
use crate::artifact::Admission;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::module::layout;
use crate::trap::{Trap, TrapKind};
use crate::types::GlobalType;

/// The part of a store that does not depend on the type of the embedder's data. Contexts point to
/// it.
pub(crate) struct StoreContext {
    pub(crate) id: u64,
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) fuel: i64,
    /// Whether the store's code counts fuel: a `METERING_` constant of artefacts.
    pub(crate) metering: u32,
    /// Modules that import a host function and export it again, by its type.
    #[cfg(feature = "compiler")]
    pub(crate) thunks: std::collections::HashMap<crate::types::FuncType, crate::module::Module>,
    /// The bytes of the store's memories, tables and heap.
    pub(crate) budget: Arc<Budget>,
    pub(crate) instances: Vec<NonNull<InstanceData>>,
    pub(crate) memories: Vec<NonNull<MemoryObject>>,
    pub(crate) tables: Vec<NonNull<TableObject>>,
    pub(crate) globals: Vec<(NonNull<Value>, GlobalType)>,
    pub(crate) tags: Vec<NonNull<TagRecord>>,
    /// The heap of structures and arrays, created for the first module with such types.
    pub(crate) heap: Option<NonNull<Heap>>,
    /// Definitions that instances point to.
    pub(crate) kept: Vec<Arc<dyn Any + Send + Sync>>,
    /// Host values, by the number of their reference.
    pub(crate) values: Vec<Box<dyn Any + Send + Sync>>,
    /// The error of a host function, while it passes through compiled code.
    pub(crate) error: Option<Error>,
    pub(crate) panic: Option<Box<dyn Any + Send>>,
    /// The number of unfinished calls into code.
    depth: u32,
    /// The native stack that code may use, bytes.
    stack_bytes: usize,
    stack_limit: usize,
    pub(crate) interrupt: Option<Arc<Interrupt>>,
    /// Whether code should have stopped while the thread was in the host: the next return to code
    /// stops it. The signal handler sets it, on this thread.
    overdue: AtomicBool,
    /// Whether `instances` is changing, so that the timer's signal handler must not read it.
    changes: AtomicBool,
}

impl Drop for StoreContext {
    fn drop(&mut self) {
        // SAFETY: `Box::leak` made all of these pointers, and no code of this store runs any more.
        // Instances are dropped first, because they use the rest.
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
            self.tags
                .drain(..)
                .for_each(|tag| drop(Box::from_raw(tag.as_ptr())));
            if let Some(heap) = self.heap.take() {
                drop(Box::from_raw(heap.as_ptr()));
            }
        }
    }
}

impl StoreContext {
    /// An empty store.
    pub(crate) fn new(engine: &Engine) -> StoreContext {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        StoreContext {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            engine: engine.clone(),
            limits: Limits::default(),
            fuel: 0,
            metering: engine.metering(),
            #[cfg(feature = "compiler")]
            thunks: Default::default(),
            budget: Budget::new(Limits::default().total_bytes, Some(engine.budget().clone())),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            heap: None,
            kept: Vec::new(),
            values: Vec::new(),
            error: None,
            panic: None,
            depth: 0,
            stack_bytes: engine.config().stack_bytes,
            stack_limit: 0,
            interrupt: None,
            overdue: AtomicBool::new(false),
            changes: AtomicBool::new(false),
        }
    }

    /// The kind of trap of the instruction at an address, if it is one of this store's code.
    pub(crate) fn trap_at(&self, address: usize) -> Option<TrapKind> {
        self.instances.iter().find_map(|instance| {
            // SAFETY: the store's instances are alive, and their modules do not change.
            let module = unsafe { &(*instance.as_ptr()).module };
            module.trap_at(module.code_offset(address)?)
        })
    }

    /// The handler of exceptions from the call that returns to an address: its address, and the
    /// bytes from the frame pointer down to the stack pointer.
    pub(crate) fn handler_at(&self, address: usize) -> Option<(*const u8, usize)> {
        self.instances.iter().find_map(|instance| {
            // SAFETY: as in `trap_at`.
            let module = unsafe { &(*instance.as_ptr()).module };
            module.handler_at(module.code_offset(address)?)
        })
    }

    /// Whether a fault at `address` can be an access out of bounds. Code replaces an address that
    /// it finds out of bounds by null; other such addresses are in a memory's reservation.
    pub(crate) fn is_out_of_bounds(&self, address: usize) -> bool {
        /// The lowest address that can be mapped, by Linux's default.
        const LOWEST: usize = 64 << 10;
        let reserves = |instance: &NonNull<InstanceData>| {
            // SAFETY: the store's instances and their memories are alive.
            let memories = unsafe { &(*instance.as_ptr()).memories };
            let mut memories = memories.iter();
            // SAFETY: as above. No other reference to a memory is in use while a fault of compiled
            // code is handled.
            memories.any(|memory| unsafe { (*memory.as_ptr()).reserves(address) })
        };
        address < LOWEST || self.instances.iter().any(reserves)
    }

    /// Handles a fault of a read or an instruction at `address`: if that is code that is not yet
    /// verified, verifies it.
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

    /// Adds an instance. The timer's signal may arrive meanwhile, if a host function instantiates.
    pub(crate) fn add_instance(&mut self, instance: NonNull<InstanceData>) {
        self.changes.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.instances.push(instance);
        compiler_fence(Ordering::SeqCst);
        self.changes.store(false, Ordering::Relaxed);
    }

    /// Handles the timer's signal, which interrupted the thread at `place`. Returns whether the
    /// call must stop there. If the call must stop but `place` is in the host, marks it as overdue.
    pub(crate) fn interrupt_at(&self, place: usize) -> bool {
        if !self.is_interrupted() {
            return false;
        }
        let in_code = !self.changes.load(Ordering::Relaxed) && self.is_code(place);
        self.overdue.store(!in_code, Ordering::Relaxed);
        in_code
    }

    /// Whether code must stop when the host returns to it.
    #[inline]
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::Relaxed)
    }

    /// Updates and returns [`StoreContext::is_overdue`], for a runtime function that waits.
    pub(crate) fn note_overdue(&self) -> bool {
        if self.is_interrupted() {
            self.overdue.store(true, Ordering::Relaxed);
        }
        self.is_overdue()
    }

    /// Whether an address is in this store's compiled code.
    pub(crate) fn is_code(&self, address: usize) -> bool {
        // SAFETY: as in `trap_at`.
        let contains = |instance: &NonNull<InstanceData>| unsafe {
            (*instance.as_ptr()).module.code_offset(address).is_some()
        };
        self.instances.iter().any(contains)
    }

    /// Whether this store's code must stop.
    fn is_interrupted(&self) -> bool {
        let interrupt = self.interrupt.as_ref();
        interrupt.is_some_and(|interrupt| interrupt.is_due())
    }

    /// Calls code of this store.
    ///
    /// # Safety
    /// `store` is alive and used by this thread; the rest is as for [`call::call`].
    #[inline]
    pub(crate) unsafe fn call(
        store: *mut StoreContext,
        entry: *const u8,
        code: *const u8,
        context: Context,
        values: *mut Value,
    ) -> Result<()> {
        // SAFETY: the caller guarantees it. No reference to the store is live while code runs,
        // because host functions create their own.
        unsafe {
            let outermost = (*store).depth == 0;
            if outermost {
                (*store).limit_stack();
                if (*store).interrupt.is_some() {
                    (*store).enter()?;
                }
            }
            (*store).depth += 1;
            let result = call::call(store, entry, code, context, values, |activation| {
                (*store).stopped(activation);
            });
            (*store).depth -= 1;
            if outermost && (*store).interrupt.is_some() {
                (*store).exit();
            }
            // An error is large: only a call that fails moves one.
            match result {
                Ok(()) => Ok(()),
                Err(()) => Err((*store).failure()),
            }
        }
    }

    /// Prepares for an outermost call.
    #[inline]
    fn limit_stack(&mut self) {
        let marker = 0u8;
        let stack = &raw const marker as usize;
        let limit = stack::limit(stack, self.stack_bytes);
        // All instances have the present one, those that were made since the last call, too.
        if limit != self.stack_limit {
            self.set_stack_limit(limit);
        }
    }

    #[inline(never)]
    fn set_stack_limit(&mut self, limit: usize) {
        self.stack_limit = limit;
        for instance in &self.instances {
            // SAFETY: the store's instances and their contexts are alive.
            unsafe {
                (*instance.as_ptr())
                    .context
                    .write(layout::STACK_LIMIT, limit)
            };
        }
    }

    /// Prepares for a call from outside that can be interrupted.
    fn enter(&mut self) -> Result<()> {
        if let Some(interrupt) = &self.interrupt
            && interrupt.enter()
        {
            interrupt.exit();
            interrupt.take();
            return Err(Trap::new(TrapKind::Interrupted).into());
        }
        Ok(())
    }

    /// The stack limit of the current call.
    pub(crate) fn stack_limit(&self) -> usize {
        self.stack_limit
    }

    fn exit(&mut self) {
        if let Some(interrupt) = &self.interrupt {
            interrupt.exit();
            self.overdue.store(false, Ordering::Relaxed);
        }
    }

    /// Notes what a host function failed with.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// Notes that the call is overdue.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail_overdue(&mut self) {
        self.fail(Trap::new(TrapKind::Interrupted).into());
    }

    /// Notes the error of a call that stopped.
    #[cold]
    #[inline(never)]
    fn stopped(&mut self, activation: &Activation) {
        let frames = activation
            .frames()
            .iter()
            .enumerate()
            .flat_map(|(i, address)| {
                let innermost = i == 0 && matches!(activation.stop, Stop::Trap(_));
                let found = self.instances.iter().find_map(|instance| {
                    // SAFETY: the store's instances are alive.
                    let module = unsafe { &(*instance.as_ptr()).module };
                    let offset = module.code_offset(*address)?;
                    Some(module.frames(offset, innermost))
                });
                found.into_iter().flatten()
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
                // A panic of a host function is pending, and replaces this error.
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
        self.error = Some(error);
    }

    /// Why the call that has just come back stopped. A panic of a host function's goes on.
    #[cold]
    #[inline(never)]
    fn failure(&mut self) -> Error {
        let error = self.error.take();
        if let Some(panic) = self.panic.take() {
            std::panic::resume_unwind(panic);
        }
        error.unwrap_or_else(|| Trap::new(TrapKind::Unreachable).into())
    }

    /// Rejects a handle of another store.
    #[inline]
    pub(crate) fn check_owner(&self, owner: u64) -> Result<()> {
        #[cold]
        fn foreign() -> Error {
            Error::Type("a handle was used with a store that it does not belong to".to_owned())
        }
        if owner == self.id {
            return Ok(());
        }
        Err(foreign())
    }
}
