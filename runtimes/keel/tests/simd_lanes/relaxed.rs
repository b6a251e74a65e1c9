//! Relaxed operators give the results of the specification's deterministic profile. Relaxed
//! selections and swizzles are tested with the strict ones.

use crate::lane::{Lane, pairs, vector};
use crate::operator::{check_binary, check_unary, check_vector, check_vectors, ternary};

#[test]
fn truncation_is_that_of_the_saturating_operators() {
    check_unary(0x101, |lane: f32| lane as i32);
    check_unary(0x102, |lane: f32| lane as u32);
    check_vector(0x103, |a: &[f64]| {
        a.iter().map(|lane| *lane as i32).collect()
    });
    check_vector(0x104, |a: &[f64]| {
        a.iter().map(|lane| *lane as u32).collect()
    });
}

macro_rules! check_minimum_and_maximum {
    ($ty:ident, $opcode:expr) => {
        let either_nan = |a: $ty, b: $ty| a.is_nan() || b.is_nan();
        check_binary($opcode, |a: $ty, b: $ty| match () {
            () if either_nan(a, b) => $ty::NAN,
            () if a == b => $ty::from_bits(a.to_bits() | b.to_bits()),
            () if a < b => a,
            () => b,
        });
        check_binary($opcode + 1, |a: $ty, b: $ty| match () {
            () if either_nan(a, b) => $ty::NAN,
            () if a == b => $ty::from_bits(a.to_bits() & b.to_bits()),
            () if a > b => a,
            () => b,
        });
    };
}

#[test]
fn minimum_and_maximum_heed_nan_and_the_sign_of_zero() {
    check_minimum_and_maximum!(f32, 0x10d);
    check_minimum_and_maximum!(f64, 0x10f);
}

#[test]
fn a_rounding_q15_product_saturates() {
    check_binary(0x111, |a: i16, b: i16| {
        let product = (i32::from(a) * i32::from(b) + 0x4000) >> 15;
        product.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    });
}

#[test]
fn a_dot_product_of_bytes_reads_both_as_signed() {
    check_vectors(0x112, |a: &[i8], b: &[i8]| {
        let pairs = a.chunks(2).zip(b.chunks(2));
        pairs
            .map(|(a, b)| product(a[0], b[0]).wrapping_add(product(a[1], b[1])))
            .collect::<Vec<i16>>()
    });
}

#[test]
fn a_dot_product_of_four_bytes_is_added_exactly() {
    let mut dot = ternary(0x113);
    for (a, b) in pairs::<i8>() {
        let c = a ^ b.rotate_left(64);
        let sums: Vec<i32> = (0..4)
            .map(|lane| {
                let byte = |v: u128, i: u32| (v >> (lane * 32 + i * 8)) as i8;
                let dot: i32 = (0..4)
                    .map(|i| i32::from(product(byte(a, i), byte(b, i))))
                    .sum();
                ((c >> (lane * 32)) as i32).wrapping_add(dot)
            })
            .collect();
        assert_eq!(
            dot.call((a, b, c)),
            vector(&sums),
            "{a:#034x} {b:#034x} {c:#034x}"
        );
    }
}

fn product(a: i8, b: i8) -> i16 {
    i16::from(a) * i16::from(b)
}

macro_rules! check_multiply_add {
    ($ty:ident, $opcode:expr) => {
        let fused = std::arch::is_x86_feature_detected!("fma");
        for (opcode, sign) in [($opcode, 1.0), ($opcode + 1, -1.0)] {
            let mut multiply_add = ternary(opcode);
            for a in $ty::telling() {
                for b in $ty::telling() {
                    // Close to the negated product, so that the rounding error is visible.
                    for c in [-sign * a * b, a, 1.0] {
                        let expected = match fused {
                            true => (sign * a).mul_add(b, c),
                            false => sign * a * b + c,
                        };
                        let args = (a.to_bits().into(), b.to_bits().into(), c.to_bits().into());
                        let actual = $ty::from_bits(multiply_add.call(args) as _);
                        assert!(
                            actual.same_as(expected),
                            "0xfd {opcode:#x} of {a:e} {b:e} {c:e}: {actual:e}, not {expected:e}"
                        );
                    }
                }
            }
        }
    };
}

#[test]
fn a_multiply_add_is_fused_where_the_processor_can() {
    check_multiply_add!(f32, 0x105);
    check_multiply_add!(f64, 0x107);
}
