//! Conversions between integer and floating-point lanes.

use crate::operator::{check_unary, check_vector};

#[test]
fn truncation_saturates_and_makes_nan_zero() {
    check_unary(0xf8, |lane: f32| lane as i32);
    check_unary(0xf9, |lane: f32| lane as u32);
    check_vector(0xfc, |a: &[f64]| {
        a.iter().map(|lane| *lane as i32).collect()
    });
    check_vector(0xfd, |a: &[f64]| {
        a.iter().map(|lane| *lane as u32).collect()
    });
}

#[test]
fn integers_become_the_nearest_number() {
    check_unary(0xfa, |lane: i32| lane as f32);
    check_unary(0xfb, |lane: u32| lane as f32);
    check_vector(0xfe, |a: &[i32]| {
        a[..2].iter().map(|lane| f64::from(*lane)).collect()
    });
    check_vector(0xff, |a: &[u32]| {
        a[..2].iter().map(|lane| f64::from(*lane)).collect()
    });
}

#[test]
fn demotion_rounds_and_promotion_is_exact() {
    check_vector(0x5e, |a: &[f64]| {
        a.iter().map(|lane| *lane as f32).collect()
    });
    check_vector(0x5f, |a: &[f32]| {
        a[..2].iter().map(|lane| f64::from(*lane)).collect()
    });
}
