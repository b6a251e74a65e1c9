//! Glob patterns for names, on the command line and in tables.

/// Whether `name` matches `pattern`. `*` stands for any characters (even `/`) and `?` for one.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Backtracking to the last `*` is enough: a later `*` can match whatever an earlier one would
    // have.
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_spans_slashes_and_nothing() {
        assert!(matches("wasmtime/*", "wasmtime/cranelift+jit"));
        assert!(matches("*jit", "keel+jit"));
        assert!(matches("*", ""));
        assert!(matches("w*e*/c*t", "wasmtime/cranelift"));
        assert!(!matches("wasmtime", "wasmtime/cranelift"));
        assert!(!matches("keel", "keel+jit"));
        assert!(matches("?eel", "keel"));
        assert!(!matches("a*b", "abc"));
    }
}
