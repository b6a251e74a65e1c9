//! Compiling, loading and instantiating take time in proportion to the module's size, or fail with
//! a limit.
//!
//! Each countable part of a module is swept over three decades. A line is fitted through the
//! logarithms of the count and of the CPU time beyond that of a module with one such part. Its slope
//! must be at most 1.1 times that of a reference that is certainly linear. The reference's slope can
//! exceed 1, because it runs out of caches and pages too.

use keel::{Config, Engine, Linker, Module, Store};

/// The steepest slope that passes, relative to the linear reference.
const STEEPEST: f64 = 1.1;
/// The number of sweeps in which one must pass.
const SWEEPS: usize = 4;
/// The CPU time in seconds below which a cost is too small to fit.
const LEAST: f64 = 0.0005;
/// The number of points that a fit needs. With fewer, the cost is negligible.
const FEWEST: usize = 3;

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A section of `count` items, each made by `item`.
fn section(id: u8, count: u32, item: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    let items: Vec<u8> = (0..count).flat_map(item).collect();
    let count = leb(count);
    [
        vec![id],
        leb((count.len() + items.len()) as u32),
        count,
        items,
    ]
    .concat()
}

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

/// Bytes with their length before them.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [leb(bytes.len() as u32), bytes.to_vec()].concat()
}

/// Ten value types that encode a number uniquely.
fn digits(number: u32) -> Vec<u8> {
    (0..10)
        .map(|i| 0x7c + (number >> (2 * i) & 3) as u8)
        .collect()
}

const NOTHING: [u8; 3] = [0x60, 0, 0];

/// A module with one function with this type and body.
fn one_function(ty: &[u8], body: &[u8]) -> Vec<u8> {
    module(&[
        section(1, 2, |i| {
            if i == 0 {
                NOTHING.to_vec()
            } else {
                ty.to_vec()
            }
        }),
        section(3, 1, |_| vec![0]),
        section(10, 1, |_| sized(body)),
    ])
}

fn functions(count: u32) -> [Vec<u8>; 2] {
    [
        section(1, 1, |_| NOTHING.to_vec()),
        section(3, count, |_| vec![0]),
    ]
}

fn bodies(count: u32) -> Vec<u8> {
    section(10, count, |_| vec![2, 0, 0x0b])
}

/// The CPU time of this process in seconds.
fn now() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The CPU time in seconds from a module's bytes to its instance, as the minimum of several tries.
fn cost(engine: &Engine, wasm: &[u8]) -> f64 {
    let once = |_| {
        let start = now();
        let module = Module::new(engine, wasm).expect("it is within the limits");
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine).instantiate(&mut store, &module);
        instance.expect("it starts");
        now() - start
    };
    (0..3).map(once).fold(f64::INFINITY, f64::min)
}

/// Sweeps a count over three decades up to `most`. Other load on the machine can only steepen a
/// slope, so the flattest of several sweeps counts.
fn sweep(what: &str, most: u32, make: impl Fn(u32) -> Vec<u8>) {
    let engine = Engine::new(Config::new());
    // Excludes work that is done once per process.
    cost(&engine, &make(1));
    let mut steepest = f64::INFINITY;
    for _ in 0..SWEEPS {
        let Some(slope) = swept(what, most, &engine, &make) else {
            return;
        };
        steepest = steepest.min(slope);
        if steepest <= STEEPEST {
            return;
        }
    }
    panic!("{what}: a slope of {steepest:.2} up to {most} in the best of {SWEEPS} sweeps");
}

/// The slope of one sweep; `None` if too few counts have a measurable cost.
fn swept(what: &str, most: u32, engine: &Engine, make: &impl Fn(u32) -> Vec<u8>) -> Option<f64> {
    let base = cost(engine, &make(1));
    let sizes = [1000.0, 316.2, 100.0, 31.62, 10.0, 3.162, 1.0].map(|part| f64::from(most) / part);
    let costs = sizes.map(|size| {
        (
            size.max(1.0),
            cost(engine, &make(size.max(1.0) as u32)) - base,
        )
    });
    let enough = costs.iter().filter(|(_, cost)| *cost >= LEAST);
    let points: Vec<(f64, f64)> = enough.map(|(size, cost)| (size.ln(), cost.ln())).collect();
    if points.len() < FEWEST {
        println!("{what}: up to {most}, cheap: {costs:.4?}");
        return None;
    }
    let slope = slope(&points) / reference().max(1.0);
    println!("{what}: up to {most}, slope {slope:.3}: {costs:.4?}");
    Some(slope)
}

/// The slope of a linear program: it fills a table with up to 100,000 boxes of 256 bytes.
fn reference() -> f64 {
    static SLOPE: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    *SLOPE.get_or_init(|| {
        let fill = |count: u32| {
            let start = now();
            let mut table = std::collections::HashMap::new();
            for i in 0..count {
                table.insert(i, Box::new([u64::from(i); 32]));
            }
            std::hint::black_box(&table);
            now() - start
        };
        let least = |count| (0..3).map(|_| fill(count)).fold(f64::INFINITY, f64::min);
        let points = [3_162_u32, 10_000, 31_623, 100_000]
            .map(|count| (f64::from(count).ln(), least(count).ln()));
        let slope = slope(&points);
        println!("a linear program: slope {slope:.3}");
        slope
    })
}

/// The slope of the least-squares line through these points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

#[test]
fn a_slope_is_that_of_the_points() {
    let of = |power: f64| [1.0, 2.0, 5.0, 9.0].map(|x: f64| (x, power * x + 3.0));
    assert!((slope(&of(1.0)) - 1.0).abs() < 1e-9);
    assert!((slope(&of(2.0)) - 2.0).abs() < 1e-9);
}

#[test]
fn types_cost_in_proportion() {
    sweep("function types", 100_000, |n| {
        module(&[section(1, n, |i| {
            [vec![0x60, 10], digits(i), vec![0]].concat()
        })])
    });
    // Too long for a short type number.
    sweep("long function types", 30_000, |n| {
        module(&[section(1, n, |i| {
            let params = [digits(i), digits(i), digits(i)].concat();
            [vec![0x60, 30], params, vec![0]].concat()
        })])
    });
}

#[test]
fn groups_of_types_cost_in_proportion() {
    sweep("groups of structures", 100_000, |n| {
        module(&[section(1, n, |i| {
            let fields: Vec<u8> = digits(i).into_iter().flat_map(|ty| [ty, 0]).collect();
            [vec![0x4e, 1, 0x5f, 10], fields].concat()
        })])
    });
    sweep("structures of one group", 10_000, |n| {
        let ty = |i| {
            let fields: Vec<u8> = digits(i).into_iter().flat_map(|ty| [ty, 0]).collect();
            [vec![0x5f, 10], fields].concat()
        };
        let group: Vec<u8> = (0..n).flat_map(ty).collect();
        module(&[section(1, 1, |_| {
            [vec![0x4e], leb(n), group.clone()].concat()
        })])
    });
}

#[test]
fn functions_cost_in_proportion() {
    sweep("functions", 20_000, |n| {
        let [types, declared] = functions(n);
        module(&[types, declared, bodies(n)])
    });
}

#[test]
fn exports_and_names_cost_in_proportion() {
    sweep("exports", 100_000, |n| {
        let [types, declared] = functions(1);
        let exports = section(7, n, |i| {
            [sized(i.to_string().as_bytes()), vec![0, 0]].concat()
        });
        module(&[types, declared, exports, bodies(1)])
    });
    sweep("names", 20_000, |n| {
        let [types, declared] = functions(n);
        let names = section(1, n, |i| [leb(i), sized(i.to_string().as_bytes())].concat());
        let names = [sized(b"name"), names].concat();
        let names = [vec![0], sized(&names)].concat();
        module(&[types, declared, bodies(n), names])
    });
}

#[test]
fn globals_and_tags_cost_in_proportion() {
    sweep("globals", 100_000, |n| {
        module(&[section(6, n, |_| vec![0x7f, 1, 0x41, 7, 0x0b])])
    });
    sweep("tags", 100_000, |n| {
        let types = section(1, 1, |_| NOTHING.to_vec());
        module(&[types, section(13, n, |_| vec![0, 0])])
    });
}

#[test]
fn tables_and_memories_cost_in_proportion() {
    sweep("tables", 100, |n| {
        module(&[section(4, n, |_| [vec![0x70, 0], leb(1000)].concat())])
    });
    sweep("memories", 100, |n| {
        module(&[section(5, n, |_| vec![0, 1])])
    });
}

#[test]
fn segments_cost_in_proportion() {
    let memory = || section(5, 1, |_| vec![0, 1]);
    sweep("data segments", 100_000, |n| {
        let data = section(11, n, |_| vec![0, 0x41, 0, 0x0b, 1, 7]);
        module(&[memory(), data])
    });
    sweep("passive data segments", 100_000, |n| {
        module(&[memory(), section(11, n, |_| vec![1, 1, 7])])
    });
    sweep("element segments", 100_000, |n| {
        let [types, declared] = functions(1);
        let table = section(4, 1, |_| vec![0x70, 0, 1]);
        let elements = section(9, n, |_| vec![0, 0x41, 0, 0x0b, 1, 0]);
        module(&[types, declared, table, elements, bodies(1)])
    });
    sweep("elements", 1_000_000, |n| {
        let [types, declared] = functions(1);
        let table = section(4, 1, |_| [vec![0x70, 0], leb(n)].concat());
        let items = [vec![0, 0x41, 0, 0x0b], leb(n), vec![0; n as usize]].concat();
        let elements = section(9, 1, |_| items.clone());
        module(&[types, declared, table, elements, bodies(1)])
    });
}

#[test]
fn locals_and_operators_cost_in_proportion() {
    sweep("locals", 50_000, |n| {
        let groups: Vec<u8> = (0..n).flat_map(|i| [1, 0x7f - (i & 1) as u8]).collect();
        one_function(&NOTHING, &[leb(n), groups, vec![0x0b]].concat())
    });
    sweep("operators", 100_000, |n| {
        // Pushes a constant and drops it.
        let body: Vec<u8> = (0..n).flat_map(|_| [0x41, 5, 0x1a]).collect();
        one_function(&NOTHING, &[vec![0], body, vec![0x0b]].concat())
    });
    sweep("calls", 20_000, |n| {
        let body: Vec<u8> = (0..n).flat_map(|_| [0x10, 0]).collect();
        one_function(&NOTHING, &[vec![0], body, vec![0x0b]].concat())
    });
    sweep("nested blocks", 20_000, |n| {
        let n = n as usize;
        let body = [vec![0], [0x02, 0x40].repeat(n), vec![0x0b; n + 1]].concat();
        one_function(&NOTHING, &body)
    });
    sweep("open handlers", 2_000, |n| {
        // Nested `try_table (catch_all 0) … end`, with a call in the innermost.
        let n = n as usize;
        let opened = [0x1f, 0x40, 1, 2, 0].repeat(n);
        let body = [vec![0], opened, vec![0x10, 0], vec![0x0b; n + 1]].concat();
        one_function(&NOTHING, &body)
    });
}

#[test]
fn branch_tables_cost_entries_and_values_and_not_their_product() {
    let make = |entries: u32, values: u32| {
        let ty = [vec![0x60, 0], leb(values), vec![0x7f; values as usize]].concat();
        let constants = [0x41, 1].repeat(values as usize);
        let table = [leb(entries), vec![0; entries as usize + 1]].concat();
        let body = [
            vec![0, 0x02, 1],
            constants,
            vec![0x41, 0, 0x0e],
            table,
            vec![0x0b],
            vec![0x1a; values as usize],
            vec![0x0b],
        ];
        one_function(&ty, &body.concat())
    };
    sweep("entries of a branch table", 500_000, |n| make(n, 1000));
    sweep("values of a branch table", 1000, |n| make(100_000, n));
}
