//! Verifies a guest's output: a fast engine with a wrong output scores nothing.

/// Compares a guest's output with the expected one.
///
/// # Errors
/// A description of the first difference.
pub fn verify(stdout: &[u8], stdout_bytes: usize, expected: &[u8]) -> Result<(), String> {
    if stdout == expected && stdout_bytes == expected.len() {
        return Ok(());
    }
    let at = stdout
        .iter()
        .zip(expected)
        .position(|(found, wanted)| found != wanted)
        .unwrap_or(stdout.len().min(expected.len()));
    if at == expected.len() {
        return Err(format!(
            "printed {} too many after the expected {}: {}",
            bytes(stdout_bytes - expected.len()),
            bytes(expected.len()),
            excerpt(&stdout[at..])
        ));
    }
    if at == stdout.len() {
        return Err(format!(
            "printed only the first {} of the expected {}",
            bytes(at),
            bytes(expected.len())
        ));
    }
    Err(format!(
        "differs from the expected output at byte {at}: {} instead of {}",
        excerpt(&stdout[at..]),
        excerpt(&expected[at..])
    ))
}

fn bytes(number: usize) -> String {
    crate::ui::format::count(number, "byte")
}

fn excerpt(bytes: &[u8]) -> String {
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let shown = if line.is_empty() {
        &bytes[..bytes.len().min(1)]
    } else {
        line
    };
    format!(
        "{:?}",
        String::from_utf8_lossy(&shown[..shown.len().min(32)])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(stdout: &str, expected: &str) -> String {
        verify(stdout.as_bytes(), stdout.len(), expected.as_bytes())
            .expect_err("verified a wrong output")
    }

    #[test]
    fn the_expected_output_passes() {
        assert_eq!(verify(b"hello\n", 6, b"hello\n"), Ok(()));
        assert_eq!(verify(b"", 0, b""), Ok(()));
    }

    #[test]
    fn a_wrong_output_is_told_by_its_first_difference() {
        assert_eq!(
            verdict("hello, moon\n", "hello, world\n"),
            "differs from the expected output at byte 7: \"moon\" instead of \"world\""
        );
        assert_eq!(
            verdict("", "hello\n"),
            "printed only the first 0 bytes of the expected 6 bytes"
        );
        assert_eq!(
            verdict("hello\nmore", "hello\n"),
            "printed 4 bytes too many after the expected 6 bytes: \"more\""
        );
    }

    #[test]
    fn bytes_beyond_what_was_kept_count_as_wrong() {
        assert!(verify(b"hello\n", 1_000_000, b"hello\n").is_err());
    }
}
