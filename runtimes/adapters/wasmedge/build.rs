//! Makes the programs use the C library that WasmEdge was built for, if `scripts/wasmedge-prefix` had to install one;
//! otherwise they use the system's.

use std::path::Path;

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=prefix/usr/include/wasmedge/version.h");
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let Ok(prefix) = Path::new(&here).join("prefix").canonicalize() else {
        // The library's binding crate reports what is missing.
        return;
    };
    let libraries = prefix.join(LIBRARIES);
    let loader = libraries.join("ld-linux-x86-64.so.2");
    if loader.exists() {
        // RPATH instead of RUNPATH, so that it also applies to the library's own dependencies.
        for option in [
            format!("--dynamic-linker={}", loader.display()),
            format!("-rpath,{}", libraries.display()),
            "--disable-new-dtags".to_owned(),
        ] {
            println!("cargo:rustc-link-arg=-Wl,{option}");
        }
    }
}
