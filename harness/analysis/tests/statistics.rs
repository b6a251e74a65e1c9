//! Properties that hold for every sample.

use plimsoll_analysis::statistics::bootstrap::{median_interval, ratio_interval};
use plimsoll_analysis::statistics::{Shift, Sorted, generator, holm};
use proptest::collection::vec;
use proptest::prelude::*;

fn times() -> impl Strategy<Value = Vec<f64>> {
    vec(1.0..1e12_f64, 2..40)
}

proptest! {
    #[test]
    fn a_quantile_lies_in_the_range_and_rises(values in times(), p in 0.0..1.0_f64, q in 0.0..1.0_f64) {
        let sorted = Sorted::new(values).expect("finite");
        let (low, high) = (p.min(q), p.max(q));
        prop_assert!(sorted.min() <= sorted.quantile(low));
        prop_assert!(sorted.quantile(low) <= sorted.quantile(high));
        prop_assert!(sorted.quantile(high) <= sorted.max());
    }

    #[test]
    fn half_of_the_values_lie_on_each_side_of_the_median(values in times()) {
        let sorted = Sorted::new(values).expect("finite");
        let median = sorted.median();
        let below = sorted.values().iter().filter(|v| **v <= median).count();
        let above = sorted.values().iter().filter(|v| **v >= median).count();
        prop_assert!(below * 2 >= sorted.len() && above * 2 >= sorted.len());
    }

    #[test]
    fn an_interval_is_ordered_and_the_same_every_time(
        values in times(), seed in any::<u64>(),
    ) {
        let again = || median_interval(&values, &mut generator(seed, "row"));
        let interval = again().expect("two trials or more");
        prop_assert!(interval.low <= interval.high);
        prop_assert_eq!(Some(interval), again());
    }

    #[test]
    fn a_ratio_turned_round_is_its_inverse_within_the_resampling(
        top in vec(100.0..200.0_f64, 2..6), bottom in vec(100.0..200.0_f64, 2..6),
    ) {
        let mut rng = generator(1, "row");
        let there = ratio_interval(&top, &bottom, &mut rng).expect("two trials or more");
        let back = ratio_interval(&bottom, &top, &mut rng).expect("two trials or more");
        prop_assert!((there.low * back.high - 1.0).abs() < 1e-9);
        prop_assert!((there.high * back.low - 1.0).abs() < 1e-9);
    }

    #[test]
    fn scaling_every_time_shifts_the_test_by_the_scale(values in times(), scale in 1.01..10.0_f64) {
        prop_assume!(values.len() >= 4);
        let slower: Vec<f64> = values.iter().map(|v| v * scale).collect();
        let shift = Shift::between(&values, &slower).expect("positive times");
        prop_assert!((shift.log_ratio - scale.ln()).abs() < 1e-9);
        let back = Shift::between(&slower, &values).expect("positive times");
        prop_assert!((back.p_value(0.0) - shift.p_value(0.0)).abs() < 1e-9);
    }

    #[test]
    fn a_wider_floor_never_makes_a_difference_more_certain(
        values in vec(1.0..1e3_f64, 5..20), others in vec(1.0..1e3_f64, 5..20), floor in 0.0..1.0_f64,
    ) {
        let shift = Shift::between(&values, &others).expect("positive times");
        prop_assert!(shift.p_value(floor) >= shift.p_value(0.0));
        prop_assert!((0.0..=1.0).contains(&shift.p_value(floor)));
        prop_assert!(shift.minimum_detectable(floor, 0.05) >= floor);
    }

    #[test]
    fn holm_keeps_the_order_and_never_lowers_a_p_value(p_values in vec(0.0..1.0_f64, 1..60)) {
        let adjusted = holm(&p_values);
        for (p, a) in p_values.iter().zip(&adjusted) {
            prop_assert!(a >= p && *a <= 1.0);
        }
        for (i, p) in p_values.iter().enumerate() {
            for (j, q) in p_values.iter().enumerate() {
                prop_assert!(!(p < q && adjusted[i] > adjusted[j]));
            }
        }
    }
}

#[test]
fn holm_of_a_known_example_is_as_published() {
    // The worked example of R's p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm").
    let adjusted = holm(&[0.04, 0.01, 0.03, 0.02]);
    for (found, expected) in adjusted.iter().zip([0.06, 0.04, 0.06, 0.06]) {
        assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
    }
}

#[test]
fn quantiles_of_a_known_sample_are_type_seven() {
    let sorted = Sorted::new(vec![4.0, 1.0, 3.0, 2.0]).expect("finite");
    assert_eq!(sorted.quantile(0.25), 1.75);
    assert_eq!(sorted.median(), 2.5);
    assert_eq!(sorted.quantile(1.0), 4.0);
}

#[test]
fn constant_times_have_an_interval_of_no_width_and_no_outlier() {
    let values = [7.0; 12];
    let interval = median_interval(&values, &mut generator(1, "row")).expect("12 trials");
    assert_eq!((interval.low, interval.high), (7.0, 7.0));
    assert_eq!(Sorted::new(values.to_vec()).expect("finite").far_out(), 0);
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    assert!(Sorted::new(vec![1.0, f64::NAN]).is_none());
    assert!(Sorted::new(Vec::new()).is_none());
    assert!(Shift::between(&[0.0, 1.0, 2.0], &[1.0, 2.0, 3.0]).is_none());
}
