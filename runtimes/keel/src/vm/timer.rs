//! Interrupts code that runs too long: one thread per process signals the threads that run code.
//!
//! Compiled code has no checks for this, and a call makes no system call: it only records its
//! deadline. The signal handler checks where the thread is. In compiled code, the call ends at
//! once. In the host, the handler marks the call as overdue, which ends it on return to code. The
//! signal is repeated, because a few ways into code do not check that.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::signal;
use crate::error::{Error, Result};

/// How soon a thread that was in the host is signalled again.
const RETRY: Duration = Duration::from_millis(2);
/// No deadline.
const NEVER: u64 = u64::MAX;

/// A request to interrupt a store, shared with its handles and the watching thread.
pub(crate) struct Interrupt {
    requested: AtomicBool,
    /// The kernel's id of the thread that is in a call; zero if there is none.
    thread: AtomicI32,
    /// The deadline of the current call, in nanoseconds of [`now`].
    due: AtomicU64,
    /// The timeout of each call, in nanoseconds.
    timeout: AtomicU64,
    /// Whether the watching thread has this store.
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

/// Nanoseconds since the first call of this function. Signal handlers call it too.
fn now() -> u64 {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    nanoseconds(BEGINNING.get_or_init(Instant::now).elapsed())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

impl Interrupt {
    /// Whether a request is pending.
    fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Clears the request, and returns whether there was one.
    pub(crate) fn take(&self) -> bool {
        self.requested.swap(false, Ordering::SeqCst)
    }

    /// Whether the current call must end.
    pub(crate) fn is_due(&self) -> bool {
        self.is_requested() || now() >= self.due.load(Ordering::Relaxed)
    }

    /// Interrupts the store's current call, or its next one.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        if self.thread.load(Ordering::SeqCst) != 0 {
            // Without the watching thread, a call that is in the host now would continue after its
            // return to code. The thread is only missing if it cannot be started.
            let _ = Watch::get().map(Watch::wake);
            self.signal();
        }
    }

    /// Sets the timeout of all later calls.
    pub(crate) fn set_timeout(self: &Arc<Interrupt>, timeout: Option<Duration>) {
        let timeout = timeout.map_or(NEVER, nanoseconds);
        self.timeout.store(timeout, Ordering::SeqCst);
    }

    /// Adds this store to the watching thread.
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

    /// Records the start of a call on this thread. Returns true if the call must end at once.
    pub(crate) fn enter(&self) -> bool {
        let timeout = self.timeout.load(Ordering::Relaxed);
        if timeout != NEVER {
            let due = now().saturating_add(timeout);
            self.due.store(due, Ordering::SeqCst);
        }
        self.thread.store(thread_id(), Ordering::SeqCst);
        self.is_requested()
    }

    /// Records the end of the call.
    pub(crate) fn exit(&self) {
        self.thread.store(0, Ordering::SeqCst);
        self.due.store(NEVER, Ordering::SeqCst);
    }

    /// Signals the thread that is in a call, if any.
    fn signal(&self) {
        let thread = self.thread.load(Ordering::SeqCst);
        if thread != 0 {
            // SAFETY: the signal has a handler. A thread that left its call meanwhile finds nothing
            // due, and for a thread that exited the system call fails.
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

    /// Signals a call that is due. Returns the nanoseconds until the next check.
    fn look(&self, now: u64) -> u64 {
        let timeout = self.timeout.load(Ordering::SeqCst);
        if self.thread.load(Ordering::SeqCst) == 0 {
            // A call may start right after this check, so its timeout is the earliest deadline.
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

/// This thread's id, read from the kernel once.
fn thread_id() -> i32 {
    thread_local! {
        static ID: std::cell::Cell<i32> = const { std::cell::Cell::new(0) };
    }
    if ID.get() == 0 {
        ID.set(rustix::thread::gettid().as_raw_nonzero().get());
    }
    ID.get()
}

/// The stores with a timeout or a handle, and the thread that watches them.
struct Watch {
    stores: Mutex<Stores>,
    changed: Condvar,
}

#[derive(Default)]
struct Stores {
    all: Vec<Weak<Interrupt>>,
    /// Counts additions and wake-ups.
    changes: u64,
}

impl Watch {
    /// The only instance. Its first use starts the thread.
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
