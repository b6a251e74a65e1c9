//! Arguments of `bench fleet`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The commands of `bench fleet`.
#[derive(Debug, Subcommand)]
pub enum Fleet {
    /// Measure one suite on several nodes, each alone; wait for them, and submit lost ones again
    Run(Run),
    /// Show the state of each node
    Status(Status),
    /// Continue a fleet: submit lost nodes again, and wait for all
    Collect(Collect),
    /// Print a Kubernetes manifest that does the same as an Indexed Job (untried by this project)
    Manifest(Manifest),
    /// The program that a task of the fleet runs on its node
    #[command(hide = true)]
    Work(Work),
}

/// Arguments of `bench fleet run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Use Slurm; its commands must be on PATH
    #[arg(long, required = true)]
    pub slurm: bool,
    /// The partition [default: the cluster's]
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// Number or names of the nodes: n1,n2 or n[1-3] [default: all that accept jobs]
    #[arg(long, value_name = "N|LIST")]
    pub nodes: Option<String>,
    /// A bundle, as an archive (unpacked on each node) or a folder that every node has [default: this
    /// checkout, on a file system that every node has]
    #[arg(long, value_name = "FILE|DIR")]
    pub bundle: Option<PathBuf>,
    /// Folder for state and runs; every node must be able to write it [default: results/<utc time>-fleet]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Maximum minutes per node [default: the partition's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub minutes: Option<u32>,
    /// Maximum tasks per node
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: u32,
    /// Submit and return
    #[arg(long)]
    pub no_wait: bool,
    /// Seconds between checks
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub poll: u64,
    /// Arguments of `bench run` on every node, starting with the first unknown option: --suite ...
    #[arg(
        value_name = "RUN",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub arguments: Vec<String>,
}

/// Arguments of `bench fleet status`.
#[derive(Debug, Args)]
pub struct Status {
    /// The fleet's folder
    pub dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `bench fleet collect`.
#[derive(Debug, Args)]
pub struct Collect {
    /// The fleet's folder
    pub dir: PathBuf,
    /// Seconds between checks
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub poll: u64,
}

/// Arguments of `bench fleet manifest`.
#[derive(Debug, Args)]
pub struct Manifest {
    /// Write for Kubernetes
    #[arg(long, required = true)]
    pub kubernetes: bool,
    /// An image with `bench` on PATH, made from a bundle
    #[arg(long, value_name = "NAME")]
    pub image: String,
    /// The PersistentVolumeClaim for the runs; every node must be able to write it
    #[arg(long, value_name = "NAME")]
    pub claim: String,
    /// Number of nodes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub nodes: u32,
    /// Maximum pods per node
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: u32,
    /// Name of the job
    #[arg(long, value_name = "NAME", default_value = "plimsoll")]
    pub name: String,
    /// Arguments of `bench run` in every pod: --suite ...
    #[arg(
        value_name = "RUN",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub arguments: Vec<String>,
}

/// Arguments of `bench fleet work`.
#[derive(Debug, Args)]
pub struct Work {
    /// The fleet's folder
    pub dir: PathBuf,
}
