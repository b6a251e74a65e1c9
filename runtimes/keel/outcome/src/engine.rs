//! The engine-neutral interface that an engine implements to be described.

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
    /// A function reference or null.
    FuncRef,
    /// A host reference or null.
    ExternRef,
    /// A structure, an array, a 31-bit integer or null; the type is nullable.
    AnyRef,
    /// As [`Type::AnyRef`], with `i31` as the static type.
    I31Ref,
    /// An exception reference or null.
    ExnRef,
}

/// A value. Floats are stored as bits, so that NaNs compare exactly.
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
    /// Any function: engines share no name for it.
    Func,
    /// A host reference, by the host's number.
    Extern(u32),
    /// A 31-bit integer.
    I31(i32),
    /// The digest of an object graph, from [`graph`](crate::graph::graph).
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

/// A trap, by the specification's reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// An `unreachable` instruction.
    Unreachable,
    /// A table access out of bounds, including by an indirect call.
    MemoryOutOfBounds,
    /// A table access out of bounds, an indirect call's too.
    TableOutOfBounds,
    /// An indirect call through null.
    UninitializedElement,
    /// An indirect call to a function of a different type.
    IndirectCallTypeMismatch,
    /// An integer result that does not fit its type.
    IntegerOverflow,
    /// An integer division by zero.
    IntegerDivideByZero,
    /// A float that has no integer equivalent.
    InvalidConversion,
    /// The stack is exhausted. Its size differs between engines.
    StackExhausted,
    /// The object heap is exhausted. Its size differs between engines.
    HeapExhausted,
    /// An access through a null reference.
    NullReference,
    /// A cast to a type that the object does not have.
    CastFailure,
    /// An array access out of bounds.
    ArrayOutOfBounds,
    /// An atomic access to a misaligned address.
    UnalignedAtomic,
    /// A wait on a memory that is not shared.
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

/// Why compilation, instantiation or a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Code trapped.
    Trap(Trap),
    /// An uncaught exception, with its values.
    Thrown(Vec<Value>),
    /// Rejected because of an import or a host limit. The wording is the engine's.
    Refused(String),
    /// Something no engine should do, in the engine's words.
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
            // The message is left out: engines word it differently.
            Stop::Refused(_) => f.write_str("refused"),
            Stop::Broken(message) => write!(f, "broken {message:?}"),
        }
    }
}

/// The kind of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// A function with these parameters. Result types show when it is called.
    Func(Vec<Type>),
    /// A function with a parameter type that the host cannot construct. It is never called.
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

/// An export of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: ExportKind,
}

/// A live instance.
pub trait Running {
    /// Its exports, in any order.
    fn exports(&mut self) -> Vec<Export>;

    /// Calls an exported function.
    ///
    /// # Errors
    /// The reason that the call failed.
    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Vec<Value>, Stop>;

    /// The value of an exported global.
    fn global(&mut self, name: &str) -> Value;

    /// Sets an exported mutable global.
    fn set_global(&mut self, name: &str, value: Value);

    /// The contents of an exported memory.
    fn memory(&mut self, name: &str) -> Vec<u8>;

    /// The elements of an exported table.
    fn table(&mut self, name: &str) -> Vec<Value>;

    /// The digest of all host calls so far, from [`host::Calls`](crate::host::Calls).
    fn host_calls(&mut self) -> u64;
}

/// An engine under test.
pub trait Engine {
    /// A compiled module.
    type Module;
    /// An instance of a module.
    type Running: Running;

    /// Compiles a module.
    ///
    /// # Errors
    /// The engine's message when it rejects the module.
    fn compile(&self, wasm: &[u8]) -> Result<Self::Module, String>;

    /// Creates an instance with the imports and limits of [`host`](crate::host).
    ///
    /// # Errors
    /// The reason that instantiation failed.
    fn instantiate(&self, module: &Self::Module) -> Result<Self::Running, Stop>;
}
