//! Compares two descriptions of a module's behaviour.

/// Stack and heap exhaustion depend on the engine, and so does everything after them.
const INCOMPARABLE: [&str; 2] = ["trap stack-exhausted", "trap heap-exhausted"];

/// Result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Number of function calls with equal results.
    pub calls: usize,
    /// Number of those that trapped.
    pub traps: usize,
    /// The first difference.
    pub difference: Option<Difference>,
}

/// A line that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Line number, from 1.
    pub line: usize,
    /// The expected line; empty after the end.
    pub expected: String,
    /// The actual line.
    pub found: String,
}

/// Compares two texts line by line until the first difference, ignoring comment lines (`#`).
pub fn compare(expected: &str, found: &str) -> Comparison {
    let mut comparison = Comparison::default();
    let remark = |line: &&str| !line.starts_with('#');
    let mut expected = expected.lines().filter(remark);
    let mut found = found.lines().filter(remark);
    for line in 1.. {
        let (expected, found) = match (expected.next(), found.next()) {
            (None, None) => break,
            (expected, found) => (expected.unwrap_or_default(), found.unwrap_or_default()),
        };
        if INCOMPARABLE
            .iter()
            .any(|what| expected.contains(what) || found.contains(what))
        {
            break;
        }
        if expected != found {
            comparison.difference = Some(Difference {
                line,
                expected: expected.to_owned(),
                found: found.to_owned(),
            });
            break;
        }
        if expected.starts_with("call ") {
            comparison.calls += 1;
            comparison.traps += usize::from(expected.contains(": trap "));
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "instantiate: ok\ncall 0 \"f\" (i32:00000001): (i32:00000002), fuel i32:00000009\n\
        call 1 \"f\" (): trap unreachable, fuel i32:00000009\nglobal \"g\": i32:00000000\nhost: 0000000000000000\n";

    #[test]
    fn every_changed_character_is_noticed() {
        for at in 0..TEXT.len() {
            let mut changed = TEXT.as_bytes().to_vec();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(compare(TEXT, &changed).difference.is_some(), "at {at}");
        }
    }

    #[test]
    fn a_line_too_few_or_too_many_is_noticed() {
        let short = &TEXT[..TEXT.trim_end().rfind('\n').expect("several lines") + 1];
        assert!(compare(TEXT, short).difference.is_some());
        assert!(compare(short, TEXT).difference.is_some());
        assert!(compare(TEXT, "").difference.is_some());
    }

    #[test]
    fn what_is_the_same_is_counted() {
        let same = compare(TEXT, TEXT);
        assert_eq!((same.calls, same.traps, same.difference), (2, 1, None));
    }

    #[test]
    fn what_follows_an_exhausted_stack_is_not_compared() {
        let deep =
            "instantiate: ok\ncall 0 \"f\" (): trap stack-exhausted\nglobal \"g\": i32:00000001\n";
        let flat = "instantiate: ok\ncall 0 \"f\" (): ()\nglobal \"g\": i32:00000002\n";
        assert_eq!(compare(deep, flat), Comparison::default());
    }
}
