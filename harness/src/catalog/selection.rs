//! Selects names by globs, and suggests the nearest known name for an unknown one.

use crate::exit::Usage;

pub use plimsoll_record::glob::matches;

/// Whether `name` matches any of `patterns`.
pub fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, name))
}

/// Checks that every pattern matches at least one of `known`.
///
/// # Errors
/// [`Usage`] with the first pattern that matches nothing, and the nearest known name.
pub fn check(noun: &str, patterns: &[String], known: &[&str]) -> Result<(), Usage> {
    match patterns
        .iter()
        .find(|pattern| !known.iter().any(|name| matches(pattern, name)))
    {
        Some(pattern) => Err(unknown(noun, pattern, known)),
        None => Ok(()),
    }
}

/// The error for a name that is not among `known`.
pub fn unknown(noun: &str, given: &str, known: &[&str]) -> Usage {
    let hint = match nearest(given, known) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("they are: {}", known.join(", ")),
    };
    Usage(format!(
        "no {noun} is called {given:?}; {hint} (`bench list {noun}s` shows all)"
    ))
}

fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), *name))
        .chain(known.iter().filter_map(|name| {
            // A prefix (`wasmtime` for `wasmtime/cranelift`) is nearer than any typing error.
            (!given.is_empty() && name.starts_with(given)).then_some((1, *name))
        }))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= 2.max(name.chars().count() / 3))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let known = ["native", "keel", "wasmtime/cranelift"];
        assert_eq!(
            unknown("target", "natve", &known).to_string(),
            "no target is called \"natve\"; did you mean native? (`bench list targets` shows all)"
        );
        assert!(
            unknown("target", "wasmtime", &known)
                .to_string()
                .contains("wasmtime/cranelift?")
        );
        assert!(
            unknown("target", "zzzzzzzz", &known)
                .to_string()
                .contains("they are: native, keel")
        );
        assert!(check("target", &["k*".into()], &known).is_ok());
        assert!(check("target", &["k*".into(), "x*".into()], &known).is_err());
    }
}
