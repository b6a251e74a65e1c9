//! Signal handlers for faults and traps of compiled code.
//!
//! A page of code is inaccessible until it is verified, and the first fault in it triggers that. A
//! fault at an instruction with a recorded trap ends the call with that trap. All other faults go
//! to the previous handler.

use std::mem::MaybeUninit;
use std::sync::Once;

use super::call::{self, Activation, Stop};
use crate::artifact::Admission;
use crate::trap::TrapKind;

/// The signals that report faults.
const FAULTS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// The previous actions, in the order of [`FAULTS`].
static mut PREVIOUS: [MaybeUninit<libc::sigaction>; 4] = [const { MaybeUninit::uninit() }; 4];

/// The signal with which a timer interrupts code.
pub(crate) fn interrupt_signal() -> libc::c_int {
    libc::SIGRTMIN() + 6
}

/// Installs the handlers, once per process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (i, signal) in FAULTS.into_iter().enumerate() {
            // SAFETY: only this closure writes `PREVIOUS`. Code of a store only runs after this
            // returns, so no fault of it can read an entry before it is written. A fault of the
            // host's own on another thread at that moment is not covered.
            unsafe {
                let previous = (&raw mut PREVIOUS[i]).cast::<libc::sigaction>();
                let flags = libc::SA_RESTART | libc::SA_NODEFER;
                set_action(signal, on_fault, flags, previous);
            }
        }
        // Without SA_RESTART, a host function that waits in the kernel is woken too.
        // SAFETY: the handler does nothing on a thread without an activation.
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
    // SAFETY: zero is a valid action, and all fields that matter are set below.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // Compiled code checks its stack on every call, so there is room for the handler; the thread's
    // alternative stack, if any, is for faults of the host's own. A fault in a handler is handled
    // like any other. The timer's signal is blocked in handlers, because the alternative stack has
    // no room for one handler on top of another.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
    // SAFETY: the action is complete, and the caller guarantees `previous`.
    unsafe {
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaddset(&mut action.sa_mask, interrupt_signal());
        libc::sigaction(signal, &action, previous);
    }
}

/// The registers that the handlers need.
struct Registers {
    place: usize,
    frame: usize,
    /// Whether the fault was a write.
    writes: bool,
}

/// # Safety
/// `context` is the argument that the kernel passed to a handler.
unsafe fn registers(context: *mut libc::c_void) -> Registers {
    // SAFETY: the caller guarantees it.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    Registers {
        place: registers[libc::REG_RIP as usize] as usize,
        frame: registers[libc::REG_RBP as usize] as usize,
        writes: registers[libc::REG_ERR as usize] & 2 != 0,
    }
}

/// Makes the thread leave compiled code when the handler returns.
///
/// # Safety
/// `context` is the argument that the kernel passed to a handler, which interrupted compiled code
/// of `activation`.
unsafe fn stop(context: *mut libc::c_void, activation: &mut Activation, kind: TrapKind) {
    // SAFETY: the caller guarantees it.
    unsafe {
        let at = registers(context);
        activation.stop = Stop::Trap(kind);
        activation.walk(Some(at.place), at.frame);
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        registers[libc::REG_RIP as usize] = call::leave as *const () as i64;
        registers[libc::REG_RDI as usize] = activation.stack() as i64;
        // Compiled code may have been interrupted with the direction flag set, but the host's ABI
        // requires it clear.
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
        // SAFETY: the activation is on the interrupted thread's own stack, and no other thread
        // accesses it. The store's list of instances does not change while compiled code runs.
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
                // The artefact's file was truncated while mapped.
                None if signal == libc::SIGBUS && (*activation.store).is_code(at.place) => {
                    Some(TrapKind::DamagedCode)
                }
                None => None,
            };
            // An access that should have been in bounds hit other memory of the process. That is a
            // fault of the host, and must not be reported as one of the guest's.
            let foreign = kind == Some(TrapKind::MemoryOutOfBounds)
                && matches!(signal, libc::SIGSEGV | libc::SIGBUS)
                && !(*activation.store).is_out_of_bounds((*info).si_addr() as usize);
            if let Some(kind) = kind.filter(|_| !foreign) {
                // Code also traps if a runtime function found the call overdue.
                let overdue = (*activation.store).is_overdue();
                let kind = if overdue { TrapKind::Interrupted } else { kind };
                stop(context, activation, kind);
                return;
            }
        }
    }
    // SAFETY: the arguments are those from the kernel.
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
    // SAFETY: as in `on_fault`. `interrupt_at` does not read the list of instances while the host
    // changes it.
    unsafe {
        let activation = &mut *current;
        let at = registers(context);
        if (*activation.store).interrupt_at(at.place) {
            stop(context, activation, TrapKind::Interrupted);
        }
    }
}

/// Passes a signal to the previous handler.
///
/// # Safety
/// Called by a handler with its own arguments.
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let index = FAULTS
        .iter()
        .position(|fault| *fault == signal)
        .unwrap_or(0);
    // SAFETY: `install` wrote the entry, and nothing writes it later. See there for the moment of
    // installation.
    let previous = unsafe {
        (&raw const PREVIOUS[index])
            .cast::<libc::sigaction>()
            .read()
    };
    match previous.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // With the default action, the instruction runs again, faults again and ends the
            // process.
            // SAFETY: restores the action that the kernel reported.
            unsafe { libc::sigaction(signal, &previous, std::ptr::null_mut()) };
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the previous handler was installed with this signature, as its flags state.
            let handler: Handler = unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: the previous handler was installed with this signature, as its flags state.
            let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}
