//! What an engine must be able to do to be described, in words that no engine owns.

use std::fmt;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit IEEE 754 number.
    F32,
    /// A 64-bit IEEE 754 number.
    F64,
    /// A 128-bit vector.
    V128,
    /// A function or null.
    FuncRef,
    /// Something of the host's or null.
    ExternRef,
    /// A structure, an array, a 31-bit integer or null, by a type that allows null.
    AnyRef,
    /// As [`Type::AnyRef`], by a type that 31-bit integers have.
    I31Ref,
    /// An exception or null.
    ExnRef,
}

/// A value. Numbers are bits, so that a NaN is compared as exactly as anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A 32-bit integer.
    I32(u32),
    /// A 64-bit integer.
    I64(u64),
    /// The bits of a 32-bit number.
    F32(u32),
    /// The bits of a 64-bit number.
    F64(u64),
    /// The bits of a vector, lane 0 lowest.
    V128(u128),
    /// Null.
    Null,
    /// Some function: engines have no name for it in common.
    Func,
    /// What the host knows by this number.
    Extern(u32),
    /// A 31-bit integer.
    I31(i32),
    /// The digest of a graph of objects, as [`graph`](crate::graph::graph) makes it.
    Graph(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::I32(bits) => write!(f, "i32:{bits:08x}"),
            Value::I64(bits) => write!(f, "i64:{bits:016x}"),
            Value::F32(bits) => write!(f, "f32:{bits:08x}"),
            Value::F64(bits) => write!(f, "f64:{bits:016x}"),
            Value::V128(bits) => write!(f, "v128:{bits:032x}"),
            Value::Null => f.write_str("null"),
            Value::Func => f.write_str("func"),
            Value::Extern(number) => write!(f, "extern:{number}"),
            Value::I31(number) => write!(f, "i31:{number}"),
            Value::Graph(digest) => write!(f, "graph:{digest:016x}"),
        }
    }
}

/// Why code trapped: the specification's reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// An `unreachable` instruction.
    Unreachable,
    /// A memory access out of bounds.
    MemoryOutOfBounds,
    /// A table access out of bounds, an indirect call's too.
    TableOutOfBounds,
    /// An indirect call through null.
    UninitializedElement,
    /// An indirect call to a function of another type.
    IndirectCallTypeMismatch,
    /// An integer that does not fit.
    IntegerOverflow,
    /// An integer division by zero.
    IntegerDivideByZero,
    /// A number that has no integer.
    InvalidConversion,
    /// No stack is left. How much there is, is each engine's own business.
    StackExhausted,
    /// No heap is left for objects. How much there is, is each engine's own business.
    HeapExhausted,
    /// An access through a null reference.
    NullReference,
    /// A cast to a type that the reference does not have.
    CastFailure,
    /// An access out of the bounds of an array.
    ArrayOutOfBounds,
    /// An atomic access to an address that is no multiple of its size.
    UnalignedAtomic,
    /// A wait at a memory that is not shared.
    UnsharedWait,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trap::Unreachable => "unreachable",
            Trap::MemoryOutOfBounds => "memory-out-of-bounds",
            Trap::TableOutOfBounds => "table-out-of-bounds",
            Trap::UninitializedElement => "uninitialized-element",
            Trap::IndirectCallTypeMismatch => "indirect-call-type-mismatch",
            Trap::IntegerOverflow => "integer-overflow",
            Trap::IntegerDivideByZero => "integer-divide-by-zero",
            Trap::InvalidConversion => "invalid-conversion",
            Trap::StackExhausted => "stack-exhausted",
            Trap::HeapExhausted => "heap-exhausted",
            Trap::NullReference => "null-reference",
            Trap::CastFailure => "cast-failure",
            Trap::ArrayOutOfBounds => "array-out-of-bounds",
            Trap::UnalignedAtomic => "unaligned-atomic",
            Trap::UnsharedWait => "unshared-wait",
        })
    }
}

/// Why something did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Code trapped.
    Trap(Trap),
    /// Code threw an exception that nothing caught: its values.
    Thrown(Vec<Value>),
    /// An import, or a limit of the host's, stood against it. Engines word it as they like.
    Refused(String),
    /// What no engine should do, in the engine's words.
    Broken(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Trap(trap) => write!(f, "trap {trap}"),
            Stop::Thrown(values) => {
                f.write_str("thrown (")?;
                for (i, value) in values.iter().enumerate() {
                    let space = if i == 0 { "" } else { " " };
                    write!(f, "{space}{value}")?;
                }
                f.write_str(")")
            }
            // Without the words: they are not comparable.
            Stop::Refused(_) => f.write_str("refused"),
            Stop::Broken(message) => write!(f, "broken {message:?}"),
        }
    }
}

/// What an export is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// A function of these parameters; what it gives is seen when it is called.
    Func(Vec<Type>),
    /// A function with a parameter that the host has no value for. It is not called.
    Uncallable,
    /// A global.
    Global,
    /// A memory.
    Memory,
    /// A table.
    Table,
    /// A tag.
    Tag,
}

/// A name that an instance exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ExportKind,
}

/// An instance that runs.
pub trait Running {
    /// What it exports, in any order.
    fn exports(&mut self) -> Vec<Export>;

    /// Calls an exported function.
    ///
    /// # Errors
    /// Whatever stopped it.
    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop>;

    /// An exported global's value.
    fn global(&mut self, name: &str) -> Value;

    /// Sets an exported global that code may write.
    fn set_global(&mut self, name: &str, value: Value);

    /// An exported memory's bytes.
    fn memory(&mut self, name: &str) -> Vec<u8>;

    /// An exported table's elements.
    fn table(&mut self, name: &str) -> Vec<Value>;

    /// The digest of all calls of host functions so far, as [`host::Calls`](crate::host::Calls)
    /// makes it.
    fn host_calls(&mut self) -> u64;
}

/// An engine.
pub trait Engine {
    /// A compiled module.
    type Module;
    /// One of its instances.
    type Running: Running;

    /// Compiles a module.
    ///
    /// # Errors
    /// The engine's words for why not.
    fn compile(&self, wasm: &[u8]) -> Result<Self::Module, String>;

    /// Makes an instance whose imports are those of [`host`](crate::host), with its limits.
    ///
    /// # Errors
    /// Whatever stopped it.
    fn instantiate(&self, module: &Self::Module) -> Result<Self::Running, Stop>;
}
