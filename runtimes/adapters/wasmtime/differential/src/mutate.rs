//! Mutates modules into equivalent ones with code that no compiler would write.

use wasm_mutate::WasmMutate;

/// Search budget (fuel) per mutation.
const EFFORT: u64 = 200;

/// Attempts per requested mutant, because many mutations apply nowhere.
const TRIES: u64 = 4;

/// Up to `most` mutants, each changed in one place, that still terminate and behave the same.
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
