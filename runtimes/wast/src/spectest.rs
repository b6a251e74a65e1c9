//! The host module `spectest`, which scripts import from: what is in it.

use crate::value::Value;

/// Its name.
pub const NAME: &str = "spectest";

/// Its functions, which take these values, do nothing and give nothing. Only the types of the
/// values count.
pub const FUNCTIONS: &[(&str, &[Value])] = &[
    ("print", &[]),
    ("print_i32", &[Value::I32(0)]),
    ("print_i64", &[Value::I64(0)]),
    ("print_f32", &[Value::F32(0)]),
    ("print_f64", &[Value::F64(0)]),
    ("print_i32_f32", &[Value::I32(0), Value::F32(0)]),
    ("print_f64_f64", &[Value::F64(0), Value::F64(0)]),
];

/// Its globals, which never change.
pub const GLOBALS: &[(&str, Value)] = &[
    ("global_i32", Value::I32(666)),
    ("global_i64", Value::I64(666)),
    ("global_f32", Value::F32(666.6f32.to_bits())),
    ("global_f64", Value::F64(666.6f64.to_bits())),
];

/// Its table of functions, `table`: smallest and largest number of elements. Where 64-bit tables
/// are on, `table64` is one of the same size.
pub const TABLE: (u32, u32) = (10, 20);

/// Its memory, `memory`: smallest and largest number of pages. Where threads are on,
/// `shared_memory` is a shared one of the same size.
pub const MEMORY: (u32, u32) = (1, 2);
