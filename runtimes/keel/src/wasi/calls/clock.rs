//! `clock_*`, for all four clocks of preview 1.

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

use crate::wasi::memory;
use crate::wasi::{Errno, WasiCtx};

/// Writes a clock's resolution, in nanoseconds.
///
/// # Errors
/// `Inval` for an unknown clock, `Fault`.
pub fn clock_res_get(
    _ctx: &mut WasiCtx,
    memory: &mut [u8],
    clock: u32,
    resolution: u32,
) -> Result<(), Errno> {
    let nanoseconds = nanoseconds(clock_getres(clock_id(clock)?))?;
    memory::write_u64(memory, resolution, nanoseconds)
}

/// Writes a clock's time, in nanoseconds. The requested precision is ignored: the time is as
/// precise as possible.
///
/// # Errors
/// `Inval` for an unknown clock, `Overflow` for a time before 1970, `Fault`.
pub fn clock_time_get(
    _ctx: &mut WasiCtx,
    memory: &mut [u8],
    clock: u32,
    _precision: u64,
    time: u32,
) -> Result<(), Errno> {
    let now = now(clock)?;
    memory::write_u64(memory, time, now)
}

/// A clock's time, in nanoseconds.
pub(crate) fn now(clock: u32) -> Result<u64, Errno> {
    nanoseconds(clock_gettime(clock_id(clock)?))
}

fn clock_id(clock: u32) -> Result<ClockId, Errno> {
    match clock {
        0 => Ok(ClockId::Realtime),
        1 => Ok(ClockId::Monotonic),
        2 => Ok(ClockId::ProcessCPUTime),
        3 => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::Inval),
    }
}

fn nanoseconds(time: Timespec) -> Result<u64, Errno> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::Overflow)?;
    let fraction = u64::try_from(time.tv_nsec).map_err(|_| Errno::Overflow)?;
    seconds
        .checked_mul(1_000_000_000)
        .and_then(|nanoseconds| nanoseconds.checked_add(fraction))
        .ok_or(Errno::Overflow)
}
