//! What a page may weigh. What a reader cannot do without is always there; the rest (further
//! pictures, every row, every failure) is there as long as it has room, and the page says what had
//! none and how to get it.

use std::cell::Cell;

use maud::Markup;

/// Bytes that a report may have with everything in it: one that a mail carries and a browser opens
/// at once.
pub(crate) const WHOLE: usize = 2_900_000;

/// Share of the bytes left beside the indispensable that pictures and tables may take; what is left
/// then is for raw data.
pub(crate) const SHOWN: f64 = 0.6;

/// SizeBudget for what is not indispensable, in bytes.
#[derive(Debug)]
pub(crate) struct SizeBudget {
    left: Cell<usize>,
}

impl SizeBudget {
    /// So much room.
    pub(crate) fn of(bytes: usize) -> Self {
        Self {
            left: Cell::new(bytes),
        }
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// Takes so much of it.
    pub(crate) fn spend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }

    /// One of so many equal parts of what is left; what it does not need stays for the others.
    pub(crate) fn part(&self, of: usize) -> Part<'_> {
        Part {
            room: self,
            left: Cell::new(self.left.get() / of.max(1)),
        }
    }
}

/// A part of a room.
#[derive(Debug)]
pub(crate) struct Part<'r> {
    room: &'r SizeBudget,
    left: Cell<usize>,
}

impl Part<'_> {
    /// What was drawn, if there is room for it.
    pub(crate) fn take(&self, drawn: Markup) -> Option<Markup> {
        let needs = drawn.0.len();
        let left = self.left.get().checked_sub(needs)?;
        self.left.set(left);
        self.room.spend(needs);
        Some(drawn)
    }

    /// The same of what is drawn only if anything at all can have room.
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
