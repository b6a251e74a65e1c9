//! The command line of a server process.

use std::path::{Path, PathBuf};

use plimsoll_adapter::Error;

/// First word of the command line.
const SERVE: &str = "serve-component";
const USAGE: &str = "usage: adapter-wasi-http serve-component artefact|component FILE";

/// The file that a server loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The artefact that `prepare` compiled.
    Artefact,
    /// The component, compiled at startup.
    Component,
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Form::Artefact => "artefact",
            Form::Component => "component",
        }
    }
}

/// The parsed command line of a server process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) form: Form,
    pub(crate) file: PathBuf,
}

impl Asked {
    /// Parses this process's command line; `None` if it does not request a server, an error if it is invalid.
    pub(crate) fn of_this_process() -> Option<Result<Asked, String>> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let (first, rest) = args.split_first()?;
        (first == SERVE).then(|| Asked::of(rest))
    }

    fn of(words: &[String]) -> Result<Asked, String> {
        let [form, file] = words else {
            return Err(format!(
                "{SERVE} takes 2 words, not {}; {USAGE}",
                words.len()
            ));
        };
        let form = [Form::Artefact, Form::Component]
            .into_iter()
            .find(|known| known.word() == form)
            .ok_or_else(|| format!("{form:?} is neither artefact nor component; {USAGE}"))?;
        Ok(Asked {
            form,
            file: file.into(),
        })
    }
}

/// The arguments that request a server.
///
/// # Errors
///
/// If the path is not UTF-8.
pub(crate) fn arguments(form: Form, file: &Path) -> Result<Vec<String>, Error> {
    let text = file.to_str().ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            file.display()
        ))
    })?;
    Ok([SERVE, form.word(), text].map(str::to_owned).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for form in [Form::Artefact, Form::Component] {
            let words = arguments(form, Path::new("/a b/c.wasm")).expect("it is text");
            assert_eq!(words[0], SERVE);
            let file = PathBuf::from("/a b/c.wasm");
            assert_eq!(Asked::of(&words[1..]), Ok(Asked { form, file }));
        }
    }

    #[test]
    fn an_unknown_word_and_one_too_few_are_refused_with_what_would_be_right() {
        for (words, said) in [
            (&["artifact", "/m"][..], "\"artifact\" is neither"),
            (&["artefact"], "not 1"),
        ] {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let refused = Asked::of(&words).expect_err(said);
            assert!(
                refused.contains(said) && refused.contains(USAGE),
                "{refused}"
            );
        }
    }
}
