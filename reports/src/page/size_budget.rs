//! Limits the size of a page. Essential parts are always included; further charts, all rows and all failures are
//! included as far as the budget allows, and the page says what is missing and how to get it.

use std::cell::Cell;

use maud::Markup;

/// Maximum size of a report in bytes, small enough for mail and for opening quickly in a browser.
pub(crate) const WHOLE: usize = 2_900_000;

/// Share of the bytes left by essential parts that charts and tables may use; the rest is for raw data.
pub(crate) const SHOWN: f64 = 0.6;

/// Budget for optional parts, in bytes.
#[derive(Debug)]
pub(crate) struct SizeBudget {
    left: Cell<usize>,
}

impl SizeBudget {
    /// A budget of `bytes`.
    pub(crate) fn of(bytes: usize) -> Self {
        Self {
            left: Cell::new(bytes),
        }
    }

    /// Remaining bytes.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// Uses up to `bytes` of the budget.
    pub(crate) fn spend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }

    /// One of `of` equal parts of the rest; what it does not use is left for the others.
    pub(crate) fn part(&self, of: usize) -> Part<'_> {
        Part {
            room: self,
            left: Cell::new(self.left.get() / of.max(1)),
        }
    }
}

/// A part of a budget.
#[derive(Debug)]
pub(crate) struct Part<'r> {
    room: &'r SizeBudget,
    left: Cell<usize>,
}

impl Part<'_> {
    /// Returns `drawn` if it fits.
    pub(crate) fn take(&self, drawn: Markup) -> Option<Markup> {
        let needs = drawn.0.len();
        let left = self.left.get().checked_sub(needs)?;
        self.left.set(left);
        self.room.spend(needs);
        Some(drawn)
    }

    /// Like [`Part::take`], but draws only if any budget is left.
    pub(crate) fn draw(&self, draw: impl FnOnce() -> Markup) -> Option<Markup> {
        (self.left.get() > 0)
            .then(draw)
            .and_then(|drawn| self.take(drawn))
    }
}

#[cfg(test)]
mod tests {
    use maud::PreEscaped;

    use super::*;

    fn of(bytes: usize) -> Markup {
        PreEscaped("x".repeat(bytes))
    }

    #[test]
    fn a_part_takes_no_more_than_its_share_and_leaves_what_it_does_not_need() {
        let room = SizeBudget::of(1000);
        let part = room.part(2);
        assert!(part.take(of(501)).is_none());
        assert!(part.take(of(100)).is_some());
        assert_eq!(room.left(), 900);
        let rest = room.part(1);
        assert!(rest.take(of(900)).is_some() && rest.take(of(1)).is_none());
        assert_eq!(room.left(), 0);
        assert!(
            room.part(1)
                .draw(|| unreachable!("there is no room"))
                .is_none()
        );
    }
}
