//! The adapter of target `native`, the baseline for all others: the workload's static binary as a plain process.
//! `prepare` returns the command line, and `bench` starts and times the process like any other.

mod native;

plimsoll_adapter::adapter_main!(native::Native);
