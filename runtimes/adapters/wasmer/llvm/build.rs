//! Links the programs at a fixed address: LLVM has many tables of pointers, which a loader would otherwise relocate at
//! every start, before anything runs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-no-pie");
}
