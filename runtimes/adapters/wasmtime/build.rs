//! Tells the adapter its target triple: the name of the directory that cargo builds the static
//! runner in.

fn main() {
    let triple = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=TARGET_TRIPLE={triple}");
    println!("cargo:rerun-if-changed=build.rs");
}
