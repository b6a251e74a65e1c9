//! Runs one WASI command in one process, on Wasmer with Cranelift or Singlepass, or from an artefact of any compiler;
//! see [`wasmer_runner::run_command`] for the command line.

fn main() {
    wasmer_runner::run_command()
}
