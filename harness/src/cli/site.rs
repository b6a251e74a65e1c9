//! Command line of `bench site`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `bench site`.
#[derive(Debug, Args)]
pub struct Site {
    /// The site's folder: a new or empty one, or an earlier site, which is replaced
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Run directories [default: the newest run of each suite in results/]
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// A table of published claims (TOML, like reports/claims.toml) [default: bundled with bench]
    #[arg(long, value_name = "FILE")]
    pub claims: Option<PathBuf>,
    /// What a machine costs (TOML, like reports/prices.toml) [default: an example]
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}
