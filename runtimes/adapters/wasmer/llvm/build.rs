//! Links the programs at a fixed address: LLVM is full of tables of pointers, and where the loader
//! has to relocate them at every start, they are read and written before anything runs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-no-pie");
}
