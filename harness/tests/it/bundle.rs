//! What `bench` says and does not do when it runs from a bundle, and a gate of a program of the user's own.

use std::fs;

use plimsoll::catalog::bundle::{Listed, MANIFEST, Manifest};
use plimsoll::catalog::workloads::sha256;

use crate::checkout::Checkout;

/// A checkout turned into a bundle that lists `files`.
fn bundle(files: &[&str]) -> Checkout {
    let checkout = Checkout::new();
    let mut manifest = Manifest::new(Some("0123456789abcdef".into()), false, "today".into());
    for name in files {
        let bytes = fs::read(checkout.path(name)).expect("a file of the checkout");
        manifest.files.push(Listed {
            path: name.into(),
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
        });
    }
    let text = serde_json::to_string(&manifest).expect("plain data");
    checkout.write(MANIFEST, &text);
    checkout
}

#[test]
fn a_bundle_builds_nothing_and_says_what_it_is() {
    let bundle = bundle(&["workloads/workloads.toml"]);
    let (code, stdout, _) = bundle.run(&["--version"]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("a bundle of commit 0123456789ab, today"),
        "{stdout}"
    );
    let (code, stdout, _) = bundle.run(&["bundle", "--check"]);
    assert_eq!(code, 0, "{stdout}");
    let (_, stdout, _) = bundle.run(&["list", "targets"]);
    assert!(stdout.contains("not in this bundle"), "{stdout}");
    let args = ["run", "--suite", "size", "--target", "later"];
    let (code, _, stderr) = bundle.run(&args);
    assert_ne!(code, 0);
    assert!(
        stderr.contains("bench setup later && bench bundle"),
        "{stderr}"
    );
    assert!(!stderr.contains("building later"), "{stderr}");
}

#[test]
fn a_damaged_bundle_measures_nothing_and_says_what_to_do() {
    let name = "workloads/wasm/hello.wasm";
    for (content, said) in [("\0asn", "its hash differs"), ("\0a", "2 bytes of 4")] {
        let bundle = bundle(&[name]);
        bundle.write(name, content);
        let (code, _, stderr) = bundle.run(&["run", "--suite", "size", "--out", "run"]);
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
        assert!(stderr.contains("unpack the archive again"), "{stderr}");
        assert!(!bundle.path("run").exists());
    }
}

#[test]
fn a_gate_of_an_own_program_needs_both_sides() {
    let checkout = Checkout::new();
    let gate = ["gate", "--target", "fake/process"];
    let module = ["--base", "workloads/wasm/hello.wasm"];
    for (args, said) in [
        (&module[..], "needs both sides"),
        (&["--", "x"], "name it with --base"),
        (&["--base-image", "a"], "--head-image"),
        (
            &["--workload", "hello", "--input", "workloads"],
            "leave it out",
        ),
    ] {
        let (code, _, stderr) = checkout.run(&[&gate[..], args].concat());
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}
