//! The command line of a server process.

use std::path::{Path, PathBuf};

use plimsoll_adapter::Error;

/// First word of the command line.
const SERVE: &str = "serve-component";
const USAGE: &str =
    "usage: adapter-wasi-http serve-component artefact|component FILE spin|REQUESTS";
/// The word for [`Server::Spin`].
const SPIN: &str = "spin";

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

/// How the server makes instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// One per request, as Spin does.
    Spin,
    /// As `wasmtime serve` does: a worker per instance.
    Workers {
        /// Number of requests that an instance answers before it is dropped.
        requests: usize,
    },
}

impl Server {
    fn word(self) -> String {
        match self {
            Server::Spin => SPIN.to_owned(),
            Server::Workers { requests } => requests.to_string(),
        }
    }

    fn of(word: &str) -> Result<Self, String> {
        match word.parse() {
            _ if word == SPIN => Ok(Server::Spin),
            Ok(requests) if requests > 0 => Ok(Server::Workers { requests }),
            _ => Err(format!(
                "{word:?} is neither {SPIN} nor a number of requests; {USAGE}"
            )),
        }
    }
}

/// The parsed command line of a server process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) form: Form,
    pub(crate) file: PathBuf,
    pub(crate) server: Server,
}

impl Asked {
    /// Parses this process's command line; `None` if it does not request a server, an error if it is invalid.
    pub(crate) fn of_this_process() -> Option<Result<Asked, String>> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let (first, rest) = args.split_first()?;
        (first == SERVE).then(|| Asked::of(rest))
    }

    fn of(words: &[String]) -> Result<Asked, String> {
        let [form, file, server] = words else {
            return Err(format!(
                "{SERVE} takes 3 words, not {}; {USAGE}",
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
            server: Server::of(server)?,
        })
    }
}

/// The arguments that request a server.
///
/// # Errors
///
/// If the path is not UTF-8.
pub(crate) fn arguments(form: Form, file: &Path, server: Server) -> Result<Vec<String>, Error> {
    let text = file.to_str().ok_or_else(|| {
        Error::Failed(format!(
            "{} is not UTF-8, which the protocol's arguments are",
            file.display()
        ))
    })?;
    Ok([SERVE, form.word(), text, &server.word()]
        .map(str::to_owned)
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for (form, server) in [
            (Form::Artefact, Server::Spin),
            (Form::Component, Server::Workers { requests: 128 }),
        ] {
            let words = arguments(form, Path::new("/a b/c.wasm"), server).expect("it is text");
            assert_eq!(words[0], SERVE);
            let file = PathBuf::from("/a b/c.wasm");
            assert_eq!(Asked::of(&words[1..]), Ok(Asked { form, file, server }));
        }
    }

    #[test]
    fn an_unknown_word_and_one_too_few_are_refused_with_what_would_be_right() {
        for (words, said) in [
            (&["artifact", "/m", "spin"][..], "\"artifact\" is neither"),
            (&["artefact", "/m", "0"], "\"0\" is neither"),
            (&["artefact", "/m"], "not 2"),
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
