//! References to values of the host's, which a store keeps.

use std::any::Any;

use crate::error::{Error, Result};
use crate::store::{AsContext, AsContextMut};
use crate::value::ExternRef;

impl ExternRef {
    /// A reference to a value, which the store keeps until it is dropped itself. It has the number of values
    /// that the store kept before: in one store, references stand for numbers of the embedder's or for
    /// values, not for both.
    ///
    /// ```
    /// # fn main() -> keel::Result<()> {
    /// use keel::{Engine, ExternRef, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let reference = ExternRef::keep(&mut store, "a value".to_owned())?;
    /// let value = reference.data::<String, _>(&store);
    /// assert_eq!(value.map(String::as_str), Some("a value"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`] if the store keeps 2^32 values already.
    pub fn keep(store: impl AsContextMut, value: impl Any + Send + Sync) -> Result<ExternRef> {
        // SAFETY: the store is borrowed mutably.
        let values = unsafe { &mut (*store.as_store().context()).values };
        let number = u32::try_from(values.len());
        let number = number.map_err(|_| Error::Limit("the store keeps 2^32 values".to_owned()))?;
        values.push(Box::new(value));
        Ok(ExternRef::new(number))
    }

    /// The value that it stands for in a store; nothing if it stands for none, or for one of another type.
    pub fn data<T: Any, C: AsContext>(self, store: &C) -> Option<&T> {
        // SAFETY: the store is borrowed for as long as the reference, and values are never taken out.
        let values = unsafe { &(*store.as_store().context()).values };
        values.get(self.number() as usize)?.downcast_ref()
    }
}
