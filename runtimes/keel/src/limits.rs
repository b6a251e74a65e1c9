//! What a store may use.

/// How much an instance may use. What is not limited here is limited by the module's own types.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of each memory.
    pub memory_bytes: u64,
    /// Elements of each table.
    pub table_elements: u32,
    /// Bytes of the store's heap of structures and arrays.
    pub heap_bytes: u64,
}

impl Default for Limits {
    /// 4 GiB a memory, ten million elements a table, 4 GiB of structures and arrays.
    fn default() -> Limits {
        Limits {
            memory_bytes: 4 << 30,
            table_elements: 10_000_000,
            heap_bytes: 4 << 30,
        }
    }
}
