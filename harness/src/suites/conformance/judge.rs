//! Finds failures that concern proposals which a target does not claim to support.
//!
//! Every target runs a version of the specification completely. If the target rejects a module that is valid
//! only with a proposal it does not claim, that says nothing about the target. Such a directive, and any that
//! depends on it, is *unsupported*. Validating the module with only the claimed proposals decides this,
//! outside the engine and in the same way for all.

use std::collections::HashMap;

use plimsoll_adapter::wast::forms::Form;
use plimsoll_adapter::wast::module::{About, about};
use plimsoll_record::conformance::{FailureMode, Proposal, Verdict};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Marks failures in `verdicts` that need proposals outside `claims` as unsupported, and those that follow
/// from a skipped module as skipped.
pub fn judge(forms: &[Form<'_>], verdicts: &mut [Verdict], claims: &[Proposal]) {
    let missing: Vec<Proposal> = Proposal::ALL
        .iter()
        .copied()
        .filter(|one| !claims.contains(one))
        .collect();
    let unpassed = |verdict: &Verdict| !matches!(verdict, Verdict::Passed { .. });
    if !verdicts.iter().any(unpassed) {
        return;
    }
    let mut judge = Judge {
        claims,
        missing: &missing,
        last: None,
        instances: HashMap::new(),
        definitions: HashMap::new(),
        registered: HashMap::new(),
    };
    for (form, verdict) in forms.iter().zip(verdicts) {
        let Ok(about) = about(form.text) else {
            continue;
        };
        let excuse = judge.excuse(about, verdict);
        let failed = matches!(
            verdict,
            Verdict::Found {
                how: FailureMode::Failed,
                ..
            }
        );
        if let (Some(excuse), true) = (excuse, failed) {
            *verdict = excuse.verdict();
        }
    }
}

/// Why a directive does not count against a target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Excuse {
    /// It needs a proposal that is not claimed.
    Needs(String),
    /// It depends on one that is skipped on every engine.
    Skipped,
}

impl Excuse {
    fn verdict(&self) -> Verdict {
        match self {
            Excuse::Needs(reason) => Verdict::Unsupported {
                reason: reason.clone(),
            },
            Excuse::Skipped => Verdict::Skipped {
                reason: "uses a module that is about the text format".to_owned(),
            },
        }
    }
}

struct Judge<'j> {
    claims: &'j [Proposal],
    missing: &'j [Proposal],
    last: Option<Excuse>,
    instances: HashMap<String, Option<Excuse>>,
    definitions: HashMap<Option<String>, Option<Excuse>>,
    registered: HashMap<String, Excuse>,
}

impl Judge<'_> {
    /// The excuse of a directive; also records its effect on later directives.
    fn excuse(&mut self, about: About, verdict: &Verdict) -> Option<Excuse> {
        match about {
            About::Instance { name, wasm } => {
                let excuse = self.of_module(wasm.as_deref(), verdict);
                self.last.clone_from(&excuse);
                if let Some(name) = name {
                    self.instances.insert(name, excuse.clone());
                }
                excuse
            }
            About::Definition { name, wasm } => {
                let excuse = self.of_module(wasm.as_deref(), verdict);
                self.definitions.insert(name, excuse.clone());
                excuse
            }
            About::Made { name, of } => {
                let excuse = self.definitions.get(&of).cloned().flatten();
                self.last.clone_from(&excuse);
                if let Some(name) = name {
                    self.instances.insert(name, excuse.clone());
                }
                excuse
            }
            About::Module(wasm) => self.of_module(wasm.as_deref(), verdict),
            About::Uses(instance) => self.of_instance(instance.as_deref()),
            About::Registers { instance, name } => {
                let excuse = self.of_instance(instance.as_deref());
                match &excuse {
                    Some(excuse) => self.registered.insert(name, excuse.clone()),
                    None => self.registered.remove(&name),
                };
                excuse
            }
            About::Other => None,
        }
    }

    fn of_instance(&self, name: Option<&str>) -> Option<Excuse> {
        match name {
            None => self.last.clone(),
            Some(name) => self.instances.get(name).cloned().flatten(),
        }
    }

    fn of_module(&self, wasm: Option<&[u8]>, verdict: &Verdict) -> Option<Excuse> {
        match verdict {
            Verdict::Passed { .. } => return None,
            Verdict::Skipped { .. } => return Some(Excuse::Skipped),
            _ => {}
        }
        let wasm = wasm?;
        let from = |name: &str| self.registered.get(name).cloned();
        self.needs(wasm)
            .map(Excuse::Needs)
            .or_else(|| imports(wasm).iter().find_map(|name| from(name)))
    }

    /// The unclaimed proposals that a module needs.
    fn needs(&self, wasm: &[u8]) -> Option<String> {
        let valid_with = |more: &[Proposal]| {
            let features = [self.claims, more].concat();
            Validator::new_with_features(switched(&features))
                .validate_all(wasm)
                .is_ok()
        };
        if self.missing.is_empty() || valid_with(&[]) || !valid_with(self.missing) {
            return None;
        }
        let alone = self.missing.iter().find(|one| valid_with(&[**one]));
        Some(match alone {
            Some(one) => format!("needs {one}"),
            None => {
                let names: Vec<&str> = self.missing.iter().map(|one| one.name()).collect();
                format!("needs several of {}", names.join(", "))
            }
        })
    }
}

/// Names of the modules that a module imports from.
fn imports(wasm: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        if let Payload::ImportSection(section) = payload {
            let imports = section.into_imports().flatten();
            names.extend(imports.map(|import| import.module.to_owned()));
        }
    }
    names
}

/// The validator's features for `proposals`.
pub(super) fn switched(proposals: &[Proposal]) -> WasmFeatures {
    let mut features = WasmFeatures::FLOATS;
    for proposal in proposals {
        features |= match proposal {
            Proposal::MutableGlobal => WasmFeatures::MUTABLE_GLOBAL,
            Proposal::SaturatingFloatToInt => WasmFeatures::SATURATING_FLOAT_TO_INT,
            Proposal::SignExtension => WasmFeatures::SIGN_EXTENSION,
            Proposal::MultiValue => WasmFeatures::MULTI_VALUE,
            Proposal::ReferenceTypes => WasmFeatures::REFERENCE_TYPES,
            Proposal::BulkMemory => WasmFeatures::BULK_MEMORY,
            Proposal::Simd => WasmFeatures::SIMD,
            Proposal::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
            Proposal::TailCall => WasmFeatures::TAIL_CALL,
            Proposal::ExtendedConst => WasmFeatures::EXTENDED_CONST,
            Proposal::MultiMemory => WasmFeatures::MULTI_MEMORY,
            Proposal::Memory64 => WasmFeatures::MEMORY64,
            Proposal::FunctionReferences => {
                WasmFeatures::FUNCTION_REFERENCES | WasmFeatures::GC_TYPES
            }
            Proposal::Exceptions => WasmFeatures::EXCEPTIONS | WasmFeatures::GC_TYPES,
            Proposal::Gc => WasmFeatures::GC | WasmFeatures::GC_TYPES,
            Proposal::Annotations => WasmFeatures::empty(),
            Proposal::Threads => WasmFeatures::THREADS,
            Proposal::CustomPageSizes => WasmFeatures::CUSTOM_PAGE_SIZES,
            Proposal::WideArithmetic => WasmFeatures::WIDE_ARITHMETIC,
        };
    }
    // How references are represented in types; every engine with references needs it.
    features | WasmFeatures::GC_TYPES
}

#[cfg(test)]
mod tests {
    use plimsoll_adapter::wast::forms::forms;
    use plimsoll_record::conformance::SpecVersion;

    use super::*;

    fn failed() -> Verdict {
        Verdict::Found {
            how: FailureMode::Failed,
            message: "no".to_owned(),
        }
    }

    fn judged(script: &str, verdicts: &[Verdict]) -> Vec<String> {
        let forms = forms(script);
        let mut verdicts = verdicts.to_vec();
        judge(&forms, &mut verdicts, SpecVersion::V2.proposals());
        let name = |verdict: &Verdict| match verdict {
            Verdict::Passed { .. } => "passed".to_owned(),
            Verdict::Found { .. } => "failed".to_owned(),
            Verdict::Skipped { .. } => "skipped".to_owned(),
            Verdict::Unsupported { reason } => reason.clone(),
        };
        verdicts.iter().map(name).collect()
    }

    #[test]
    fn what_needs_an_unclaimed_proposal_is_unsupported_with_all_that_uses_it() {
        let script = r#"
            (module $m (memory 1) (memory 1) (func (export "f")))
            (assert_return (invoke "f"))
            (register "m")
            (module (import "m" "f" (func)))
            (module $plain (func (export "g")))
            (assert_return (invoke "g"))
            (assert_return (invoke $m "f"))
        "#;
        let verdicts = [(); 7].map(|()| failed());
        let multi = "needs multi-memory";
        assert_eq!(
            judged(script, &verdicts),
            [multi, multi, multi, multi, "failed", "failed", multi]
        );
    }

    #[test]
    fn what_no_version_allows_and_what_passes_is_left_as_it_is() {
        let passed = Verdict::Passed { differs: None };
        assert_eq!(
            judged(
                "(module (memory 1) (memory 1)) (module (func (result i32)))",
                &[passed, failed()]
            ),
            ["passed", "failed"]
        );
    }
}
