//! Tables: arrays of references, which move when they grow.

use std::ptr::NonNull;

use super::context::Definition;
use crate::error::{Error, Result};
use crate::types::TableType;

/// A table, wherever its definition is kept.
pub(crate) struct TableObject {
    pub(crate) definition: NonNull<Definition>,
    _own: Option<Box<Definition>>,
    elements: Vec<usize>,
    ty: TableType,
    /// The most elements that the store allows.
    limit: u32,
}

impl TableObject {
    /// A table of null references, kept at `definition`, or in the object itself.
    pub(crate) fn new(
        ty: TableType,
        definition: Option<NonNull<Definition>>,
        limit: u32,
    ) -> Result<TableObject> {
        check_limit(ty.minimum, limit)?;
        let mut own = definition.is_none().then(|| {
            Box::new(Definition {
                base: std::ptr::null_mut(),
                length: 0,
            })
        });
        let definition = match (&mut own, definition) {
            (Some(own), _) => NonNull::from(&mut **own),
            (None, Some(place)) => place,
            (None, None) => unreachable!("one of the two is there"),
        };
        let elements = vec![0; ty.minimum as usize];
        let mut table = TableObject {
            definition,
            _own: own,
            elements,
            ty,
            limit,
        };
        table.publish();
        Ok(table)
    }

    /// Tells compiled code where the elements are.
    fn publish(&mut self) {
        let base = self.elements.as_mut_ptr().cast();
        let length = self.elements.len() as u64;
        // SAFETY: the definition lives as long as the table's instance or the object does, and no
        // other thread is in this store.
        unsafe { self.definition.write(Definition { base, length }) };
    }

    /// The type, with the present size as its minimum.
    pub(crate) fn ty(&self) -> TableType {
        TableType {
            minimum: self.elements.len() as u64,
            ..self.ty
        }
    }

    /// The elements: addresses, zero for null.
    pub(crate) fn elements(&mut self) -> &mut [usize] {
        &mut self.elements
    }

    /// Grows by some elements of one value; the length before, or nothing if it cannot.
    pub(crate) fn grow(&mut self, count: u64, value: usize) -> Option<u64> {
        let old = self.elements.len() as u64;
        let new = old.checked_add(count)?;
        if new > self.ty.maximum.unwrap_or(u64::MAX) || new > u64::from(self.limit) {
            return None;
        }
        self.elements.try_reserve_exact(count as usize).ok()?;
        self.elements.resize(new as usize, value);
        self.publish();
        Some(old)
    }

    /// A range of its elements, if it is within bounds.
    pub(crate) fn range(&mut self, start: u64, length: u64) -> Option<&mut [usize]> {
        let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
        self.elements.get_mut(start..)?.get_mut(..length)
    }
}

/// Refuses a table that starts larger than the store allows.
pub(crate) fn check_limit(length: u64, limit: u32) -> Result<()> {
    if length > u64::from(limit) {
        return Err(Error::Limit(format!(
            "a table of {length} elements exceeds the limit of {limit}; raise it with Limits::table_elements"
        )));
    }
    Ok(())
}
