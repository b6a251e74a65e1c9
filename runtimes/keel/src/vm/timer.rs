//! Stopping code that runs too long: one thread of the process that signals the threads that run it.
//!
//! Compiled code is not instrumented for it, and a call takes no system call: it notes when it must have
//! ended. The signal's handler looks where its thread is: in compiled code the call ends there and then; in
//! the host it notes that the call is overdue, which ends it when the host is about to return to code. For
//! those few places that do not look, the signal comes again.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::signal;
use crate::error::{Error, Result};

/// How soon a thread is signalled again that was found in the host.
const RETRY: Duration = Duration::from_millis(2);
/// That nothing is due.
const NEVER: u64 = u64::MAX;

/// A store's wish to be stopped, shared with those who may wish it.
pub(crate) struct Interrupt {
    requested: AtomicBool,
    /// The thread that is in a call, or zero.
    thread: AtomicI32,
    /// When the call must have ended, in nanoseconds of [`now`].
    due: AtomicU64,
    /// How long a call may take, in nanoseconds.
    timeout: AtomicU64,
    /// Whether the thread that watches knows it.
    registered: AtomicBool,
}

impl Default for Interrupt {
    fn default() -> Interrupt {
        Interrupt {
            requested: AtomicBool::new(false),
            thread: AtomicI32::new(0),
            due: AtomicU64::new(NEVER),
            timeout: AtomicU64::new(NEVER),
            registered: AtomicBool::new(false),
        }
    }
}

/// Nanoseconds since the first question. The handler of a signal asks as well.
fn now() -> u64 {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    nanoseconds(BEGINNING.get_or_init(Instant::now).elapsed())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

impl Interrupt {
    /// Whether somebody asked for it and it has not been granted.
    fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Takes the wish back; true if there was one.
    pub(crate) fn take(&self) -> bool {
        self.requested.swap(false, Ordering::SeqCst)
    }

    /// Whether the call that is under way should end.
    pub(crate) fn is_due(&self) -> bool {
        self.is_requested() || now() >= self.due.load(Ordering::Relaxed)
    }

    /// Stops what the store runs now, or runs next.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        if self.thread.load(Ordering::SeqCst) != 0 {
            // Without the thread that watches, a call that was found in the host would go on once it
            // is back in code; there is none only if no thread can be started.
            let _ = Watch::get().map(Watch::wake);
            self.signal();
        }
    }

    /// How long each call may take from now on.
    pub(crate) fn set_timeout(self: &Arc<Interrupt>, timeout: Option<Duration>) {
        let timeout = timeout.map_or(NEVER, nanoseconds);
        self.timeout.store(timeout, Ordering::SeqCst);
    }

    /// Has the watching thread look after this store as well.
    pub(crate) fn register(self: &Arc<Interrupt>) -> Result<()> {
        signal::install();
        let watch = Watch::get()?;
        if self.registered.swap(true, Ordering::Relaxed) {
            watch.wake();
        } else {
            watch.add(self);
        }
        Ok(())
    }

    /// Notes that this thread begins a call. True if it is to end at once.
    pub(crate) fn enter(&self) -> bool {
        let timeout = self.timeout.load(Ordering::Relaxed);
        if timeout != NEVER {
            let due = now().saturating_add(timeout);
            self.due.store(due, Ordering::SeqCst);
        }
        self.thread.store(thread_id(), Ordering::SeqCst);
        self.is_requested()
    }

    /// Notes that the call has ended.
    pub(crate) fn exit(&self) {
        self.thread.store(0, Ordering::SeqCst);
        self.due.store(NEVER, Ordering::SeqCst);
    }

    /// Signals the thread that is in a call.
    fn signal(&self) {
        let thread = self.thread.load(Ordering::SeqCst);
        if thread != 0 {
            // SAFETY: sends a signal that has a handler. A thread that has left its call meanwhile
            // finds nothing that is due; one that has ended is not there any more.
            unsafe {
                libc::syscall(
                    libc::SYS_tgkill,
                    libc::getpid(),
                    thread,
                    signal::interrupt_signal(),
                );
            }
        }
    }

    /// Signals a call that is due; how many nanoseconds from now to look again.
    fn look(&self, now: u64) -> u64 {
        let timeout = self.timeout.load(Ordering::SeqCst);
        if self.thread.load(Ordering::SeqCst) == 0 {
            // A call that begins after this moment has this long.
            return timeout;
        }
        let due = self.due.load(Ordering::SeqCst);
        if self.is_requested() || now >= due {
            self.signal();
            return nanoseconds(RETRY);
        }
        (due - now).min(timeout)
    }
}

/// This thread's number, read from the kernel once.
fn thread_id() -> i32 {
    thread_local! {
        static ID: std::cell::Cell<i32> = const { std::cell::Cell::new(0) };
    }
    if ID.get() == 0 {
        ID.set(rustix::thread::gettid().as_raw_nonzero().get());
    }
    ID.get()
}

/// The stores that have a timeout or a handle, and the thread that watches them.
struct Watch {
    stores: Mutex<Stores>,
    changed: Condvar,
}

#[derive(Default)]
struct Stores {
    all: Vec<Weak<Interrupt>>,
    /// Counts what was added or asked for.
    changes: u64,
}

impl Watch {
    /// The one such thing, whose thread the first question starts.
    fn get() -> Result<&'static Watch> {
        static WATCH: OnceLock<Watch> = OnceLock::new();
        static STARTED: Mutex<bool> = Mutex::new(false);
        let watch = WATCH.get_or_init(|| Watch {
            stores: Mutex::default(),
            changed: Condvar::new(),
        });
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        if !*started {
            let builder = std::thread::Builder::new().name("keel-watch".to_owned());
            let spawned = builder.stack_size(64 << 10).spawn(|| watch.run());
            spawned.map_err(|source| Error::System {
                what: "starting the thread that watches timeouts".to_owned(),
                source,
            })?;
            *started = true;
        }
        Ok(watch)
    }

    fn add(&self, interrupt: &Arc<Interrupt>) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.all.push(Arc::downgrade(interrupt));
        stores.changes += 1;
        self.changed.notify_one();
    }

    fn wake(&self) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.changes += 1;
        self.changed.notify_one();
    }

    fn run(&self) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (seen, moment) = (stores.changes, now());
            let mut next = NEVER;
            stores.all.retain(|store| match store.upgrade() {
                Some(store) => {
                    next = next.min(store.look(moment));
                    true
                }
                None => false,
            });
            let unchanged = |stores: &mut Stores| stores.changes == seen;
            stores = match next {
                NEVER => self
                    .changed
                    .wait_while(stores, unchanged)
                    .unwrap_or_else(PoisonError::into_inner),
                wait => {
                    let wait = Duration::from_nanos(wait);
                    let waited = self.changed.wait_timeout_while(stores, wait, unchanged);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
