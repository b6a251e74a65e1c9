//! The guest as a process: `proc_exit`, `proc_raise`, `sched_yield`, `random_get`.

use rustix::rand::{GetRandomFlags, getrandom};

use crate::wasi::memory;
use crate::wasi::{Ending, Errno, Exit, WasiCtx};

/// Added to a signal's number to make an exit code, as shells do.
const SIGNALLED: u32 = 128;

/// Ends the guest: the answer is how, and there is no other.
pub fn proc_exit(_ctx: &mut WasiCtx, _memory: &mut [u8], code: u32) -> Exit {
    Exit { code }
}

/// Sends a signal to the guest itself. It can handle none, so each does what it does by default:
/// nothing, or end the guest with 128 and the signal's number.
///
/// # Errors
/// The end; `Notsup` for signals that would stop the guest until somebody lets it go on; `Inval`
/// for a number that is no signal.
pub fn proc_raise(_ctx: &mut WasiCtx, _memory: &mut [u8], signal: u32) -> Result<(), Ending> {
    match signal {
        // none, chld, cont, urg, winch
        0 | 16 | 17 | 22 | 27 => Ok(()),
        // stop, tstp, ttin, ttou
        18..=21 => Err(Errno::Notsup.into()),
        // The numbers are preview 1's, which are Linux's but for where Linux has `stkflt`.
        1..=30 => Err(Ending::Exit(Exit {
            code: SIGNALLED + signal,
        })),
        _ => Err(Errno::Inval.into()),
    }
}

/// Lets others run.
///
/// # Errors
/// None.
pub fn sched_yield(_ctx: &mut WasiCtx, _memory: &mut [u8]) -> Result<(), Errno> {
    rustix::thread::sched_yield();
    Ok(())
}

/// Random bytes requested at once: between two such pieces the deadline is looked at.
const RANDOM_PIECE: usize = 1 << 20;

/// Fills a buffer with the kernel's random bytes.
///
/// # Errors
/// `Fault`, `Intr` past the deadline, and what the host says.
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
        // Past the deadline the guest gets no answer, so a small request need not look.
        if filled != rest.len() && ctx.is_overdue() {
            return Err(Errno::Intr);
        }
        rest = &mut rest[filled..];
    }
    Ok(())
}
