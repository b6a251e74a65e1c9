//! Encodes the modules of directives and describes what directives use.

use wast::parser::{self, Parse, ParseBuffer, Parser};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, kw};

use crate::forms::{Form, Legible, lexer};

/// Parses one directive and passes it to `with`.
///
/// # Errors
/// The parser's error for invalid text.
pub fn parsed<T>(text: &str, with: impl FnOnce(WastDirective<'_>) -> T) -> Result<T, String> {
    let message = |error: wast::Error| error.message();
    let buffer = ParseBuffer::new_with_lexer(lexer(text)).map_err(message)?;
    let Directives(directives) = parser::parse(&buffer).map_err(message)?;
    let mut directives = directives.into_iter();
    match (directives.next(), directives.next()) {
        (Some(directive), None) => Ok(with(directive)),
        _ => Err("it is not one directive".to_owned()),
    }
}

/// Needed because [`Wast`] parses a text that starts with `thread` or `wait` as module fields.
struct Directives<'a>(Vec<WastDirective<'a>>);

impl<'a> Parse<'a> for Directives<'a> {
    fn parse(parser: Parser<'a>) -> parser::Result<Self> {
        if parser.peek2::<kw::thread>()? || parser.peek2::<kw::wait>()? {
            return Ok(Directives(vec![parser.parens(Parser::parse)?]));
        }
        Ok(Directives(parser.parse::<Wast<'a>>()?.directives))
    }
}

/// Reason to skip a directive that tests only the text format.
pub const TEXT: &str = "about the text format, which no engine is given";
/// Reason to skip a directive about custom sections.
pub const CUSTOM: &str = "about a custom section, which engines need not read";
/// Reason to skip a directive about suspensions.
pub const SUSPENSION: &str = "suspensions are not carried out";

/// Reason to skip a directive that cannot be tokenised.
pub fn malformed(why: &str) -> String {
    format!("malformed script: {why}")
}

/// Reason to skip a directive that the parser rejects.
pub fn not_understood(why: &str) -> String {
    format!("not understood: {why}")
}

/// Why a directive does not test an engine; `None` if it does. The executor skips exactly the directives with a reason.
pub fn skip(form: &Form<'_>) -> Option<String> {
    if let Legible::No(why) = &form.legible {
        return Some(malformed(why));
    }
    let unencodable = |module: &mut QuoteWat<'_>| module.encode().is_err().then_some(TEXT);
    let reason = parsed(form.text, |directive| match directive {
        WastDirective::AssertMalformed { mut module, .. }
        | WastDirective::AssertInvalid { mut module, .. }
        | WastDirective::Module(mut module)
        | WastDirective::ModuleDefinition(mut module) => unencodable(&mut module),
        WastDirective::AssertUnlinkable { module, .. } => unencodable(&mut QuoteWat::Wat(module)),
        WastDirective::AssertInvalidCustom { .. } | WastDirective::AssertMalformedCustom { .. } => {
            Some(CUSTOM)
        }
        WastDirective::AssertSuspension { .. } => Some(SUSPENSION),
        _ => None,
    });
    match reason {
        Ok(reason) => reason.map(str::to_owned),
        Err(why) => Some(not_understood(&why)),
    }
}

/// The instance that a directive uses, or the module that it contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Contains a module and instantiates it.
    Instance {
        /// Name of the instance, if any.
        name: Option<String>,
        /// The binary, if the text can be encoded.
        wasm: Option<Vec<u8>>,
    },
    /// Contains a module without instantiating it.
    Definition {
        /// Name of the module, if any.
        name: Option<String>,
        /// The binary, if the text can be encoded.
        wasm: Option<Vec<u8>>,
    },
    /// Instantiates a module that was defined earlier.
    Made {
        /// Name of the instance, if any.
        name: Option<String>,
        /// Name of the module; `None` for the last one.
        of: Option<String>,
    },
    /// Contains a module for this directive only.
    Module(Option<Vec<u8>>),
    /// Uses an instance; `None` for the last one.
    Uses(Option<String>),
    /// Registers an instance for imports.
    Registers {
        /// The instance; `None` for the last one.
        instance: Option<String>,
        /// The module name for imports.
        name: String,
    },
    /// Any other directive.
    Other,
}

/// Describes what a directive uses.
///
/// # Errors
/// The parser's error for invalid text.
pub fn about(text: &str) -> Result<About, String> {
    let named = |id: Option<wast::token::Id<'_>>| id.map(|id| id.name().to_owned());
    parsed(text, |directive| match directive {
        WastDirective::Module(mut module) => About::Instance {
            name: named(module.name()),
            wasm: module.encode().ok(),
        },
        WastDirective::ModuleDefinition(mut module) => About::Definition {
            name: named(module.name()),
            wasm: module.encode().ok(),
        },
        WastDirective::ModuleInstance {
            instance, module, ..
        } => About::Made {
            name: named(instance),
            of: named(module),
        },
        WastDirective::Register { name, module, .. } => About::Registers {
            instance: named(module),
            name: name.to_owned(),
        },
        WastDirective::Invoke(invoke) | WastDirective::AssertExhaustion { call: invoke, .. } => {
            About::Uses(named(invoke.module))
        }
        WastDirective::AssertReturn { exec, .. }
        | WastDirective::AssertTrap { exec, .. }
        | WastDirective::AssertException { exec, .. } => match exec {
            WastExecute::Invoke(invoke) => About::Uses(named(invoke.module)),
            WastExecute::Get { module, .. } => About::Uses(named(module)),
            WastExecute::Wat(module) => About::Module(QuoteWat::Wat(module).encode().ok()),
        },
        WastDirective::AssertUnlinkable { module, .. } => {
            About::Module(QuoteWat::Wat(module).encode().ok())
        }
        _ => About::Other,
    })
}
