//! Contents of the host module `spectest`, which scripts import from.

use crate::value::Value;

/// The name of the module.
pub const NAME: &str = "spectest";

/// Functions by name; they do nothing and return nothing. The values only give the parameter types.
pub const FUNCTIONS: &[(&str, &[Value])] = &[
    ("print", &[]),
    ("print_i32", &[Value::I32(0)]),
    ("print_i64", &[Value::I64(0)]),
    ("print_f32", &[Value::F32(0)]),
    ("print_f64", &[Value::F64(0)]),
    ("print_i32_f32", &[Value::I32(0), Value::F32(0)]),
    ("print_f64_f64", &[Value::F64(0), Value::F64(0)]),
];

/// Immutable globals by name.
pub const GLOBALS: &[(&str, Value)] = &[
    ("global_i32", Value::I32(666)),
    ("global_i64", Value::I64(666)),
    ("global_f32", Value::F32(666.6f32.to_bits())),
    ("global_f64", Value::F64(666.6f64.to_bits())),
];

/// Minimum and maximum size of the function table `table`. With 64-bit tables, `table64` has the same size.
pub const TABLE: (u32, u32) = (10, 20);

/// Minimum and maximum pages of the memory `memory`. With threads, the shared memory `shared_memory` has the same size.
pub const MEMORY: (u32, u32) = (1, 2);
