//! What compiled code calls the runtime for.
//!
//! The functions take the calling instance's context first. Those that can fail say so with a number
//! that is not zero, and the code that called them traps.

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

/// The functions of the runtime, by their place in the table that every context points to.
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
    /// Whether one type of the registry is another or below it.
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
    /// Goes on where an exception is caught, or leaves with it.
    Throw,
    /// Leaves WebAssembly code with the error that a host function has left in the store.
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

/// The one such table.
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
/// The code that called traps: the range was out of bounds, or the call is overdue.
const STOP: u32 = 1;
/// What `memory.grow` and `table.grow` yield when they cannot; of a 32-bit one, the lower half of it.
const CANNOT_GROW: u64 = u64::MAX;

/// # Safety
/// Called for compiled code with its context.
unsafe fn done_if(context: Context, done: Option<()>) -> u32 {
    // SAFETY: the store of code that runs is alive.
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
    // SAFETY: as the caller promises.
    unsafe { done_if(context, Some(())) }
}

/// # Safety
/// Called by compiled code with its context; likewise all that follow.
unsafe fn instance<'a>(context: Context) -> &'a InstanceData {
    // SAFETY: an instance is not changed after it was made, and its store keeps it. Its memories and
    // tables are reached by pointers of their own, from one thread of a store at a time.
    unsafe { &*context.instance() }
}

/// Bytes that are worked on between two looks at whether the call is overdue.
const PIECE: u64 = 16 << 20;

/// Charges what a range of that many bytes costs, where the store counts fuel; false if there is not as much,
/// and nothing is to be done: code looks at its fuel next.
///
/// # Safety
/// Called for compiled code with its context.
pub(super) unsafe fn pay(context: Context, bytes: u64) -> bool {
    let store = context.store();
    // SAFETY: the store of code that runs is alive; the reference ends here.
    unsafe {
        if (*store).metering == METERING_OFF {
            return true;
        }
        let cost = i64::try_from(bytes >> 6).unwrap_or(i64::MAX);
        (*store).fuel = (*store).fuel.saturating_sub(cost);
        (*store).fuel >= 0
    }
}

/// Works on a range in pieces, from its end where `backwards`; stops between two where the call is overdue.
///
/// # Safety
/// Called for compiled code with its context.
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
        // SAFETY: as the caller promises.
        if unsafe { done_if(context, worked) } == STOP {
            return STOP;
        }
        done += piece;
    }
    // SAFETY: as the caller promises.
    unsafe { done_if(context, Some(())) }
}

unsafe extern "C" fn memory_grow(context: Context, memory: u32, pages: u64) -> u64 {
    // SAFETY: called by compiled code; see `instance`.
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
    // SAFETY: called by compiled code; see `instance`.
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
    // SAFETY: called by compiled code; see `instance`.
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
        // Where they overlap, what is overwritten has been copied before.
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
    // SAFETY: called by compiled code; see `instance`.
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
    // SAFETY: called by compiled code; see `instance`.
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
    // SAFETY: called by compiled code; see `instance`.
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
    // SAFETY: called by compiled code; the ranges are checked, and may overlap, so that only one of
    // them is ever a reference.
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
    // SAFETY: called by compiled code; see `instance`.
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
    // SAFETY: the store of code that runs is alive.
    let store = unsafe { &*context.store() };
    let number = |place: u32| u64::from(place) | REGISTERED;
    let types = store.engine.types();
    u32::from(types.is_subtype(number(place), number(wide)))
}

/// What waiting and notifying yield where code is to trap.
const TRAP: u32 = 3;

/// The number of threads woken, or [`u64::MAX`] where the address is out of bounds.
unsafe extern "C" fn atomic_notify(context: Context, memory: u32, at: u64, count: u32) -> u64 {
    // SAFETY: called by compiled code; see `instance`.
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
    // SAFETY: called by compiled code with its context.
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
    // SAFETY: called by compiled code with its context.
    unsafe {
        wait(context, memory, at, timeout, |shared| {
            let value = shared.atomic_u64(at)?;
            Some(value.load(Ordering::SeqCst) == expected)
        })
    }
}

/// Waits at an address for at most `timeout` nanoseconds, or for ever where that is negative: 0 if it was
/// notified, 1 if the value was another, 2 if it took too long; [`TRAP`] where the call is overdue, or
/// the memory is not shared or has no such value.
///
/// # Safety
/// Called for compiled code with its context.
unsafe fn wait(
    context: Context,
    memory: u32,
    at: u64,
    timeout: i64,
    is_expected: impl Fn(&SharedMemory) -> Option<bool>,
) -> u32 {
    // SAFETY: the instance keeps the memory, and no reference to the store is held while it sleeps.
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
        // SAFETY: the store of code that runs is alive.
        || unsafe { (*store).note_overdue() },
    );
    match awake {
        Awake::Notified => 0,
        Awake::Different => 1,
        Awake::TimedOut => 2,
        Awake::Stopped => TRAP,
    }
}

/// Hands on its caller's frame pointer, for the backtrace.
#[unsafe(naked)]
unsafe extern "C" fn raise(_context: Context) -> u32 {
    naked_asm!("mov rdi, rbp", "jmp {raise}", raise = sym raise_from)
}

unsafe extern "C" fn raise_from(frame: usize) -> ! {
    // SAFETY: compiled code called, whose frame this is, and the store holds the error.
    unsafe { super::exception::rethrow(frame) };
    // SAFETY: compiled code runs, so there is an activation; it is this thread's own. Between its
    // stack pointer and here there is compiled code and this function, which has no destructors.
    unsafe {
        let activation = &mut *call::current();
        activation.stop = Stop::Raised;
        activation.walk(None, frame);
        call::leave(activation.stack())
    }
}
