//! Wasmtime as Spin configures it, and as `wasmtime serve` does.

use wasmtime::{Config, Engine, PoolingAllocationConfig, Result};

use crate::command::Server;

/// Maximum concurrent requests: Spin's default.
const INSTANCES: u32 = 1000;
/// Interval between epochs.
pub(crate) const EPOCH_MILLISECONDS: u64 = 10;
/// Epoch deadline that is never reached: like Spin by default, there is no time limit.
pub(crate) const NEVER: u64 = u64::MAX / 2;
/// Linear memory that a slot keeps resident between instances, in bytes.
pub(crate) const MEMORY_KEEP_RESIDENT_BYTES: usize = 2 << 20;
/// Table space that a slot keeps resident between instances, in bytes.
pub(crate) const TABLE_KEEP_RESIDENT_BYTES: usize = 512 << 10;

/// The engine for all requests.
///
/// # Errors
///
/// If Wasmtime rejects the configuration or cannot reserve the address space.
pub(crate) fn engine(server: Server) -> Result<Engine> {
    Engine::new(&match server {
        Server::Spin => as_spin(),
        Server::Workers { .. } => as_wasmtime_serve(),
    })
}

// The command (crate wasmtime-cli) takes the pool with its defaults where the address space suffices, and counts no epochs without a
// time limit.
fn as_wasmtime_serve() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .allocation_strategy(PoolingAllocationConfig::new());
    config
}

// These are Spin's own defaults (crate spin-core).
fn as_spin() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_memories(INSTANCES)
        .total_tables(2 * INSTANCES)
        .total_stacks(INSTANCES)
        .total_core_instances(4 * INSTANCES)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_tables_per_component(64)
        .max_memories_per_component(32)
        .max_tables_per_module(2)
        .max_memories_per_module(2)
        .max_memory_size(4 << 30)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .allocation_strategy(pool);
    config
}
