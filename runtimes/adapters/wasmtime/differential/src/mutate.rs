//! Other modules that do what a module does, but are put differently: code that no compiler would write.

use wasm_mutate::WasmMutate;

/// How far each change may be searched for.
const EFFORT: u64 = 200;

/// Up to `most` modules that are changed in one place each, such that they still end by themselves and do
/// the same. None where nothing can be changed.
pub fn mutants(wasm: &[u8], seed: u64, most: usize) -> Vec<Vec<u8>> {
    let mut mutate = WasmMutate::default();
    mutate.seed(seed).fuel(EFFORT).preserve_semantics(true);
    match mutate.run(wasm) {
        Ok(mutants) => mutants.filter_map(Result::ok).take(most).collect(),
        Err(_) => Vec::new(),
    }
}
