//! `sock_*`, for sockets that the host granted.

use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use rustix::event::PollFlags;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, Shutdown,
    SocketFlags,
};

use crate::wasi::abi::{FdFlags, FileType, ReceiveFlags, Rights, ShutdownFlags};
use crate::wasi::descriptor::{Descriptor, Handle, Object};
use crate::wasi::memory;
use crate::wasi::{Errno, WasiCtx};

/// `recv_data_truncated`.
const TRUNCATED: u16 = 1;

/// Accepts a connection on a listening socket, and writes its descriptor.
///
/// # Errors
/// `Badf`, `Notsock`, `Notcapable`, `Inval` for flags other than `NONBLOCK`, `Again`, `Intr`,
/// `Mfile`, `Fault`, and the errors of the host's accept.
pub fn sock_accept(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    flags: u32,
    accepted: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, accepted, 4)?;
    let flags = FdFlags::parse(flags)?;
    if !FdFlags::NONBLOCK.contains(flags) {
        return Err(Errno::Inval);
    }
    ctx.require_room()?;
    let listener = ctx.get(fd)?;
    listener.socket(Rights::SOCK_ACCEPT)?;
    let mut host_flags = SocketFlags::CLOEXEC;
    host_flags.set(SocketFlags::NONBLOCK, flags.contains(FdFlags::NONBLOCK));
    let socket = rustix::net::accept_with(ctx.ready(listener, PollFlags::IN)?, host_flags)?;
    let descriptor = Descriptor {
        object: Object::Host(Handle::Opened(socket)),
        kind: FileType::SocketStream,
        rights: listener.inheriting.intersection(Rights::SOCKET),
        inheriting: listener.inheriting,
        flags,
        access: listener.access,
    };
    let number = ctx.insert(descriptor)?;
    memory::write_u32(memory, accepted, number)
}

/// Receives into the buffers in `iovs`. Writes the number of bytes, and whether a datagram was
/// truncated.
///
/// # Errors
/// `Badf`, `Notsock`, `Notcapable`, `Inval` for unknown flags, `Again`, `Intr`, `Fault`, and the
/// errors of the host's receive.
#[expect(clippy::too_many_arguments, reason = "the call has that many")]
pub fn sock_recv(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    flags: u32,
    received: u32,
    received_flags: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, received, 4)?;
    memory::reserve(memory, received_flags, 2)?;
    let flags = ReceiveFlags::parse(flags)?;
    let descriptor = ctx.get(fd)?;
    descriptor.socket(Rights::FD_READ)?;
    let mut host_flags = RecvFlags::empty();
    host_flags.set(RecvFlags::PEEK, flags.contains(ReceiveFlags::PEEK));
    host_flags.set(RecvFlags::WAITALL, flags.contains(ReceiveFlags::WAITALL));
    let socket = ctx.ready(descriptor, PollFlags::IN)?;
    let message = memory::destinations(memory, iovs, iovs_len, |buffers| {
        let mut control = RecvAncillaryBuffer::default();
        Ok(rustix::net::recvmsg(
            socket,
            buffers,
            &mut control,
            host_flags,
        )?)
    })?;
    let was_cut = message.flags.contains(ReturnFlags::TRUNC);
    memory::write_u32(memory, received, memory::size(message.bytes))?;
    memory::write_u16(memory, received_flags, if was_cut { TRUNCATED } else { 0 })
}

/// Sends the buffers in `iovs`, and writes the number of bytes sent.
///
/// # Errors
/// `Badf`, `Notsock`, `Notcapable`, `Inval` for any flag, because none is defined, `Again`, `Intr`,
/// `Fault`, and the errors of the host's send.
pub fn sock_send(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    flags: u32,
    sent: u32,
) -> Result<(), Errno> {
    memory::reserve(memory, sent, 4)?;
    if flags != 0 {
        return Err(Errno::Inval);
    }
    let descriptor = ctx.get(fd)?;
    descriptor.socket(Rights::FD_WRITE)?;
    let socket = ctx.ready(descriptor, PollFlags::OUT)?;
    let count = memory::sources(memory, iovs, iovs_len, |buffers| send(socket, buffers))?;
    memory::write_u32(memory, sent, memory::size(count))
}

/// Sends without `SIGPIPE`, which a closed peer would otherwise raise in the host process.
pub(crate) fn send(socket: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> Result<usize, Errno> {
    let mut control = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(
        socket,
        buffers,
        &mut control,
        SendFlags::NOSIGNAL,
    )?)
}

/// Closes a socket's receiving direction, sending direction, or both.
///
/// # Errors
/// `Badf`, `Notsock`, `Notcapable`, `Inval` for neither direction, `Notconn`.
pub fn sock_shutdown(
    ctx: &mut WasiCtx,
    _memory: &mut [u8],
    fd: u32,
    how: u32,
) -> Result<(), Errno> {
    let descriptor = ctx.get(fd)?;
    let socket = descriptor.socket(Rights::SOCK_SHUTDOWN)?;
    let how = ShutdownFlags::parse(how)?;
    let how = match (
        how.contains(ShutdownFlags::READ),
        how.contains(ShutdownFlags::WRITE),
    ) {
        (true, true) => Shutdown::Both,
        (true, false) => Shutdown::Read,
        (false, true) => Shutdown::Write,
        (false, false) => return Err(Errno::Inval),
    };
    Ok(rustix::net::shutdown(socket, how)?)
}
