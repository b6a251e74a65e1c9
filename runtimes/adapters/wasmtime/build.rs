//! Passes the target triple to the adapter: cargo builds the static runner in the directory of that name.

fn main() {
    let triple = std::env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=TARGET_TRIPLE={triple}");
    println!("cargo:rerun-if-changed=build.rs");
}
