//! The examples run and their assertions hold.

#[path = "../examples/ahead_of_time.rs"]
mod ahead_of_time;
#[path = "../examples/hello.rs"]
mod hello;
#[path = "../examples/host_function.rs"]
mod host_function;
#[path = "../examples/interrupt.rs"]
mod interrupt;
#[path = "../examples/limits.rs"]
mod limits;
#[path = "../examples/wasi.rs"]
mod wasi;

#[test]
fn hello_runs() {
    hello::main().expect("the example runs");
}

#[test]
fn host_function_runs() {
    host_function::main().expect("the example runs");
}

#[test]
fn limits_runs() {
    limits::main().expect("the example runs");
}

#[test]
fn interrupt_runs() {
    interrupt::main().expect("the example runs");
}

#[test]
fn wasi_runs() {
    wasi::main().expect("the example runs");
}

#[test]
fn ahead_of_time_runs() {
    ahead_of_time::main().expect("the example runs");
}
