//! Shows progress of long work: a bar on a terminal, plain lines elsewhere. It goes to standard error, so
//! that standard output has only results.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Interval between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(60);

/// The progress of one phase. It only draws when called: a ticking bar would use a processor that is being
/// measured.
#[derive(Debug)]
pub struct Progress {
    title: &'static str,
    length: u64,
    done: RefCell<u64>,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines(RefCell<Instant>),
}

impl Progress {
    /// Starts a phase of `length` pieces, called `title`.
    pub fn begin(title: &'static str, length: usize) -> Self {
        let length = length as u64;
        let shown = if io::stderr().is_terminal() {
            let bar =
                ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
            let template = "{prefix:<9} {bar:24} {pos:>4}/{len:<4} {eta_precise} left  {wide_msg}";
            bar.set_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_prefix(title);
            Shown::Bar(bar)
        } else {
            Shown::Lines(RefCell::new(Instant::now()))
        };
        Self {
            title,
            length,
            done: RefCell::new(0),
            shown,
        }
    }

    /// Starts the next piece, called `name`.
    pub fn next(&self, name: impl FnOnce() -> String) {
        let done = *self.done.borrow();
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(name());
            }
            Shown::Lines(last) => {
                if last.borrow().elapsed() >= PLAIN_EVERY {
                    *last.borrow_mut() = Instant::now();
                    say(&format!(
                        "{} {done}/{}: {}",
                        self.title,
                        self.length,
                        name()
                    ));
                }
            }
        }
        *self.done.borrow_mut() = done + 1;
    }

    /// Prints a line without disturbing the bar.
    pub fn line(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| say(text)),
            Shown::Lines(_) => say(text),
        }
    }

    /// Ends the phase.
    pub fn finish(self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// A changing line for work of unknown length: its title, elapsed time and current action. Shows nothing
/// without a terminal.
#[derive(Debug)]
pub struct Moving(ProgressBar);

impl Moving {
    /// Starts work called `title`.
    pub fn begin(title: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
        let style = ProgressStyle::with_template("{prefix} {elapsed_precise}  {wide_msg:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(title.to_owned());
        Self(bar)
    }

    /// Shows the current action.
    pub fn show(&self, doing: &str) {
        self.0.set_message(doing.to_owned());
    }

    /// Removes the line.
    pub fn finish(self) {
        self.0.finish_and_clear();
    }
}

/// Prints a line on standard error; ignores errors, because the stream may be closed.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
