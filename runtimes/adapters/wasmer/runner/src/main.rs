//! One process, one WASI command, on Wasmer with Cranelift or Singlepass, or on an artefact of any
//! compiler: [`wasmer_runner::run_command`] says how it is called.

fn main() {
    wasmer_runner::run_command()
}
