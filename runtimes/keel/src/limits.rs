//! What a store may use.

use std::fmt;

/// How much an instance may use. What is not limited here is limited by the module's own types.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of each memory.
    pub memory_bytes: u64,
    /// Elements of each table.
    pub table_elements: u32,
    /// Bytes of the store's heap of structures and arrays.
    pub heap_bytes: u64,
    /// Bytes of all memories, all tables and the heap of a store together.
    pub total_bytes: u64,
}

impl Default for Limits {
    /// 4 GiB a memory, ten million elements a table, 4 GiB of structures and arrays, 64 GiB together.
    fn default() -> Limits {
        Limits {
            memory_bytes: 4 << 30,
            table_elements: 10_000_000,
            heap_bytes: 4 << 30,
            total_bytes: 64 << 30,
        }
    }
}

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// A linear memory.
    Memory,
    /// A table, eight bytes an element.
    Table,
    /// The heap of structures and arrays of a store.
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

/// A memory, table or heap that is made, or wants to be larger.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Growth {
    /// What it is.
    pub resource: Resource,
    /// Bytes that it has; none for one that is made.
    pub from: u64,
    /// Bytes that it wants.
    pub to: u64,
}

/// What an embedder decides about growth. See [`Store::set_limiter`](crate::Store::set_limiter).
pub(crate) type Limiter = Box<dyn FnMut(Growth) -> bool + Send>;
