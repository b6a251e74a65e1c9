//! Everything that knows about chance. Seeded and deterministic: the same samples and the same
//! seed give the same numbers on every machine.
//!
//! Trials are independent of each other; iterations inside one trial are not. Every interval and
//! every test here is therefore over trials; a trial stands for its iterations' median.
//!
//! # Layout
//!
//! - [`order`]: sorted values, medians, quantiles, outliers
//! - [`bootstrap`]: intervals of medians and of ratios of medians
//! - [`clustered`]: intervals over machines, each with trials of its own
//! - [`components`]: spread between machines, between trials, within a trial
//! - [`warmup`]: whether a process's iterations have settled
//! - [`line`]: a straight line through a few points
//! - [`paired`]: two things measured side by side, block by block
//! - [`change`]: where a series of medians changed its level
//! - [`shift`]: tests of "they differ", corrected for many of them, and what they could find

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

/// The generator behind every resampling: its stream is fixed by its seed on every platform and
/// in every later version.
pub type Generator = ChaCha8Rng;

/// A generator for one purpose, so that what is resampled for one row does not depend on which
/// other rows there are.
pub fn generator(seed: u64, purpose: &str) -> Generator {
    // FNV-1a (its published 64-bit constants): spreads names over seeds; nothing secret here.
    let hash = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    Generator::seed_from_u64(seed ^ hash)
}
