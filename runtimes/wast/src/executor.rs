//! Runs one script, directive by directive.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use wast::token::Id;
use wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::forms::{Form, Legible, forms};
use crate::module::{CUSTOM, SUSPENSION, TEXT, parsed};
use crate::outcome::{Expected, Outcome};
use crate::threads::{Place, Threads};
use crate::value::{Value, all_match, argument, shown};
use crate::{Engine, Fault};

/// The directives of a script to run, by index from 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// First directive to report; earlier ones run only for their effects.
    pub from: u32,
    /// Directives to skip.
    pub without: &'a [u32],
}

/// Runs a script and returns its number of directives. Every directive runs even if earlier ones failed, and is
/// reported before the next one starts.
pub fn run<E: Engine + 'static>(
    engine: &mut E,
    text: &str,
    selection: Selection<'_>,
    report: &mut dyn FnMut(u32, &Form<'_>, Outcome),
) -> u32 {
    let forms = forms(text);
    let mut runner = Runner::new(engine);
    for (index, form) in (0..).zip(&forms) {
        let mut outcome = if selection.without.contains(&index) {
            Outcome::failed("it was not carried out")
        } else if let Legible::No(why) = &form.legible {
            Outcome::skipped(crate::module::malformed(why))
        } else {
            runner.form(form.text)
        };
        // If the script never waits for a thread, its failure counts for the script's last directive.
        if index as usize + 1 == forms.len()
            && let Err(message) = runner.threads.wait_for_all()
        {
            outcome = Outcome::failed(message);
        }
        if index >= selection.from {
            report(index, form, outcome);
        }
    }
    forms.len() as u32
}

/// Both sides are outcomes, so that `?` returns early unless a directive passes.
type Verdict = Result<Outcome, Outcome>;

fn failed(message: impl ToString) -> Outcome {
    Outcome::failed(message)
}

fn skipped(reason: impl ToString) -> Outcome {
    Outcome::skipped(reason)
}

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

pub(crate) struct Runner<'e, E: Engine> {
    engine: &'e mut E,
    /// The last instance; `None` if the last module failed, so that no other instance is used instead.
    last: Option<E::Instance>,
    pub(crate) instances: HashMap<String, Option<E::Instance>>,
    /// By name; the last unnamed one is under `None`.
    definitions: HashMap<Option<String>, Option<Rc<E::Module>>>,
    pub(crate) threads: Threads,
    pub(crate) place: Place,
}

impl<'e, E: Engine + 'static> Runner<'e, E> {
    pub(crate) fn new(engine: &'e mut E) -> Self {
        Runner {
            engine,
            last: None,
            instances: HashMap::new(),
            definitions: HashMap::new(),
            threads: Threads::default(),
            place: Place {
                text: Arc::from(""),
                path: Vec::new(),
            },
        }
    }

    fn form(&mut self, text: &str) -> Outcome {
        self.place = Place {
            text: Arc::from(text),
            path: vec![0],
        };
        match parsed(text, |directive| self.carry_out(directive)) {
            Ok(outcome) => outcome,
            Err(message) => skipped(crate::module::not_understood(&message)),
        }
    }

    /// Runs one directive; if the engine panics, the directive fails.
    pub(crate) fn carry_out(&mut self, directive: WastDirective<'_>) -> Outcome {
        match catch_unwind(AssertUnwindSafe(|| self.directive(directive))) {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(panic) => failed(format!("the engine panicked: {}", panic_message(&*panic))),
        }
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Verdict {
        match directive {
            WastDirective::Module(module) => {
                let name = owned(module.name());
                self.last = None;
                if let Some(name) = &name {
                    self.instances.insert(name.clone(), None);
                }
                let module = self.module(module)?;
                self.instantiate(&module, name)
            }
            WastDirective::ModuleDefinition(module) => {
                let name = owned(module.name());
                self.definitions.insert(name.clone(), None);
                self.definitions.insert(None, None);
                let compiled = Rc::new(self.module(module)?);
                self.definitions.insert(name, Some(Rc::clone(&compiled)));
                self.definitions.insert(None, Some(compiled));
                Ok(Outcome::PASSED)
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                self.last = None;
                let module = self.definitions.get(&owned(module)).cloned().flatten();
                let module = module.ok_or_else(|| failed("there is no such definition"))?;
                self.instantiate(&module, owned(instance))
            }
            WastDirective::AssertMalformed {
                module, message, ..
            }
            | WastDirective::AssertInvalid {
                module, message, ..
            } => self.must_not_compile(module, message),
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                let registered = self.engine.register(name, &instance);
                registered.map(|()| Outcome::PASSED).map_err(failed)
            }
            WastDirective::Invoke(invoke) => {
                let called = self.invoke(&invoke)?;
                called.map(|_| Outcome::PASSED).map_err(failed)
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec)?;
                let found = found.map_err(failed)?;
                returned(&found, &results)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let found = self.execute(exec)?;
                trapped(found, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let found = self.invoke(&call)?;
                trapped(found, message)
            }
            WastDirective::AssertException { exec, .. } => match self.execute(exec)? {
                Err(Fault::Exception(_)) => Ok(Outcome::PASSED),
                Err(other) => Err(failed(format!("{other}; expected an exception"))),
                Ok(values) => Err(failed(format!(
                    "gave {}; expected an exception",
                    shown(&values)
                ))),
            },
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => {
                let module = self.module(QuoteWat::Wat(module))?;
                match self.engine.instantiate(&module) {
                    Err(Fault::Link(found) | Fault::Other(found)) => {
                        Ok(Outcome::worded(Expected::Unlinkable, &found, message))
                    }
                    Err(other) => Err(failed(format!("{other}; expected `{message}`"))),
                    Ok(_) => Err(failed(format!("it was linked; expected `{message}`"))),
                }
            }
            WastDirective::AssertInvalidCustom { .. }
            | WastDirective::AssertMalformedCustom { .. } => Err(skipped(CUSTOM)),
            WastDirective::AssertSuspension { .. } => Err(skipped(SUSPENSION)),
            WastDirective::Thread(thread) => {
                let shared = match thread.shared_module {
                    Some(id) => Some(self.instance(Some(id))?),
                    None => None,
                };
                let enter = self.engine.thread(shared.as_ref()).map_err(failed)?;
                let started = self.threads.start(
                    thread.name.name(),
                    self.place.clone(),
                    owned(thread.shared_module),
                    enter,
                );
                started.map(|()| Outcome::PASSED).map_err(failed)
            }
            WastDirective::Wait { thread, .. } => {
                let ended = self.threads.wait(thread.name());
                ended.map(|()| Outcome::PASSED).map_err(failed)
            }
        }
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Result<E::Module, Outcome> {
        let wasm = module.encode().map_err(|_| skipped(TEXT))?;
        self.engine
            .compile(&wasm)
            .map_err(|error| failed(format!("the module is refused: {error}")))
    }

    fn must_not_compile(&mut self, mut module: QuoteWat<'_>, message: &str) -> Verdict {
        let Ok(wasm) = module.encode() else {
            return Err(skipped(TEXT));
        };
        match self.engine.compile(&wasm) {
            Ok(_) => Err(failed(format!(
                "the module is accepted; expected `{message}`"
            ))),
            Err(found) => Ok(Outcome::worded(Expected::Refusal, &found, message)),
        }
    }

    fn instantiate(&mut self, module: &E::Module, name: Option<String>) -> Verdict {
        if let Some(name) = &name {
            self.instances.insert(name.clone(), None);
        }
        let instance = self.engine.instantiate(module).map_err(failed)?;
        self.last = Some(instance.clone());
        if let Some(name) = name {
            self.instances.insert(name, Some(instance));
        }
        Ok(Outcome::PASSED)
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<E::Instance, Outcome> {
        let instance = match name {
            Some(name) => self.instances.get(name.name()).cloned().flatten(),
            None => self.last.clone(),
        };
        instance.ok_or_else(|| failed("its module did not come to an instance"))
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Result<Vec<Value>, Fault>, Outcome> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => {
                let module = self.module(QuoteWat::Wat(module))?;
                Ok(self.engine.instantiate(&module).map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                Ok(self
                    .engine
                    .global(&instance, global)
                    .map(|value| vec![value]))
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Value>, Fault>, Outcome> {
        let arguments: Option<Vec<Value>> = invoke.args.iter().map(argument).collect();
        let arguments =
            arguments.ok_or_else(|| skipped("an argument of a kind that is not known"))?;
        let instance = self.instance(invoke.module)?;
        Ok(self.engine.invoke(&instance, invoke.name, &arguments))
    }
}

fn returned(found: &[Value], expected: &[WastRet<'_>]) -> Verdict {
    match all_match(found, expected) {
        true => Ok(Outcome::PASSED),
        false => Err(failed(format!(
            "gave {}; expected {expected:?}",
            shown(found)
        ))),
    }
}

fn trapped(found: Result<Vec<Value>, Fault>, message: &str) -> Verdict {
    match found {
        Err(Fault::Trap(found)) => Ok(Outcome::worded(Expected::Trap, &found, message)),
        Err(other) => Err(failed(format!("{other}; expected the trap `{message}`"))),
        Ok(values) => Err(failed(format!(
            "gave {}; expected the trap `{message}`",
            shown(&values)
        ))),
    }
}

fn owned(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Enter;
    /// Has one module for any input: its function `one` returns 1, `trap` traps.
    #[derive(Default)]
    struct Double {
        registered: Vec<String>,
    }

    impl Engine for Double {
        type Module = ();
        type Instance = ();

        fn compile(&mut self, wasm: &[u8]) -> Result<(), String> {
            match wasm.len() {
                8 => Err("it is empty".to_owned()),
                _ => Ok(()),
            }
        }
        fn instantiate(&mut self, (): &()) -> Result<(), Fault> {
            Ok(())
        }
        fn register(&mut self, name: &str, (): &()) -> Result<(), Fault> {
            self.registered.push(name.to_owned());
            Ok(())
        }
        fn invoke(&mut self, (): &(), function: &str, _: &[Value]) -> Result<Vec<Value>, Fault> {
            match function {
                "one" => Ok(vec![Value::I32(1)]),
                "nan" => Ok(vec![Value::F32(0x7fc0_0000)]),
                "panic" => panic!("a bug"),
                _ => Err(Fault::Trap("unreachable executed".to_owned())),
            }
        }
        fn global(&mut self, (): &(), _: &str) -> Result<Value, Fault> {
            Ok(Value::I64(7))
        }
        fn thread(&mut self, shared: Option<&()>) -> Result<Enter<Self>, Fault> {
            let shared = shared.copied();
            Ok(Box::new(move || Ok((Double::default(), shared))))
        }
    }

    fn carried_out(script: &str, from: u32, without: &[u32]) -> Vec<String> {
        let mut said = Vec::new();
        let selection = Selection { from, without };
        let mut engine = Double::default();
        let count = run(&mut engine, script, selection, &mut |index, _, outcome| {
            said.push(match outcome {
                Outcome::Passed { differs: None } => format!("{index} passed"),
                Outcome::Passed { differs: Some(how) } => format!("{index} differs {how}"),
                Outcome::Failed { message } => format!("{index} failed {message}"),
                Outcome::Skipped { .. } => format!("{index} skipped"),
            });
        });
        assert_eq!(count as usize, said.len() + from as usize);
        said
    }

    #[test]
    fn each_directive_has_a_verdict_of_its_own() {
        let script = r#"
            (module $m (memory 1))
            (register "m" $m)
            (assert_return (invoke "one") (i32.const 1))
            (assert_return (invoke "one") (i32.const 2))
            (assert_return (invoke "nan") (f32.const nan:canonical))
            (assert_return (get "g") (i64.const 7))
            (assert_trap (invoke "else") "unreachable")
            (assert_trap (invoke "else") "out of bounds")
            (assert_trap (invoke "one") "unreachable")
            (invoke "panic")
            (assert_invalid (module) "whatever")
            (assert_invalid (module (memory 2)) "whatever")
            (assert_malformed (module quote "(fnuc)") "unexpected token")
            (dance)
            (module)
            (invoke "one")
            (invoke $m "one")
        "#;
        assert_eq!(
            carried_out(script, 0, &[]),
            [
                "0 passed",
                "1 passed",
                "2 passed",
                "3 failed gave i32 1; expected [Core(I32(2))]",
                "4 passed",
                "5 passed",
                "6 passed",
                "7 differs `unreachable executed`, the script says `out of bounds`",
                "8 failed gave i32 1; expected the trap `unreachable`",
                "9 failed the engine panicked: a bug",
                "10 differs `it is empty`, the script says `whatever`",
                "11 failed the module is accepted; expected `whatever`",
                "12 skipped",
                "13 skipped",
                "14 failed the module is refused: it is empty",
                "15 failed its module did not come to an instance",
                "16 passed",
            ]
        );
    }

    #[test]
    fn a_script_goes_on_without_what_the_engine_died_of() {
        let script = "(module (memory 1)) (invoke \"panic\") (invoke \"one\")";
        assert_eq!(carried_out(script, 2, &[1]), ["2 passed"]);
    }

    #[test]
    fn a_failure_in_a_thread_is_found_where_the_script_waits_for_it() {
        let script = r#"
            (module $m (memory 1))
            (thread $t (shared (module $m))
              (register "m" $m)
              (thread $u (module (memory 1)) (assert_return (invoke "one") (i32.const 1)))
              (wait $u)
              (assert_return (invoke $m "one") (i32.const 1)))
            (thread $w
              (module (memory 1))
              (assert_return (invoke "one") (i32.const 2)))
            (wait $t)
            (wait $w)
            (wait $w)
            (thread $x (invoke "one"))
        "#;
        assert_eq!(
            carried_out(script, 0, &[]),
            [
                "0 passed",
                "1 passed",
                "2 passed",
                "3 passed",
                "4 failed in the thread $w: line 3 of it: gave i32 1; expected [Core(I32(2))]",
                "5 failed there is no thread $w",
                "6 failed in the thread $x: line 1 of it: its module did not come to an instance",
            ]
        );
    }

    #[test]
    fn a_definition_is_instantiated_as_often_as_the_script_says() {
        let script = r#"
            (module definition $d (memory 1))
            (module instance $a $d)
            (module instance $b)
            (assert_return (invoke $a "one") (i32.const 1))
            (assert_return (invoke "one") (either (i32.const 5) (i32.const 1)))
            (module instance $c $e)
            (invoke "one")
        "#;
        assert_eq!(
            carried_out(script, 0, &[]),
            [
                "0 passed",
                "1 passed",
                "2 passed",
                "3 passed",
                "4 passed",
                "5 failed there is no such definition",
                "6 failed its module did not come to an instance",
            ]
        );
    }
}
