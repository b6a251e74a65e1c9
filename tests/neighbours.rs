//! A server beside a neighbour on its processor: the real `bench`, native and keel's neighbours.

use std::fs;
use std::path::Path;

use e2e::{Bench, row};

/// Folders of control groups that `bench` made and did not remove.
fn quotas(below: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(below) else {
        return Vec::new();
    };
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("plimsoll-quota-"))
        .collect()
}

#[test]
fn a_quota_takes_work_from_a_neighbour_and_one_asleep_does_none() {
    let bench = Bench::new();
    let out = bench.folder().join("run");
    let path = out.to_str().expect("temporary paths are UTF-8");
    let words = "run --suite neighbours --wait --quick --trials 2 --seed 7 --target native --target keel \
                 --workload neighbour-processor --workload neighbour-asleep --workload handler --out";
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.push(path);
    let table = bench.exits(0, &words);
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );
    let rows = bench.rows(&out);
    let figure = |workload: &str, target: &str, boundary: &str, metric: &str| {
        let row = row(&rows, workload, target, boundary, metric)
            .unwrap_or_else(|| panic!("no {metric} of {workload} on {target} at {boundary}"));
        assert_eq!(row["status"], "ok", "{row}");
        row["median"].as_f64().expect("an ok row has a median")
    };
    for target in ["native", "keel"] {
        for workload in ["neighbour-processor", "neighbour-asleep"] {
            for boundary in ["beside", "beside-limited"] {
                let (p50, p99) = (
                    figure(workload, target, boundary, "p50"),
                    figure(workload, target, boundary, "p99"),
                );
                assert!(0.0 < p50 && p50 <= p99, "{p50} {p99}");
            }
        }
        let rate = |workload, boundary| figure(workload, target, boundary, "neighbour_rate");
        let (free, limited) = (
            rate("neighbour-processor", "beside"),
            rate("neighbour-processor", "beside-limited"),
        );
        assert!(0.0 < limited && limited < free, "{limited} beside {free}");
        assert_eq!(rate("neighbour-asleep", "beside"), 0.0);
    }
    for below in ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu"] {
        assert_eq!(quotas(Path::new(below)), Vec::<String>::new(), "in {below}");
    }
}
