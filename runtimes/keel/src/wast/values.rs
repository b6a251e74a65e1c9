//! The values of scripts: arguments, and what results are compared with.

use wast::core::{NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

use crate::value::{ExternRef, Val};

/// An argument; nothing if keel has no such value.
pub(super) fn argument(arg: &WastArg<'_>) -> Option<Val> {
    let WastArg::Core(arg) = arg else { return None };
    Some(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(ty) => match format!("{ty:?}") {
            ty if ty.contains("Extern") => Val::ExternRef(None),
            _ => Val::FuncRef(None),
        },
        WastArgCore::RefExtern(number) | WastArgCore::RefHost(number) => {
            Val::ExternRef(Some(ExternRef::new(*number)))
        }
    })
}

/// Whether a result is what a script expects.
pub(super) fn matches(result: &Val, expected: &WastRet<'_>) -> bool {
    match expected {
        WastRet::Core(expected) => matches_core(result, expected),
        _ => false,
    }
}

fn matches_core(result: &Val, expected: &WastRetCore<'_>) -> bool {
    match (result, expected) {
        (Val::I32(result), WastRetCore::I32(expected)) => result == expected,
        (Val::I64(result), WastRetCore::I64(expected)) => result == expected,
        (Val::F32(result), WastRetCore::F32(expected)) => f32_matches(*result, expected),
        (Val::F64(result), WastRetCore::F64(expected)) => f64_matches(*result, expected),
        (Val::V128(result), WastRetCore::V128(expected)) => v128_matches(*result, expected),
        (Val::FuncRef(None) | Val::ExternRef(None), WastRetCore::RefNull(_)) => true,
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(_)) => true,
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(result)), WastRetCore::RefExtern(Some(expected))) => {
            result.number() == *expected
        }
        (result, WastRetCore::Either(any)) => any.iter().any(|one| matches_core(result, one)),
        _ => false,
    }
}

fn f32_matches(bits: u32, expected: &NanPattern<wast::token::F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(expected) => bits == expected.bits,
    }
}

fn f64_matches(bits: u64, expected: &NanPattern<wast::token::F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(expected) => bits == expected.bits,
    }
}

fn v128_matches(bits: u128, expected: &V128Pattern) -> bool {
    let bytes = bits.to_le_bytes();
    let (words, _) = bytes.as_chunks::<4>();
    let (longs, _) = bytes.as_chunks::<8>();
    match expected {
        V128Pattern::I8x16(lanes) => bytes.iter().zip(lanes).all(|(a, b)| *a as i8 == *b),
        V128Pattern::I16x8(lanes) => {
            let (halves, _) = bytes.as_chunks::<2>();
            halves
                .iter()
                .zip(lanes)
                .all(|(a, b)| i16::from_le_bytes(*a) == *b)
        }
        V128Pattern::I32x4(lanes) => words
            .iter()
            .zip(lanes)
            .all(|(a, b)| i32::from_le_bytes(*a) == *b),
        V128Pattern::I64x2(lanes) => longs
            .iter()
            .zip(lanes)
            .all(|(a, b)| i64::from_le_bytes(*a) == *b),
        V128Pattern::F32x4(lanes) => words
            .iter()
            .zip(lanes)
            .all(|(a, b)| f32_matches(u32::from_le_bytes(*a), b)),
        V128Pattern::F64x2(lanes) => longs
            .iter()
            .zip(lanes)
            .all(|(a, b)| f64_matches(u64::from_le_bytes(*a), b)),
    }
}
