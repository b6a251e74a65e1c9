//! Other modules that do what a module does, but are put differently: code that no compiler would write.

use wasm_mutate::WasmMutate;

/// How far each change may be searched for.
const EFFORT: u64 = 200;

/// How often a change is tried for each that is wanted: many cannot be made anywhere.
const TRIES: u64 = 4;

/// Up to `most` modules that are changed in one place each, such that they still end by themselves and do
/// the same.
pub fn mutants(wasm: &[u8], seed: u64, most: usize) -> Vec<Vec<u8>> {
    let mutant = |attempt: u64| {
        let mut mutate = WasmMutate::default();
        mutate
            .seed(seed.wrapping_mul(1000).wrapping_add(attempt))
            .fuel(EFFORT)
            .preserve_semantics(true);
        mutate.run(wasm).ok()?.next()?.ok()
    };
    let attempts = 0..most as u64 * TRIES;
    attempts.filter_map(mutant).take(most).collect()
}
