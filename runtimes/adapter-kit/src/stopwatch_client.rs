//! Converts the stopwatch's readings to the protocol's messages.

use plimsoll_record::{Boundary, Metric};
use plimsoll_stopwatch::Watched;

use crate::protocol::{Done, Output, Sample};

/// Reports every reading as samples at boundary `run`, and returns the program's outputs.
pub fn done(watched: Watched, samples: &mut dyn FnMut(Sample)) -> Done {
    for (iteration, reading) in (0..).zip(&watched.readings) {
        let timed = [
            (Metric::WallTime, reading.run_ns),
            (Metric::CpuTime, reading.cpu_ns),
            (Metric::CycleTime, reading.cycle_ns),
        ];
        let counted = reading.instructions;
        let counted = counted.map(|counted| (Metric::Instructions, counted));
        for (metric, value) in timed.into_iter().chain(counted) {
            samples(Sample {
                boundary: Boundary::Run,
                metric,
                iteration,
                at: None,
                value,
            });
        }
    }
    let outputs = watched.outputs.into_iter().map(|output| Output {
        exit_code: output.exit_code,
        stdout: output.stdout,
        times: output.times,
    });
    Done {
        outputs: outputs.collect(),
        stopped: None,
    }
}
