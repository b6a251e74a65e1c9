//! Has the programs loaded by the C library that WasmEdge's own was built for, where
//! `scripts/wasmedge-prefix` had to bring one; the system's own is otherwise used.

use std::path::Path;

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=prefix/usr/include/wasmedge/version.h");
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let Ok(prefix) = Path::new(&here).join("prefix").canonicalize() else {
        // The crate that binds the library says what is missing.
        return;
    };
    let libraries = prefix.join(LIBRARIES);
    let loader = libraries.join("ld-linux-x86-64.so.2");
    if loader.exists() {
        // RPATH, not RUNPATH: the library's own dependencies are to be found there, too.
        for option in [
            format!("--dynamic-linker={}", loader.display()),
            format!("-rpath,{}", libraries.display()),
            "--disable-new-dtags".to_owned(),
        ] {
            println!("cargo:rustc-link-arg=-Wl,{option}");
        }
    }
}
