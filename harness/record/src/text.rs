//! Untrusted text, made safe to display: characters that control a terminal are escaped.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

/// `text` on one line: control characters, and characters that change the direction of text, are
/// escaped as in `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// As [`plain`], but keeps line feeds and tabs.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// Escapes every string in `value` as [`plain`] does, or as [`lines`] does for fields with
/// multi-line output.
pub fn escape(value: &mut Value) {
    escape_as(value, false);
}

fn escape_as(value: &mut Value, several_lines: bool) {
    match value {
        Value::String(string) => {
            let shown = match several_lines {
                true => lines(string),
                false => plain(string),
            };
            if let Cow::Owned(shown) = shown {
                *string = shown;
            }
        }
        Value::Array(values) => {
            values
                .iter_mut()
                .for_each(|one| escape_as(one, several_lines));
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                escape_as(field, matches!(name.as_str(), "stderr" | "evidence"));
            }
        }
        _ => {}
    }
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_obeyed = |c: char| is_obeyed(c) && !keep(c);
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' if is_obeyed(character) => shown.push_str("\\n"),
            '\t' if is_obeyed(character) => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            _ if is_obeyed(character) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal acts on a character or shows different text for it: C0 and C1 controls (ESC,
/// CSI, OSC), bidirectional controls, line and paragraph separators, and invisible characters
/// (Unicode Bidi_Control and Default_Ignorable_Code_Point).
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, shown) in [
            ("\x1b[2J", "\\u{1b}[2J"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\nc\td", "a\\rb\\nc\\td"),
            ("gnp.\u{202e}exe", "gnp.\\u{202e}exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
        ] {
            assert_eq!(plain(text), shown);
            assert_eq!(plain(&plain(text)), shown, "once is enough");
        }
        assert!(matches!(plain("größer 10 µs – 東京"), Cow::Borrowed(_)));
        assert_eq!(lines("one\n\ttwo\x1b"), "one\n\ttwo\\u{1b}");
    }
}
