//! One process, one WASI command, on Wasmer with LLVM: [`wasmer_runner::run_command`] says how it
//! is called.

fn main() {
    wasmer_runner::run_command()
}
