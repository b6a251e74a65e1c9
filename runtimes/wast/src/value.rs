//! Values in scripts: arguments, and comparison of results with expectations.

use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// An argument or result of a guest function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// The bits of a vector, with lane 0 lowest.
    V128(u128),
    /// A reference; see [`Ref`].
    Ref(Ref),
}

/// A reference, as far as scripts distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ref {
    /// Null, with its type hierarchy.
    Null(Null),
    /// A host reference, with its number.
    Extern(u32),
    /// A host reference converted to a guest type (`any`), with its number.
    Host(u32),
    /// Function reference.
    Func,
    /// Struct reference.
    Struct,
    /// Array reference.
    Array,
    /// Small integer (`i31`).
    I31,
    /// Exception reference.
    Exn,
    /// Any other reference in the `any` hierarchy.
    Any,
}

/// Type hierarchy of a null reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// The hierarchy of `func`.
    Func,
    /// The hierarchy of `extern`.
    Extern,
    /// The hierarchy of `any`.
    Any,
    /// The hierarchy of `exn`.
    Exn,
    /// Not reported by the engine, or given by a type index in the script.
    Untold,
}

/// Converts an argument; `None` if [`Value`] cannot represent it.
pub(super) fn argument(argument: &WastArg<'_>) -> Option<Value> {
    let WastArg::Core(argument) = argument else {
        return None;
    };
    Some(match argument {
        WastArgCore::I32(value) => Value::I32(*value),
        WastArgCore::I64(value) => Value::I64(*value),
        WastArgCore::F32(value) => Value::F32(value.bits),
        WastArgCore::F64(value) => Value::F64(value.bits),
        WastArgCore::V128(value) => Value::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => Value::Ref(Ref::Null(null(ty))),
        WastArgCore::RefExtern(number) => Value::Ref(Ref::Extern(*number)),
        WastArgCore::RefHost(number) => Value::Ref(Ref::Host(*number)),
    })
}

fn null(ty: &HeapType<'_>) -> Null {
    let HeapType::Abstract { ty, .. } = ty else {
        return Null::Untold;
    };
    match ty {
        AbstractHeapType::Func | AbstractHeapType::NoFunc => Null::Func,
        AbstractHeapType::Extern | AbstractHeapType::NoExtern => Null::Extern,
        AbstractHeapType::Exn | AbstractHeapType::NoExn => Null::Exn,
        AbstractHeapType::Any
        | AbstractHeapType::Eq
        | AbstractHeapType::Struct
        | AbstractHeapType::Array
        | AbstractHeapType::I31
        | AbstractHeapType::None => Null::Any,
        AbstractHeapType::Cont | AbstractHeapType::NoCont => Null::Untold,
    }
}

/// Whether results match what a script expects.
pub(super) fn all_match(results: &[Value], expected: &[WastRet<'_>]) -> bool {
    results.len() == expected.len()
        && results
            .iter()
            .zip(expected)
            .all(|(result, expected)| match expected {
                WastRet::Core(expected) => matches(result, expected),
                _ => false,
            })
}

fn matches(result: &Value, expected: &WastRetCore<'_>) -> bool {
    match (result, expected) {
        (_, WastRetCore::Either(any)) => any.iter().any(|one| matches(result, one)),
        (Value::I32(result), WastRetCore::I32(expected)) => result == expected,
        (Value::I64(result), WastRetCore::I64(expected)) => result == expected,
        (Value::F32(result), WastRetCore::F32(expected)) => f32_matches(*result, expected),
        (Value::F64(result), WastRetCore::F64(expected)) => f64_matches(*result, expected),
        (Value::V128(result), WastRetCore::V128(expected)) => v128_matches(*result, expected),
        (Value::Ref(result), expected) => reference_matches(*result, expected),
        _ => false,
    }
}

fn reference_matches(result: Ref, expected: &WastRetCore<'_>) -> bool {
    match (result, expected) {
        (Ref::Null(_), WastRetCore::RefNull(None)) => true,
        (Ref::Null(found), WastRetCore::RefNull(Some(ty))) => {
            let wanted = null(ty);
            found == wanted || found == Null::Untold || wanted == Null::Untold
        }
        (Ref::Extern(_), WastRetCore::RefExtern(None)) => true,
        (Ref::Extern(number), WastRetCore::RefExtern(Some(wanted)))
        | (Ref::Host(number), WastRetCore::RefHost(wanted)) => number == *wanted,
        (Ref::Func, WastRetCore::RefFunc(_)) => true,
        (Ref::Struct, WastRetCore::RefStruct)
        | (Ref::Array, WastRetCore::RefArray)
        | (Ref::I31, WastRetCore::RefI31 | WastRetCore::RefI31Shared) => true,
        (Ref::Struct | Ref::Array | Ref::I31, WastRetCore::RefEq) => true,
        (Ref::Struct | Ref::Array | Ref::I31 | Ref::Host(_) | Ref::Any, WastRetCore::RefAny) => {
            true
        }
        _ => false,
    }
}

fn f32_matches(bits: u32, expected: &NanPattern<F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => bits == expected.bits,
    }
}

fn f64_matches(bits: u64, expected: &NanPattern<F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(expected) => bits == expected.bits,
    }
}

fn v128_matches(bits: u128, expected: &V128Pattern) -> bool {
    let bytes = bits.to_le_bytes();
    let (halves, _) = bytes.as_chunks::<2>();
    let (words, _) = bytes.as_chunks::<4>();
    let (longs, _) = bytes.as_chunks::<8>();
    match expected {
        V128Pattern::I8x16(lanes) => bytes.iter().zip(lanes).all(|(a, b)| *a as i8 == *b),
        V128Pattern::I16x8(lanes) => {
            let mut lanes = halves.iter().zip(lanes);
            lanes.all(|(a, b)| i16::from_le_bytes(*a) == *b)
        }
        V128Pattern::I32x4(lanes) => {
            let mut lanes = words.iter().zip(lanes);
            lanes.all(|(a, b)| i32::from_le_bytes(*a) == *b)
        }
        V128Pattern::I64x2(lanes) => {
            let mut lanes = longs.iter().zip(lanes);
            lanes.all(|(a, b)| i64::from_le_bytes(*a) == *b)
        }
        V128Pattern::F32x4(lanes) => {
            let mut lanes = words.iter().zip(lanes);
            lanes.all(|(a, b)| f32_matches(u32::from_le_bytes(*a), b))
        }
        V128Pattern::F64x2(lanes) => {
            let mut lanes = longs.iter().zip(lanes);
            lanes.all(|(a, b)| f64_matches(u64::from_le_bytes(*a), b))
        }
    }
}

/// Formats values for a message.
pub(super) fn shown(values: &[Value]) -> String {
    let one = |value: &Value| match value {
        Value::I32(value) => format!("i32 {value}"),
        Value::I64(value) => format!("i64 {value}"),
        Value::F32(bits) => format!("f32 {} ({bits:#010x})", f32::from_bits(*bits)),
        Value::F64(bits) => format!("f64 {} ({bits:#018x})", f64::from_bits(*bits)),
        Value::V128(bits) => format!("v128 {bits:#034x}"),
        Value::Ref(reference) => format!("{reference:?}"),
    };
    match values {
        [] => "nothing".to_owned(),
        values => values.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}
