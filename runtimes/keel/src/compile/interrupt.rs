//! Interrupts compilations from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Interrupts compilations from any thread. See
/// [`Module::new_interruptible`](crate::Module::new_interruptible).
#[derive(Clone, Debug, Default)]
pub struct CompileInterrupt(Arc<AtomicBool>);

impl CompileInterrupt {
    /// A handle that has not been interrupted.
    pub fn new() -> CompileInterrupt {
        CompileInterrupt::default()
    }

    /// Ends every compilation with this handle, current or future, with [`Error::Interrupted`].
    /// Each compiler thread first finishes its current function.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`Error::Interrupted`] if the handle was interrupted.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}
