//! Splits a script into its directives.
//!
//! Splitting only looks at parentheses. An unreadable or malformed directive therefore does not affect the rest of the
//! script, and `bench` can count directives without running them, so that the denominators are the same for every
//! engine.

use wast::lexer::{Lexer, TokenKind};

/// One directive, as written in the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form<'a> {
    /// Its line number in the script, from 1.
    pub line: u32,
    /// Its source text.
    pub text: &'a str,
    /// Whether the text can be read.
    pub legible: Legible,
}

/// Whether the text is a complete form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Legible {
    /// It is complete.
    Yes,
    /// It is incomplete or contains an invalid token; with the reason.
    No(String),
}

/// A lexer that accepts confusing Unicode characters, which scripts use to test names.
pub(super) fn lexer(text: &str) -> Lexer<'_> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    lexer
}

/// The directives of a script, in order. A script that consists of module fields is one module.
pub fn forms(text: &str) -> Vec<Form<'_>> {
    let lexer = lexer(text);
    let mut lines = Lines {
        text,
        at: 0,
        line: 1,
    };
    let mut forms = Vec::new();
    let mut position = 0;
    let mut open: Option<(usize, u32)> = None;
    let mut keyword = None;
    loop {
        let before = position;
        let token = match lexer.parse(&mut position) {
            Ok(Some(token)) => token,
            Ok(None) => break,
            Err(error) => {
                let start = open.map_or(before, |(start, _)| start);
                forms.push(Form {
                    line: lines.of(start),
                    text: &text[start..],
                    legible: Legible::No(error.message()),
                });
                return forms;
            }
        };
        match (token.kind, &mut open) {
            (TokenKind::LParen, None) => open = Some((token.offset, 1)),
            (TokenKind::LParen, Some((_, depth))) => *depth += 1,
            (TokenKind::RParen, Some((_, depth))) if *depth > 1 => *depth -= 1,
            (TokenKind::RParen, Some((start, _))) => {
                let whole = &text[*start..position];
                // An annotation between directives is not a directive.
                if !whole[1..].trim_start().starts_with('@') {
                    forms.push(Form {
                        line: lines.of(*start),
                        text: whole,
                        legible: Legible::Yes,
                    });
                }
                open = None;
            }
            (TokenKind::Keyword, Some((_, 1))) if keyword.is_none() => {
                keyword = Some(token.src(text));
            }
            (TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Whitespace, _)
            | (_, Some(_)) => {}
            (_, None) => forms.push(Form {
                line: lines.of(token.offset),
                text: token.src(text),
                legible: Legible::No("text outside parentheses".to_owned()),
            }),
        }
    }
    if let Some((start, _)) = open {
        forms.push(Form {
            line: lines.of(start),
            text: &text[start..],
            legible: Legible::No("the script ends inside it".to_owned()),
        });
    }
    let bare = keyword.is_some_and(|first| FIELDS.contains(&first));
    if bare && forms.iter().all(|form| form.legible == Legible::Yes) {
        let line = forms.first().map_or(1, |form| form.line);
        return vec![Form {
            line,
            text,
            legible: Legible::Yes,
        }];
    }
    forms
}

/// Keywords that start a script consisting of module fields.
const FIELDS: &[&str] = &[
    "type", "rec", "import", "func", "table", "memory", "global", "export", "start", "elem",
    "data", "tag",
];

/// Finds line numbers of increasing positions.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn of(&mut self, position: usize) -> u32 {
        let passed = &self.text.as_bytes()[self.at.min(position)..position];
        self.line += passed.iter().filter(|&&byte| byte == b'\n').count() as u32;
        self.at = position;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(u32, bool)> {
        forms(text)
            .iter()
            .map(|form| (form.line, form.legible == Legible::Yes))
            .collect()
    }

    #[test]
    fn a_directive_ends_with_its_parenthesis_whatever_strings_and_comments_say() {
        let text = "(module) ;; (\n(invoke \"(((\") (; ) ;)\n\n(@note (x))\n(dance (now))\n";
        assert_eq!(cut(text), [(1, true), (2, true), (5, true)]);
        assert_eq!(forms(text)[1].text, "(invoke \"(((\")");
    }

    #[test]
    fn what_cannot_be_read_costs_itself_and_what_follows_only_if_its_end_is_unknown() {
        assert_eq!(cut("(module)\n(invoke \"a"), [(1, true), (2, false)]);
        assert_eq!(
            cut("(module) x (module)"),
            [(1, true), (1, false), (1, true)]
        );
        assert_eq!(cut("(module (func)"), [(1, false)]);
        assert!(cut("").is_empty());
    }

    #[test]
    fn bare_fields_are_one_module() {
        assert_eq!(cut("\n(func)\n(memory 0)\n"), [(2, true)]);
    }
}
