//! Resource limits of a store.

use std::fmt;

/// Limits of a store and its instances. A module's own types may be stricter.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes per memory.
    pub memory_bytes: u64,
    /// Elements per table.
    pub table_elements: u32,
    /// Bytes of the store's object heap.
    pub heap_bytes: u64,
    /// Bytes of all memories, all tables and the object heap of a store together.
    pub total_bytes: u64,
}

impl Default for Limits {
    /// 4 GiB per memory, ten million elements per table, a 4 GiB object heap, 64 GiB in total.
    fn default() -> Limits {
        Limits {
            memory_bytes: 4 << 30,
            table_elements: 10_000_000,
            heap_bytes: 4 << 30,
            total_bytes: 64 << 30,
        }
    }
}

/// A resource that can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// A linear memory.
    Memory,
    /// A table, at eight bytes per element.
    Table,
    /// The object heap of a store.
    Heap,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::Memory => "memory",
            Resource::Table => "table",
            Resource::Heap => "heap",
        })
    }
}

/// A request to create or grow a memory, table or heap.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Growth {
    /// The kind of resource.
    pub resource: Resource,
    /// Its current size in bytes; zero if it is being created.
    pub from: u64,
    /// The requested size in bytes.
    pub to: u64,
}

/// The embedder's decision on growth. See [`Store::set_limiter`](crate::Store::set_limiter).
pub(crate) type Limiter = Box<dyn FnMut(Growth) -> bool + Send>;
