//! The load generator: requests at a constant rate, timed from when each was due.
//!
//! A client that waits for a response before it sends the next request offers less load to a
//! server that stalls, and so does not see the stall: coordinated omission. Here the schedule
//! does not wait. A request that is due while every connection is busy waits in line, and that
//! wait is part of its latency.
//!
//! # Layout
//!
//! - [`exchange`]: requests with the responses that are expected
//! - [`verdict`]: what has come of a response, held against the expected one
//! - [`connection`]: one connection: a request out, a response in, compared
//! - [`generator`]: the schedule, on one thread over epoll
//! - [`measured`]: what came of it, as histograms and counts
//! - [`sweep`]: rate after rate, to the first that is not carried

pub mod connection;
pub mod exchange;
pub mod generator;
pub mod measured;
pub mod sweep;
pub mod verdict;

pub use exchange::Exchange;
pub use generator::{Offer, Watch, run};
pub use measured::{Ended, Measured};
