//! Byte budgets of stores and engines for memories, tables and heaps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::limits::{Growth, Limiter, Resource};

/// Bytes in use, and their limit.
pub(crate) struct Budget {
    used: AtomicU64,
    limit: AtomicU64,
    /// The budget in which every byte counts as well: the engine's, for a store.
    above: Option<Arc<Budget>>,
    limiter: Mutex<Option<Limiter>>,
}

impl Budget {
    pub(crate) fn new(limit: u64, above: Option<Arc<Budget>>) -> Arc<Budget> {
        Arc::new(Budget {
            used: AtomicU64::new(0),
            limit: AtomicU64::new(limit),
            above,
            limiter: Mutex::new(None),
        })
    }

    pub(crate) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(crate) fn set_limiter(&self, limiter: Limiter) {
        *self.limiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(limiter);
    }

    /// Bytes in use, without those that only count above.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
        let (relaxed, used) = (Ordering::Relaxed, &self.used);
        if used.fetch_update(relaxed, relaxed, more).is_err() {
            return false;
        }
        let above = self.above.as_ref().is_none_or(|above| above.take(bytes));
        if !above {
            used.fetch_sub(bytes, relaxed);
        }
        above
    }

    fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(above) = &self.above {
            above.give(bytes);
        }
    }

    fn allows(&self, growth: Growth) -> bool {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.as_mut().is_none_or(|limiter| limiter(growth))
    }
}

/// The bytes of one memory, table or heap in a budget. Dropping it returns them.
pub(crate) struct Share {
    budget: Arc<Budget>,
    resource: Resource,
    bytes: u64,
}

impl Share {
    /// # Errors
    /// [`Error::Limit`] if the budget has too few bytes left, or the embedder refuses.
    pub(crate) fn new(budget: &Arc<Budget>, resource: Resource, bytes: u64) -> Result<Share> {
        let mut share = Share {
            budget: budget.clone(),
            resource,
            bytes: 0,
        };
        if share.grow_to(bytes) {
            return Ok(share);
        }
        Err(Error::Limit(format!(
            "{bytes} bytes for a {resource} exceed what is left of the total; raise it with \
             Limits::total_bytes"
        )))
    }

    /// Grows the share to `bytes`. Returns false without a change if the budget or the embedder
    /// refuses.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes) else {
            return true;
        };
        let growth = Growth {
            resource: self.resource,
            from: self.bytes,
            to: bytes,
        };
        if !self.budget.allows(growth) || !self.budget.take(more) {
            return false;
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}
