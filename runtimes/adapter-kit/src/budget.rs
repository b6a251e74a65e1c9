//! Enforces the memory budget for instances, processes or containers that are alive at once.

use crate::Error;
use crate::protocol::Levels;

/// The memory budget and the usage at the levels so far.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes: u64,
    /// The last two levels: number alive and bytes used.
    levels: [Option<(u64, u64)>; 2],
}

impl Budget {
    /// The budget of a request.
    pub fn of(levels: &Levels) -> Self {
        Budget {
            bytes: levels.memory_budget_bytes,
            levels: [None; 2],
        }
    }

    /// Records the bytes used at a level.
    pub fn took(&mut self, alive: u64, bytes: u64) {
        self.levels = [self.levels[1], Some((alive, bytes))];
    }

    /// Whether to start `level` with `alive` alive: not if extrapolating the last two levels exceeds the budget.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] with the estimate.
    pub fn allows(&self, alive: u64, level: u64) -> Result<(), Error> {
        let [Some((few, less)), Some((many, more))] = self.levels else {
            return Ok(());
        };
        let each = more.saturating_sub(less) / many.saturating_sub(few).max(1);
        let expected = more.saturating_add(each.saturating_mul(level.saturating_sub(many)));
        if expected <= self.bytes {
            return Ok(());
        }
        Err(Error::OutOfMemory(format!(
            "stopped with {alive} alive: {level} would take about {}, and the memory budget is {} \
             (--memory-budget)",
            mebibytes(expected),
            mebibytes(self.bytes)
        )))
    }

    /// Whether current usage is within the budget.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] with the current usage.
    pub fn holds(&self, alive: u64, bytes: u64) -> Result<(), Error> {
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(Error::OutOfMemory(format!(
            "stopped with {alive} alive: they take {}, and the memory budget is {} \
             (--memory-budget)",
            mebibytes(bytes),
            mebibytes(self.bytes)
        )))
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use plimsoll_record::Nanoseconds;

    use super::*;

    fn budget(bytes: u64) -> Budget {
        Budget::of(&Levels {
            alive: Vec::new(),
            memory_budget_bytes: bytes,
            idle_window: Nanoseconds(0),
        })
    }

    #[test]
    fn two_levels_say_what_the_next_will_take() {
        let mut budget = budget(100 << 20);
        assert_eq!(budget.allows(0, 1_000_000), Ok(()));
        budget.took(1, 11 << 20);
        budget.took(10, 20 << 20);
        assert_eq!(budget.allows(10, 90), Ok(()));
        let refused = budget
            .allows(10, 100)
            .expect_err("110 MiB are more than 100");
        assert_eq!(
            refused.to_string(),
            "stopped with 10 alive: 100 would take about 110.0 MiB, and the memory budget is \
             100.0 MiB (--memory-budget)"
        );
    }

    #[test]
    fn what_is_taken_may_fill_the_budget_and_no_more() {
        let budget = budget(1 << 20);
        assert_eq!(budget.holds(3, 1 << 20), Ok(()));
        assert!(budget.holds(3, (1 << 20) + 1).is_err());
    }
}
