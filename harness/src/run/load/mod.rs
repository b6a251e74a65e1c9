//! The load generator: sends requests at a constant rate and times them from their scheduled times.
//!
//! A client that waits for each response before it sends the next request offers less load to a stalling
//! server, and misses the stall (coordinated omission). This schedule does not wait: if every connection is
//! busy, a due request queues, and that time is part of its latency.
//!
//! # Layout
//!
//! - [`exchange`]: requests with their expected responses
//! - [`verdict`]: compares a response with the expected one
//! - [`connection`]: one connection: sends, receives, compares
//! - [`generator`]: the schedule, on one thread over epoll
//! - [`measured`]: the results as histograms and counts
//! - [`sweep`]: increasing rates, up to the first that is not sustained

pub mod connection;
pub mod exchange;
pub mod generator;
pub mod measured;
pub mod sweep;
pub mod verdict;

pub use exchange::Exchange;
pub use generator::{Offer, Watch, run};
pub use measured::{Ended, Measured};
