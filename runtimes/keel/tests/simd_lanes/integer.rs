//! Integer lanes: arithmetic, comparison, shifts, width changes, tests.

use crate::lane::Lane;
use crate::operator::{
    check_binary, check_shift, check_test, check_unary, check_vector, check_vectors,
};

#[test]
fn sums_differences_and_products_wrap() {
    check_binary(0x6e, i8::wrapping_add);
    check_binary(0x71, i8::wrapping_sub);
    check_binary(0x8e, i16::wrapping_add);
    check_binary(0x91, i16::wrapping_sub);
    check_binary(0x95, i16::wrapping_mul);
    check_binary(0xae, i32::wrapping_add);
    check_binary(0xb1, i32::wrapping_sub);
    check_binary(0xb5, i32::wrapping_mul);
    check_binary(0xce, i64::wrapping_add);
    check_binary(0xd1, i64::wrapping_sub);
    check_binary(0xd5, i64::wrapping_mul);
}

#[test]
fn saturating_sums_and_differences_stop_at_the_limits() {
    check_binary(0x6f, i8::saturating_add);
    check_binary(0x70, u8::saturating_add);
    check_binary(0x72, i8::saturating_sub);
    check_binary(0x73, u8::saturating_sub);
    check_binary(0x8f, i16::saturating_add);
    check_binary(0x90, u16::saturating_add);
    check_binary(0x92, i16::saturating_sub);
    check_binary(0x93, u16::saturating_sub);
}

#[test]
fn minimum_and_maximum_heed_the_sign() {
    check_binary::<i8, _>(0x76, Ord::min);
    check_binary::<u8, _>(0x77, Ord::min);
    check_binary::<i8, _>(0x78, Ord::max);
    check_binary::<u8, _>(0x79, Ord::max);
    check_binary::<i16, _>(0x96, Ord::min);
    check_binary::<u16, _>(0x97, Ord::min);
    check_binary::<i16, _>(0x98, Ord::max);
    check_binary::<u16, _>(0x99, Ord::max);
    check_binary::<i32, _>(0xb6, Ord::min);
    check_binary::<u32, _>(0xb7, Ord::min);
    check_binary::<i32, _>(0xb8, Ord::max);
    check_binary::<u32, _>(0xb9, Ord::max);
}

#[test]
fn averages_round_up() {
    check_binary(0x7b, |a: u8, b: u8| {
        (u16::from(a) + u16::from(b)).div_ceil(2) as u8
    });
    check_binary(0x9b, |a: u16, b: u16| {
        (u32::from(a) + u32::from(b)).div_ceil(2) as u16
    });
}

#[test]
fn negation_and_absolute_value_wrap_at_the_minimum() {
    check_unary(0x60, i8::wrapping_abs);
    check_unary(0x61, i8::wrapping_neg);
    check_unary(0x80, i16::wrapping_abs);
    check_unary(0x81, i16::wrapping_neg);
    check_unary(0xa0, i32::wrapping_abs);
    check_unary(0xa1, i32::wrapping_neg);
    check_unary(0xc0, i64::wrapping_abs);
    check_unary(0xc1, i64::wrapping_neg);
}

#[test]
fn bytes_know_how_many_bits_are_set() {
    check_unary(0x62, |byte: u8| byte.count_ones() as u8);
}

#[test]
fn shift_counts_are_taken_modulo_the_width() {
    check_shift::<i8>(0x6b, |lane, count| lane << count);
    check_shift::<i8>(0x6c, |lane, count| lane >> count);
    check_shift::<u8>(0x6d, |lane, count| lane >> count);
    check_shift::<i16>(0x8b, |lane, count| lane << count);
    check_shift::<i16>(0x8c, |lane, count| lane >> count);
    check_shift::<u16>(0x8d, |lane, count| lane >> count);
    check_shift::<i32>(0xab, |lane, count| lane << count);
    check_shift::<i32>(0xac, |lane, count| lane >> count);
    check_shift::<u32>(0xad, |lane, count| lane >> count);
    check_shift::<i64>(0xcb, |lane, count| lane << count);
    check_shift::<i64>(0xcc, |lane, count| lane >> count);
    check_shift::<u64>(0xcd, |lane, count| lane >> count);
}

#[test]
fn tests_of_a_vector_see_every_lane() {
    check_test::<u64>(0x53, |lanes| u32::from(lanes.iter().any(|lane| *lane != 0)));
    check_test::<i8>(0x63, |lanes| u32::from(lanes.iter().all(|lane| *lane != 0)));
    check_test::<i16>(0x83, |lanes| u32::from(lanes.iter().all(|lane| *lane != 0)));
    check_test::<i32>(0xa3, |lanes| u32::from(lanes.iter().all(|lane| *lane != 0)));
    check_test::<i64>(0xc3, |lanes| u32::from(lanes.iter().all(|lane| *lane != 0)));
    check_test::<i8>(0x64, sign_bits);
    check_test::<i16>(0x84, sign_bits);
    check_test::<i32>(0xa4, sign_bits);
    check_test::<i64>(0xc4, sign_bits);
}

fn sign_bits<T: Lane>(lanes: &[T]) -> u32 {
    let signs = lanes
        .iter()
        .map(|lane| (lane.to_bits() >> (T::BITS - 1)) as u32);
    (0..).zip(signs).map(|(i, sign): (u32, _)| sign << i).sum()
}

#[test]
fn a_rounding_q15_product_saturates_only_at_the_minimum_squared() {
    check_binary(0x82, |a: i16, b: i16| {
        let product = (i32::from(a) * i32::from(b) + 0x4000) >> 15;
        product.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    });
}

#[test]
fn narrowing_saturates_and_reads_its_operands_as_signed() {
    check_vectors(0x65, |a: &[i16], b: &[i16]| {
        narrow(a, b, |lane| lane.clamp(-128, 127) as i8)
    });
    check_vectors(0x66, |a: &[i16], b: &[i16]| {
        narrow(a, b, |lane| lane.clamp(0, 255) as u8)
    });
    check_vectors(0x85, |a: &[i32], b: &[i32]| {
        narrow(a, b, |lane| {
            lane.clamp(i16::MIN.into(), i16::MAX.into()) as i16
        })
    });
    check_vectors(0x86, |a: &[i32], b: &[i32]| {
        narrow(a, b, |lane| lane.clamp(0, u16::MAX.into()) as u16)
    });
}

fn narrow<T: Copy, R>(low: &[T], high: &[T], saturate: impl Fn(T) -> R) -> Vec<R> {
    low.iter().chain(high).map(|lane| saturate(*lane)).collect()
}

/// Checks the four extensions of a lane, the four extended products, low signed first, and the two
/// pairwise sums if they exist.
macro_rules! check_widening {
    ($signed:ty => $wide:ty, $unsigned:ty => $wide_unsigned:ty, $extend:expr, $product:expr) => {
        let half = size_of::<u128>() / size_of::<$wide>();
        check_vector($extend, |a: &[$signed]| extend::<_, $wide>(&a[..half]));
        check_vector($extend + 1, |a: &[$signed]| extend::<_, $wide>(&a[half..]));
        check_vector($extend + 2, |a: &[$unsigned]| {
            extend::<_, $wide_unsigned>(&a[..half])
        });
        check_vector($extend + 3, |a: &[$unsigned]| {
            extend::<_, $wide_unsigned>(&a[half..])
        });
        let product = |a: $wide, b: $wide| a * b;
        let product_unsigned = |a: $wide_unsigned, b: $wide_unsigned| a * b;
        check_vectors($product, |a: &[$signed], b: &[$signed]| {
            zip(extend(&a[..half]), extend(&b[..half]), product)
        });
        check_vectors($product + 1, |a: &[$signed], b: &[$signed]| {
            zip(extend(&a[half..]), extend(&b[half..]), product)
        });
        check_vectors($product + 2, |a: &[$unsigned], b: &[$unsigned]| {
            zip(extend(&a[..half]), extend(&b[..half]), product_unsigned)
        });
        check_vectors($product + 3, |a: &[$unsigned], b: &[$unsigned]| {
            zip(extend(&a[half..]), extend(&b[half..]), product_unsigned)
        });
    };
}

fn extend<T: Copy, W: From<T>>(lanes: &[T]) -> Vec<W> {
    lanes.iter().map(|lane| W::from(*lane)).collect()
}

fn zip<T>(a: Vec<T>, b: Vec<T>, combine: impl Fn(T, T) -> T) -> Vec<T> {
    a.into_iter().zip(b).map(|(a, b)| combine(a, b)).collect()
}

#[test]
fn extending_and_multiplying_keeps_every_bit() {
    check_widening!(i8 => i16, u8 => u16, 0x87, 0x9c);
    check_widening!(i16 => i32, u16 => u32, 0xa7, 0xbc);
    check_widening!(i32 => i64, u32 => u64, 0xc7, 0xdc);
}

#[test]
fn neighbours_are_added_without_overflow() {
    check_vector(0x7c, |a: &[i8]| add_pairs(extend::<_, i16>(a)));
    check_vector(0x7d, |a: &[u8]| add_pairs(extend::<_, u16>(a)));
    check_vector(0x7e, |a: &[i16]| add_pairs(extend::<_, i32>(a)));
    check_vector(0x7f, |a: &[u16]| add_pairs(extend::<_, u32>(a)));
}

fn add_pairs<T: Copy + std::ops::Add<Output = T>>(lanes: Vec<T>) -> Vec<T> {
    lanes.chunks(2).map(|pair| pair[0] + pair[1]).collect()
}

#[test]
fn a_dot_product_overflows_only_at_four_minima() {
    check_vectors(0xba, |a: &[i16], b: &[i16]| {
        let products: Vec<i32> = zip(extend(a), extend(b), |a: i32, b: i32| a * b);
        products
            .chunks(2)
            .map(|pair| pair[0].wrapping_add(pair[1]))
            .collect()
    });
}

#[test]
fn comparisons_fill_lanes_with_ones_or_zeros() {
    macro_rules! check_order {
        ($first:expr; $($offset:expr, $ty:ty, $operator:tt;)*) => {
            $(check_binary($first + $offset, |a: $ty, b: $ty| -> $ty {
                if a $operator b { !0 } else { 0 }
            });)*
        };
    }
    macro_rules! check_orders {
        ($($first:expr, $signed:ty, $unsigned:ty;)*) => { $(check_order!($first;
            0, $signed, ==; 1, $signed, !=; 2, $signed, <; 3, $unsigned, <; 4, $signed, >;
            5, $unsigned, >; 6, $signed, <=; 7, $unsigned, <=; 8, $signed, >=; 9, $unsigned, >=;
        );)* };
    }
    check_orders!(0x23, i8, u8; 0x2d, i16, u16; 0x37, i32, u32;);
    check_order!(0xd6; 0, i64, ==; 1, i64, !=; 2, i64, <; 3, i64, >; 4, i64, <=; 5, i64, >=;);
}
