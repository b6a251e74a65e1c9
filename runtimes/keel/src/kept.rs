//! Host values that a store keeps, and references to them.

use std::any::Any;

use crate::error::{Error, Result};
use crate::store::{AsContext, AsContextMut};
use crate::value::ExternRef;

impl ExternRef {
    /// Stores a value and returns a reference to it. The store drops the value with itself. The
    /// reference's number is the count of values stored before, so a store should use either stored
    /// values or numbers of the embedder's own, not both.
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
    /// [`Error::Limit`] if the store already keeps 2^32 values.
    pub fn keep(store: impl AsContextMut, value: impl Any + Send + Sync) -> Result<ExternRef> {
        // SAFETY: the store is borrowed mutably.
        let values = unsafe { &mut (*store.as_store().context()).values };
        let number = u32::try_from(values.len());
        let number = number.map_err(|_| Error::Limit("the store keeps 2^32 values".to_owned()))?;
        values.push(Box::new(value));
        Ok(ExternRef::new(number))
    }

    /// The value in `store` that this refers to; `None` if there is none of type `T`.
    pub fn data<T: Any, C: AsContext>(self, store: &C) -> Option<&T> {
        // SAFETY: the store is borrowed for as long as the reference, and values are never removed.
        let values = unsafe { &(*store.as_store().context()).values };
        values.get(self.number() as usize)?.downcast_ref()
    }
}
