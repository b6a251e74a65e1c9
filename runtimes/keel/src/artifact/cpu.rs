//! Detects the CPU features that code may use on this machine.

/// The place of a feature in glibc's CPU record: group, register, and bit.
#[derive(Clone, Copy)]
struct Place {
    group: Group,
    register: usize,
    bit: u32,
}

/// The `CPUID` leaves that report features, as numbered by glibc.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Group {
    Leaf1 = 0,
    Leaf7 = 1,
    Extended1 = 2,
    Leaf7Sub1 = 6,
}

const EAX: usize = 0;
const EBX: usize = 1;
const ECX: usize = 2;

macro_rules! features {
    ($($name:literal $feature:tt: $group:ident $register:ident $bit:literal;)*) => {
        /// The place of a feature, by the code generator's name.
        fn place(name: &str) -> Option<Place> {
            Some(match name {
                $($name => Place { group: Group::$group, register: $register, bit: $bit },)*
                _ => return None,
            })
        }

        /// Whether the CPU and the system support a feature, detected with `CPUID`. `None` for an
        /// unknown name.
        #[cfg(any(test, not(target_env = "gnu")))]
        fn asked(name: &str) -> Option<bool> {
            Some(match name {
                $($name => std::arch::is_x86_feature_detected!($feature),)*
                _ => return None,
            })
        }

        const NAMES: &[&str] = &[$($name),*];
    };
}

features! {
    "has_cmpxchg16b" "cmpxchg16b": Leaf1 ECX 13;
    "has_sse3" "sse3": Leaf1 ECX 0;
    "has_ssse3" "ssse3": Leaf1 ECX 9;
    "has_sse41" "sse4.1": Leaf1 ECX 19;
    "has_sse42" "sse4.2": Leaf1 ECX 20;
    "has_avx" "avx": Leaf1 ECX 28;
    "has_avx2" "avx2": Leaf7 EBX 5;
    "has_fma" "fma": Leaf1 ECX 12;
    "has_popcnt" "popcnt": Leaf1 ECX 23;
    "has_bmi1" "bmi1": Leaf7 EBX 3;
    "has_bmi2" "bmi2": Leaf7 EBX 8;
    "has_lzcnt" "lzcnt": Extended1 ECX 5;
    "has_avx_vnni" "avxvnni": Leaf7Sub1 EAX 4;
    "has_avx512vnni" "avx512vnni": Leaf7 ECX 11;
    "has_avx512f" "avx512f": Leaf7 EBX 16;
    "has_avx512dq" "avx512dq": Leaf7 EBX 17;
    "has_avx512vl" "avx512vl": Leaf7 EBX 31;
    "has_avx512vbmi" "avx512vbmi": Leaf7 ECX 1;
    "has_avx512bitalg" "avx512bitalg": Leaf7 ECX 12;
}

/// All known features, by the code generator's names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied()
}

/// Whether code may use a feature here, by the code generator's name. `None` for an unknown name.
#[cfg(not(target_env = "gnu"))]
pub(super) fn has(name: &str) -> Option<bool> {
    asked(name)
}

/// Whether code may use a feature here, by the code generator's name. `None` for an unknown name.
///
/// glibc runs `CPUID` before `main` and exposes the results. Running it again costs microseconds
/// per instruction under a hypervisor, which traps it; a whole start takes a few hundred
/// microseconds.
#[cfg(target_env = "gnu")]
pub(super) fn has(name: &str) -> Option<bool> {
    let place = place(name)?;
    // SAFETY: glibc has had this function since 2.33. It accepts any number: it returns null for an
    // unknown group, otherwise a record that lives as long as the process.
    let told = unsafe { __x86_get_cpuid_feature_leaf(place.group as u32).as_ref() };
    Some(told.is_some_and(|told| told.usable[place.register] >> place.bit & 1 != 0))
}

/// glibc's record of a group: the bits of `eax`, `ebx`, `ecx`, `edx`.
#[cfg(target_env = "gnu")]
#[repr(C)]
struct Told {
    present: [u32; 4],
    /// Present, and the system saves the registers that the feature uses.
    usable: [u32; 4],
}

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn __x86_get_cpuid_feature_leaf(group: u32) -> *const Told;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_the_cpu_answers() {
        for name in NAMES {
            assert_eq!(has(name), asked(name), "{name}");
        }
        assert_eq!(has("has_sse2000"), None);
    }
}
