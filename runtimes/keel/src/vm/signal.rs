//! Faults and traps of compiled code, as the kernel reports them: by signal.
//!
//! Code is not accessible until it has been checked: the first fault in a piece of it has it checked.
//! A fault at an instruction that compiled code is known to trap at ends the call with a trap. Any
//! other is none of ours and goes to whoever handled the signal before.

use std::mem::MaybeUninit;
use std::sync::Once;

use super::call::{self, Activation, Stop};
use crate::artifact::Admission;
use crate::trap::TrapKind;

/// The signals of faults.
const FAULTS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// The handlers that were there before, by the order of [`FAULTS`].
static mut PREVIOUS: [MaybeUninit<libc::sigaction>; 4] = [const { MaybeUninit::uninit() }; 4];

/// The signal by which a timer stops code that runs too long.
pub(crate) fn interrupt_signal() -> libc::c_int {
    libc::SIGRTMIN() + 6
}

/// Takes over the signals, once in a process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (i, signal) in FAULTS.into_iter().enumerate() {
            // SAFETY: only this closure writes `PREVIOUS`, and no handler of ours is there to read
            // it before the action that needs this entry is in place.
            unsafe {
                let previous = (&raw mut PREVIOUS[i]).cast::<libc::sigaction>();
                let flags = libc::SA_RESTART | libc::SA_NODEFER;
                set_action(signal, on_fault, flags, previous);
            }
        }
        // Without SA_RESTART: a host function that waits in the kernel is woken, too.
        // SAFETY: a handler for a signal that nobody else uses.
        unsafe { set_action(interrupt_signal(), on_interrupt, 0, std::ptr::null_mut()) };
    });
}

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// # Safety
/// `previous` is null or has room for an action.
unsafe fn set_action(
    signal: libc::c_int,
    handler: Handler,
    flags: libc::c_int,
    previous: *mut libc::sigaction,
) {
    // SAFETY: zero is a valid action, all of whose fields that matter are set next.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // The stack has room: code checks it on every call. So the alternative one, if the thread has
    // one, is only for faults of the host's own. A fault in a handler is handled as any other, but the
    // timer waits until a handler is done: the alternative stack has no room for one on another.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
    // SAFETY: the action is complete, and `previous` as the caller promises.
    unsafe {
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaddset(&mut action.sa_mask, interrupt_signal());
        libc::sigaction(signal, &action, previous);
    }
}

/// The registers that matter here.
struct Registers {
    place: usize,
    frame: usize,
    /// Whether a fault was a write.
    writes: bool,
}

/// # Safety
/// `context` is what the kernel gave to a handler.
unsafe fn registers(context: *mut libc::c_void) -> Registers {
    // SAFETY: as the caller promises.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    Registers {
        place: registers[libc::REG_RIP as usize] as usize,
        frame: registers[libc::REG_RBP as usize] as usize,
        writes: registers[libc::REG_ERR as usize] & 2 != 0,
    }
}

/// Makes the thread leave compiled code as soon as the handler returns.
///
/// # Safety
/// `context` is what the kernel gave to a handler, which interrupted compiled code under
/// `activation`.
unsafe fn stop(context: *mut libc::c_void, activation: &mut Activation, kind: TrapKind) {
    // SAFETY: as the caller promises.
    unsafe {
        let at = registers(context);
        activation.stop = Stop::Trap(kind);
        activation.walk(Some(at.place), at.frame);
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        registers[libc::REG_RIP as usize] = call::leave as *const () as i64;
        registers[libc::REG_RDI as usize] = activation.stack() as i64;
        // Code may have been interrupted with the direction flag in any state; the host wants it
        // clear.
        registers[libc::REG_EFL as usize] &= !0x400;
    }
}

extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let current = call::current();
    if !current.is_null() {
        // SAFETY: the activation is on this thread's stack, whose code was interrupted; only this
        // thread touches it. The store's list of code is not changed while code runs.
        unsafe {
            let activation = &mut *current;
            let at = registers(context);
            if signal == libc::SIGSEGV && !at.writes {
                match (*activation.store).admit_code((*info).si_addr() as usize) {
                    Admission::Admitted => return,
                    Admission::Damaged => {
                        stop(context, activation, TrapKind::DamagedCode);
                        return;
                    }
                    Admission::NotConcerned => {}
                }
            }
            let kind = match (*activation.store).trap_at(at.place) {
                Some(kind) => Some(kind),
                // A file that was cut off under its mapping.
                None if signal == libc::SIGBUS && (*activation.store).is_code(at.place) => {
                    Some(TrapKind::DamagedCode)
                }
                None => None,
            };
            // An access that should have been within bounds, and is to something else of the process's: a
            // fault of the host's, which must not look like one of the guest's.
            let foreign = kind == Some(TrapKind::MemoryOutOfBounds)
                && matches!(signal, libc::SIGSEGV | libc::SIGBUS)
                && !(*activation.store).is_out_of_bounds((*info).si_addr() as usize);
            if let Some(kind) = kind.filter(|_| !foreign) {
                // A function of the runtime that finds the call overdue has code trap.
                let overdue = (*activation.store).is_overdue();
                let kind = if overdue { TrapKind::Interrupted } else { kind };
                stop(context, activation, kind);
                return;
            }
        }
    }
    // SAFETY: called as the kernel called us.
    unsafe { pass_on(signal, info, context) };
}

extern "C" fn on_interrupt(
    _signal: libc::c_int,
    _info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let current = call::current();
    if current.is_null() {
        return;
    }
    // SAFETY: as in `on_fault`.
    unsafe {
        let activation = &mut *current;
        let at = registers(context);
        if (*activation.store).interrupt_at(at.place) {
            stop(context, activation, TrapKind::Interrupted);
        }
    }
}

/// Gives a signal to the handler that was there before us.
///
/// # Safety
/// Called by a handler with its own arguments.
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let index = FAULTS
        .iter()
        .position(|fault| *fault == signal)
        .unwrap_or(0);
    // SAFETY: written before this handler was in place, and never after.
    let previous = unsafe {
        (&raw const PREVIOUS[index])
            .cast::<libc::sigaction>()
            .read()
    };
    match previous.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // Back to the default: the instruction runs again, faults again and ends the process.
            // SAFETY: restores an action that the kernel gave us.
            unsafe { libc::sigaction(signal, &previous, std::ptr::null_mut()) };
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the previous handler was installed as one of this signature.
            let handler: Handler = unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: the previous handler was installed as one of this signature.
            let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}
