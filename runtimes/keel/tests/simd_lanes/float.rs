//! Floating-point lanes: arithmetic, rounding, minima, comparison.

use crate::operator::{check_binary, check_unary};

macro_rules! float_tests {
    ($ty:ident, $bits:ident, $codes:expr) => {
        mod $ty {
            use super::*;
            use crate::float::Codes;

            const CODES: Codes = $codes;

            #[test]
            fn arithmetic_is_rounded_once() {
                check_binary(CODES.arithmetic, |a: $ty, b: $ty| a + b);
                check_binary(CODES.arithmetic + 1, |a: $ty, b: $ty| a - b);
                check_binary(CODES.arithmetic + 2, |a: $ty, b: $ty| a * b);
                check_binary(CODES.arithmetic + 3, |a: $ty, b: $ty| a / b);
                check_unary(CODES.arithmetic - 1, $ty::sqrt);
            }

            #[test]
            fn rounding_is_as_named_and_ties_go_to_even() {
                check_unary(CODES.ceil, $ty::ceil);
                check_unary(CODES.floor, $ty::floor);
                check_unary(CODES.trunc, $ty::trunc);
                check_unary(CODES.nearest, $ty::round_ties_even);
            }

            #[test]
            fn sign_operators_touch_no_other_bit() {
                const SIGN: $bits = 1 << ($bits::BITS - 1);
                check_unary(CODES.abs, |bits: $bits| bits & !SIGN);
                check_unary(CODES.abs + 1, |bits: $bits| bits ^ SIGN);
            }

            #[test]
            fn minimum_and_maximum_heed_nan_and_the_sign_of_zero() {
                let either_nan = |a: $ty, b: $ty| a.is_nan() || b.is_nan();
                check_binary(CODES.arithmetic + 4, |a: $ty, b: $ty| match () {
                    () if either_nan(a, b) => $ty::NAN,
                    () if a == b => $ty::from_bits(a.to_bits() | b.to_bits()),
                    () => {
                        if a < b {
                            a
                        } else {
                            b
                        }
                    }
                });
                check_binary(CODES.arithmetic + 5, |a: $ty, b: $ty| match () {
                    () if either_nan(a, b) => $ty::NAN,
                    () if a == b => $ty::from_bits(a.to_bits() & b.to_bits()),
                    () => {
                        if a > b {
                            a
                        } else {
                            b
                        }
                    }
                });
            }

            #[test]
            fn pseudo_minimum_and_maximum_pass_their_operand_on_bit_by_bit() {
                let less = |a: $bits, b: $bits| $ty::from_bits(a) < $ty::from_bits(b);
                let pseudo_minimum = |a, b| if less(b, a) { b } else { a };
                let pseudo_maximum = |a, b| if less(a, b) { b } else { a };
                for_floats_as_bits(CODES.arithmetic + 6, pseudo_minimum);
                for_floats_as_bits(CODES.arithmetic + 7, pseudo_maximum);
            }

            /// The operands are notable floating-point numbers; results are compared as bits.
            fn for_floats_as_bits(opcode: u32, reference: impl Fn($bits, $bits) -> $bits) {
                check_binary(opcode, |a: $ty, b: $ty| reference(a.to_bits(), b.to_bits()));
            }

            #[test]
            fn comparisons_with_nan_are_false_but_for_inequality() {
                let mask = |holds: bool| if holds { $bits::MAX } else { 0 };
                check_binary(CODES.compare, |a: $ty, b: $ty| mask(a == b));
                check_binary(CODES.compare + 1, |a: $ty, b: $ty| mask(a != b));
                check_binary(CODES.compare + 2, |a: $ty, b: $ty| mask(a < b));
                check_binary(CODES.compare + 3, |a: $ty, b: $ty| mask(a > b));
                check_binary(CODES.compare + 4, |a: $ty, b: $ty| mask(a <= b));
                check_binary(CODES.compare + 5, |a: $ty, b: $ty| mask(a >= b));
            }
        }
    };
}

/// Opcodes. Those of a group are consecutive.
struct Codes {
    /// The first of add, sub, mul, div, min, max, pmin, pmax; sqrt precedes it.
    arithmetic: u32,
    /// The first of abs, neg.
    abs: u32,
    ceil: u32,
    floor: u32,
    trunc: u32,
    nearest: u32,
    /// The first of eq, ne, lt, gt, le, ge.
    compare: u32,
}

float_tests!(
    f32,
    u32,
    Codes {
        arithmetic: 0xe4,
        abs: 0xe0,
        ceil: 0x67,
        floor: 0x68,
        trunc: 0x69,
        nearest: 0x6a,
        compare: 0x41,
    }
);

float_tests!(
    f64,
    u64,
    Codes {
        arithmetic: 0xf0,
        abs: 0xec,
        ceil: 0x74,
        floor: 0x75,
        trunc: 0x7a,
        nearest: 0x94,
        compare: 0x47,
    }
);
