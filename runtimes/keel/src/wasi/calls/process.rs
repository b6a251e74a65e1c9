//! Process calls: `proc_exit`, `proc_raise`, `sched_yield`, `random_get`.

use rustix::rand::{GetRandomFlags, getrandom};

use crate::wasi::memory;
use crate::wasi::{Ending, Errno, Exit, WasiCtx};

/// Added to a signal's number for the exit code, as in shells.
const SIGNALLED: u32 = 128;

/// Ends the guest. It never returns to the guest.
pub fn proc_exit(_ctx: &mut WasiCtx, _memory: &mut [u8], code: u32) -> Exit {
    Exit { code }
}

/// Raises a signal in the guest. Guests have no handlers, so the default action applies: nothing,
/// or exit with 128 plus the signal's number.
///
/// # Errors
/// The exit; `Notsup` for signals that would stop the guest until another process continues it;
/// `Inval` for an unknown signal.
pub fn proc_raise(_ctx: &mut WasiCtx, _memory: &mut [u8], signal: u32) -> Result<(), Ending> {
    match signal {
        // none, chld, cont, urg, winch
        0 | 16 | 17 | 22 | 27 => Ok(()),
        // stop, tstp, ttin, ttou
        18..=21 => Err(Errno::Notsup.into()),
        // Preview 1 numbers signals like Linux, but without `stkflt`.
        1..=30 => Err(Ending::Exit(Exit {
            code: SIGNALLED + signal,
        })),
        _ => Err(Errno::Inval.into()),
    }
}

/// Yields the processor to other threads.
///
/// # Errors
/// None.
pub fn sched_yield(_ctx: &mut WasiCtx, _memory: &mut [u8]) -> Result<(), Errno> {
    rustix::thread::sched_yield();
    Ok(())
}

/// The size in bytes of the pieces that are requested at once. The deadline is checked between
/// pieces.
const RANDOM_PIECE: usize = 1 << 20;

/// Fills a buffer with the kernel's random bytes.
///
/// # Errors
/// `Fault`, `Intr` after the deadline, and the host's errors.
pub fn random_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    buffer: u32,
    buffer_len: u32,
) -> Result<(), Errno> {
    let mut rest = memory::bytes_mut(memory, buffer, buffer_len)?;
    while !rest.is_empty() {
        let piece = rest.len().min(RANDOM_PIECE);
        let filled = match getrandom(&mut rest[..piece], GetRandomFlags::empty()) {
            Err(rustix::io::Errno::INTR) => 0,
            filled => filled?,
        };
        // A guest past its deadline is ended on return anyway, so a single piece needs no check.
        if filled != rest.len() && ctx.is_overdue() {
            return Err(Errno::Intr);
        }
        rest = &mut rest[filled..];
    }
    Ok(())
}
