//! Wasmtime engines: what guests may use of WebAssembly, and the pool of memory that all instances of an
//! engine live in. Plugins share one, components that answer requests another. It knows neither.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::fault::{HostError, bounded};

/// Stack that one call of a guest may use, out of the calling thread's own.
const STACK: usize = 512 << 10;
/// The stack of a call that may wait, which is not the calling thread's: a guest's part of it, and room
/// for host functions.
const FIBER: usize = 1 << 20;
/// Calls that wait at the same time, of all plugins together.
const FIBERS: u32 = 512;
/// Memory of one instance that stays mapped when its slot is given to the next one: cheaper than
/// giving pages back and faulting them in again.
const KEEP_RESIDENT: usize = 256 << 10;
/// Slots that stay warm for plugins which have no instance in them now. Every swap brings new code, so
/// each one above this would be memory kept for a plugin that is gone.
pub(crate) const FEW_WARM: u32 = 4;
/// The same for components, whose instances come and go with each request.
pub(crate) const MANY_WARM: u32 = 64;
/// Room for the largest toolchains: CPython has 38 core instances and 7,706 table elements.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
const CORE_INSTANCE_BYTES: usize = 1 << 20;
const COMPONENT_INSTANCE_BYTES: usize = 1 << 20;
/// Elements in one table, and the most that a plugin may grow one to.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;
const TABLES_PER_COMPONENT: u32 = 8;
/// A plugin's own budget bounds its memory; a slot only reserves address space, and 4 GiB of it lets
/// compiled code do without bounds checks.
pub(crate) const LARGEST_MEMORY: usize = 4 << 30;

pub(crate) fn engine(max_instances: u32, warm_slots: u32) -> Result<Engine, HostError> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_instances);
    pool.total_core_instances(max_instances.saturating_mul(8).max(CORE_INSTANCES_PER_COMPONENT));
    pool.total_memories(max_instances);
    pool.total_tables(max_instances.saturating_mul(3).max(TABLES_PER_COMPONENT));
    pool.max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT);
    pool.max_core_instance_size(CORE_INSTANCE_BYTES);
    pool.max_component_instance_size(COMPONENT_INSTANCE_BYTES);
    pool.max_memories_per_component(4);
    pool.max_tables_per_component(TABLES_PER_COMPONENT);
    pool.max_tables_per_module(4);
    pool.total_stacks(FIBERS);
    pool.table_elements(TABLE_ELEMENTS);
    pool.max_memory_size(LARGEST_MEMORY);
    pool.linear_memory_keep_resident(KEEP_RESIDENT);
    pool.max_unused_warm_slots(warm_slots);

    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config.wasm_component_model(true);
    // Guests of this contract never run two tasks at once, and this saves 0.4 us a call; a call that waits
    // has a fiber, which needs none of it.
    config.concurrency_support(false);
    config.async_stack_size(FIBER);
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK);
    config.cranelift_opt_level(OptLevel::Speed);
    config.wasm_memory64(false);
    // Not for guests' sake: what Wasmtime puts between two components in one copies from memory to
    // memory, and without this it panics over such a file.
    config.wasm_multi_memory(true);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(8));
    Engine::new(&config).map_err(|error| HostError::Engine(bounded(&format!("{error:#}"))))
}
