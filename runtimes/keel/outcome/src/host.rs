//! The imports that every engine provides to a module, and how the host functions behave.

use crate::digest::{Digest, Numbers};
use crate::engine::{Type, Value};

/// The maximum size of a memory, bytes. Larger memories are rejected, and growth beyond it fails.
pub const MEMORY_LIMIT_BYTES: u64 = 8 << 20;
/// The maximum size of a table, elements.
pub const TABLE_LIMIT_ELEMENTS: u32 = 4096;
/// The stack that an engine gives to code, bytes: enough that generated modules never exhaust it,
/// because engines overflow at different depths.
pub const STACK_BYTES: usize = 64 << 20;

/// An exported `i32` global with which a module limits its own run time. It is reset before every
/// call.
pub const FUEL: &str = "~fuel";

/// The module name of all imports.
pub const MODULE: &str = "host";

use Type::{AnyRef, ExnRef, ExternRef, F32, F64, FuncRef, I31Ref, I32, I64, V128};

/// The functions: name, parameters, results.
pub const FUNCTIONS: [(&str, &[Type], &[Type]); 10] = [
    ("nothing", &[], &[]),
    ("take", &[I32, I64, F32, F64], &[]),
    ("give", &[], &[I32]),
    ("same", &[I32, I32], &[I32]),
    ("wide", &[I64, V128], &[V128]),
    ("pair", &[F32, F64], &[F64, F32]),
    (
        "many",
        &[I32, F32, I64, F64, I32, I64, F32, F64, I32, V128],
        &[I32, I64, F32, F64, V128],
    ),
    ("function", &[FuncRef], &[FuncRef]),
    ("thing", &[ExternRef, I32], &[I32, ExternRef]),
    ("number", &[F64], &[F64]),
];

/// Whether code may write a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// Immutable.
    Const,
    /// Mutable.
    Var,
}

/// The globals: name, type, mutability, value.
pub const GLOBALS: [(&str, Type, Mutability, Value); 8] = [
    ("i32", I32, Mutability::Const, Value::I32(7)),
    ("i64", I64, Mutability::Const, Value::I64(1 << 40)),
    (
        "f64",
        F64,
        Mutability::Const,
        Value::F64(0x3ff8_0000_0000_0000),
    ),
    ("var_i32", I32, Mutability::Var, Value::I32(0x8000_0000)),
    ("var_f32", F32, Mutability::Var, Value::F32(0xbf80_0000)),
    (
        "var_v128",
        V128,
        Mutability::Var,
        Value::V128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
    ),
    ("var_func", FuncRef, Mutability::Var, Value::Null),
    ("var_extern", ExternRef, Mutability::Var, Value::Extern(77)),
];

/// The memories: name, minimum and maximum pages.
pub const MEMORIES: [(&str, u32, Option<u32>); 2] = [("memory", 1, Some(4)), ("open", 2, None)];

/// The tables, all elements null: name, type, minimum and maximum length.
pub const TABLES: [(&str, Type, u32, Option<u32>); 2] = [
    ("functions", FuncRef, 10, Some(20)),
    ("things", ExternRef, 5, None),
];

/// A digest of the host calls so far, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    digest: Digest,
    count: u64,
}

impl Calls {
    /// Records a call to a function of [`FUNCTIONS`] and returns its results, which depend on all
    /// calls so far.
    pub fn answer(&mut self, function: usize, arguments: &[Value]) -> Vec<Value> {
        self.count += 1;
        self.digest.word(function as u64);
        for argument in arguments {
            self.digest.bytes(argument.to_string().as_bytes());
        }
        let mut numbers = Numbers::new(self.digest.value());
        let (_, _, results) = FUNCTIONS[function];
        results.iter().map(|ty| value(*ty, &mut numbers)).collect()
    }

    /// The digest of all calls.
    pub fn value(&self) -> u64 {
        let mut digest = self.digest;
        digest.word(self.count);
        digest.value()
    }
}

/// A value of type `ty`, biased towards edge cases. NaNs are canonical, and function references are
/// null because the host has no functions to give.
pub fn value(ty: Type, numbers: &mut Numbers) -> Value {
    const I32S: [u32; 8] = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000, 31];
    const I64S: [u64; 8] = [
        0,
        1,
        63,
        0x7fff_ffff_ffff_ffff,
        1 << 63,
        u64::MAX,
        1 << 32,
        0xffff_ffff,
    ];
    const F32S: [u32; 10] = [
        0,
        0x8000_0000,
        0x3f80_0000,
        0xbf00_0000,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        1,
        0x4f00_0000,
        0xcf00_0001,
    ];
    const F64S: [u64; 10] = [
        0,
        1 << 63,
        0x3ff0_0000_0000_0000,
        0xbfe0_0000_0000_0000,
        0x7ff0_0000_0000_0000,
        0xfff0_0000_0000_0000,
        0x7ff8_0000_0000_0000,
        1,
        0x41e0_0000_0000_0000,
        0xc3e0_0000_0000_0001,
    ];
    let any = numbers.next_number();
    let interesting = numbers.below(2) == 0;
    match ty {
        I32 if interesting => Value::I32(I32S[any as usize % I32S.len()]),
        I32 => Value::I32(any as u32 >> (any >> 59)),
        I64 if interesting => Value::I64(I64S[any as usize % I64S.len()]),
        I64 => Value::I64(any >> (any & 63)),
        F32 if interesting => Value::F32(F32S[any as usize % F32S.len()]),
        F32 => Value::F32((any as i32 as f32 / 256.0).to_bits()),
        F64 if interesting => Value::F64(F64S[any as usize % F64S.len()]),
        F64 => Value::F64((any as i64 as f64 / 65536.0).to_bits()),
        V128 => Value::V128(u128::from(any) << 64 | u128::from(numbers.next_number())),
        FuncRef => Value::Null,
        ExnRef | AnyRef => Value::Null,
        I31Ref if interesting => Value::Null,
        I31Ref => Value::I31((any as i32) >> 1),
        ExternRef if interesting => Value::Null,
        ExternRef => Value::Extern(any as u32 & 0xffff),
    }
}
