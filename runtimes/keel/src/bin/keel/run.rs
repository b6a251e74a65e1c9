//! `keel run`: runs a program.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use keel::command::{self, Allowance};
use keel::wasi::{Access, WasiCtx};
use keel::{Error, Fuel, Limits};

/// Run a WASI program
///
/// The exit code is the program's own; 134 says that it trapped, 1 that it could not be started.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Grant a directory: HOST, HOST::GUEST or HOST::GUEST::ro
    #[arg(long = "dir", value_name = "HOST[::GUEST[::ro]]")]
    directories: Vec<String>,
    /// Set an environment variable; without a value, hand on our own
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,
    /// Stop the program after so many operators
    #[arg(long)]
    fuel: Option<u64>,
    /// Stop the program after so many seconds
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// Bytes that each memory may have
    #[arg(long, value_name = "BYTES")]
    max_memory: Option<u64>,
    /// The program: .wasm, .wat or .keel
    program: PathBuf,
    /// Arguments of the program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let fuel = if args.fuel.is_some() {
        Fuel::Metered
    } else {
        Fuel::Off
    };
    let engine = super::engine::engine(fuel);
    let module = super::engine::load(&engine, &args.program)?;
    let mut wasi = WasiCtx::builder()
        .inherit_stdio()
        .arg(args.program.display().to_string())
        .args(args.arguments);
    for variable in &args.environment {
        wasi = match variable.split_once('=') {
            Some((name, value)) => wasi.env(name, value),
            None => {
                let value = std::env::var(variable);
                wasi.env(
                    variable,
                    value.with_context(|| format!("handing on {variable}"))?,
                )
            }
        };
    }
    for grant in &args.directories {
        let mut parts = grant.splitn(3, "::");
        let host = parts.next().unwrap_or_default();
        let guest = parts.next().unwrap_or(host);
        let access = match parts.next() {
            None => Access::ReadWrite,
            Some("ro") => Access::ReadOnly,
            Some(other) => anyhow::bail!("in --dir {grant}: `{other}` is not `ro`"),
        };
        wasi = wasi.directory(host, guest, access);
    }
    let timeout = args.timeout.map(Duration::try_from_secs_f64).transpose();
    let mut limits = Limits::default();
    if let Some(bytes) = args.max_memory {
        limits.memory_bytes = bytes;
    }
    let allowance = Allowance {
        timeout: timeout.context("--timeout")?,
        fuel: args.fuel,
        limits,
    };
    match command::run_last(&module, wasi.build()?, allowance) {
        Ok(code) => Ok(ExitCode::from(code as u8)),
        Err(Error::Trap(trap)) => {
            eprintln!("keel: {trap}");
            Ok(ExitCode::from(134))
        }
        Err(error) => Err(error.into()),
    }
}
