//! Tables: arrays of references. They move when they grow.

use std::ptr::NonNull;
use std::sync::Arc;

use super::budget::{Budget, Share};
use super::context::Definition;
use crate::error::{Error, Result};
use crate::limits::Resource;
use crate::types::TableType;

/// A table. Its definition is in a context, or in an allocation of its own.
pub(crate) struct TableObject {
    pub(crate) definition: NonNull<Definition>,
    /// Whether the table owns the allocation of its definition.
    is_own: bool,
    elements: Vec<usize>,
    ty: TableType,
    /// The store's limit in elements.
    limit: u32,
    share: Share,
}

impl Drop for TableObject {
    fn drop(&mut self) {
        if self.is_own {
            // SAFETY: `Box::leak` in `new` made the pointer, and everything that points to it goes
            // with this table.
            drop(unsafe { Box::from_raw(self.definition.as_ptr()) });
        }
    }
}

/// The size of `elements` elements in bytes, saturating.
fn bytes_of(elements: u64) -> u64 {
    elements.saturating_mul(size_of::<usize>() as u64)
}

impl TableObject {
    /// A table of null references. Its definition is at `definition`, or else in its own
    /// allocation.
    pub(crate) fn new(
        ty: TableType,
        definition: Option<NonNull<Definition>>,
        limit: u32,
        budget: &Arc<Budget>,
    ) -> Result<TableObject> {
        check_limit(ty.minimum, limit)?;
        let share = Share::new(budget, Resource::Table, bytes_of(ty.minimum))?;
        let count = ty.minimum as usize;
        let mut elements = Vec::new();
        elements.try_reserve_exact(count).map_err(|_| {
            Error::Limit(format!(
                "there is no memory for a table of {count} elements"
            ))
        })?;
        elements.resize(count, 0);
        let is_own = definition.is_none();
        let definition = definition.unwrap_or_else(|| {
            NonNull::from(Box::leak(Box::new(Definition {
                base: std::ptr::null_mut(),
                length: 0,
            })))
        });
        let mut table = TableObject {
            definition,
            is_own,
            elements,
            ty,
            limit,
            share,
        };
        table.publish();
        Ok(table)
    }

    /// Writes the address and length of the elements to the definition, for compiled code.
    fn publish(&mut self) {
        let base = self.elements.as_mut_ptr().cast();
        let length = self.elements.len() as u64;
        // SAFETY: the definition lives as long as the table's instance or this object, and no other
        // thread uses this store.
        unsafe { self.definition.write(Definition { base, length }) };
    }

    /// The type, with the current size as its minimum.
    pub(crate) fn ty(&self) -> TableType {
        TableType {
            minimum: self.elements.len() as u64,
            ..self.ty
        }
    }

    /// The elements: addresses; zero for null.
    pub(crate) fn elements(&mut self) -> &mut [usize] {
        &mut self.elements
    }

    /// Whether type and limit allow `count` more elements.
    pub(crate) fn can_grow(&self, count: u64) -> bool {
        let new = (self.elements.len() as u64).checked_add(count);
        let most = self.ty.maximum.unwrap_or(u64::MAX).min(self.limit.into());
        new.is_some_and(|new| new <= most)
    }

    /// Adds `count` elements with this value and returns the previous length; `None` if a limit
    /// forbids it.
    pub(crate) fn grow(&mut self, count: u64, value: usize) -> Option<u64> {
        let old = self.elements.len() as u64;
        let new = old.checked_add(count)?;
        if !self.can_grow(count) || !self.share.grow_to(bytes_of(new)) {
            return None;
        }
        self.elements.try_reserve_exact(count as usize).ok()?;
        self.elements.resize(new as usize, value);
        self.publish();
        Some(old)
    }

    /// A range of the elements; `None` if it is out of bounds.
    pub(crate) fn range(&mut self, start: u64, length: u64) -> Option<&mut [usize]> {
        let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
        self.elements.get_mut(start..)?.get_mut(..length)
    }
}

/// Rejects a table with an initial length above the store's limit.
pub(crate) fn check_limit(length: u64, limit: u32) -> Result<()> {
    if length > u64::from(limit) {
        return Err(Error::Limit(format!(
            "a table of {length} elements exceeds the limit of {limit}; raise it with Limits::table_elements"
        )));
    }
    Ok(())
}
