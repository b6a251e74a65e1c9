//! Traps: why and where WebAssembly code stopped.

use std::fmt;

/// The reason for a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum TrapKind {
    /// An `unreachable` instruction was reached.
    Unreachable = 1,
    /// A memory access out of bounds.
    MemoryOutOfBounds = 2,
    /// A table access out of bounds.
    TableOutOfBounds = 3,
    /// An indirect call through a null reference.
    UndefinedElement = 4,
    /// An indirect call to a function of a different type.
    IndirectCallTypeMismatch = 5,
    /// An integer result that does not fit its type.
    IntegerOverflow = 6,
    /// An integer division by zero.
    IntegerDivideByZero = 7,
    /// A float that has no integer equivalent.
    InvalidConversion = 8,
    /// The stack is exhausted.
    StackOverflow = 9,
    /// The fuel is used up.
    OutOfFuel = 10,
    /// The timeout passed, or the embedder interrupted the code.
    Interrupted = 11,
    /// The artefact's code is damaged: its checksum did not match on first use.
    DamagedCode = 12,
    /// An atomic access to a misaligned address.
    UnalignedAtomic = 13,
    /// A wait on a memory that is not shared, which no other thread could end.
    UnsharedWait = 14,
    /// An access or call through a null reference.
    NullReference = 15,
    /// A cast to a type that the object does not have.
    CastFailure = 16,
    /// An access out of the bounds of an array.
    ArrayOutOfBounds = 17,
    /// The object heap has reached its limit.
    HeapExhausted = 18,
}

impl TrapKind {
    /// The kind with this number; the inverse of `as u8`.
    pub(crate) fn from_raw(raw: u8) -> Option<TrapKind> {
        Some(match raw {
            1 => TrapKind::Unreachable,
            2 => TrapKind::MemoryOutOfBounds,
            3 => TrapKind::TableOutOfBounds,
            4 => TrapKind::UndefinedElement,
            5 => TrapKind::IndirectCallTypeMismatch,
            6 => TrapKind::IntegerOverflow,
            7 => TrapKind::IntegerDivideByZero,
            8 => TrapKind::InvalidConversion,
            9 => TrapKind::StackOverflow,
            10 => TrapKind::OutOfFuel,
            11 => TrapKind::Interrupted,
            12 => TrapKind::DamagedCode,
            13 => TrapKind::UnalignedAtomic,
            14 => TrapKind::UnsharedWait,
            15 => TrapKind::NullReference,
            16 => TrapKind::CastFailure,
            17 => TrapKind::ArrayOutOfBounds,
            18 => TrapKind::HeapExhausted,
            _ => return None,
        })
    }
}

impl fmt::Display for TrapKind {
    /// Uses the specification's wording where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrapKind::Unreachable => "unreachable",
            TrapKind::MemoryOutOfBounds => "out of bounds memory access",
            TrapKind::TableOutOfBounds => "out of bounds table access",
            TrapKind::UndefinedElement => "uninitialized element",
            TrapKind::IndirectCallTypeMismatch => "indirect call type mismatch",
            TrapKind::IntegerOverflow => "integer overflow",
            TrapKind::IntegerDivideByZero => "integer divide by zero",
            TrapKind::InvalidConversion => "invalid conversion to integer",
            TrapKind::StackOverflow => "call stack exhausted",
            TrapKind::OutOfFuel => "all fuel consumed",
            TrapKind::Interrupted => "interrupted",
            TrapKind::DamagedCode => "damaged code in the artefact",
            TrapKind::UnalignedAtomic => "unaligned atomic",
            TrapKind::UnsharedWait => "expected shared memory",
            TrapKind::NullReference => "null reference",
            TrapKind::CastFailure => "cast failure",
            TrapKind::ArrayOutOfBounds => "out of bounds array access",
            TrapKind::HeapExhausted => "the heap of objects is exhausted",
        })
    }
}

/// A function that was active when code trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's index in the module.
    pub function: u32,
    /// The function's name, if the module's name section has it.
    pub name: Option<String>,
    /// The offset of the instruction in the module, if known. It is unknown for a function that was
    /// calling an inlined function.
    pub offset: Option<u32>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}", plain(name))?,
            None => write!(f, "function {}", self.function)?,
        }
        match self.offset {
            Some(offset) => write!(f, " at {offset:#x}"),
            None => Ok(()),
        }
    }
}

/// Escapes control characters and the like in a name from a module, so that it cannot affect a
/// terminal.
pub(crate) fn plain(name: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        match steers(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

/// A trap, with the stack of active functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Why.
    pub kind: TrapKind,
    /// The active functions, innermost first.
    pub frames: Vec<Frame>,
}

impl Trap {
    /// A trap raised by a host function. Its frames are added when it passes through WebAssembly
    /// code.
    pub fn new(kind: TrapKind) -> Trap {
        Trap {
            kind,
            frames: Vec::new(),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap: {}", self.kind)?;
        for frame in &self.frames {
            write!(f, "\n  in {frame}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Trap {}
