//! One script, directive by directive.

use std::any::Any;
use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wast::token::Id;
use wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, WastRet};

use super::forms::{Legible, forms};
use super::module::{CUSTOM, SUSPENSION, TEXT, THREAD, parsed};
use super::value::{Value, all_match, argument, shown};
use super::{Engine, Fault};
use crate::Error;
use crate::protocol::{Directive, Script, Went};

/// Longest message, in characters.
const MESSAGE_KEPT: usize = 400;

/// Carries out a script and gives the number of its directives. Every one is tried, whatever became
/// of those before, and its verdict is given before the next is begun.
///
/// # Errors
/// When the script's file cannot be read.
pub fn run<E: Engine>(
    engine: &mut E,
    request: &Script,
    went: &mut dyn FnMut(Directive),
) -> Result<u32, Error> {
    let bytes = fs::read(&request.script)
        .map_err(|error| Error::failed(format!("reading {}", request.script.display()), error))?;
    let text = String::from_utf8_lossy(&bytes);
    let forms = forms(&text);
    let mut runner = Runner {
        engine,
        last: None,
        instances: HashMap::new(),
        definitions: HashMap::new(),
    };
    for (index, form) in (0..).zip(&forms) {
        let verdict = if request.without.contains(&index) {
            failed("it was not carried out")
        } else if let Legible::No(why) = &form.legible {
            skipped(super::module::malformed(why))
        } else {
            runner.form(form.text)
        };
        if index >= request.from {
            went(Directive {
                index,
                went: verdict,
            });
        }
    }
    Ok(forms.len() as u32)
}

/// What became of a directive, with `?` for what did not pass.
type Verdict = Result<Went, Went>;

fn passed() -> Went {
    Went::Passed { differs: None }
}

fn failed(message: impl ToString) -> Went {
    Went::Failed {
        message: clip(&message.to_string()),
    }
}

fn skipped(reason: impl ToString) -> Went {
    Went::Skipped {
        reason: clip(&reason.to_string()),
    }
}

/// Passed, with a note if the engine's words are not the script's.
fn refused(found: &str, expected: &str) -> Went {
    let same = found.contains(expected) || (!found.is_empty() && expected.contains(found));
    Went::Passed {
        differs: (!same).then(|| clip(&format!("`{found}`, the script says `{expected}`"))),
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_KEPT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

struct Runner<'e, E: Engine> {
    engine: &'e mut E,
    /// The last instance; none if the last module did not come to one, so that what follows is
    /// not asked of another.
    last: Option<E::Instance>,
    instances: HashMap<String, Option<E::Instance>>,
    definitions: HashMap<Option<String>, Option<E::Module>>,
}

impl<E: Engine> Runner<'_, E> {
    fn form(&mut self, text: &str) -> Went {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            parsed(text, |directive| match self.directive(directive) {
                Ok(went) | Err(went) => went,
            })
        }));
        match tried {
            Ok(Ok(went)) => went,
            Ok(Err(message)) => skipped(super::module::not_understood(&message)),
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
                let compiled = self.module(module)?;
                // The last one can be meant without a name, too.
                if name.is_none() {
                    self.definitions.insert(None, Some(compiled));
                } else {
                    self.definitions.insert(name, Some(compiled));
                }
                Ok(passed())
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                self.last = None;
                let of = owned(module);
                let Some(Some(module)) = self.definitions.remove(&of) else {
                    return Err(failed("there is no such definition"));
                };
                let went = self.instantiate(&module, owned(instance));
                self.definitions.insert(of, Some(module));
                went
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
                registered.map(|()| passed()).map_err(failed)
            }
            WastDirective::Invoke(invoke) => {
                let called = self.invoke(&invoke)?;
                called.map(|_| passed()).map_err(failed)
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
                Err(Fault::Exception(_)) => Ok(passed()),
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
                    Err(Fault::Link(found) | Fault::Other(found)) => Ok(refused(&found, message)),
                    Err(other) => Err(failed(format!("{other}; expected `{message}`"))),
                    Ok(_) => Err(failed(format!("it was linked; expected `{message}`"))),
                }
            }
            WastDirective::AssertInvalidCustom { .. }
            | WastDirective::AssertMalformedCustom { .. } => Err(skipped(CUSTOM)),
            WastDirective::AssertSuspension { .. } => Err(skipped(SUSPENSION)),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => Err(skipped(THREAD)),
        }
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Result<E::Module, Went> {
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
            Err(found) => Ok(refused(&found, message)),
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
        Ok(passed())
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<E::Instance, Went> {
        let instance = match name {
            Some(name) => self.instances.get(name.name()).cloned().flatten(),
            None => self.last.clone(),
        };
        instance.ok_or_else(|| failed("its module did not come to an instance"))
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Result<Vec<Value>, Fault>, Went> {
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

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Value>, Fault>, Went> {
        let arguments: Option<Vec<Value>> = invoke.args.iter().map(argument).collect();
        let arguments =
            arguments.ok_or_else(|| skipped("an argument of a kind that is not known"))?;
        let instance = self.instance(invoke.module)?;
        Ok(self.engine.invoke(&instance, invoke.name, &arguments))
    }
}

fn returned(found: &[Value], expected: &[WastRet<'_>]) -> Verdict {
    match all_match(found, expected) {
        true => Ok(passed()),
        false => Err(failed(format!(
            "gave {}; expected {expected:?}",
            shown(found)
        ))),
    }
}

fn trapped(found: Result<Vec<Value>, Fault>, message: &str) -> Verdict {
    match found {
        Err(Fault::Trap(found)) => Ok(refused(&found, message)),
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
    use plimsoll_record::TargetId;

    /// Has one module, whatever it is given: its function `one` gives 1, `trap` traps.
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
    }

    fn carried_out(script: &str, from: u32, without: &[u32]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("a.wast");
        fs::write(&path, script).expect("a script");
        let request = Script {
            target: TargetId::from("double"),
            features: Vec::new(),
            script: path,
            from,
            without: without.to_vec(),
        };
        let mut said = Vec::new();
        let count = run(&mut Double::default(), &request, &mut |one| {
            said.push(match one.went {
                Went::Passed { differs: None } => format!("{} passed", one.index),
                Went::Passed { differs: Some(how) } => format!("{} differs {how}", one.index),
                Went::Failed { message } => format!("{} failed {message}", one.index),
                Went::Skipped { .. } => format!("{} skipped", one.index),
            });
        });
        assert_eq!(count.map(|n| n as usize), Ok(said.len() + from as usize));
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
}
