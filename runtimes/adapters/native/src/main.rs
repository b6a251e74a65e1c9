//! The adapter of target `native`: the workload's static binary as a plain process, the floor
//! that every other target is held against. It starts nothing itself: `prepare` gives the command
//! line and `bench` measures the process, with the clock it uses for every process.

mod native;

plimsoll_adapter::adapter_main!(native::Native);
