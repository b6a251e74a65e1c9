//! `poll_oneoff`: waits for clocks and descriptors.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::wasi::abi::{FileType, Rights};
use crate::wasi::descriptor::Object;
use crate::wasi::memory::{self, u16_at, u32_at, u64_at};
use crate::wasi::{Errno, WasiCtx, wait};

use super::clock;

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;

/// The maximum subscriptions per call. Otherwise a guest could make the host allocate gigabytes.
const MOST_SUBSCRIPTIONS: u32 = 1 << 16;

/// `subscription_clock_abstime`.
const ABSOLUTE: u16 = 1;

/// `fd_readwrite_hangup`.
const HANGUP: u16 = 1;

/// Waits until at least one subscription is ready, and writes an event for each that is.
///
/// An error in one subscription (unknown descriptor, missing right, unsupported clock) becomes an
/// event with that error, and the call returns immediately.
///
/// # Errors
/// `Inval` for no subscriptions, too many, or an unknown type; `Intr` if a signal or the context's
/// deadline comes first; `Fault`.
pub fn poll_oneoff(
    ctx: &mut WasiCtx,
    memory: &mut [u8],
    subscriptions: u32,
    events: u32,
    count: u32,
    occurred: u32,
) -> Result<(), Errno> {
    if count == 0 || count > MOST_SUBSCRIPTIONS {
        return Err(Errno::Inval);
    }
    memory::reserve(memory, occurred, 4)?;
    memory::reserve(memory, events, count * EVENT_BYTES)?;
    let asked = memory::bytes(memory, subscriptions, count * SUBSCRIPTION_BYTES)?
        .chunks_exact(SUBSCRIPTION_BYTES as usize)
        .map(Subscription::parse)
        .collect::<Result<Vec<_>, _>>()?;
    let mut records = Vec::new();
    let mut written = 0;
    for event in wait_for(ctx, &asked)? {
        records.extend_from_slice(&event.record());
        written += 1;
    }
    memory::write(memory, events, &records)?;
    memory::write_u32(memory, occurred, written)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ready {
    Read,
    Write,
}

#[derive(Clone, Copy, Debug)]
enum Wish {
    Clock {
        clock: u32,
        timeout: u64,
        is_absolute: bool,
    },
    Descriptor {
        fd: u32,
        ready: Ready,
    },
}

#[derive(Clone, Copy, Debug)]
struct Subscription {
    user_data: u64,
    wish: Wish,
}

impl Subscription {
    fn parse(record: &[u8]) -> Result<Subscription, Errno> {
        let wish = match record[8] {
            0 => {
                let flags = u16_at(record, 40);
                if flags & !ABSOLUTE != 0 {
                    return Err(Errno::Inval);
                }
                Wish::Clock {
                    clock: u32_at(record, 16),
                    timeout: u64_at(record, 24),
                    is_absolute: flags & ABSOLUTE != 0,
                }
            }
            1 => Wish::Descriptor {
                fd: u32_at(record, 16),
                ready: Ready::Read,
            },
            2 => Wish::Descriptor {
                fd: u32_at(record, 16),
                ready: Ready::Write,
            },
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription {
            user_data: u64_at(record, 0),
            wish,
        })
    }

    fn event(&self, outcome: Result<(u64, u16), Errno>) -> Event {
        let kind = match self.wish {
            Wish::Clock { .. } => 0,
            Wish::Descriptor {
                ready: Ready::Read, ..
            } => 1,
            Wish::Descriptor {
                ready: Ready::Write,
                ..
            } => 2,
        };
        Event {
            user_data: self.user_data,
            kind,
            outcome,
        }
    }
}

/// The event of a subscription: ready bytes and flags, or an error.
struct Event {
    user_data: u64,
    kind: u8,
    outcome: Result<(u64, u16), Errno>,
}

impl Event {
    fn record(&self) -> [u8; EVENT_BYTES as usize] {
        let mut record = [0; EVENT_BYTES as usize];
        record[0..8].copy_from_slice(&self.user_data.to_le_bytes());
        record[10] = self.kind;
        match self.outcome {
            Ok((bytes, flags)) => {
                record[16..24].copy_from_slice(&bytes.to_le_bytes());
                record[24..26].copy_from_slice(&flags.to_le_bytes());
            }
            Err(errno) => record[8..10].copy_from_slice(&errno.number().to_le_bytes()),
        }
        record
    }
}

/// A clock subscription, with its due time on its clock.
struct Alarm {
    clock: u32,
    due: u64,
    subscription: Subscription,
}

impl Alarm {
    fn new(subscription: Subscription) -> Result<Option<Alarm>, Errno> {
        let Wish::Clock {
            clock,
            timeout,
            is_absolute,
        } = subscription.wish
        else {
            return Ok(None);
        };
        let now = clock::now(clock)?;
        if clock > 1 {
            // The CPU time of a process or thread does not advance while it waits.
            return Err(Errno::Notsup);
        }
        let due = if is_absolute {
            timeout
        } else {
            now.saturating_add(timeout)
        };
        Ok(Some(Alarm {
            clock,
            due,
            subscription,
        }))
    }

    fn remaining(&self) -> Result<Duration, Errno> {
        Ok(Duration::from_nanos(
            self.due.saturating_sub(clock::now(self.clock)?),
        ))
    }
}

fn wait_for(ctx: &WasiCtx, asked: &[Subscription]) -> Result<Vec<Event>, Errno> {
    let mut events = Vec::new();
    let mut alarms = Vec::new();
    let mut files = Vec::new();
    let mut waiting = Vec::new();
    for subscription in asked {
        match subscription.wish {
            Wish::Clock { .. } => match Alarm::new(*subscription) {
                Ok(alarm) => alarms.extend(alarm),
                Err(errno) => events.push(subscription.event(Err(errno))),
            },
            Wish::Descriptor { fd, ready } => match poll_fd(ctx, fd, ready) {
                Ok(Some(file)) => {
                    files.push(file);
                    waiting.push(subscription);
                }
                Ok(None) => events.push(subscription.event(Ok((held_bytes(ctx, fd), 0)))),
                Err(errno) => events.push(subscription.event(Err(errno))),
            },
        }
    }
    loop {
        let at_once = !events.is_empty();
        let timeout = timeout(ctx, &alarms, at_once)?;
        let timeout = timeout.map(wait::timespec);
        rustix::event::poll(&mut files, timeout.as_ref())?;
        for (file, subscription) in files.iter().zip(&waiting) {
            let happened = file.revents();
            if !happened.is_empty() {
                let hangup = if happened.contains(PollFlags::HUP) {
                    HANGUP
                } else {
                    0
                };
                let bytes = ready_bytes(ctx, &subscription.wish);
                events.push(subscription.event(Ok((bytes, hangup))));
            }
        }
        for alarm in &alarms {
            if alarm.remaining()?.is_zero() {
                events.push(alarm.subscription.event(Ok((0, 0))));
            }
        }
        if !events.is_empty() {
            return Ok(events);
        }
        if ctx.is_overdue() {
            return Err(Errno::Intr);
        }
    }
}

/// The maximum time to wait; `None` is forever.
fn timeout(ctx: &WasiCtx, alarms: &[Alarm], at_once: bool) -> Result<Option<Duration>, Errno> {
    if at_once {
        return Ok(Some(Duration::ZERO));
    }
    let mut least = ctx
        .deadline()
        .map(|end| end.saturating_duration_since(Instant::now()));
    for alarm in alarms {
        let remaining = alarm.remaining()?;
        least = Some(least.map_or(remaining, |known| known.min(remaining)));
    }
    Ok(least)
}

/// The host file to poll; `None` for an object that is always ready.
fn poll_fd(ctx: &WasiCtx, fd: u32, ready: Ready) -> Result<Option<PollFd<'_>>, Errno> {
    let (right, events) = match ready {
        Ready::Read => (Rights::FD_READ, PollFlags::IN),
        Ready::Write => (Rights::FD_WRITE, PollFlags::OUT),
    };
    let descriptor = ctx.stream(fd, right.union(Rights::POLL_FD_READWRITE))?;
    match &descriptor.object {
        Object::Host(handle) => Ok(Some(PollFd::new(handle, events))),
        Object::Directory(_) => Err(Errno::Notcapable),
        Object::Null | Object::Bytes { .. } | Object::Capture(_) => Ok(None),
    }
}

/// The number of unread bytes of an in-memory input.
fn held_bytes(ctx: &WasiCtx, fd: u32) -> u64 {
    match ctx.get(fd).map(|descriptor| &descriptor.object) {
        Ok(Object::Bytes { bytes, position }) => (bytes.len() - position) as u64,
        _ => 0,
    }
}

/// The number of bytes that can be read without waiting, as far as the host knows.
fn ready_bytes(ctx: &WasiCtx, wish: &Wish) -> u64 {
    let Wish::Descriptor {
        fd,
        ready: Ready::Read,
    } = *wish
    else {
        return 0;
    };
    let Ok(descriptor) = ctx.get(fd) else {
        return 0;
    };
    let Ok(file) = descriptor.host() else {
        return 0;
    };
    if descriptor.kind == FileType::RegularFile {
        let size =
            rustix::fs::fstat(file).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
        let position = rustix::fs::tell(file).unwrap_or(0);
        return size.saturating_sub(position);
    }
    rustix::io::ioctl_fionread(file).unwrap_or(0)
}
