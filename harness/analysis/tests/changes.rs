//! Changes of level are found where they are, and nowhere else. Simulated and seeded.

use plimsoll_analysis::statistics::{changes, discoveries, generator};
use rand_distr::{Distribution, Normal};

/// Medians of runs with the level `level` of their position, a scatter of 3 % and an outlier in every
/// eleventh run.
fn series(seed: u64, runs: usize, level: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut rng = generator(seed, "a history");
    let scatter = Normal::new(0.0, 0.03).expect("a deviation");
    (0..runs)
        .map(|at| {
            let outlier = if at % 11 == 7 { 1.3 } else { 1.0 };
            let log: f64 = scatter.sample(&mut rng);
            level(at) * log.exp() * outlier
        })
        .collect()
}

#[test]
fn a_history_without_a_change_shows_none() {
    let shown = (0..200)
        .filter(|&seed| !changes(&series(seed, 30, |_| 5e6)).is_empty())
        .count();
    assert!(shown <= 4, "{shown} of 200");
}

#[test]
fn a_step_of_a_tenth_is_found_where_it_is() {
    let found = (0..50)
        .filter(|&seed| {
            let step = |at| if at < 18 { 5e6 } else { 5.5e6 };
            match changes(&series(seed, 30, step)).as_slice() {
                [one] => (17..=19).contains(&one.at) && (one.after / one.before - 1.1).abs() < 0.05,
                _ => false,
            }
        })
        .count();
    assert!(found >= 40, "{found} of 50");
}

#[test]
fn two_steps_are_two_changes() {
    let level = |at| match at {
        0..12 => 4e6,
        12..25 => 6e6,
        _ => 5e6,
    };
    let found = changes(&series(1, 40, level));
    let at: Vec<usize> = found.iter().map(|change| change.at).collect();
    assert_eq!(at, [12, 25]);
    assert!(found[0].after > found[0].before && found[1].after < found[1].before);
}

#[test]
fn what_is_constant_or_short_or_hit_once_has_no_change() {
    assert!(changes(&[]).is_empty());
    assert!(changes(&[3.0; 40]).is_empty());
    assert!(changes(&[1.0, 1.0, 1.0, 9.0, 9.0, 9.0]).is_empty());
    let mut once = vec![1.0; 30];
    once[20] = 50.0;
    assert!(changes(&once).is_empty());
}

#[test]
fn a_file_that_grew_once_is_one_change_however_little_it_scatters() {
    let mut sizes = vec![1_000_000.0; 10];
    sizes.extend([1_100_000.0; 6]);
    let found = changes(&sizes);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].at, found[0].after), (10, 1_100_000.0));
}

#[test]
fn six_runs_after_a_threefold_step_are_enough() {
    for (before, after) in [(30, 6), (6, 30), (30, 4)] {
        let found = (0..50)
            .filter(|&seed| {
                let step = |at| if at < before { 5e6 } else { 15e6 };
                let found = changes(&series(seed, before + after, step));
                matches!(found.as_slice(), [one] if one.at == before)
            })
            .count();
        assert!(found >= 48, "{before} before, {after} after: {found} of 50");
    }
}

#[test]
fn a_table_of_unchanged_series_has_few_false_changes() {
    // Twenty tables of fifty series: at most one table may show a change.
    let shown = (0..20)
        .filter(|table| {
            let p_values: Vec<Option<f64>> = (0..50)
                .map(|row| {
                    let found = changes(&series(1000 + 50 * table + row, 24, |_| 5e6));
                    let least = found.iter().map(|change| change.p_value);
                    least.min_by(f64::total_cmp)
                })
                .collect();
            discoveries(&p_values).contains(&true)
        })
        .count();
    assert!(shown <= 2, "{shown} of 20");
}

#[test]
fn one_clear_change_among_many_series_is_a_discovery() {
    let mut p_values = vec![None; 100];
    p_values[3] = Some(0.0001);
    p_values[7] = Some(0.009);
    let found = discoveries(&p_values);
    assert!(found[3] && !found[7] && !found[0]);
}
