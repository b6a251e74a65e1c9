//! The rule that turns standings relative to a claimed range into a verdict.

use plimsoll_analysis::statistics::Interval;
use serde::Serialize;

/// Conclusion about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every figure lies inside the claimed range with its whole interval.
    Holds,
    /// Some figures lie inside, some outside.
    HoldsInPart,
    /// Every figure lies outside.
    DoesNotHold,
    /// Some intervals cross an end of the range, so that none of these can be concluded.
    Undecided,
    /// No run has a figure with an interval to compare.
    NotMeasured,
}

impl Verdict {
    /// All verdicts, from best to worst for a claim.
    pub const ALL: &'static [Verdict] = &[
        Verdict::Holds,
        Verdict::HoldsInPart,
        Verdict::DoesNotHold,
        Verdict::Undecided,
        Verdict::NotMeasured,
    ];

    /// Applies the rule to the standings of a claim's figures; figures without an interval do not count.
    pub fn of(standings: impl IntoIterator<Item = Standing>) -> Self {
        let (mut inside, mut edge, mut outside) = (0, 0, 0);
        for standing in standings {
            match standing {
                Standing::Inside => inside += 1,
                Standing::AtTheEdge => edge += 1,
                Standing::Below | Standing::Above => outside += 1,
                Standing::NoInterval => {}
            }
        }
        match (inside, edge, outside) {
            (0, 0, 0) => Verdict::NotMeasured,
            (_, 0, 0) => Verdict::Holds,
            (0, 0, _) => Verdict::DoesNotHold,
            (1.., _, 1..) => Verdict::HoldsInPart,
            _ => Verdict::Undecided,
        }
    }
}

/// Position of a figure relative to the claimed range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its whole interval lies in the range.
    Inside,
    /// Its interval crosses an end of the range.
    AtTheEdge,
    /// Its whole interval lies below the range.
    Below,
    /// Its whole interval lies above the range.
    Above,
    /// Too few trials for an interval: shown, but not counted.
    NoInterval,
}

/// A claimed range; `None` means no limit on that side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Lower end, inclusive.
    pub low: Option<f64>,
    /// Upper end, inclusive.
    pub high: Option<f64>,
}

impl Range {
    /// Position of a figure with this 95 % interval.
    pub fn standing(&self, ci95: Option<Interval>) -> Standing {
        let Some(ci) = ci95 else {
            return Standing::NoInterval;
        };
        let (low, high) = (
            self.low.unwrap_or(f64::NEG_INFINITY),
            self.high.unwrap_or(f64::INFINITY),
        );
        if ci.high < low {
            Standing::Below
        } else if ci.low > high {
            Standing::Above
        } else if ci.low >= low && ci.high <= high {
            Standing::Inside
        } else {
            Standing::AtTheEdge
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(low: f64, high: f64) -> Standing {
        let range = Range {
            low: Some(10.0),
            high: Some(50.0),
        };
        range.standing(Some(Interval { low, high }))
    }

    #[test]
    fn a_figure_is_inside_only_with_its_whole_interval() {
        assert_eq!(standing(10.0, 50.0), Standing::Inside);
        assert_eq!(standing(9.9, 12.0), Standing::AtTheEdge);
        assert_eq!(standing(49.0, 50.1), Standing::AtTheEdge);
        assert_eq!(standing(1.0, 100.0), Standing::AtTheEdge);
        assert_eq!(standing(1.0, 9.9), Standing::Below);
        assert_eq!(standing(50.1, 60.0), Standing::Above);
    }

    #[test]
    fn an_end_that_is_not_claimed_is_never_missed() {
        let at_most = Range {
            low: None,
            high: Some(100.0),
        };
        let at = |low, high| at_most.standing(Some(Interval { low, high }));
        assert_eq!(at(-3.0, 1.0), Standing::Inside);
        assert_eq!(at(99.0, 101.0), Standing::AtTheEdge);
        assert_eq!(at(101.0, 102.0), Standing::Above);
        assert_eq!(at_most.standing(None), Standing::NoInterval);
    }

    #[test]
    fn a_claim_holds_only_if_every_figure_is_inside() {
        use Standing::{Above, AtTheEdge, Below, Inside, NoInterval};
        for (standings, verdict) in [
            (&[][..], Verdict::NotMeasured),
            (&[NoInterval, NoInterval], Verdict::NotMeasured),
            (&[Inside, Inside], Verdict::Holds),
            (&[Inside, NoInterval], Verdict::Holds),
            (&[Inside, Below], Verdict::HoldsInPart),
            (&[Inside, AtTheEdge, Below], Verdict::HoldsInPart),
            (&[AtTheEdge], Verdict::Undecided),
            (&[Inside, AtTheEdge], Verdict::Undecided),
            (&[AtTheEdge, Above], Verdict::Undecided),
            (&[Below, Below], Verdict::DoesNotHold),
            (&[Below, Above], Verdict::DoesNotHold),
        ] {
            let given = standings.iter().copied();
            assert_eq!(Verdict::of(given), verdict, "{standings:?}");
        }
    }
}
