//! Verdicts as text, shared by terminal, Markdown and HTML.
//!
//! Every sentence is computed from the figures: a missed range is reported with its direction, and a ratio with the
//! side that is ahead, whichever it is.

use plimsoll_analysis::statistics::Interval;
use plimsoll_record::run::TargetKind;
use plimsoll_record::{TargetId, Unit};

use super::{Claim, ClaimUnit, Finding, Judgement, Side, Source, Standing, Verdict};
use crate::quantity;
use crate::quantity::list;

/// Maximum targets named in a sentence.
const NAMED: usize = 6;

/// Maximum targets named in the words of a verdict.
const BRIEFLY: usize = 2;

const NO_BREAK: char = '\u{a0}';

impl Verdict {
    /// The verdict as text.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsInPart => "holds in part",
            Verdict::DoesNotHold => "does not hold",
            Verdict::Undecided => "undecided",
            Verdict::NotMeasured => "not measured",
        }
    }
}

impl Standing {
    /// The standing as text.
    pub fn words(self) -> &'static str {
        match self {
            Standing::Inside => "inside",
            Standing::AtTheEdge => "at an end",
            Standing::Below => "below",
            Standing::Above => "above",
            Standing::NoInterval => "too few trials",
        }
    }
}

impl Source {
    /// Author, title and year.
    pub fn words(&self) -> String {
        let author = self.author.as_ref().map(|author| format!("{author}: "));
        let year = self.year.map(|year| format!(", {year}"));
        let [author, year] = [author, year].map(Option::unwrap_or_default);
        format!("{author}{}{year}", self.title)
    }
}

impl Claim {
    /// The claimed range: `5 to 10 s`, `at most 100 ms`; empty if there is none.
    pub fn range(&self) -> String {
        let unit = self.unit.map_or(String::new(), |unit| match unit {
            ClaimUnit::Times => "×".to_owned(),
            ClaimUnit::Microseconds => format!("{NO_BREAK}µs"),
            ClaimUnit::Seconds => format!("{NO_BREAK}s"),
            ClaimUnit::Milliseconds => format!("{NO_BREAK}ms"),
            ClaimUnit::Megabytes => format!("{NO_BREAK}MB"),
            ClaimUnit::Kilobytes => format!("{NO_BREAK}kB"),
            ClaimUnit::Percent => format!("{NO_BREAK}%"),
            ClaimUnit::Words => String::new(),
        });
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{} to {}{unit}", plain(low), plain(high)),
            (Some(low), None) => format!("at least {}{unit}", plain(low)),
            (None, Some(high)) => format!("at most {}{unit}", plain(high)),
            (None, None) => String::new(),
        }
    }

    /// Formats a figure in the claim's unit.
    pub fn figure(&self, value: f64) -> String {
        let scaled = value * self.unit.map_or(1.0, ClaimUnit::scale);
        match self.unit {
            Some(ClaimUnit::Percent) => percent(value),
            Some(unit) => match unit.of_rows() {
                // Noise can make a fitted slope negative.
                Some(_) if scaled < 0.0 => "nothing measurable".to_owned(),
                Some(unit) => quantity::value(scaled, unit),
                None => quantity::times(scaled),
            },
            None => quantity::value(value, Unit::Count),
        }
    }

    /// Formats an interval in the claim's unit.
    pub fn interval(&self, ci: Interval) -> String {
        let scale = self.unit.map_or(1.0, ClaimUnit::scale);
        let scaled = Interval {
            low: ci.low * scale,
            high: ci.high * scale,
        };
        match self.unit.and_then(ClaimUnit::of_rows) {
            Some(_) if scaled.high <= 0.0 => "nothing measurable".to_owned(),
            Some(unit) if scaled.low < 0.0 => {
                format!("at most {}", quantity::value(scaled.high, unit))
            }
            Some(unit) => quantity::interval(scaled, unit),
            None if self.unit == Some(ClaimUnit::Percent) => {
                format!(
                    "{} to {}",
                    percent(ci.low).trim_end_matches([NO_BREAK, '%']),
                    percent(ci.high)
                )
            }
            None => format!(
                "{} to {}",
                quantity::times(ci.low).trim_end_matches('×'),
                quantity::times(ci.high)
            ),
        }
    }

    /// Meaning of a figure on this side of the range: `faster than claimed`.
    pub fn miss(&self, standing: Standing) -> Option<String> {
        let (own, faster, smaller, less) = match standing {
            Standing::Below => (&self.below, "faster", "smaller", "less"),
            Standing::Above => (&self.above, "slower", "larger", "more"),
            _ => return None,
        };
        let word = match self.unit.and_then(ClaimUnit::of_rows) {
            Some(Unit::Nanoseconds) => faster,
            Some(Unit::Bytes) => smaller,
            _ => less,
        };
        Some(
            own.clone()
                .unwrap_or_else(|| format!("{word} than claimed")),
        )
    }
}

/// Names targets, or counts them if there are more than `most`.
fn named(targets: &[&TargetId], most: usize) -> String {
    let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
    match names.len() > most {
        true => format!("{} targets", names.len()),
        false => list(&names),
    }
}

/// A number as published: `5`, `92.5`, `1,000`.
fn plain(number: f64) -> String {
    match number.fract() == 0.0 {
        true => quantity::grouped(number as u64),
        false => number.to_string(),
    }
}

fn percent(value: f64) -> String {
    match value < 10.0 {
        true => format!("{value:.1}{NO_BREAK}%"),
        false => format!("{value:.0}{NO_BREAK}%"),
    }
}

impl Finding {
    /// Target, boundary and workload: `keel at L0 on hello`, `docker/runc over keel at L3 on hello`.
    pub fn place(&self) -> String {
        let on = match self.workloads.as_slice() {
            [only] => format!(" on {only}"),
            several => format!(" over {} programs", several.len()),
        };
        match &self.over {
            None => format!("{} at {}{on}", self.target, self.boundary),
            Some((target, boundary)) if *boundary == self.boundary => {
                format!("{} over {target} at {boundary}{on}", self.target)
            }
            Some((target, boundary)) => format!(
                "{} at {} over {target} at {boundary}{on}",
                self.target, self.boundary
            ),
        }
    }

    /// Distance outside the range as a multiple of the nearer end; `None` inside.
    pub fn beyond(&self, claim: &Claim) -> Option<(f64, Option<Interval>)> {
        let end = match self.standing {
            Standing::Below => claim.low?,
            Standing::Above => claim.high?,
            _ => return None,
        };
        let over = |value: f64| value / end;
        (end > 0.0).then(|| {
            let ci95 = self.ci95.map(|ci| Interval {
                low: over(ci.low),
                high: over(ci.high),
            });
            (over(self.value), ci95)
        })
    }
}

impl Judgement<'_> {
    /// The findings in a few sentences, or what is missing if there are none.
    pub fn summary(&self) -> String {
        let counted = self.counted();
        let Some((least, most)) = extremes(&counted) else {
            return self.missing();
        };
        let claim = self.claim;
        let mut said = vec![self.shares(&counted)];
        said.extend(
            self.misses()
                .iter()
                .map(|(miss, targets)| format!("{}: {}.", capital(miss), named(targets, NAMED))),
        );
        said.push(match least == most {
            true => format!("The figure: {}.", self.described(least)),
            false => format!(
                "From {} to {}.",
                self.described(least),
                self.described(most)
            ),
        });
        said.extend(self.ahead(&counted));
        if claim.measured.len() > 1 {
            said.extend(self.by_view());
        }
        said.join(" ")
    }

    /// The verdict, with the direction if it does not hold: `does not hold: faster than claimed`; with both
    /// directions, each with its targets.
    pub fn words(&self) -> String {
        let misses = self.misses();
        let verdict = self.verdict.words();
        match (self.verdict, misses.as_slice()) {
            (Verdict::DoesNotHold, [(only, _)]) => format!("{verdict}: {only}"),
            (Verdict::DoesNotHold, [(one, of_one), (other, of_other)]) => {
                let (of_one, of_other) = (named(of_one, BRIEFLY), named(of_other, BRIEFLY));
                format!("{verdict}: {one} on {of_one}, {other} on {of_other}")
            }
            _ => verdict.to_owned(),
        }
    }

    /// The ways in which figures miss the range, each with its targets.
    pub fn misses(&self) -> Vec<(String, Vec<&TargetId>)> {
        let side = |standing| {
            let words = self.claim.miss(standing)?;
            let mut targets: Vec<&TargetId> = Vec::new();
            for finding in self.findings.iter().filter(|f| f.standing == standing) {
                if !targets.contains(&&finding.judged) {
                    targets.push(&finding.judged);
                }
            }
            (!targets.is_empty()).then_some((words, targets))
        };
        let sides = [Standing::Below, Standing::Above];
        sides.into_iter().filter_map(side).collect()
    }

    /// The figures that count: those with an interval.
    pub fn counted(&self) -> Vec<&Finding> {
        let all = self.findings.iter();
        all.filter(|f| f.standing != Standing::NoInterval).collect()
    }

    /// Smallest and largest figure that count, for one line in a list.
    pub fn span(&self) -> String {
        let counted = self.counted();
        let claim = self.claim;
        match extremes(&counted) {
            None => "no figure".to_owned(),
            Some((least, most)) => {
                let (low, high) = (claim.figure(least.value), claim.figure(most.value));
                match low == high {
                    true => low,
                    false => format!("{low} to {high}"),
                }
            }
        }
    }

    /// `3 of 14 figures lie inside the claimed range, 11 below it.`
    fn shares(&self, counted: &[&Finding]) -> String {
        let count = |standing| counted.iter().filter(|f| f.standing == standing).count();
        let all = counted.len();
        let mut parts = Vec::new();
        for (standing, what) in [
            (Standing::AtTheEdge, "at an end of it"),
            (Standing::Below, "below it"),
            (Standing::Above, "above it"),
        ] {
            match count(standing) {
                0 => {}
                n => parts.push(format!("{n} {what}")),
            }
        }
        let inside = match (count(Standing::Inside), all) {
            (n, all) if n == all && all > 1 => {
                return "Every figure lies inside the claimed range.".to_owned();
            }
            (1, 1) => return "The one figure lies inside the claimed range.".to_owned(),
            (0, 1) => {
                return format!(
                    "The one figure lies {}.",
                    parts
                        .concat()
                        .trim_start_matches("1 ")
                        .replace(" it", " the claimed range")
                );
            }
            (0, all) => format!("None of {all} figures lies inside the claimed range"),
            (1, all) => format!("1 of {all} figures lies inside the claimed range"),
            (n, all) => format!("{n} of {all} figures lie inside the claimed range"),
        };
        format!("{inside}: {}.", list(&parts))
    }

    /// A figure with its interval, its place, and its distance from the range.
    fn described(&self, finding: &Finding) -> String {
        let figure = self.claim.figure(finding.value);
        let exact = finding.ci95.is_some_and(|ci| ci.low >= ci.high);
        let interval = finding.ci95.filter(|_| !exact);
        let interval =
            interval.map_or_else(String::new, |ci| format!(", {}", self.claim.interval(ci)));
        let beyond = finding.beyond(self.claim).map(|(times, _)| {
            let end = match finding.standing {
                Standing::Below => "least",
                _ => "most",
            };
            format!("; {} the {end} that is claimed", quantity::times(times))
        });
        format!(
            "{figure} ({}{interval}{})",
            finding.place(),
            beyond.unwrap_or_default()
        )
    }

    /// For ratios, how often each side is ahead.
    fn ahead(&self, counted: &[&Finding]) -> Option<String> {
        let reading = self.claim.measured.first()?;
        let over = reading.over.as_ref()?;
        let one = self.claim.unit.map_or(1.0, |unit| 1.0 / unit.scale());
        let (mut of_side, mut over_side, mut open) = (0_usize, 0_usize, 0_usize);
        for finding in counted {
            match finding.ci95 {
                Some(ci) if ci.high < one => of_side += 1,
                Some(ci) if ci.low > one => over_side += 1,
                _ => open += 1,
            }
        }
        let mut parts = Vec::new();
        for (count, side) in [(over_side, over), (of_side, &reading.of)] {
            if count > 0 {
                parts.push(format!("{} takes less in {count}", name(side)));
            }
        }
        if open > 0 {
            parts.push(format!("no difference is shown in {open}"));
        }
        let pairs = counted.len();
        match (parts.as_slice(), pairs) {
            (_, 1) => None,
            ([only], _) if open == 0 => {
                let side = only.split(" in ").next().unwrap_or_default();
                Some(format!("{} in all of them.", capital(side)))
            }
            _ => Some(format!("{}.", capital(&list(&parts)))),
        }
    }

    /// The verdict of each reading, if they differ.
    fn by_view(&self) -> Option<String> {
        let views: Vec<(&str, Verdict)> = self
            .claim
            .measured
            .iter()
            .map(|reading| {
                let of_view = self.findings.iter().filter(|f| f.view == reading.view);
                let verdict = Verdict::of(of_view.map(|f| f.standing));
                (reading.view.as_str(), verdict)
            })
            .filter(|(_, verdict)| *verdict != Verdict::NotMeasured)
            .collect();
        let first = views.first()?.1;
        if views.iter().all(|(_, verdict)| *verdict == first) {
            return None;
        }
        let described: Vec<String> = views
            .iter()
            .map(|(view, verdict)| format!("{view}: {}", verdict.words()))
            .collect();
        Some(format!("{}.", capital(&described.join("; "))))
    }

    /// Why there is no verdict.
    fn missing(&self) -> String {
        if let Some(because) = &self.claim.because {
            return format!("{}.", capital(because));
        }
        if !self.findings.is_empty() {
            return "There were too few trials for an interval.".to_owned();
        }
        let mut suites: Vec<&str> = Vec::new();
        for reading in &self.claim.measured {
            if !suites.contains(&reading.suite.name()) {
                suites.push(reading.suite.name());
            }
        }
        let commands: Vec<String> = suites
            .iter()
            .map(|suite| format!("bench run --suite {suite}"))
            .collect();
        let who: Vec<String> = std::iter::once(&self.claim.measured[0].of)
            .chain(&self.claim.measured[0].over)
            .map(name)
            .collect();
        format!(
            "These runs have no figure of {} to compare the claim with ({}).",
            list(&who),
            commands.join(", ")
        )
    }
}

/// The name of a ratio's side.
fn name(side: &Side) -> String {
    match (&side.target, side.kind) {
        (Some(target), _) => target.trim_end_matches(['/', '*']).to_owned(),
        (None, Some(TargetKind::Native)) => "native code".to_owned(),
        (None, Some(TargetKind::Container)) => "the container".to_owned(),
        (None, _) => "Wasm".to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn extremes<'f>(counted: &[&'f Finding]) -> Option<(&'f Finding, &'f Finding)> {
    let by_value = |a: &&&Finding, b: &&&Finding| a.value.total_cmp(&b.value);
    let least = counted.iter().min_by(by_value)?;
    let most = counted.iter().max_by(by_value)?;
    Some((least, most))
}

/// Explains the verdicts to readers.
pub(crate) const RULE: &str = "A figure is a median, or a ratio of two of one run, with its 95 % interval. It lies inside a claimed \
range only with its whole interval, outside only if no part of its interval touches it. A claim holds if every figure \
lies inside, does not hold if every one lies outside, and holds in part if some lie inside and some outside. It is \
undecided if intervals that reach over an end leave that open. Every target and view counts as one; a figure without an \
interval is shown and does not count. Times are compared only where both clocks stop at the same moment. A claim can be \
missed for the better as well as for the worse: each verdict says in which way.";
