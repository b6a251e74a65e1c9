//! Formats command lines that readers can paste.

/// A command line with each word quoted if a shell requires it.
pub(crate) fn line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|text| word(text)).collect();
    words.join(" ")
}

/// One word of a command line.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_change_are_quoted() {
        let words = ["bench", "run", "--target", "a/*", "it's"].map(str::to_owned);
        assert_eq!(line(&words), r"bench run --target 'a/*' 'it'\''s'");
    }
}
