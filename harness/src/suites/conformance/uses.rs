//! Finds the proposals that a module uses: those that it is invalid without.

use plimsoll_record::Proposal;
use wasmparser::Validator;

use super::judge::switched;

/// The proposals that `wasm` is invalid without, oldest first; empty if it needs none, or is invalid even
/// with all.
pub fn uses(wasm: &[u8]) -> Vec<Proposal> {
    let is_valid = |proposals: &[Proposal]| {
        Validator::new_with_features(switched(proposals))
            .validate_all(wasm)
            .is_ok()
    };
    if !is_valid(Proposal::ALL) {
        return Vec::new();
    }
    let needed = |one: &Proposal| {
        let others = Proposal::ALL.iter().copied().filter(|other| other != one);
        !is_valid(&others.collect::<Vec<_>>())
    };
    Proposal::ALL.iter().copied().filter(needed).collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::wast::module::{About, about};

    use super::*;

    fn of(text: &str) -> Vec<Proposal> {
        match about(text) {
            Ok(About::Instance {
                wasm: Some(wasm), ..
            }) => uses(&wasm),
            _ => panic!("{text} is no module"),
        }
    }

    #[test]
    fn only_what_a_module_cannot_do_without_is_used() {
        assert_eq!(of("(module (func (export \"f\")))"), []);
        let swapped = "(module (func (param i32) (result i32) local.get 0 i32.extend8_s))";
        assert_eq!(of(swapped), [Proposal::SignExtension]);
        let vector = "(module (func (result v128) i32.const 1 i8x16.splat))";
        assert_eq!(of(vector), [Proposal::Simd]);
        let two = "(module (memory 1) (memory 1) (func (return_call 0)))";
        assert_eq!(of(two), [Proposal::TailCall, Proposal::MultiMemory]);
        assert_eq!(uses(b"no module"), []);
    }
}
