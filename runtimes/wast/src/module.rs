//! The modules of directives, in binary.

use wast::parser::{self, Parse, ParseBuffer, Parser};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, kw};

use crate::forms::{Form, Legible, lexer};

/// Something to do with one parsed directive.
///
/// # Errors
/// What the parser says of a text that it cannot read.
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

/// [`Wast`] takes a text that begins with `thread` or `wait` for the fields of a module.
struct Directives<'a>(Vec<WastDirective<'a>>);

impl<'a> Parse<'a> for Directives<'a> {
    fn parse(parser: Parser<'a>) -> parser::Result<Self> {
        if parser.peek2::<kw::thread>()? || parser.peek2::<kw::wait>()? {
            return Ok(Directives(vec![parser.parens(Parser::parse)?]));
        }
        Ok(Directives(parser.parse::<Wast<'a>>()?.directives))
    }
}

/// Said of a directive that only the reading of the text decides.
pub const TEXT: &str = "about the text format, which no engine is given";
/// Said of a directive about custom sections.
pub const CUSTOM: &str = "about a custom section, which engines need not read";
/// Said of a directive about suspensions.
pub const SUSPENSION: &str = "suspensions are not carried out";

/// Said of a directive that is no text.
pub fn malformed(why: &str) -> String {
    format!("malformed script: {why}")
}

/// Said of a directive that the parser does not know.
pub fn not_understood(why: &str) -> String {
    format!("not understood: {why}")
}

/// Why a directive is no question to an engine, whichever; none if it is one. What the executor
/// skips is exactly this.
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

/// What a directive is about: which instance it uses or what module it brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// It brings a module and makes an instance of it, of this name.
    Instance {
        /// The name, if it has one.
        name: Option<String>,
        /// The binary, if the text can be made one.
        wasm: Option<Vec<u8>>,
    },
    /// It brings a module without an instance, of this name.
    Definition {
        /// The name, if it has one.
        name: Option<String>,
        /// The binary, if the text can be made one.
        wasm: Option<Vec<u8>>,
    },
    /// It makes an instance of a module that was brought before.
    Made {
        /// The instance's name.
        name: Option<String>,
        /// The module's.
        of: Option<String>,
    },
    /// It brings a module for this directive only.
    Module(Option<Vec<u8>>),
    /// It uses an instance, or the last one.
    Uses(Option<String>),
    /// It gives an instance, or the last one, a name to import from.
    Registers {
        /// The instance.
        instance: Option<String>,
        /// The name to import from.
        name: String,
    },
    /// None of these.
    Other,
}

/// What a directive is about.
///
/// # Errors
/// What the parser says of a text that it cannot read.
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
