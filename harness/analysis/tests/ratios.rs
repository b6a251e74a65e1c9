//! A ratio to zero does not exist: it is neither infinity nor zero, and in no mean.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

use plimsoll_analysis::reference::quotient;
use plimsoll_analysis::series::series;
use plimsoll_analysis::statistics::bootstrap::{
    Pair, geometric_mean_interval, paired_ratio_interval, ratio_interval,
};
use plimsoll_analysis::statistics::generator;
use plimsoll_analysis::throughput::throughput;
use plimsoll_analysis::{Measured, analyse, compare};
use plimsoll_record::run::TargetKind;
use plimsoll_record::{Boundary, Metric, Recorded, Step};
use support::{Machine, MadeUp, World};

const STILL: Machine = Machine {
    trial: 0.01,
    iteration: 0.01,
    weather: 0.0,
    per_row: 0.0,
    spikes: 0.0,
};

const fn runs(target: &'static str, kind: TargetKind) -> MadeUp {
    MadeUp {
        target,
        kind,
        steps: &[(Step::Execute, &[(Boundary::Run, 1e7)])],
    }
}

const NATIVE: MadeUp = runs("native", TargetKind::Native);
const ONE: MadeUp = runs("one", TargetKind::Wasm);
const TWO: MadeUp = runs("two", TargetKind::Wasm);

/// Three workloads on three targets; every sample of `target` on `workload` is zero.
fn with_zero(target: &str, workload: &str) -> Recorded {
    let world = World {
        targets: &[&NATIVE, &ONE, &TWO],
        workloads: &["a", "b", "c"],
        trials: 8,
        iterations: 8,
        machine: STILL,
    };
    let mut run = world.run(1, |_| 1.0);
    for plan in run.run.plan.clone() {
        if (plan.target.as_str(), plan.workload.as_str()) == (target, workload) {
            let trial = run.trials.get_mut(&plan.index).expect("simulated");
            for sample in &mut trial.samples {
                sample.value = 0;
            }
        }
    }
    run
}

#[test]
fn only_positive_finite_values_have_a_quotient() {
    assert_eq!(quotient(6.0, 3.0), Some(2.0));
    for (of, to) in [
        (1.0, 0.0),
        (0.0, 1.0),
        (0.0, 0.0),
        (-1.0, 1.0),
        (1.0, -1.0),
        (f64::NAN, 1.0),
        (1.0, f64::NAN),
        (f64::INFINITY, 1.0),
        (1.0, f64::INFINITY),
        (f64::MAX, f64::MIN_POSITIVE),
    ] {
        assert_eq!(quotient(of, to), None, "{of} over {to}");
    }
}

#[test]
fn a_zero_is_left_out_of_every_mean_and_counted() {
    for (target, without) in [("native", "one, two"), ("one", "one")] {
        let run = with_zero(target, "b");
        let series = series(&run);
        let found = throughput(&run, &series).expect("runs");
        let names: Vec<&str> = ["a", "c"].to_vec();
        let counted = found.counted(Metric::WallTime);
        assert_eq!(
            counted.iter().map(|w| w.as_str()).collect::<Vec<_>>(),
            names
        );
        for standing in found
            .standings
            .iter()
            .filter(|s| s.target.as_str() != "native")
        {
            let mean = standing.mean(Metric::WallTime).expect("a mean");
            assert_eq!(mean.left_out, 1);
            assert!((0.9..1.1).contains(&mean.ratio), "{mean:?}");
            let ci = mean.ci95.expect("an interval");
            assert!(0.0 < ci.low && ci.low <= ci.high && ci.high.is_finite());
        }
        let said = found.left_out().join(" ");
        assert!(
            said.contains(&format!("No ratio exists for b on {without}:")),
            "{said}"
        );
        assert!(
            said.contains("1 of 3 common workloads are left out"),
            "{said}"
        );
        for row in analyse(&run).ratio_rows() {
            assert!(row.ratio > 0.0 && row.ratio.is_finite(), "{row:?}");
            assert_eq!(row.left_out, u32::from(row.workloads.len() > 1));
        }
    }
}

#[test]
fn a_row_of_zero_is_compared_with_a_reason_instead_of_a_ratio() {
    let (base, candidate) = (with_zero("native", "b"), with_zero("one", "b"));
    for (base, candidate) in [(&base, &candidate), (&candidate, &base)] {
        let comparison = compare(base, candidate);
        assert!(
            comparison
                .rows
                .iter()
                .all(|row| row.ratio.is_finite() && row.ratio > 0.0)
        );
        let without: Vec<_> = comparison.unmatched.iter().collect();
        assert_eq!(without.len(), 2, "{without:?}");
        for row in without {
            assert_eq!(row.measured_in, Measured::Both);
            assert!(row.reason.contains("no ratio exists"));
        }
    }
}

#[test]
fn intervals_of_ratios_need_positive_values() {
    let mut rng = generator(1, "ratios");
    let good = [5.0, 6.0, 7.0, 5.5, 6.5, 6.1, 5.9];
    for bad in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        for length in [3, 7] {
            let mut with = good[..length].to_vec();
            with[1] = bad;
            assert_eq!(ratio_interval(&with, &good, &mut rng), None);
            assert_eq!(ratio_interval(&good, &with, &mut rng), None);
            let pairs: Vec<Pair> = with
                .iter()
                .map(|&denominator| Pair {
                    numerator: 1.0,
                    denominator,
                })
                .collect();
            assert_eq!(paired_ratio_interval(&pairs, &mut rng), None);
            assert_eq!(geometric_mean_interval(&[pairs], &mut rng), None);
        }
    }
}
