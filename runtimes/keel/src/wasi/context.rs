//! `WasiCtx`: the state of one guest, mainly its descriptor table.
//!
//! A context is cheap. The builder does the expensive work once (opening directories, inspecting
//! streams, joining arguments), and all contexts share the result. A further context takes one
//! allocation and no system call; resetting one that opened nothing takes neither.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;

use super::abi::{FdFlags, Rights};
use super::builder::WasiCtxBuilder;
use super::descriptor::{Descriptor, Object};
use super::grant::Grant;
use super::strings::Strings;
use super::{Errno, wait};

/// The maximum descriptors per guest, so that one guest cannot exhaust the host's.
const MOST_DESCRIPTORS: usize = 1024;

/// The state that all contexts of one builder share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) arguments: Strings,
    pub(crate) environment: Strings,
    pub(crate) grants: Vec<Grant>,
}

/// The WASI preview 1 state of one guest.
#[derive(Debug)]
pub struct WasiCtx {
    shared: Arc<Shared>,
    table: Vec<Option<Descriptor>>,
    /// Whether the table may differ from its initial state.
    changed: bool,
    deadline: Option<Instant>,
}

impl WasiCtx {
    /// A builder without grants: no arguments, variables or directories, and standard streams that
    /// are null.
    #[must_use]
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    pub(crate) fn from_shared(shared: Arc<Shared>) -> WasiCtx {
        let table = shared
            .grants
            .iter()
            .map(|grant| Some(grant.descriptor()))
            .collect();
        WasiCtx {
            shared,
            table,
            changed: false,
            deadline: None,
        }
    }

    /// A context for another guest with the same grants, in its initial state.
    ///
    /// Open files of the host (standard streams, sockets) are shared, and so are their positions.
    /// In-memory input restarts.
    #[must_use]
    pub fn fresh(&self) -> WasiCtx {
        WasiCtx::from_shared(self.shared.clone())
    }

    /// Restores the initial state: closes what the guest opened and reopens what it closed.
    pub fn reset(&mut self) {
        self.deadline = None;
        if self.changed {
            self.table.clear();
            self.table.extend(
                self.shared
                    .grants
                    .iter()
                    .map(|grant| Some(grant.descriptor())),
            );
            self.changed = false;
        }
    }

    /// Sets the time after which no call waits: a call that would wait returns `Intr`, which the
    /// linker's functions turn into a trap. An engine's timeout does not interrupt a guest that
    /// waits in the host, so set both.
    ///
    /// The deadline bounds `poll_oneoff`, `sock_accept`, `sock_recv`, and reads and writes of files
    /// that can be polled. A write larger than the free space of a pipe can still wait for its
    /// reader.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the deadline has passed. False without one.
    pub(crate) fn is_overdue(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.table
            .get(fd as usize)
            .and_then(Option::as_ref)
            .ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        let slot = self
            .table
            .get_mut(fd as usize)
            .and_then(Option::as_mut)
            .ok_or(Errno::Badf)?;
        self.changed = true;
        Ok(slot)
    }

    /// Whether another descriptor can be opened. Checked before a file is opened.
    pub(crate) fn require_room(&self) -> Result<(), Errno> {
        let has_room =
            self.table.len() < MOST_DESCRIPTORS || self.table.iter().any(Option::is_none);
        if has_room { Ok(()) } else { Err(Errno::Mfile) }
    }

    /// Adds a descriptor at the lowest free number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        self.require_room()?;
        self.changed = true;
        let free = self.table.iter().position(Option::is_none);
        let number = free.unwrap_or(self.table.len());
        if number == self.table.len() {
            self.table.push(None);
        }
        self.table[number] = Some(descriptor);
        u32::try_from(number).map_err(|_| Errno::Mfile)
    }

    pub(crate) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        let slot = self.table.get_mut(fd as usize).ok_or(Errno::Badf)?;
        slot.take().ok_or(Errno::Badf)?;
        self.changed = true;
        Ok(())
    }

    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            self.changed = true;
            self.table[to as usize] = self.table[from as usize].take();
        }
        Ok(())
    }

    /// The host file of `fd`, once it is ready for `events` or if the host may block on it.
    ///
    /// With `NONBLOCK` on a shared file, a file that is not ready is `Again`. Past the deadline it
    /// is `Intr`.
    pub(crate) fn ready<'a>(
        &self,
        descriptor: &'a Descriptor,
        events: PollFlags,
    ) -> Result<BorrowedFd<'a>, Errno> {
        let file = descriptor.host()?;
        let is_shared = matches!(&descriptor.object, Object::Host(handle) if handle.is_shared());
        if is_shared && descriptor.flags.contains(FdFlags::NONBLOCK) {
            wait::until_ready(file, events, Some(Instant::now())).map_err(|_| Errno::Again)?;
        } else if let Some(deadline) = self.deadline
            && !descriptor.flags.contains(FdFlags::NONBLOCK)
        {
            wait::until_ready(file, events, Some(deadline))?;
        }
        Ok(file)
    }

    /// The descriptor `fd`, if it has `rights`.
    pub(crate) fn stream(&self, fd: u32, rights: Rights) -> Result<&Descriptor, Errno> {
        let descriptor = self.get(fd)?;
        descriptor.require(rights)?;
        Ok(descriptor)
    }
}
