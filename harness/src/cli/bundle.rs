//! Command line of bundles: `bench bundle` and the version.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches};

use super::Cli;
use crate::catalog::checkout::Checkout;

/// Arguments of `bench bundle`.
#[derive(Debug, Args)]
pub struct Bundle {
    /// The archive [default: target/plimsoll-VERSION-x86_64-linux.tar.gz]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write an unpacked bundle to this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub folder: Option<PathBuf>,
    /// Check the bundle that this bench runs from: every file by its hash
    #[arg(long, conflicts_with_all = ["out", "folder"])]
    pub check: bool,
}

impl Cli {
    /// Reads the command line; exits if it is wrong, or for help and the version.
    pub fn read() -> Self {
        let command = Self::command().long_version(version());
        let read = Self::from_arg_matches(&command.get_matches());
        read.unwrap_or_else(|error| error.exit())
    }
}

/// The version and the location of the data, with the origin of a bundle.
fn version() -> String {
    let data = match Checkout::find() {
        Err(error) => error.to_string(),
        Ok(Checkout { root, bundle, .. }) => match bundle {
            Some(bundle) => format!("data: {}, a bundle of {}", root.display(), bundle.origin()),
            None => format!("data: {}, a checkout", root.display()),
        },
    };
    format!("{}\n{data}", env!("CARGO_PKG_VERSION"))
}
