//! `args_*` and `environ_*`.

use crate::wasi::memory;
use crate::wasi::strings::Strings;
use crate::wasi::{Errno, WasiCtx};

/// Writes the arguments: a table of addresses at `argv`, the strings at `argv_buf`.
///
/// # Errors
/// `Fault`.
pub fn args_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    argv: u32,
    argv_buf: u32,
) -> Result<(), Errno> {
    get(&ctx.shared().arguments, memory, argv, argv_buf)
}

/// Writes the number of arguments and their size in bytes.
///
/// # Errors
/// `Fault`.
pub fn args_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    count: u32,
    bytes: u32,
) -> Result<(), Errno> {
    sizes(&ctx.shared().arguments, memory, count, bytes)
}

/// Writes the environment, in the form of `args_get`.
///
/// # Errors
/// `Fault`.
pub fn environ_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    environ: u32,
    environ_buf: u32,
) -> Result<(), Errno> {
    get(&ctx.shared().environment, memory, environ, environ_buf)
}

/// Writes the number of variables and their size in bytes.
///
/// # Errors
/// `Fault`.
pub fn environ_sizes_get(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    count: u32,
    bytes: u32,
) -> Result<(), Errno> {
    sizes(&ctx.shared().environment, memory, count, bytes)
}

fn get(strings: &Strings, memory: &mut [u8], table: u32, buffer: u32) -> Result<(), Errno> {
    let joined = strings.joined();
    let table_bytes = strings.count().checked_mul(4).ok_or(Errno::Overflow)?;
    memory::reserve(memory, table, table_bytes)?;
    memory::write(memory, buffer, joined)?;
    let mut address = buffer;
    for (entry, string) in (0..).zip(joined.split_inclusive(|&byte| byte == 0)) {
        // Neither sum can wrap, because both the table and the strings are within the memory.
        memory::write_u32(memory, table + 4 * entry, address)?;
        address = address.wrapping_add(memory::size(string.len()));
    }
    Ok(())
}

fn sizes(strings: &Strings, memory: &mut [u8], count: u32, bytes: u32) -> Result<(), Errno> {
    memory::write_u32(memory, count, strings.count())?;
    memory::write_u32(memory, bytes, memory::size(strings.joined().len()))
}
