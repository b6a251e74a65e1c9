//! Stopping code that runs too long: a timer that signals the thread that runs it.
//!
//! Compiled code is not instrumented for it. The signal's handler looks where the thread is: in
//! compiled code the call ends there and then; in the host it notes that the call is overdue, which ends
//! it when the host is about to return to code. For those few places that do not look, the timer tries
//! again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::signal;
use crate::error::{Error, Result};

/// How often a timer tries again when it found the thread in the host.
const RETRY: Duration = Duration::from_millis(2);

/// A store's wish to be stopped, shared with those who may wish it.
#[derive(Default)]
pub(crate) struct Interrupt {
    requested: AtomicBool,
    timer: Mutex<Option<Timer>>,
}

impl Interrupt {
    /// Whether somebody asked for it and it has not been granted.
    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Takes the wish back; true if there was one.
    pub(crate) fn take(&self) -> bool {
        self.requested.swap(false, Ordering::Relaxed)
    }

    /// Stops what the store runs now, or runs next.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
        let timer = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(timer) = &*timer {
            timer.arm(Duration::ZERO);
        }
    }

    /// Has this thread stopped after `timeout`, or on request.
    pub(crate) fn watch(&self, timeout: Option<Duration>) -> Result<()> {
        let timer = Timer::new()?;
        if let Some(timeout) = timeout {
            timer.arm(timeout);
        }
        let mut place = self.timer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_requested() {
            timer.arm(Duration::ZERO);
        }
        *place = Some(timer);
        Ok(())
    }

    /// Ends what [`Interrupt::watch`] began.
    pub(crate) fn unwatch(&self) {
        *self.timer.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// When a call must have ended.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// A timer that signals the thread that made it.
struct Timer(libc::timer_t);

// SAFETY: the kernel's timers belong to the process; only their signal goes to one thread.
unsafe impl Send for Timer {}

impl Timer {
    fn new() -> Result<Timer> {
        signal::install();
        // SAFETY: zero is a valid `sigevent`, all of whose fields that matter are set next.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal::interrupt_signal();
        event.sigev_notify_thread_id = rustix::thread::gettid().as_raw_nonzero().get();
        let mut timer: libc::timer_t = std::ptr::null_mut();
        // SAFETY: both pointers are to live values of the right types.
        let done = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) };
        if done == 0 {
            Ok(Timer(timer))
        } else {
            Err(Error::last_os("creating a timer"))
        }
    }

    fn arm(&self, after: Duration) {
        let spec = |duration: Duration| libc::timespec {
            tv_sec: duration.as_secs().min(i64::MAX as u64) as i64,
            tv_nsec: duration.subsec_nanos().into(),
        };
        // Zero would disarm it.
        let first = after.max(Duration::from_nanos(1));
        let times = libc::itimerspec {
            it_value: spec(first),
            it_interval: spec(RETRY),
        };
        // SAFETY: the timer is alive, and no old value is asked for.
        unsafe { libc::timer_settime(self.0, 0, &times, std::ptr::null_mut()) };
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: the timer is ours and used no more.
        unsafe { libc::timer_delete(self.0) };
    }
}
