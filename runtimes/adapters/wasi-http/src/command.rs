//! A server's command line.

use std::path::{Path, PathBuf};

use plimsoll_adapter::Error;

/// The word that it begins with.
const SERVE: &str = "serve-component";
const USAGE: &str = "usage: adapter-wasi-http serve-component artefact|component FILE";

/// What a server is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What `prepare` compiled.
    Artefact,
    /// The component, compiled at the start.
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

/// What a server process was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) form: Form,
    pub(crate) file: PathBuf,
}

impl Asked {
    /// What this process's command line asks for, if it asks for a server; or what is wrong with
    /// it.
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

/// The arguments that ask for such a server.
///
/// # Errors
///
/// When the path is not text.
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
