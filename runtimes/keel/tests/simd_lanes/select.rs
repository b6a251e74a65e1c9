//! Bitwise and lane operators, and selections, for which the code depends on the origin of the
//! mask.

use crate::lane::{Lane, lanes, pairs, singles, vector};
use crate::operator::{check_binary, check_unary, encode, ternary, two_vectors, with_locals};

const BITSELECT: u32 = 0x52;

#[test]
fn bitwise_operators_see_128_bits() {
    check_unary(0x4d, |a: u64| !a);
    check_binary(0x4e, |a: u64, b: u64| a & b);
    check_binary(0x4f, |a: u64, b: u64| a & !b);
    check_binary(0x50, |a: u64, b: u64| a | b);
    check_binary(0x51, |a: u64, b: u64| a ^ b);
}

#[test]
fn a_selection_by_any_mask_is_bit_by_bit() {
    // The relaxed selections may differ for mixed mask lanes; keel's do not.
    for opcode in [BITSELECT, 0x109, 0x10a, 0x10b, 0x10c] {
        let mut select = ternary(opcode);
        for (a, b) in pairs::<u32>() {
            let mask = a.rotate_left(40) ^ b;
            assert_eq!(
                select.call((a, b, mask)),
                a & mask | b & !mask,
                "0xfd {opcode:#x}"
            );
        }
    }
}

/// Every comparison of two vectors selects from them, in both orders. Real programs write minima
/// and maxima this way.
#[test]
fn a_selection_by_a_comparison_takes_whole_lanes() {
    (0x23..=0x2c).for_each(check_selections::<i8>);
    (0x2d..=0x36).for_each(check_selections::<i16>);
    (0x37..=0x40).for_each(check_selections::<i32>);
    (0xd6..=0xdb).for_each(check_selections::<i64>);
    (0x41..=0x46).for_each(check_selections::<f32>);
    (0x47..=0x4c).for_each(check_selections::<f64>);
}

fn check_selections<T: Lane>(comparison: u32) {
    let mut compare = two_vectors(&with_locals(&[0, 1], &encode(comparison)));
    let compare_and_select = |first, second| {
        let compare = with_locals(&[0, 1], &encode(comparison));
        let code = [compare, encode(BITSELECT)].concat();
        two_vectors(&with_locals(&[first, second], &code))
    };
    let mut forward = compare_and_select(0, 1);
    let mut backward = compare_and_select(1, 0);
    for (a, b) in pairs::<T>() {
        let mask = compare.call((a, b));
        assert_eq!(
            forward.call((a, b)),
            a & mask | b & !mask,
            "0xfd {comparison:#x}, forward"
        );
        assert_eq!(
            backward.call((a, b)),
            b & mask | a & !mask,
            "0xfd {comparison:#x}, backward"
        );
    }
}

#[test]
fn a_swizzle_yields_zero_for_lanes_that_do_not_exist() {
    // The relaxed swizzle may differ for indices from 16 on; keel's does not.
    for opcode in [0x0e, 0x100] {
        let mut swizzle = two_vectors(&with_locals(&[0, 1], &encode(opcode)));
        let bytes = vector(&(100..116).collect::<Vec<u8>>());
        for picks in singles::<u8>() {
            let pick = |lane: &u8| if *lane < 16 { 100 + lane } else { 0 };
            let expected: Vec<u8> = lanes(picks).iter().map(pick).collect();
            assert_eq!(
                swizzle.call((bytes, picks)),
                vector(&expected),
                "0xfd {opcode:#x}"
            );
        }
    }
}

#[test]
fn a_shuffle_takes_each_lane_from_where_it_says() {
    let (a, b) = (
        vector(&(0..16).collect::<Vec<u8>>()),
        vector(&(16..32).collect::<Vec<u8>>()),
    );
    let rotations = (0..32).map(|by| (0..16).map(|lane| (lane + by) % 32).collect());
    let broadcasts = (0..32).map(|lane| vec![lane; 16]);
    let interleaved = (0..4).map(|width: u32| {
        let lane =
            |i: u32| (i >> width & 1) * 16 + (i >> (width + 1) << width | i & ((1 << width) - 1));
        (0..16).map(|i| lane(i) as u8).collect()
    });
    let scattered = (1..32)
        .step_by(2)
        .map(|step| (0..16).map(|i: u8| (i * step + 7) % 32).collect());
    let all: Vec<Vec<u8>> = rotations
        .chain(broadcasts)
        .chain(interleaved)
        .chain(scattered)
        .collect();
    for picks in all {
        let code = [encode(0x0d), picks.clone()].concat();
        let mut shuffle = two_vectors(&with_locals(&[0, 1], &code));
        assert_eq!(shuffle.call((a, b)), vector(&picks), "shuffle {picks:?}");
        // Other instructions are used if both operands are the same.
        let mut fold = two_vectors(&with_locals(&[0, 0], &code));
        let folded: Vec<u8> = picks.iter().map(|lane| lane % 16).collect();
        assert_eq!(
            fold.call((a, b)),
            vector(&folded),
            "shuffle of one {picks:?}"
        );
    }
}
