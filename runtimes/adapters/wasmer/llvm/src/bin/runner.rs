//! Runs one WASI command on Wasmer with LLVM in one process; see [`wasmer_runner::run_command`] for the command line.

fn main() {
    wasmer_runner::run_command()
}
