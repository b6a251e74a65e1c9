//! Command lines as a reader can paste them.

/// A command line, each word quoted where a shell would read it differently.
pub fn line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|text| word(text)).collect();
    words.join(" ")
}

/// One word of a command line.
pub fn word(text: &str) -> String {
    match shlex::try_quote(text) {
        Ok(quoted) => quoted.into_owned(),
        // No command line can have a NUL byte in it.
        Err(_) => word(&text.replace('\0', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_change_are_quoted() {
        let words = ["bench", "run", "--target", "a/*", "it's", ""].map(str::to_owned);
        let line = line(&words);
        assert!(line.starts_with("bench run --target 'a/*' "), "{line}");
        assert_eq!(shlex::split(&line).as_deref(), Some(words.as_slice()));
        assert_eq!(word("a\0b"), "ab");
    }
}
