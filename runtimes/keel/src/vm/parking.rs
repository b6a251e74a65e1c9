//! Threads that wait at an address of a shared memory.
//!
//! A waiting thread sleeps on a word of its own, whatever the width of the awaited value. One queue
//! per address therefore has all waiters, and wakes them in order of arrival.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::thread::futex;

/// How often a waiting thread checks whether it must stop.
const LOOK: Duration = Duration::from_millis(5);

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awake {
    Notified,
    /// The value differed from the start.
    Different,
    TimedOut,
    /// The call must stop.
    Stopped,
}

/// The threads that wait at each address, in order of arrival.
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

    /// Waits at an address until notified. Does not wait if `is_expected` returns false; no
    /// notification is lost between that check and the wait.
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
            // Whatever ended the wait, the loop checks the state again.
            let _ = futex::wait(&word, futex::Flags::PRIVATE, ASLEEP, Some(&left));
        };
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(&at) else {
            return Awake::Notified;
        };
        let Some(place) = queue.iter().position(|other| Arc::ptr_eq(other, &word)) else {
            // It was woken at the last moment, and the notifier counted it.
            return Awake::Notified;
        };
        queue.remove(place);
        if queue.is_empty() {
            queues.remove(&at);
        }
        reason
    }

    /// Wakes up to `count` threads that wait at an address, and returns how many it woke.
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
