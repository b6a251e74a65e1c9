//! Runtime functions that compiled code calls.
//!
//! Each takes the calling instance's context first. Those that can fail return a nonzero number,
//! and the calling code traps.

use std::arch::naked_asm;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::call::{self, Stop};
use super::context::Context;
use super::instance::InstanceData;
use super::objects;
use super::parking::Awake;
use super::shared::SharedMemory;
use crate::artifact::fingerprint::METERING_OFF;
use crate::types::registry::REGISTERED;

/// The runtime functions, by their index in the table that every context points to.
#[cfg_attr(
    not(feature = "compiler"),
    expect(dead_code, reason = "only the compiler names them")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Libcall {
    MemoryGrow,
    MemoryFill,
    MemoryCopy,
    MemoryInit,
    TableGrow,
    TableFill,
    TableCopy,
    TableInit,
    /// Whether one registered type is a subtype of another.
    IsBelow,
    StructNew,
    ArrayNew,
    ArrayNewData,
    ArrayNewElem,
    ArrayInitData,
    ArrayInitElem,
    ArrayFill,
    ArrayCopy,
    AtomicNotify,
    AtomicWait32,
    AtomicWait64,
    /// Continues in the exception's handler, or leaves with the exception.
    Throw,
    /// Leaves WebAssembly code with the error that a host function stored.
    Raise,
}

/// The table of runtime functions, in the order of [`Libcall`].
#[repr(C)]
pub(crate) struct Libcalls {
    memory_grow: unsafe extern "C" fn(Context, u32, u64) -> u64,
    memory_fill: unsafe extern "C" fn(Context, u32, u64, u32, u64) -> u32,
    memory_copy: unsafe extern "C" fn(Context, u32, u32, u64, u64, u64) -> u32,
    memory_init: unsafe extern "C" fn(Context, u32, u32, u64, u32, u32) -> u32,
    table_grow: unsafe extern "C" fn(Context, u32, usize, u64) -> u64,
    table_fill: unsafe extern "C" fn(Context, u32, u64, usize, u64) -> u32,
    table_copy: unsafe extern "C" fn(Context, u32, u32, u64, u64, u64) -> u32,
    table_init: unsafe extern "C" fn(Context, u32, u32, u64, u32, u32) -> u32,
    is_below: unsafe extern "C" fn(Context, u32, u32) -> u32,
    struct_new: unsafe extern "C" fn(Context, u32, u32) -> u32,
    array_new: unsafe extern "C" fn(Context, u32, u32, u32) -> u32,
    array_new_data: unsafe extern "C" fn(Context, u32, u32, u32, u32, u32) -> u32,
    array_new_elem: unsafe extern "C" fn(Context, u32, u32, u32, u32, u32) -> u32,
    array_init_data: unsafe extern "C" fn(Context, u32, u32, u32, u32, u32, u32) -> u32,
    array_init_elem: unsafe extern "C" fn(Context, u32, u32, u32, u32, u32, u32) -> u32,
    array_fill: unsafe extern "C" fn(Context, u32, u32, u32, *const u8, u32) -> u32,
    array_copy: unsafe extern "C" fn(Context, u32, u32, u32, u32, u32, u32) -> u32,
    atomic_notify: unsafe extern "C" fn(Context, u32, u64, u32) -> u64,
    atomic_wait32: unsafe extern "C" fn(Context, u32, u64, u32, i64) -> u32,
    atomic_wait64: unsafe extern "C" fn(Context, u32, u64, u64, i64) -> u32,
    throw: unsafe extern "C" fn(Context, u64) -> u32,
    raise: unsafe extern "C" fn(Context) -> u32,
}

/// The only instance of the table.
pub(crate) static LIBCALLS: Libcalls = Libcalls {
    memory_grow,
    memory_fill,
    memory_copy,
    memory_init,
    table_grow,
    table_fill,
    table_copy,
    table_init,
    is_below,
    struct_new: objects::struct_new,
    array_new: objects::array_new,
    array_new_data: objects::array_new_data,
    array_new_elem: objects::array_new_elem,
    array_init_data: objects::array_init_data,
    array_init_elem: objects::array_init_elem,
    array_fill: objects::array_fill,
    array_copy: objects::array_copy,
    atomic_notify,
    atomic_wait32,
    atomic_wait64,
    throw: super::exception::throw,
    raise,
};

const DONE: u32 = 0;
/// The calling code traps: the range was out of bounds, or the call is overdue.
const STOP: u32 = 1;
/// The result of a failed `memory.grow` or `table.grow`; with 32-bit indices, its lower half.
const CANNOT_GROW: u64 = u64::MAX;

/// # Safety
/// Called by compiled code with its context.
unsafe fn done_if(context: Context, done: Option<()>) -> u32 {
    // SAFETY: the store of running code is alive.
    let overdue = unsafe { (*context.store()).is_overdue() };
    if done.is_some() && !overdue {
        DONE
    } else {
        STOP
    }
}

/// # Safety
/// As [`done_if`].
pub(super) unsafe fn overdue(context: Context) -> u32 {
    // SAFETY: the caller guarantees it.
    unsafe { done_if(context, Some(())) }
}

/// # Safety
/// Called by compiled code with its context. The same holds for all functions below.
unsafe fn instance<'a>(context: Context) -> &'a InstanceData {
    // SAFETY: an instance does not change once its code runs, and its store keeps it alive. Its
    // memories and tables are accessed through pointers of their own, and one thread at a time uses
    // a store.
    unsafe { &*context.instance() }
}

/// The bytes that are processed between checks whether the call is overdue.
const PIECE: u64 = 16 << 20;

/// Charges for a range of `bytes` bytes, if the store counts fuel. Returns false if there is not
/// enough: then nothing must be done, and the code checks its fuel next.
///
/// # Safety
/// Called by compiled code with its context.
pub(super) unsafe fn pay(context: Context, bytes: u64) -> bool {
    let store = context.store();
    // SAFETY: the store of running code is alive, and no reference to it outlives this block.
    unsafe {
        if (*store).metering == METERING_OFF {
            return true;
        }
        let cost = i64::try_from(bytes >> 6).unwrap_or(i64::MAX);
        (*store).fuel = (*store).fuel.saturating_sub(cost);
        (*store).fuel >= 0
    }
}

/// Processes a range in pieces, from its end if `backwards`. Stops between pieces if the call is
/// overdue.
///
/// # Safety
/// Called by compiled code with its context.
unsafe fn in_pieces(
    context: Context,
    length: u64,
    backwards: bool,
    mut work: impl FnMut(u64, u64) -> Option<()>,
) -> u32 {
    let mut done = 0;
    while done < length {
        let piece = (length - done).min(PIECE);
        let at = if backwards {
            length - done - piece
        } else {
            done
        };
        let worked = work(at, piece);
        // SAFETY: the caller guarantees it.
        if unsafe { done_if(context, worked) } == STOP {
            return STOP;
        }
        done += piece;
    }
    // SAFETY: the caller guarantees it.
    unsafe { done_if(context, Some(())) }
}

unsafe extern "C" fn memory_grow(context: Context, memory: u32, pages: u64) -> u64 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        (*instance(context).memory(memory))
            .grow(pages)
            .unwrap_or(CANNOT_GROW)
    }
}

unsafe extern "C" fn memory_fill(
    context: Context,
    memory: u32,
    to: u64,
    value: u32,
    length: u64,
) -> u32 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        let memory = &*instance(context).memory(memory);
        if memory.range(to, length).is_none() {
            return STOP;
        }
        if !pay(context, length) {
            return DONE;
        }
        in_pieces(context, length, false, |at, piece| {
            memory.fill(to + at, value as u8, piece)
        })
    }
}

unsafe extern "C" fn memory_copy(
    context: Context,
    to_memory: u32,
    from_memory: u32,
    to: u64,
    from: u64,
    length: u64,
) -> u32 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        let instance = instance(context);
        let source = &*instance.memory(from_memory);
        let target = &*instance.memory(to_memory);
        if target.range(to, length).is_none() || source.range(from, length).is_none() {
            return STOP;
        }
        if !pay(context, length) {
            return DONE;
        }
        // In this direction, overlapping bytes are copied before they are overwritten.
        in_pieces(context, length, to > from, |at, piece| {
            target.copy(to + at, source, from + at, piece)
        })
    }
}

unsafe extern "C" fn memory_init(
    context: Context,
    memory: u32,
    segment: u32,
    to: u64,
    from: u32,
    length: u32,
) -> u32 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        let instance = instance(context);
        let fits = (*instance.memory(memory)).range(to, length.into());
        let fits = fits.and_then(|_| instance.data_piece(segment, from, length));
        if fits.is_none() {
            return STOP;
        }
        if !pay(context, length.into()) {
            return DONE;
        }
        done_if(
            context,
            instance.init_memory(memory, segment, to, from, length),
        )
    }
}

unsafe extern "C" fn table_grow(context: Context, table: u32, value: usize, count: u64) -> u64 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        let table = &mut *instance(context).table(table);
        if !table.can_grow(count) || !pay(context, count.saturating_mul(8)) {
            return CANNOT_GROW;
        }
        table.grow(count, value).unwrap_or(CANNOT_GROW)
    }
}

unsafe extern "C" fn table_fill(
    context: Context,
    table: u32,
    to: u64,
    value: usize,
    length: u64,
) -> u32 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        let range = (*instance(context).table(table)).range(to, length);
        if range.is_some() && !pay(context, length.saturating_mul(8)) {
            return DONE;
        }
        done_if(context, range.map(|elements| elements.fill(value)))
    }
}

unsafe extern "C" fn table_copy(
    context: Context,
    to_table: u32,
    from_table: u32,
    to: u64,
    from: u64,
    length: u64,
) -> u32 {
    // SAFETY: compiled code calls this; see `instance`. Both ranges are within bounds. They may
    // overlap, so both are pointers before they are used, and the copy allows overlap.
    unsafe {
        let instance = instance(context);
        let from = (*instance.table(from_table)).range(from, length);
        let from = from.map(|from| from.as_ptr());
        let to = (*instance.table(to_table)).range(to, length);
        let to = to.map(|to| to.as_mut_ptr());
        let ranges = to.zip(from);
        if ranges.is_some() && !pay(context, length.saturating_mul(8)) {
            return DONE;
        }
        done_if(
            context,
            ranges.map(|(to, from)| to.copy_from(from, length as usize)),
        )
    }
}

unsafe extern "C" fn table_init(
    context: Context,
    table: u32,
    segment: u32,
    to: u64,
    from: u32,
    length: u32,
) -> u32 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        let instance = instance(context);
        let fits = (*instance.table(table)).range(to, length.into()).is_some();
        if !fits || !instance.has_elements(segment, from, length) {
            return STOP;
        }
        if !pay(context, u64::from(length) * 8) {
            return DONE;
        }
        done_if(
            context,
            instance.init_table(table, segment, to, from, length),
        )
    }
}

unsafe extern "C" fn is_below(context: Context, place: u32, wide: u32) -> u32 {
    // SAFETY: the store of running code is alive.
    let store = unsafe { &*context.store() };
    let number = |place: u32| u64::from(place) | REGISTERED;
    let types = store.engine.types();
    u32::from(types.is_subtype(number(place), number(wide)))
}

/// The result of waiting if the code must trap.
const TRAP: u32 = 3;

/// Returns the number of woken threads, or [`u64::MAX`] if the address is out of bounds.
unsafe extern "C" fn atomic_notify(context: Context, memory: u32, at: u64, count: u32) -> u64 {
    // SAFETY: compiled code calls this; see `instance`.
    unsafe {
        let memory = &*instance(context).memory(memory);
        if memory.range(at, 4).is_none() {
            return u64::MAX;
        }
        match memory.shared() {
            Some(shared) => shared.notify(at, count).into(),
            None => 0,
        }
    }
}

unsafe extern "C" fn atomic_wait32(
    context: Context,
    memory: u32,
    at: u64,
    expected: u32,
    timeout: i64,
) -> u32 {
    // SAFETY: compiled code calls this with its context.
    unsafe {
        wait(context, memory, at, timeout, |shared| {
            let value = shared.atomic_u32(at)?;
            Some(value.load(Ordering::SeqCst) == expected)
        })
    }
}

unsafe extern "C" fn atomic_wait64(
    context: Context,
    memory: u32,
    at: u64,
    expected: u64,
    timeout: i64,
) -> u32 {
    // SAFETY: compiled code calls this with its context.
    unsafe {
        wait(context, memory, at, timeout, |shared| {
            let value = shared.atomic_u64(at)?;
            Some(value.load(Ordering::SeqCst) == expected)
        })
    }
}

/// Waits at an address for `timeout` nanoseconds, or forever if that is negative. Returns 0 if
/// notified, 1 if the value differs, 2 if the time is up, and [`TRAP`] if the call is overdue, or
/// the memory is not shared or has no such address.
///
/// # Safety
/// Called by compiled code with its context.
unsafe fn wait(
    context: Context,
    memory: u32,
    at: u64,
    timeout: i64,
    is_expected: impl Fn(&SharedMemory) -> Option<bool>,
) -> u32 {
    // SAFETY: the instance keeps the memory alive, and the clone outlives the wait.
    let shared = unsafe { (*instance(context).memory(memory)).shared().cloned() };
    let Some(shared) = shared.filter(|shared| is_expected(shared).is_some()) else {
        return TRAP;
    };
    let timeout = u64::try_from(timeout).ok().map(Duration::from_nanos);
    let store = context.store();
    let awake = shared.parking().wait(
        at,
        || is_expected(&shared) == Some(true),
        timeout,
        // SAFETY: the store of running code is alive.
        || unsafe { (*store).note_overdue() },
    );
    match awake {
        Awake::Notified => 0,
        Awake::Different => 1,
        Awake::TimedOut => 2,
        Awake::Stopped => TRAP,
    }
}

/// Passes its caller's frame pointer to [`raise_from`].
#[unsafe(naked)]
unsafe extern "C" fn raise(_context: Context) -> u32 {
    naked_asm!("mov rdi, rbp", "jmp {raise}", raise = sym raise_from)
}

unsafe extern "C" fn raise_from(frame: usize) -> ! {
    // SAFETY: compiled code called this, `frame` is its frame pointer, and the store has the error.
    unsafe { super::exception::rethrow(frame) };
    // SAFETY: compiled code is running, so this thread has an activation. The frames up to its
    // stack pointer belong to compiled code and to this function, which has no live destructors.
    unsafe {
        let activation = &mut *call::current();
        activation.stop = Stop::Raised;
        activation.walk(None, frame);
        call::leave(activation.stack())
    }
}
