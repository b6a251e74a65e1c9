//! Stopping a compilation from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Stops compilations from another thread. See [`Module::new_interruptible`](crate::Module::new_interruptible).
#[derive(Clone, Debug, Default)]
pub struct CompileInterrupt(Arc<AtomicBool>);

impl CompileInterrupt {
    /// A handle that stops nothing yet.
    pub fn new() -> CompileInterrupt {
        CompileInterrupt::default()
    }

    /// Ends every compilation that has this handle, those to come as well, with [`Error::Interrupted`].
    /// Each of its threads first finishes the function that it is at.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`Error::Interrupted`] if the compilation is to stop.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}
