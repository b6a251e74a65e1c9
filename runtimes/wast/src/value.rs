//! The values of scripts: arguments, and results held against what is expected.

use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// A value that goes into a guest or comes out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An integer of 32 bits.
    I32(i32),
    /// An integer of 64 bits.
    I64(i64),
    /// The bits of a float of 32 bits.
    F32(u32),
    /// The bits of a float of 64 bits.
    F64(u64),
    /// The bits of a vector, lane 0 lowest.
    V128(u128),
    /// A reference.
    Ref(Ref),
}

/// A reference, as far as scripts tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ref {
    /// None, of a hierarchy of types.
    Null(Null),
    /// One of the host, with its number.
    Extern(u32),
    /// One of the host that was made one of the guest's own, with its number.
    Host(u32),
    /// To a function.
    Func,
    /// To a structure.
    Struct,
    /// To an array.
    Array,
    /// A small integer.
    I31,
    /// To an exception.
    Exn,
    /// To something of the guest's own that is none of these.
    Any,
}

/// Which hierarchy a null reference is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// Functions.
    Func,
    /// The host's.
    Extern,
    /// The guest's own data.
    Any,
    /// Exceptions.
    Exn,
    /// One that the engine does not tell, or that a script names by an index.
    Untold,
}

/// An argument; none if it is of a kind that has no name here.
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

/// Whether results are what a script expects.
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

/// Values as a message shows them.
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
