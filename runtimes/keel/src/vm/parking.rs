//! Threads that wait at an address of a shared memory.
//!
//! A waiting thread sleeps on a word of its own, whatever the width of the value that it waits for: so
//! one queue an address holds all, and those that came first are woken first.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::thread::futex;

/// How long a thread sleeps before it looks again whether it shall stop.
const LOOK: Duration = Duration::from_millis(5);

/// Why a thread waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awake {
    Notified,
    /// The value was another to begin with.
    Different,
    TimedOut,
    /// It shall stop.
    Stopped,
}

/// The threads that wait at each address, in order of their coming.
#[derive(Default)]
pub(super) struct Parking {
    queues: Mutex<HashMap<u64, VecDeque<Arc<AtomicU32>>>>,
}

const ASLEEP: u32 = 0;
const WOKEN: u32 = 1;

impl Parking {
    fn queues(&self) -> MutexGuard<'_, HashMap<u64, VecDeque<Arc<AtomicU32>>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at an address until it is notified, unless `is_expected` finds another value there. No
    /// notification comes in between.
    pub(super) fn wait(
        &self,
        at: u64,
        is_expected: impl FnOnce() -> bool,
        timeout: Option<Duration>,
        must_stop: impl Fn() -> bool,
    ) -> Awake {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let word = Arc::new(AtomicU32::new(ASLEEP));
        {
            let mut queues = self.queues();
            if !is_expected() {
                return Awake::Different;
            }
            queues.entry(at).or_default().push_back(word.clone());
        }
        let reason = loop {
            if word.load(Ordering::SeqCst) == WOKEN {
                return Awake::Notified;
            }
            if must_stop() {
                break Awake::Stopped;
            }
            let left = match end {
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break Awake::TimedOut;
                    }
                    left.min(LOOK)
                }
                None => LOOK,
            };
            let left = futex::Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: left.subsec_nanos().into(),
            };
            // Woken, interrupted by a signal, late or too late: the loop looks what it was.
            let _ = futex::wait(&word, futex::Flags::PRIVATE, ASLEEP, Some(&left));
        };
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(&at) else {
            return Awake::Notified;
        };
        let Some(place) = queue.iter().position(|other| Arc::ptr_eq(other, &word)) else {
            // It was woken at the last moment, and counted.
            return Awake::Notified;
        };
        queue.remove(place);
        if queue.is_empty() {
            queues.remove(&at);
        }
        reason
    }

    /// Wakes up to `count` threads that wait at an address; gives how many.
    pub(super) fn notify(&self, at: u64, count: u32) -> u32 {
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(&at) else {
            return 0;
        };
        let mut woken = 0;
        while woken < count
            && let Some(word) = queue.pop_front()
        {
            word.store(WOKEN, Ordering::SeqCst);
            let _ = futex::wake(&word, futex::Flags::PRIVATE, 1);
            woken += 1;
        }
        if queue.is_empty() {
            queues.remove(&at);
        }
        woken
    }
}
