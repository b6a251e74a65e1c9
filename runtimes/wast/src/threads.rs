//! A script's threads: `(thread $t ...)` and `(wait $t)`.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use wast::WastDirective;

use crate::executor::{Runner, panic_message};
use crate::module::parsed;
use crate::outcome::Outcome;
use crate::{Engine, Enter, Fault};

/// Location of a directive. A thread parses its text again, because parsed directives borrow from the thread that
/// parsed them.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Text of the script's top-level directive that is or contains it.
    pub(crate) text: Arc<str>,
    /// Its index in each enclosing thread, outermost first, from 0.
    pub(crate) path: Vec<usize>,
}

/// Threads that were started and not yet joined, by name.
#[derive(Default)]
pub(crate) struct Threads(HashMap<String, JoinHandle<Result<(), String>>>);

impl Threads {
    /// Starts a thread with this name.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn start<E: Engine + 'static>(
        &mut self,
        name: &str,
        place: Place,
        shared: Option<String>,
        enter: Enter<E>,
    ) -> Result<(), String> {
        let started = thread::Builder::new()
            .name(name.to_owned())
            // The same stack size as a main thread, because scripts exhaust the stack on purpose.
            .stack_size(8 << 20)
            .spawn(move || body::<E>(place, shared, enter))
            .map_err(|error| format!("starting the thread ${name}: {error}"))?;
        match self.0.insert(name.to_owned(), started) {
            Some(before) => finish(name, before),
            None => Ok(()),
        }
    }

    /// Joins a thread.
    ///
    /// # Errors
    /// The first failed directive of the thread, or that there is no such thread.
    pub(crate) fn wait(&mut self, name: &str) -> Result<(), String> {
        match self.0.remove(name) {
            Some(thread) => finish(name, thread),
            None => Err(format!("there is no thread ${name}")),
        }
    }

    /// Joins the threads that the script did not wait for.
    ///
    /// # Errors
    /// As [`Threads::wait`].
    pub(crate) fn wait_for_all(&mut self) -> Result<(), String> {
        let all: Vec<String> = self.0.keys().cloned().collect();
        all.iter().try_for_each(|name| self.wait(name))
    }
}

fn finish(name: &str, thread: JoinHandle<Result<(), String>>) -> Result<(), String> {
    match thread.join() {
        Ok(ended) => ended.map_err(|message| format!("in the thread ${name}: {message}")),
        Err(panic) => Err(format!(
            "the engine panicked in the thread ${name}: {}",
            panic_message(&*panic)
        )),
    }
}

fn body<E: Engine + 'static>(
    place: Place,
    shared: Option<String>,
    enter: Enter<E>,
) -> Result<(), String> {
    let (mut engine, instance) = enter().map_err(|fault: Fault| fault.to_string())?;
    let mut runner = Runner::new(&mut engine);
    if let Some(name) = shared {
        runner.instances.insert(name, instance);
    }
    let outcome = parsed(&place.text, |directive| {
        let mut directives = vec![directive];
        for index in place.path.iter().copied() {
            match directives.into_iter().nth(index) {
                Some(WastDirective::Thread(thread)) => directives = thread.directives,
                _ => return Err("the thread is not where it was".to_owned()),
            }
        }
        for (index, directive) in directives.into_iter().enumerate() {
            let (line, _) = directive.span().linecol_in(&place.text);
            runner.place = Place {
                text: place.text.clone(),
                path: [place.path.as_slice(), &[index]].concat(),
            };
            if let Outcome::Failed { message } = runner.carry_out(directive) {
                return Err(format!("line {} of it: {message}", line + 1));
            }
        }
        Ok(())
    })?;
    let ended = runner.threads.wait_for_all();
    outcome.and(ended)
}
