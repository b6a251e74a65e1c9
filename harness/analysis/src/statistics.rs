//! Statistics, seeded and deterministic: the same samples and seed give the same numbers on every machine.
//!
//! Trials are independent of each other; iterations inside a trial are not. So all intervals and tests are
//! over trials, each represented by the median of its iterations.
//!
//! # Layout
//!
//! - [`order`]: sorted values, medians, quantiles, outliers
//! - [`bootstrap`]: intervals of medians and of ratios of medians
//! - [`clustered`]: intervals over machines with several trials each
//! - [`components`]: spread between machines, between trials, within a trial
//! - [`warmup`]: whether a process's iterations have settled
//! - [`line`]: a straight line through points
//! - [`paired`]: two sides measured block by block
//! - [`change`]: changes of level in a series of medians
//! - [`shift`]: tests for differences, with correction for many tests, and their power

pub mod bootstrap;
pub mod change;
pub mod clustered;
pub mod components;
pub mod line;
pub mod order;
pub mod paired;
pub mod shift;
pub mod warmup;

pub use bootstrap::Interval;
pub use change::{Change, changes, discoveries};
pub use components::{Components, components};
pub use line::Line;
pub use order::{Sorted, median};
pub use paired::Paired;
pub use shift::{Shift, holm};
pub use warmup::{WarmUp, warm_up};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// The generator of all resampling: a seed gives the same stream on every platform and in every later
/// version.
pub type Generator = ChaCha8Rng;

/// A generator for one purpose, so that a row's resampling does not depend on the other rows.
pub fn generator(seed: u64, purpose: &str) -> Generator {
    // FNV-1a (its published 64-bit constants): spreads names over seeds; nothing secret here.
    let hash = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    Generator::seed_from_u64(seed ^ hash)
}
