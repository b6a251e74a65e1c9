//! `bench bundle`: writes an archive with everything that `bench` needs at run time.

mod contents;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::catalog::bundle::{Listed, MANIFEST, Manifest, glibc_needed};
use crate::catalog::checkout::Checkout;
use crate::catalog::workloads::sha256;
use crate::cli::Bundle;
use crate::exit::{Exit, Usage};
use crate::machine::denoise;
use crate::machine::interrupt::Interrupt;
use crate::process::command::first_line;
use crate::ui::format;
use crate::ui::progress::say;
use contents::{Contents, contents};

/// The start script; it explains errors that the dynamic loader does not.
const LAUNCHER: &str = include_str!("bundle/bench.sh");

/// The oldest C library that a bundle supports: Debian 12's.
const OLDEST: [u32; 2] = [2, 36];

pub(super) fn run(args: &Bundle) -> anyhow::Result<Exit> {
    let checkout = Checkout::find()?;
    if args.check {
        return check(&checkout);
    }
    if checkout.bundle.is_some() {
        let why = "this bench runs from a bundle, which cannot make another; run `bench bundle` in a checkout";
        return Err(Usage(why.to_owned()).into());
    }
    let interrupt = Interrupt::install(denoise::put_files_back)?;
    let contents = contents(&checkout, &interrupt)?;
    for left in &contents.left_out {
        say(&format!("not in the bundle: {left}"));
    }
    let name = format!(
        "plimsoll-{}-{}-linux",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    );
    let now = OffsetDateTime::now_utc();
    let (manifest, needs) = manifest(&checkout, &contents, now)?;
    if let Some((program, [major, minor])) = needs.filter(|(_, version)| *version > OLDEST) {
        say(&format!(
            "warning: {program} needs glibc {major}.{minor}, which Debian 12 does not have; build on Debian 12 for a \
             bundle that runs there"
        ));
    }
    let written = match &args.folder {
        Some(folder) => {
            unpacked(folder, &contents, &manifest)?;
            folder.clone()
        }
        None => {
            let file = args.out.clone();
            let file = file.unwrap_or_else(|| checkout.target.join(format!("{name}.tar.gz")));
            archive(&file, &name, &contents, &manifest, now)
                .with_context(|| format!("cannot write the bundle {}", file.display()))?;
            file
        }
    };
    let bytes = manifest.files.iter().map(|file| file.bytes).sum();
    let size = fs::metadata(&written).ok().filter(|found| found.is_file());
    let size = size.map_or_else(String::new, |found| {
        format!(", {} packed", format::bytes(found.len()))
    });
    say(&format!(
        "{} ({}): {} of {}{size}; adapters: {}",
        written.display(),
        manifest.origin(),
        format::count(manifest.files.len(), "file"),
        format::bytes(bytes),
        manifest.adapters.join(", "),
    ));
    Ok(Exit::Ok)
}

fn check(checkout: &Checkout) -> anyhow::Result<Exit> {
    let Some(bundle) = &checkout.bundle else {
        let why = format!(
            "{} is a checkout; --check is for the bench of a bundle",
            checkout.root.display()
        );
        return Err(Usage(why).into());
    };
    checkout.verify()?;
    say(&format!(
        "{} is whole: {}, {}",
        checkout.root.display(),
        format::count(bundle.files.len(), "file"),
        bundle.origin()
    ));
    Ok(Exit::Ok)
}

/// A program's path and the C library version that it needs.
type Needs = (String, [u32; 2]);

fn manifest(
    checkout: &Checkout,
    contents: &Contents,
    now: OffsetDateTime,
) -> anyhow::Result<(Manifest, Option<Needs>)> {
    let git = |args: &[&str]| {
        let root = checkout.root.to_string_lossy();
        first_line("git", &[&["-C", &*root], args].concat())
    };
    let commit = git(&["rev-parse", "HEAD"]);
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let mut manifest = Manifest::new(commit, dirty, now.format(&Rfc3339)?);
    manifest.adapters.clone_from(&contents.adapters);
    let mut needs: Option<Needs> = None;
    for (path, from) in &contents.files {
        let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        if bytes.starts_with(b"\x7fELF")
            && let Some(version) = glibc_needed(&bytes)
            && needs.as_ref().is_none_or(|(_, most)| version > *most)
        {
            needs = Some((path.display().to_string(), version));
        }
        manifest.files.push(Listed {
            path: path.clone(),
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
        });
    }
    manifest.glibc = needs
        .as_ref()
        .map(|(_, [major, minor])| format!("{major}.{minor}"));
    let launcher = launcher(&manifest);
    manifest.files.push(Listed {
        path: "bench".into(),
        bytes: launcher.len() as u64,
        sha256: sha256(launcher.as_bytes()),
    });
    Ok((manifest, needs))
}

fn launcher(manifest: &Manifest) -> String {
    let version = manifest.glibc.as_deref().unwrap_or("2.0");
    let minor = version.rsplit('.').next().unwrap_or("0");
    LAUNCHER.replace("@GLIBC_MINOR@", minor)
}

fn archive(
    file: &Path,
    name: &str,
    contents: &Contents,
    manifest: &Manifest,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    // An incomplete file must not have the final name.
    let unfinished = file.with_extension("part");
    let gzip = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    let mut tar = tar::Builder::new(gzip);
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    let mut add = |path: &Path, mode: u32, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(seconds);
        tar.append_data(&mut header, Path::new(name).join(path), bytes)
    };
    let text = serde_json::to_string_pretty(manifest)? + "\n";
    // The manifest comes first, so that a truncated archive still lists its files.
    add(Path::new(MANIFEST), 0o644, text.as_bytes())?;
    add(Path::new("bench"), 0o755, launcher(manifest).as_bytes())?;
    for (path, from) in &contents.files {
        let mode = fs::metadata(from)?.permissions().mode();
        let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        add(path, mode, &fs::read(from)?)?;
    }
    tar.into_inner()?.finish()?.sync_all()?;
    fs::rename(unfinished, file)?;
    Ok(())
}

fn unpacked(folder: &Path, contents: &Contents, manifest: &Manifest) -> anyhow::Result<()> {
    let made = |path: PathBuf| -> io::Result<PathBuf> {
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        Ok(path)
    };
    let what = || format!("cannot write the bundle to {}", folder.display());
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let why = format!("{} is not empty; name another folder", folder.display());
        return Err(Usage(why).into());
    }
    for (path, from) in &contents.files {
        fs::copy(from, made(folder.join(path)).with_context(what)?).with_context(what)?;
    }
    let text = serde_json::to_string_pretty(manifest)? + "\n";
    fs::write(folder.join(MANIFEST), text).with_context(what)?;
    let program = folder.join("bench");
    let mut file = File::create(&program).with_context(what)?;
    file.write_all(launcher(manifest).as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    Ok(())
}
