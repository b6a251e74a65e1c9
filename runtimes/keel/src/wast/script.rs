//! One script, a directive at a time.

use std::collections::HashMap;

use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke};

use super::{spectest, values};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::externs::Extern;
use crate::instance::Instance;
use crate::linker::{Linker, Shadowing};
use crate::module::Module;
use crate::store::{Limits, Store};
use crate::trap::TrapKind;
use crate::value::Val;

/// What came of a script.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Directives that did what they should.
    pub passed: usize,
    /// Those that did not, in order.
    pub failures: Vec<Failure>,
}

/// A directive that did not do what it should.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its line in the script, from one.
    pub line: usize,
    /// What happened instead.
    pub message: String,
}

/// Runs a script; every directive is tried, whatever became of those before.
///
/// # Errors
/// [`Error::Text`] if the script cannot be read at all.
pub fn run(engine: &Engine, text: &str) -> Result<Outcome> {
    let malformed = |error: wast::Error| Error::Text(error.to_string());
    let mut lexer = Lexer::new(text);
    // Scripts test names with characters that look like others.
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(malformed)?;
    let script = parser::parse::<Wast<'_>>(&buffer).map_err(malformed)?;
    let mut runner = Runner::new(engine)?;
    let mut outcome = Outcome::default();
    for directive in script.directives {
        let (line, _) = directive.span().linecol_in(text);
        match runner.directive(directive) {
            Ok(()) => outcome.passed += 1,
            Err(message) => outcome.failures.push(Failure {
                line: line + 1,
                message,
            }),
        }
    }
    Ok(outcome)
}

struct Runner {
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
    last: Option<Instance>,
    instances: HashMap<String, Instance>,
    definitions: HashMap<Option<String>, Module>,
}

/// What a directive comes to: nothing, or what went wrong.
type Verdict<T = ()> = std::result::Result<T, String>;

fn text<T>(result: Result<T>) -> Verdict<T> {
    result.map_err(|error| error.to_string())
}

impl Runner {
    fn new(engine: &Engine) -> Result<Runner> {
        let mut store = Store::new(engine, ());
        store.set_limits(Limits::default());
        let mut linker = Linker::new(engine);
        linker.set_shadowing(Shadowing::Allowed);
        spectest::define(&mut linker, &mut store)?;
        Ok(Runner {
            engine: engine.clone(),
            store,
            linker,
            last: None,
            instances: HashMap::new(),
            definitions: HashMap::new(),
        })
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Verdict {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                let module = self.module(&mut module)?;
                self.instantiate(&module, name)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                let module = self.module(&mut module)?;
                self.definitions.insert(name, module);
                Ok(())
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                let module = module.map(|id| id.name().to_owned());
                let module = self
                    .definitions
                    .get(&module)
                    .cloned()
                    .ok_or("no such definition")?;
                self.instantiate(&module, instance.map(|id| id.name().to_owned()))
            }
            WastDirective::AssertMalformed { module, .. }
            | WastDirective::AssertInvalid { module, .. } => self.must_not_compile(module),
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                text(self.linker.instance(&mut self.store, name, instance)).map(drop)
            }
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke).map_err(|e| e.to_string()).map(drop)
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec).map_err(|error| error.to_string())?;
                let same = found.len() == results.len()
                    && found
                        .iter()
                        .zip(&results)
                        .all(|(found, one)| values::matches(found, one));
                if same {
                    Ok(())
                } else {
                    Err(format!("got {found:x?}, expected {results:?}"))
                }
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                must_trap(self.execute(exec).map(drop), message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                must_trap(self.invoke(&call).map(drop), message)
            }
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => {
                let module = self.module(&mut QuoteWat::Wat(module))?;
                match self.linker.instantiate(&mut self.store, &module) {
                    Ok(_) => Err("the module could be linked".to_owned()),
                    Err(error) if error.to_string().starts_with(message) => Ok(()),
                    Err(error) => Err(format!("got `{error}`, expected `{message}`")),
                }
            }
            _ => Err("keel has no such directive".to_owned()),
        }
    }

    fn module(&self, module: &mut QuoteWat<'_>) -> Verdict<Module> {
        let wasm = module.encode().map_err(|error| error.to_string())?;
        text(self.compile(&wasm))
    }

    /// A module from its binary form alone, which [`Module::new`] is not so strict about.
    fn compile(&self, wasm: &[u8]) -> Result<Module> {
        Module::deserialize(&self.engine, &self.engine.compile(wasm)?)
    }

    fn must_not_compile(&self, mut module: QuoteWat<'_>) -> Verdict {
        let Ok(wasm) = module.encode() else {
            return Ok(());
        };
        match self.compile(&wasm) {
            Ok(_) => Err("the module was accepted".to_owned()),
            Err(Error::Invalid { .. } | Error::FeatureOff(_)) => Ok(()),
            Err(error) => Err(format!("not found to be invalid: {error}")),
        }
    }

    fn instantiate(&mut self, module: &Module, name: Option<String>) -> Verdict {
        let instance = text(self.linker.instantiate(&mut self.store, module))?;
        self.last = Some(instance);
        if let Some(name) = name {
            self.instances.insert(name, instance);
        }
        Ok(())
    }

    fn instance(&self, name: Option<Id<'_>>) -> Verdict<Instance> {
        let instance = match name {
            Some(name) => self.instances.get(name.name()).copied(),
            None => self.last,
        };
        instance.ok_or_else(|| "no such instance".to_owned())
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Val>> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => {
                let module = self
                    .module(&mut QuoteWat::Wat(module))
                    .map_err(Error::host)?;
                self.linker.instantiate(&mut self.store, &module)?;
                Ok(Vec::new())
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module).map_err(Error::host)?;
                match instance.get_export(&mut self.store, global)? {
                    Extern::Global(global) => Ok(vec![global.get(&self.store)?]),
                    _ => Err(Error::host("not a global")),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>> {
        let instance = self.instance(invoke.module).map_err(Error::host)?;
        let args: Option<Vec<Val>> = invoke.args.iter().map(values::argument).collect();
        let args = args.ok_or_else(|| Error::host("an argument that keel does not have"))?;
        instance
            .get_func(&mut self.store, invoke.name)?
            .call(&mut self.store, &args)
    }
}

/// Whether something trapped for the reason that a script expects.
fn must_trap(result: Result<()>, message: &str) -> Verdict {
    let error = match result {
        Ok(()) => return Err(format!("no trap, expected `{message}`")),
        Err(error) => error,
    };
    let Some(trap) = error.as_trap() else {
        return Err(format!("got `{error}`, expected the trap `{message}`"));
    };
    // An index out of bounds has another name when it is a call's.
    let same = message.starts_with(&trap.kind.to_string())
        || trap.kind.to_string().starts_with(message)
        || (trap.kind == TrapKind::TableOutOfBounds && message.starts_with("undefined"));
    if same {
        Ok(())
    } else {
        Err(format!("got `{}`, expected `{message}`", trap.kind))
    }
}
